/*
 * test_main.h - what every cmocka program begins with, and checks that print what they saw.
 */
#ifndef FLOWTAPE_TESTS_LIB_TEST_MAIN_H
#define FLOWTAPE_TESTS_LIB_TEST_MAIN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/err.h"

/* t_kind - a kind of error in words. */
static inline const char *t_kind(enum ft_err_kind kind)
{
    static const char *const names[] = {
        [FT_ERR_NONE] = "none",
        [FT_ERR_USAGE] = "usage",
        [FT_ERR_NOMEM] = "out of memory",
        [FT_ERR_IO] = "input/output",
        [FT_ERR_NET] = "network",
        [FT_ERR_TIMEOUT] = "timeout",
        [FT_ERR_PROTOCOL] = "protocol",
        [FT_ERR_CORRUPT] = "corrupt",
        [FT_ERR_UNSUPPORTED] = "unsupported",
        [FT_ERR_LIMIT] = "limit",
        [FT_ERR_LOSS] = "loss",
        [FT_ERR_STATE] = "state",
        [FT_ERR_CANCELLED] = "cancelled",
        [FT_ERR_BUG] = "bug",
    };

    return names[kind];
}

/* t_ok - rc is 0; else the error text is shown. */
#define t_ok(rc, err)                            \
    do {                                         \
        if ((rc) != 0)                           \
            fail_msg("%s: %s", #rc, (err)->msg); \
    } while (0)

/* t_fails - an error of this kind whose text contains `part`. */
#define t_fails(rc, err, want_kind, part)                                                   \
    do {                                                                                    \
        if ((rc) == 0 || (err)->kind != (want_kind) || strstr((err)->msg, part) == NULL)    \
            fail_msg("%s: wanted %s with \"%s\", got %s: %s", #rc, t_kind(want_kind), part, \
                     t_kind((err)->kind), (err)->msg);                                      \
        err_clear(err);                                                                     \
    } while (0)

/* t_bytes - these bytes are this text. */
#define t_bytes(got, text)                                              \
    do {                                                                \
        struct bytes t_got_ = (got);                                    \
        char t_shown_[200];                                             \
        if (!bytes_eq(t_got_, bytes_of(text, sizeof(text) - 1)))        \
            fail_msg("%s: wanted \"%s\", got \"%s\"", #got, text,       \
                     bytes_escape(t_got_, t_shown_, sizeof(t_shown_))); \
    } while (0)

/* cmocka counts failures; automake wants 0 or 1. */
#define T_RUN(name, tests) (cmocka_run_group_tests_name(name, tests, NULL, NULL) == 0 ? 0 : 1)

#endif
