/* replay_impl.h - what a running replay holds; replay.h has the whole. */
#ifndef FLOWTAPE_REPLAY_REPLAY_IMPL_H
#define FLOWTAPE_REPLAY_REPLAY_IMPL_H

#include <pthread.h>

#include "base/pace.h"
#include "input/cut.h"
#include "item/key_set.h"
#include "item/times_shift.h"
#include "replay/position/replay_batch.h"
#include "replay/position/replay_letters.h"
#include "replay/position/replay_lost.h"
#include "replay/position/replay_sent.h"
#include "replay/position/replay_state.h"
#include "replay/replay.h"
#include "target/lease.h"
#include "target/rights.h"
#include "target/target_client.h"

/* What a replay has on one master, and has not sent there yet. */
struct replay_node {
    struct replay *replay;
    struct target_node
        *server;  /* its connection: of the journal and of everything but the snapshot */
    char sha[41]; /* of the script; "" until there is a batch */
    struct replay_position position;
    struct replay_batch batch;
    uint64_t *written;       /* per flow: the position as it was sent last */
    struct replay_sent sent; /* when following */
    struct replay_node_count count;
};

struct replay {
    const struct replay_options *o;
    struct replay_progress *progress;
    struct loss_report *losses;
    struct replay_result *result;
    const struct source *source;
    struct cut cut; /* of a capture */
    struct owner_guard guard;
    char id[REPLAY_ID_SIZE];
    char rules[REPLAY_ID_SIZE];
    char flushes[REPLAY_FLUSHES_SIZE]; /* see replay_watch_flushes */
    struct target_client target;
    struct replay_node *nodes; /* node_count of them: those of the target, while it is open */
    size_t node_count;
    struct lease *lease;  /* of this connection */
    struct rights rights; /* what the target lets this user do */
    bool started;         /* the state on the target is this run's own */
    bool finishing;       /* everything is there; only the state is to go */
    bool letter_sent;     /* --retry-dead-letter: one may be in doubt from here on */
    struct replay_state state;
    struct key_set kept;
    struct key_set lost;     /* replay_lost.h; guarded by note_mu */
    struct buf unsaved_lost; /* hashes; guarded by note_mu */
    atomic_bool any_lost;
    struct buf refused;   /* keys that are to be suspect: replay_refused.h; guarded by mu */
    struct key_set noted; /* suspect keys that the target lists; guarded by note_mu */
    int64_t shift_ms;
    struct replay_follow *follow;      /* replay_follow.h; NULL: to the cut */
    bool was_following;                /* since the last lost connection */
    uint64_t *next;                    /* per flow: first record that is not in a batch yet */
    uint64_t *flushed;                 /* per flow: LSN of the last FLUSHALL; 0: none yet */
    atomic_bool uses_dbs;              /* the snapshot has keys outside of database 0 */
    atomic_bool deferred;              /* the state says that there are deferred times */
    bool beside;                       /* a replay is at work: its connections are left alone */
    bool no_more_records;              /* whatever the input has: this is not a run of it */
    uint64_t seen_us;                  /* of the journal: when the record being put was received */
    int64_t source_behind_ms;          /* its clock, as far as the records tell */
    bool guard_noted;                  /* that the owner guard was switched off */
    atomic_bool own_noted;             /* that keys of the input are named like the replay's */
    atomic_bool failed_fast;           /* --on-error stop, and something was refused */
    atomic_uint_fast64_t acknowledged; /* commands, and positions, that have taken effect */
    /* one at a time over the connection of the state; never taken under mu, nor by a reply */
    pthread_mutex_t note_mu;
    /* guarded by mu: result, suspects, dead letters, failure, pace */
    pthread_mutex_t mu;
    struct replay_letters *letters; /* NULL: the first refused command ends the run */
    struct ft_err failure;
    struct pace pace; /* per_second 0: no limit */
    uint64_t paid;    /* keys or bytes, by all */
};

/* Whoever sends at the pace of --rate, one per thread. */
struct replay_payer {
    struct replay *replay;
    uint64_t settled; /* paid by all when it had nothing in flight */
    /* waits for all answers: a target that stands still is not to get everything at once later */
    int (*settle)(void *context, struct ft_err *err);
    void *context;
};

/* Before there is an input: none. */
static inline uint32_t replay_stream_count(const struct replay *r)
{
    return r->source == NULL ? 0 : r->source->stream_count;
}

/*
 * replay.c
 */

/* replay_init, replay_release - what replay_run has around its work. replay_open_input - the input, and
 * all that is known without the target. */
void replay_init(struct replay *r, const struct replay_options *options,
                 struct replay_progress *progress, struct loss_report *losses,
                 struct replay_result *result);
int replay_open_input(struct replay *r, struct ft_err *err);
void replay_release(struct replay *r);
/* replay_input_reopen - the input as it is now, to the same target. */
int replay_input_reopen(struct replay *r, struct ft_err *err);
/* replay_rules_of - of a connected target; those of a state that was loaded are its shift and kept keys. */
struct replay_rules replay_rules_of(struct replay *r);
void replay_note(struct replay *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* replay_sleep - FT_ERR_CANCELLED when it is cut short. */
int replay_sleep(struct replay *r, uint64_t ms, struct ft_err *err);
/* replay_check_cancelled - FT_ERR_CANCELLED if so. */
int replay_check_cancelled(struct replay *r, struct ft_err *err);
/* replay_pay - for one key or record of so many bytes, which was sent; waits as --rate wants it. */
int replay_pay(struct replay_payer *p, size_t bytes, struct ft_err *err);
/* replay_add_loss - counted, and an error if losses are not allowed. */
int replay_add_loss(struct replay *r, enum loss_reason reason, const char *class_name, uint32_t db,
                    struct bytes key, struct ft_err *err);

#endif
