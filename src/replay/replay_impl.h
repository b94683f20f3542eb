/* replay_impl.h - what a running replay holds; replay.h has the whole. */
#ifndef FLOWTAPE_REPLAY_REPLAY_IMPL_H
#define FLOWTAPE_REPLAY_REPLAY_IMPL_H

#include <pthread.h>

#include "input/cut.h"
#include "item/key_set.h"
#include "item/times_shift.h"
#include "replay/position/replay_lost.h"
#include "replay/position/replay_position_set.h"
#include "replay/replay.h"
#include "replay/replay_cancel.h"
#include "replay/replay_growing.h"
#include "replay/replay_pacer.h"
#include "target/lease.h"
#include "target/rights.h"
#include "target/target_client.h"

/*
 * The driver is the thread of replay_run, or of whoever uses a replay beside one (replay_recheck.h, replay_times.h).
 * While threads send the streams of the snapshot it waits for them. The lease's thread has to do with the report alone.
 */
struct replay {
    /* Constant. */
    const struct replay_options *o;
    bool beside;                    /* a replay is at work: its connections are left alone */
    struct replay_growing *growing; /* of a full sync that is still running; NULL: it is complete */
    bool no_more_records;           /* whatever the input has: this is not a run of it */

    /* Constant while an input is open (replay_input.h); the snapshot's threads read them. A cut that follows grows,
     * in the journal phase. */
    const struct source *source; /* NULL: none is open */
    struct cut cut;              /* of a capture */
    struct owner_guard guard;    /* its disproof is atomic */
    char rules[REPLAY_ID_SIZE];  /* digest of what decides which commands are written */

    /* Constant from connecting to disconnecting (replay_connect.h), but for what is atomic. */
    struct target_client target;
    struct lease *lease;
    struct rights rights; /* what the target lets this user do */

    /* Constant once the run has begun on the target (replay_begin.h). */
    bool started;                  /* the state on the target is this run's own */
    struct key_set kept;           /* --on-conflict skip: see replay_conflicts.h */
    struct key_set kept_libraries; /* likewise; of functions, by name, in database 0 */
    int64_t shift_ms;              /* --ttl shift */

    /* Each says itself who may use it. */
    struct replay_report report;
    struct replay_position_set set;
    struct replay_pacer pacer;

    /* Of any thread. */
    pthread_mutex_t refused_mu;
    struct buf refused;   /* keys that are to be suspect: replay_refused.h; guarded by refused_mu */
    atomic_bool uses_dbs; /* the snapshot has keys outside of database 0 */
    atomic_bool deferred; /* the state says that there are deferred times */
    atomic_bool own_noted; /* that keys of the input are named like the replay's */

    /* The driver's. */
    struct replay_follow *follow;      /* replay_follow.h; NULL: to the cut */
    bool was_following;                /* since the last lost connection */
    bool finishing;                    /* everything is there; only the state is to go */
    bool letter_sent;                  /* --retry-dead-letter: one may be in doubt from here on */
    bool guard_noted;                  /* that the owner guard was switched off */
    char flushes[REPLAY_FLUSHES_SIZE]; /* see replay_watch_flushes */
    bool evictions_known;              /* see replay_watch_evictions */
    uint64_t evictions;
    uint64_t *flushed; /* per flow: LSN of the last FLUSHALL; 0: none yet */
    /* of the journal; the snapshot's threads read 0 */
    uint64_t seen_us;         /* when the record being put was received */
    int64_t source_behind_ms; /* the source's clock, as far as the records tell */
};

/* replay_restore_max - how long the payload of a RESTORE may be; 0: no limit. */
uint64_t replay_restore_max(const struct replay *r);
/* replay_is_limited - may a request not be as large as we like? Then there is one for each command. */
bool replay_is_limited(const struct replay *r);
/*
 * replay_end_refused - -1, as the target has refused a command. The replies to what is in flight are read before, so that all of it
 * that was refused is written down; a transaction may have to be sent again for that. A connection that had failed would
 * have ended the run before.
 */
int replay_end_refused(struct replay *r, struct ft_err *err);
/* replay_rules_of - of a connected target; those of a state that was loaded are its shift and kept keys. */
struct replay_rules replay_rules_of(struct replay *r);
static inline int replay_sleep(const struct replay *r, uint64_t ms, struct ft_err *err)
{
    return replay_cancel_sleep(r->o->cancel_fd, ms, err);
}
static inline int replay_check_cancelled(const struct replay *r, struct ft_err *err)
{
    return replay_cancel_check(r->o->cancel_fd, err);
}

#endif
