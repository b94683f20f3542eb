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
#include "target/replay_rights.h"
#include "wire/redis_pipe.h"
#include "wire/slot_map.h"

/* Anything of ours on the target fits. */
#define REPLAY_TAG_TEXT 64

/* One master: the only server, or one of a cluster. */
struct replay_node {
    struct replay *replay;
    struct uri uri; /* owned */
    char name[URI_ADDRESS_SIZE];
    struct redis_pipe *pipe;   /* of the journal and of everything but the snapshot */
    char sha[41];              /* of the script; "" until there is a batch */
    char run[REPLAY_RUN_SIZE]; /* its run_id: another one says that it was restarted */
    uint64_t maxmemory;        /* 0: no limit, or not known */
    size_t replica_count;
    struct buf slots; /* of a cluster: as CLUSTER NODES lists those it has */
    struct replay_position position;
    struct replay_batch batch;
    uint64_t *written;       /* per flow: the position as it was sent last */
    struct replay_sent sent; /* when following */
    struct replay_node_count count;
};

struct replay_lease;

struct replay_target {
    struct uri uri; /* as given; database 0 */
    bool cluster;
    unsigned version;
    const struct target *kind;
    struct slot_map *map; /* of a cluster */
    struct replay_node *nodes;
    size_t node_count;
    uint64_t word_max; /* bytes: the least proto-max-bulk-len of all nodes; 0: not known */
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
    char client_name[2 * REPLAY_ID_SIZE]; /* of this attempt's connections; may be "" */
    bool unfenced;                        /* guarded by mu; see replay_fence.c */
    char flushes[REPLAY_FLUSHES_SIZE];    /* see replay_watch_flushes */
    struct replay_lease *lease;           /* of this connection; see replay_lease.c */
    struct replay_target target;
    struct replay_rights rights; /* what the target lets this user do */
    struct target known_kind;    /* what the target is, with the modules that it names */
    struct slot_map *known_map;  /* of the connection before */
    bool was_reached;            /* once: from then on a lost target is waited for */
    bool was_connected;          /* and found to be one that can be replayed into */
    bool started;                /* the state on the target is this run's own */
    bool finishing;              /* everything is there; only the state is to go */
    bool letter_sent;            /* --retry-dead-letter: one may be in doubt from here on */
    struct replay_state state;
    struct key_set kept;
    struct key_set lost;     /* replay_lost.h; guarded by note_mu */
    struct buf unsaved_lost; /* hashes; guarded by note_mu */
    atomic_bool any_lost;
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
    atomic_bool keys_apart;            /* a command on several keys was refused */
    atomic_bool redirected;            /* slots have moved, or a master has changed */
    atomic_bool target_full;           /* commands wait: a node has no memory, disk or replicas */
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
 * replay_target.c
 */

/* replay_target_open - connect to all masters, take the lease, close what others have open; losing one is
 * FT_ERR_NET. */
int replay_target_open(struct replay *r, struct ft_err *err);
void replay_target_close(struct replay *r);
/* replay_is_passing - an error reply that will go away, or says that slots have moved. */
bool replay_is_passing(const char *text);
/* replay_refused - FT_ERR_NET for those, else FT_ERR_PROTOCOL. */
int replay_refused(const struct replay_node *node, const char *text, struct ft_err *err);
/* replay_node_of - who has this key. */
struct replay_node *replay_node_of(struct replay *r, struct bytes key);
struct replay_node *replay_node_of_slot(struct replay *r, uint16_t slot);
/* replay_keep_count - what was sent to a node, by whomever, for the report. */
void replay_keep_count(struct replay *r, const struct replay_node_count *count);
/* replay_ask - one command over a connection to the node; of error replies only passing ones are
 * errors. The caller frees *ret. */
int replay_ask(struct replay_node *node, struct redis_pipe *pipe, redisReply **ret,
               const struct bytes *words, size_t count, struct ft_err *err);
/* replay_call - the same over the node's own connection; every error reply is an error. *ret may be
 * NULL if the reply is not wanted. */
int replay_call(struct replay_node *node, redisReply **ret, const struct bytes *words, size_t count,
                struct ft_err *err);
/* replay_check_reply - an answer that is neither an error nor of a kind that the command has is an error; of the
 * answers that a script or a transaction hands on. */
int replay_check_reply(const char *server, const redisReply *reply, const struct bytes *words,
                       size_t count, struct ft_err *err);

/*
 * replay_fence.c - what an interrupted attempt still has under way
 *
 * A killed process, or a connection that was given up, may have sent commands that the target gets
 * late, behind what the next attempt has written. Batches of the journal are refused then; commands
 * of the snapshot are not. So every connection has a name, and whoever comes closes those of others
 * before the first write.
 */

/* replay_fence_begin - a new name, for the connections of this attempt. None for what may be done
 * beside a replay: forgetting its state, sending dead letters. */
int replay_fence_begin(struct replay *r, struct ft_err *err);
/* replay_fence_name - of a new connection, before it is used. Any thread. A target that knows no such
 * thing gives a note. */
int replay_fence_name(struct replay *r, struct redis_pipe *pipe, const char *name,
                      struct ft_err *err);
/* replay_fence_close_others - those of other attempts for this capture, on this server. */
int replay_fence_close_others(struct replay *r, struct redis_pipe *pipe, const char *name,
                              struct ft_err *err);

/*
 * replay_lease.c - one writer per target
 *
 * The field `lease` of the state says who writes: a random word for the process, until when (by the target's clock),
 * and which process of which machine that is. A thread with a connection of its own renews it as long as
 * the replay is connected; it is taken, or found to be one's own, by whoever connects, before anything else is done.
 * Somebody else's is taken when it has run out, when its process is seen to have ended, or by --take-over.
 * Threads: taken and ended by the replay's own; the thread touches mu, failure and failed_fast of the replay.
 */

/* replay_lease_take - FT_ERR_STATE if somebody else has it. Again by the same process: it is renewed. Where
 * there is no state, one with nothing but the lease is made, unless only an existing state is of interest. */
int replay_lease_take(struct replay *r, struct ft_err *err);
/* replay_lease_end - it is renewed no longer. give_back: and removed, as nothing more will be written. */
void replay_lease_end(struct replay *r, bool give_back);

/*
 * replay_replicas.c
 */

/* replay_await_replicas - the replicas that this master has now have all that was sent over p. One
 * that does not confirm it soon is named in a note. */
int replay_await_replicas(struct replay *r, struct redis_pipe *p, const char *name,
                          struct ft_err *err);
/* replay_await_all_replicas - the same for all nodes; replicas that are not online are named too. */
int replay_await_all_replicas(struct replay *r, struct ft_err *err);

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
