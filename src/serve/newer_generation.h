/*
 * newer_generation.h - has a growing capture a newer full sync than the one that is served?
 *
 * Threads  Not shared. A zeroed struct is ready.
 */
#ifndef FLOWTAPE_SERVE_NEWER_GENERATION_H
#define FLOWTAPE_SERVE_NEWER_GENERATION_H

#include <sys/stat.h>

#include "input/source.h"

struct newer_generation {
    struct stat manifest; /* when it was looked at last */
};

/* newer_generation_look - 1: a newer one is complete, 0: none, -1. It costs little as long as nothing has changed. */
int newer_generation_look(struct newer_generation *n, const struct source *source,
                          struct ft_err *err);

#endif
