/*
 * pipe_depth.h - how much may be in flight on a connection: as much as its peer answers in good time.
 *
 * What it is   A limit in bytes that follows one command at a time from when it was put to its reply. As
 *              long as that takes little more than the least it ever took, the limit grows by an eighth,
 *              up to the most allowed; where commands wait in a queue, it is halved. A long way to the
 *              peer alone does not shrink it.
 * Threads      None of its own.
 */
#ifndef FLOWTAPE_WIRE_PIPE_DEPTH_H
#define FLOWTAPE_WIRE_PIPE_DEPTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PIPE_DEPTH_LEAST_BYTES ((size_t)64 << 10) /* or the most allowed, if that is less */
#define PIPE_DEPTH_QUEUE_US    100000u            /* longer than that a command should not wait */

struct pipe_depth {
    size_t most_bytes;
    size_t limit_bytes;
    uint64_t best_us; /* the fastest answer so far */
    uint64_t put_us;  /* of the command that is followed */
    size_t before;    /* answers to come up to its own; 0: none is followed */
    bool fixed;
};

/* pipe_depth_fix - always so much. */
void pipe_depth_fix(struct pipe_depth *d, size_t bytes);
/* pipe_depth_set - begins with a quarter of the most. */
void pipe_depth_set(struct pipe_depth *d, size_t most_bytes);
/* pipe_depth_wants - is one to be followed now? Else the clock need not be asked. */
static inline bool pipe_depth_wants(const struct pipe_depth *d)
{
    return d->before == 0 && !d->fixed;
}
/* pipe_depth_put - a command was put; in_flight: how many are, with it. */
void pipe_depth_put(struct pipe_depth *d, size_t in_flight, uint64_t now_us);
/* pipe_depth_answered - the oldest command has its answer. */
void pipe_depth_answered(struct pipe_depth *d, uint64_t now_us);

#endif
