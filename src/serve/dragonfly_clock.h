/*
 * dragonfly_clock.h - which records of the journal exist, as time goes on and stands still.
 *
 * What it is   A master's time begins when the first replica comes to stable sync. From then on the records of each flow
 *              come to be at the pace that is wanted; while it is stopped (CLIENT PAUSE, a takeover) none do.
 * Threads      The caller's lock guards it.
 */
#ifndef FLOWTAPE_SERVE_DRAGONFLY_CLOCK_H
#define FLOWTAPE_SERVE_DRAGONFLY_CLOCK_H

#include "serve/dragonfly_options.h"
#include "store/flow_reader.h"

struct dragonfly_clock_flow {
    struct flow_reader *reader; /* of the blocks that exist, for their times */
    uint64_t exists_lsn;        /* the next LSN after them */
    uint64_t next_time_us;      /* of the block after them; 0: it was not read yet */
    uint64_t next_lsn;          /* after that block */
};

struct dragonfly_clock {
    const struct dragonfly_options *o;
    const struct generation *generation;
    struct dragonfly_clock_flow *flows;
    bool follows;           /* the capture grows */
    uint64_t first_time_us; /* of the journal, over all flows; 0: there is none */
    uint64_t began_us;      /* of this machine; 0: it has not */
    uint64_t stopped_us;    /* in stops that are over */
    uint64_t stop_began_us; /* of the one that is on; 0: none is */
    uint64_t stop_until_us;
    uint64_t *frozen_lsn; /* per flow, while it is stopped */
};

int dragonfly_clock_init(struct dragonfly_clock *c, const struct dragonfly_options *o,
                         const struct capture *capture, const struct generation *g, bool follows,
                         struct ft_err *err);
void dragonfly_clock_release(struct dragonfly_clock *c);
/* dragonfly_clock_begin - the first time only. */
void dragonfly_clock_begin(struct dragonfly_clock *c);
/* dragonfly_clock_stop - for ms, or longer if it is stopped for longer already. sent_lsn: per flow, what a replica has
 * of it at most, which exists then. */
int dragonfly_clock_stop(struct dragonfly_clock *c, uint64_t ms, const uint64_t *sent_lsn,
                         struct ft_err *err);
void dragonfly_clock_resume(struct dragonfly_clock *c);
bool dragonfly_clock_is_stopped(struct dragonfly_clock *c);
/* dragonfly_clock_exists - *ret_lsn: the next LSN of a flow now. */
int dragonfly_clock_exists(struct dragonfly_clock *c, uint32_t flow, uint64_t *ret_lsn,
                           struct ft_err *err);
/* dragonfly_clock_limit - up to which LSN a flow may be sent now: as above, UINT64_MAX where all exists that is there. */
int dragonfly_clock_limit(struct dragonfly_clock *c, uint32_t flow, uint64_t *ret_lsn,
                          struct ft_err *err);

#endif
