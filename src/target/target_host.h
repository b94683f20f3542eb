/*
 * target_host.h - what everything in this folder needs of whoever writes to a target.
 *
 * What it is   How patient to be, what stops the work, and whom to tell. Nothing here knows why
 *              something is written.
 * Threads      All callbacks may come from any thread.
 */
#ifndef FLOWTAPE_TARGET_TARGET_HOST_H
#define FLOWTAPE_TARGET_TARGET_HOST_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/err.h"

struct target_host {
    int cancel_fd;       /* readable: stop; -1: never */
    uint64_t give_up_ms; /* how long a server may be silent, or refuse what it will take later */
    atomic_uint_fast64_t
        *sent_bytes; /* of all that is written through a cluster_pipe; may be NULL */
    /* a line for the user; may be NULL */
    void (*note)(void *context, const char *text);
    /* FT_ERR_CANCELLED when it is cut short */
    int (*sleep)(void *context, uint64_t ms, struct ft_err *err);
    /* what was sent to the node of this name; may be NULL */
    void (*count)(void *context, const char *name, uint64_t commands, uint64_t bytes);
    void *context;
};

void target_host_note(const struct target_host *host, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
int target_host_sleep(const struct target_host *host, uint64_t ms, struct ft_err *err);
void target_host_sent(const struct target_host *host, uint64_t bytes);
void target_host_count(const struct target_host *host, const char *name, uint64_t commands,
                       uint64_t bytes);

#endif
