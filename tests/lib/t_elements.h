/*
 * t_elements.h - the elements of a value as one text, to compare with what was wanted:
 * "field=value", "member*score", "~time" for a time to live, a blank between elements.
 */
#ifndef FLOWTAPE_TESTS_LIB_T_ELEMENTS_H
#define FLOWTAPE_TESTS_LIB_T_ELEMENTS_H

#include "lib/t_mutate.h"
#include "rdb/value_iter.h"
#include "rdb/value_walk.h"

#define T_ELEMENTS_MAX 2000

static inline int t_elements(unsigned type, struct bytes value, char text[T_ELEMENTS_MAX],
                             struct ft_err *err)
{
    enum value_class class = rdb_type_class(type);
    struct value_iter *it;
    struct value_element e;
    enum step step;
    char shown[200];
    size_t n = 0;
    int steps = 0;

    text[0] = '\0';
    if (value_iter_new(&it, type, value, err) != 0)
        return -1;
    while ((step = value_iter_next(it, &e, err)) == STEP_ITEM && steps++ < T_MUTATE_STEPS_MAX) {
        if (n > T_ELEMENTS_MAX - 500)
            continue;
        if (steps > 1)
            n += (size_t)snprintf(text + n, T_ELEMENTS_MAX - n, " ");
        if (class == VALUE_HASH)
            n += (size_t)snprintf(text + n, T_ELEMENTS_MAX - n,
                                  "%s=", bytes_escape(e.field, shown, sizeof(shown)));
        n += (size_t)snprintf(text + n, T_ELEMENTS_MAX - n, "%s",
                              bytes_escape(e.value, shown, sizeof(shown)));
        if (class == VALUE_ZSET)
            n += (size_t)snprintf(text + n, T_ELEMENTS_MAX - n, "*%.17g", e.score);
        if (e.expire_ms != VALUE_NO_TTL)
            n += (size_t)snprintf(text + n, T_ELEMENTS_MAX - n, "~%lld", (long long)e.expire_ms);
    }
    value_iter_free(it);
    assert_true(steps < T_MUTATE_STEPS_MAX);
    return step == STEP_END ? 0 : -1;
}

#endif
