/* replay_impl.h - what a running replay holds; replay.h has the whole. */
#ifndef FLOWTAPE_REPLAY_REPLAY_IMPL_H
#define FLOWTAPE_REPLAY_REPLAY_IMPL_H

#include <pthread.h>

#include "base/pace.h"
#include "input/cut.h"
#include "item/key_set.h"
#include "item/times_shift.h"
#include "replay/position/replay_lost.h"
#include "replay/position/replay_position_set.h"
#include "replay/replay.h"
#include "target/lease.h"
#include "target/rights.h"
#include "target/target_client.h"

struct replay {
    const struct replay_options *o;
    struct replay_report report;
    struct replay_position_set set;
    const struct source *source;
    struct cut cut; /* of a capture */
    struct owner_guard guard;
    char rules[REPLAY_ID_SIZE];
    char flushes[REPLAY_FLUSHES_SIZE]; /* see replay_watch_flushes */
    struct target_client target;
    struct lease *lease;  /* of this connection */
    struct rights rights; /* what the target lets this user do */
    bool started;         /* the state on the target is this run's own */
    bool finishing;       /* everything is there; only the state is to go */
    bool letter_sent;     /* --retry-dead-letter: one may be in doubt from here on */
    struct key_set kept;
    pthread_mutex_t refused_mu;
    struct buf refused; /* keys that are to be suspect: replay_refused.h; guarded by refused_mu */
    int64_t shift_ms;
    struct replay_follow *follow; /* replay_follow.h; NULL: to the cut */
    bool was_following;           /* since the last lost connection */
    uint64_t *flushed;            /* per flow: LSN of the last FLUSHALL; 0: none yet */
    atomic_bool uses_dbs;         /* the snapshot has keys outside of database 0 */
    atomic_bool deferred;         /* the state says that there are deferred times */
    bool beside;                  /* a replay is at work: its connections are left alone */
    bool no_more_records;         /* whatever the input has: this is not a run of it */
    uint64_t seen_us;             /* of the journal: when the record being put was received */
    int64_t source_behind_ms;     /* its clock, as far as the records tell */
    bool guard_noted;             /* that the owner guard was switched off */
    atomic_bool own_noted;        /* that keys of the input are named like the replay's */
    pthread_mutex_t pace_mu;      /* guards what follows */
    struct pace pace;             /* per_second 0: no limit */
    uint64_t paid;                /* keys or bytes, by all */
};

/* Whoever sends at the pace of --rate, one per thread. */
struct replay_payer {
    struct replay *replay;
    uint64_t settled; /* paid by all when it had nothing in flight */
    /* waits for all answers: a target that stands still is not to get everything at once later */
    int (*settle)(void *context, struct ft_err *err);
    void *context;
};

/*
 * replay.c
 */

/* replay_init, replay_release - what replay_run has around its work. replay_open_input - the input, and
 * all that is known without the target. */
void replay_init(struct replay *r, const struct replay_options *options,
                 struct replay_progress *progress, struct loss_report *losses,
                 struct replay_result *result);
int replay_open_input(struct replay *r, struct ft_err *err);
/* replay_open_letters - the file of the options, if they name one. */
int replay_open_letters(struct replay *r, struct ft_err *err);
void replay_release(struct replay *r);
/* replay_input_reopen - the input as it is now, to the same target. */
int replay_input_reopen(struct replay *r, struct ft_err *err);
/* replay_rules_of - of a connected target; those of a state that was loaded are its shift and kept keys. */
struct replay_rules replay_rules_of(struct replay *r);
/* replay_sleep - FT_ERR_CANCELLED when it is cut short. */
int replay_sleep(struct replay *r, uint64_t ms, struct ft_err *err);
/* replay_check_cancelled - FT_ERR_CANCELLED if so. */
int replay_check_cancelled(struct replay *r, struct ft_err *err);
/* replay_pay - for one key or record of so many bytes, which was sent; waits as --rate wants it. */
int replay_pay(struct replay_payer *p, size_t bytes, struct ft_err *err);

#endif
