/*
 * input_newest.h - how far an input that another process writes is by now, without opening it as a source.
 */
#ifndef FLOWTAPE_INPUT_INPUT_NEWEST_H
#define FLOWTAPE_INPUT_INPUT_NEWEST_H

#include <stdint.h>

#include "base/err.h"

struct input_newest {
    uint32_t generation; /* 0: none is complete yet */
    uint32_t flow_count;
    uint64_t *next_lsn; /* of each flow, or stream */
};

/* input_newest_of - generation: 0: the newest. Then input_newest_release. */
int input_newest_of(const char *path, uint32_t generation, struct input_newest *ret,
                    struct ft_err *err);
void input_newest_release(struct input_newest *n);

#endif
