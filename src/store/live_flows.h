/*
 * live_flows.h - how far a capture that runs in this process is, for whoever follows it.
 *
 * What it is   Per flow the next LSN at four stages, and how old the lag between them is. The capture moves the first three, the replay the last; anybody may look, or
 *              wait until one of them moves.
 * Generations  The stages of the capture speak of the generation it is at. As soon as that is
 *              another one than a reader's, the reader's is over: everything of it is on disk and
 *              durable. It can be replayed when `ready`: its snapshots are complete and durable,
 *              and what the source is like has been found out. LIVE_APPLIED has a generation of its
 *              own, which may be an older one.
 * Reading      A replay reads from disk up to LIVE_DURABLE, or, if `eager`, to LIVE_WRITTEN: what a
 *              crash of the machine may take away again, though the source will send it again.
 * Ending       `ended`: the capture has returned; what is readable now is all there will be. A goal
 *              is an LSN vector of one generation: who follows goes that far and then finishes.
 * Cost         One uncontended lock per call. Calls come per receive or per block, not per record.
 * Threads      Everything from any thread, but for _new and _free; a waiter belongs to one thread.
 */
#ifndef FLOWTAPE_STORE_LIVE_FLOWS_H
#define FLOWTAPE_STORE_LIVE_FLOWS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum live_stage {
    LIVE_RECEIVED,
    LIVE_WRITTEN, /* to the segment file: readers of this machine see it */
    LIVE_DURABLE, /* synced: acknowledged to the source, or about to be */
    LIVE_APPLIED, /* acknowledged by the target */
};
#define LIVE_STAGES 4

/* What a waiter waits for, besides a new state (struct live_state), which always ends a wait. */
#define LIVE_WAIT(stage) (1u << (stage))

struct live_flows;

/* live_flows_new - eager: see above. */
int live_flows_new(struct live_flows **ret, bool eager, struct ft_err *err);
void live_flows_free(struct live_flows *l);

/*
 * The capture's side
 */

/* live_flows_begin - the capture is at this generation from now on, each flow at next_lsn (0: its
 * journal's first LSN is not known yet), all of it durable. Once more for the same one, after a
 * reconnect, changes nothing but what has grown. ready: see above. */
int live_flows_begin(struct live_flows *l, uint32_t generation, uint32_t flow_count,
                     const uint64_t *next_lsn, bool ready, struct ft_err *err);
/* live_flows_by_offset - LSNs are offsets in bytes, as those of a Redis: known before the first generation begins. */
void live_flows_by_offset(struct live_flows *l);
/* live_flows_ready - the generation can be replayed. */
void live_flows_ready(struct live_flows *l);
/* live_flows_received - a flow has received its records before next_lsn, the last of them just at
 * time_us. Never goes back. */
void live_flows_received(struct live_flows *l, uint32_t flow, uint64_t next_lsn, uint64_t time_us);
/* live_flows_advance - the same for LIVE_WRITTEN and LIVE_DURABLE. */
void live_flows_advance(struct live_flows *l, enum live_stage stage, uint32_t flow,
                        uint64_t next_lsn);
/* live_flows_pinged - next_lsn is after a PING record, which a source that hands over writes last. */
void live_flows_pinged(struct live_flows *l, uint32_t flow, uint64_t next_lsn);
/* live_flows_end - the capture has ended. */
void live_flows_end(struct live_flows *l);

/*
 * The replay's side
 */

/* live_flows_replay_at - the replay is at this generation, and its flows at these LSNs: anything may
 * change, also backwards, when a target is lost that did not keep all it had. */
int live_flows_replay_at(struct live_flows *l, uint32_t generation, uint32_t flow_count,
                         const uint64_t *next_lsn, struct ft_err *err);
/* live_flows_applied - the target has acknowledged a flow's records before next_lsn. */
void live_flows_applied(struct live_flows *l, uint32_t flow, uint64_t next_lsn);
/* live_flows_readable - per flow the LSN before which this generation may be read: LSNs of flows
 * that it does not have, and everything of a generation that is over, are UINT64_MAX. */
void live_flows_readable(struct live_flows *l, uint32_t generation, uint64_t *ret_lsn,
                         uint32_t flow_count);
bool live_flows_is_eager(const struct live_flows *l);

/*
 * For everybody
 */

/* live_flows_set_goal - once; of the generation that the capture is at, with all its flows. */
int live_flows_set_goal(struct live_flows *l, uint32_t generation, const uint64_t *next_lsn,
                        uint32_t flow_count, struct ft_err *err);
/* live_flows_clear_goal - for a cut-over that was given up: go on as before. */
void live_flows_clear_goal(struct live_flows *l);

struct live_state {
    uint32_t generation; /* the capture's; 0: none yet */
    uint32_t flow_count;
    bool by_offset; /* LSNs are offsets, so lags are bytes rather than records */
    bool ready;
    uint32_t replayable; /* the newest that was ready; 0: none */
    uint32_t applied_generation;
    bool ended;
    uint32_t goal_generation; /* 0: no goal */
    bool goal_applied;
};
void live_flows_state(struct live_flows *l, struct live_state *ret);

/* live_flows_goal - the goal's LSNs of that generation; false: it has none. */
bool live_flows_goal(struct live_flows *l, uint32_t generation, uint64_t *ret_lsn,
                     uint32_t flow_count);

/* Where a flow is at one stage, and how far behind LIVE_RECEIVED. */
struct live_point {
    uint64_t next_lsn; /* 0: not in the journal yet */
    uint64_t lag;      /* received, and not at this stage: records, or bytes if `by_offset` */
    /* since the oldest of those was received; too large by a fortieth at most of what it was then */
    uint64_t lag_ms;
};

/* live_flows_point - false: there is no such flow. An older generation's LIVE_APPLIED is 0, and lags
 * behind by everything that was received of the new one. */
bool live_flows_point(struct live_flows *l, enum live_stage stage, uint32_t flow,
                      struct live_point *ret);
/* live_flows_points - the same of all stages, at one moment. */
bool live_flows_points(struct live_flows *l, uint32_t flow, struct live_point ret[LIVE_STAGES]);

/* live_flows_is_handed_over - the last record of each flow is a PING, and durable. Else *ret_flow is the
 * first flow of which that is not so. */
bool live_flows_is_handed_over(struct live_flows *l, uint32_t *ret_flow);

struct live_waiter;

/* live_waiter_new - stages: LIVE_WAIT(...) of those whose moves are to be told. */
int live_waiter_new(struct live_waiter **ret, struct live_flows *l, unsigned stages,
                    struct ft_err *err);
void live_waiter_free(struct live_waiter *w);
/*
 * live_waiter_wait - until something has moved since the last return (true at once if it did while
 * nobody waited), or timeout_ms (-1: none) are over. Returns 1: moved, 0: timed out, -1:
 * FT_ERR_CANCELLED, cancel_fd (-1: none) is readable.
 */
int live_waiter_wait(struct live_waiter *w, int timeout_ms, int cancel_fd, struct ft_err *err);
/* live_waiter_fd - readable when live_waiter_wait would return at once, for the caller's own poll;
 * live_waiter_wait must be called to make it wait again. */
int live_waiter_fd(const struct live_waiter *w);

#endif
