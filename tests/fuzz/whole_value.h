/* whole_value.h - for the targets that take a serialised value. */
#ifndef FLOWTAPE_TESTS_FUZZ_WHOLE_VALUE_H
#define FLOWTAPE_TESTS_FUZZ_WHOLE_VALUE_H

#include "fuzz/fuzz.h"
#include "rdb/value_walk.h"

/* fuzz_whole_value - is it one whole value of a known type? What is not goes no further in the program. */
static inline bool fuzz_whole_value(unsigned type, struct bytes value)
{
    struct ft_err err = FT_ERR_INIT;
    struct value_walk w;
    size_t used = 0, at = 0;
    enum step step;

    if (!value_walk_known(type))
        return false;
    value_walk_begin(&w, type);
    do {
        step = value_walk_run(&w, value.p + at, value.n - at, at, &used, &err);
        fuzz_must(used <= value.n - at);
        at += used;
    } while (step == STEP_MORE && used > 0);
    fuzz_result(step == STEP_ERROR ? -1 : 0, &err);
    return step == STEP_ITEM && at == value.n;
}

#endif
