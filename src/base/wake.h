/*
 * wake.h - a descriptor by which one thread makes another look: readable from wake_set on, until
 * wake_clear.
 *
 * Threads   wake_set may be called from any thread and from a signal handler.
 */
#ifndef FLOWTAPE_BASE_WAKE_H
#define FLOWTAPE_BASE_WAKE_H

#include <stdbool.h>

#include "base/err.h"

/* wake_open - *ret_fd, -1 on failure. FT_ERR_IO. The caller closes it. */
int wake_open(int *ret_fd, struct ft_err *err);
/* wake_set - false: it could not be made readable. It never waits; -1 is nobody, and true. */
bool wake_set(int fd);
/* wake_clear - was it readable? It never waits. */
bool wake_clear(int fd);

#endif
