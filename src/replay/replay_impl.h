/* replay_impl.h - what the files of the replay share; replay.h has the whole. */
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
/* How a part begins whose record has a key in doubt. */
#define REPLAY_DOUBTFUL 's'
/* Of SCAN and SSCAN. */
#define REPLAY_CURSOR_SIZE 32

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
 * replay_begin.c
 */

/* replay_begin - read what is on the target, check it against this replay, begin or go on. */
int replay_begin(struct replay *r, struct ft_err *err);
/* replay_check_owner - is the state on the target that of this capture? */
int replay_check_owner(const struct replay *r, struct ft_err *err);
/* replay_target_is_empty - but for the lease; a user who may not ask gets "no". */
int replay_target_is_empty(struct replay *r, bool *ret, struct ft_err *err);
/* replay_state_load - what is written down about the replay. */
int replay_state_load(struct replay *r, struct ft_err *err);
/* replay_state_set - one field of the state. */
int replay_state_set(struct replay *r, const char *field, const char *value, struct ft_err *err);
/* replay_state_remove - a field of the state, if it is there. */
int replay_state_remove(struct replay *r, const char *field, struct ft_err *err);
/* replay_state_prove - the state is still the one that was loaded; else FT_ERR_NET. */
int replay_state_prove(struct replay *r, struct ft_err *err);
/* replay_state_secure - the replicas of its master have the state too, see replay_await_replicas. */
int replay_state_secure(struct replay *r, struct ft_err *err);
/* replay_set_shift - of --ttl shift, with the state loaded. */
void replay_set_shift(struct replay *r);
/* replay_begin_journal - all snapshots are there: write down the first positions. */
int replay_begin_journal(struct replay *r, struct ft_err *err);
/* replay_remove_state - nothing of ours stays on the target. */
int replay_remove_state(struct replay *r, struct ft_err *err);

/*
 * replay_servers.c - what masters have been through since snapshots were brought to them
 */

/* replay_check_servers - at the beginning of an attempt: a master of a cluster that was restarted since
 * snapshots were marked as done may have come back without them, one that was emptied has not got them; then
 * all are to be brought again. */
int replay_check_servers(struct replay *r, struct ft_err *err);
/* replay_check_flushes - when they are there: has somebody emptied a master, or a database, meanwhile? 1: so it
 * is, and none counts as done any more. */
int replay_check_flushes(struct replay *r, struct ft_err *err);
/* replay_watch_flushes, replay_tell_flushes - from then until now, in the journal: on a single server a database
 * other than 0 may have been emptied without a position going with it. That is said in a note. */
int replay_watch_flushes(struct replay *r, struct ft_err *err);
int replay_tell_flushes(struct replay *r, struct ft_err *err);

/*
 * replay_position.c
 */

/* replay_positions_load - of all nodes, in line with who has which slots now. */
int replay_positions_load(struct replay *r, struct ft_err *err);
/* replay_positions_reset - every node at these LSNs. */
int replay_positions_reset(struct replay *r, const uint64_t *lsn, struct ft_err *err);

/* replay_positions_prove - what the target has is what this run has written, to the last batch. FT_ERR_NET
 * if not: somebody has emptied a node, or it came back with older data. */
int replay_positions_prove(struct replay *r, struct ft_err *err);

/*
 * replay_suspect.c - the list of suspect keys on the target, which outlives whoever found them
 */

/* replay_suspects_name - the list's key. */
void replay_suspects_name(const char *capture, char out[REPLAY_KEY_SIZE]);
/* replay_suspects_list - a key that is not known to be on the list. Whoever calls keeps others away from the
 * connection of the state. */
int replay_suspects_list(struct replay *r, uint32_t db, struct bytes key, struct ft_err *err);
/* replay_suspects_note - those of a record, before it is carried out: keys that the translation calls
 * suspect, and all of a record that has one listed before among its keys. Any thread. */
int replay_suspects_note(struct replay *r, const struct translation *t, struct ft_err *err);
/* replay_suspects_note_entry - of a snapshot that a journal follows. Any thread. */
int replay_suspects_note_entry(struct replay *r, const struct item *item, struct ft_err *err);
/* replay_suspects_load - what the target has listed. */
int replay_suspects_load(struct replay *r, struct ft_err *err);
/* replay_suspects_count - how many, into the progress. */
int replay_suspects_count(struct replay *r, struct ft_err *err);
/* replay_suspects_scan - the next portion of the list: *ret is {cursor, members}; the cursor is "0" at
 * the beginning and at the end. The caller frees *ret. */
int replay_suspects_scan(struct replay *r, char cursor[REPLAY_CURSOR_SIZE], redisReply **ret,
                         struct ft_err *err);
/* replay_suspects_parse - a member; false: none of ours. */
bool replay_suspects_parse(struct bytes member, uint32_t *ret_db, struct bytes *ret_key);
/* replay_scan_members - the same of any set. */
int replay_scan_members(struct replay *r, const char *name, char cursor[REPLAY_CURSOR_SIZE],
                        redisReply **ret, struct ft_err *err);
/*
 * replay_is_doubtful - is a key of the record a suspect or lost (replay_lost.h), so that the target may
 * not carry it out as the source did? Its parts are then marked REPLAY_DOUBTFUL, and an error that the
 * state of a key explains is no reason to stop: replay_doubt_explains. Not where keys do not depend on
 * each other.
 */
bool replay_is_doubtful(struct replay *r, const struct translation *t);
bool replay_doubt_explains(const char *part, const char *error);
/* replay_count_error - one that is no reason to stop: of a doubtful record, or one that the source had. */
void replay_count_error(struct replay *r, bool doubtful);
/* replay_suspects_clear - a snapshot replaces everything. */
int replay_suspects_clear(struct replay *r, struct ft_err *err);

/*
 * replay_clean.c - before the snapshot
 */

/* replay_clean - delete what entries would not replace: keys of the journal, of old generations. */
int replay_clean(struct replay *r, struct ft_err *err);

/*
 * replay_conflicts.c - keys of the target's own
 */

/* replay_find_kept - --on-conflict: which keys does the target have already? Writes nothing. */
int replay_find_kept(struct replay *r, struct ft_err *err);
/* replay_write_kept - what was found is kept for good: before anything of the input is written. */
int replay_write_kept(struct replay *r, struct ft_err *err);
int replay_load_kept(struct replay *r, struct ft_err *err);

/*
 * replay_snapshot.c
 */
int replay_snapshot(struct replay *r, struct ft_err *err);

/*
 * replay_journal.c
 */

/* replay_journal - from the positions on the target up to the cut. */
int replay_journal(struct replay *r, struct ft_err *err);

/*
 * replay_flush.c
 */

/* replay_flush - a flush of the source, which is at lsn[i] in flow i; the position behind it is the
 * caller's to set. */
int replay_flush(struct replay *r, const struct item *item, const struct translation_flush *flush,
                 const uint64_t *lsn, struct ft_err *err);

/*
 * replay_node.c - batches
 */

/* replay_node_reply - the redis_reply_fn of nodes: answers to batches. */
int replay_node_reply(void *context, uint64_t tag, const redisReply *reply, struct ft_err *err);
/* replay_node_put - into the batch; nothing is sent. */
int replay_node_put(struct replay_node *node, uint32_t db, const char *tag,
                    const struct bytes *words, size_t count, struct ft_err *err);
/* replay_node_pass - the batch moves the position of a flow to this LSN. */
int replay_node_pass(struct replay_node *node, uint32_t flow, uint64_t next_lsn,
                     struct ft_err *err);
/* replay_node_flush - send the batch with the positions in replay->next; a small one only if `all`. */
int replay_node_flush(struct replay_node *node, bool all, struct ft_err *err);
/* replay_drain - every batch of every node has been sent and answered. */
int replay_drain(struct replay *r, struct ft_err *err);
/* replay_check_failed - refused commands that earlier runs left on the target. */
int replay_check_failed(struct replay *r, struct ft_err *err);

/*
 * replay_record.c
 */

/* replay_translator_new - of records into commands for the target. */
int replay_translator_new(struct translator **ret, const struct replay *r, struct ft_err *err);
/* replay_command_key - the first key of a command as it is sent; all others are of its slot. */
struct bytes replay_command_key(const struct bytes *words, size_t count);

/*
 * replay_dead.c
 */

int replay_dead_open(struct replay *r, struct ft_err *err);
/* replay_dead_add - a refused command: a line in the file, or the error that stops the run. part: of
 * the record; NULL: it belongs to the flow's snapshot. */
int replay_dead_add(struct replay *r, uint32_t flow, uint64_t lsn, const char *part, uint32_t db,
                    const struct bytes *words, size_t count, const char *error, struct ft_err *err);
/* replay_is_too_long - a word that the target does not take. It answers such a command by closing the
 * connection, so it is not sent. ret_error: what it would say. */
#define REPLAY_TOO_LONG_TEXT 160
bool replay_is_too_long(const struct replay *r, const struct bytes *words, size_t count,
                        char ret_error[REPLAY_TOO_LONG_TEXT]);
/* replay_dead_refuse - a command that is not sent at all. Without a file for it this is an error, so
 * that no position passes the record. */
int replay_dead_refuse(struct replay *r, const struct item *item, const char *part, uint32_t db,
                       const struct bytes *words, size_t count, const char *error,
                       struct ft_err *err);
/* replay_is_foreign_script - the refusal of a SCRIPT LOAD whose script the target does not compile or
 * run, as it is written in the source's Lua: no key has changed by it. */
bool replay_is_foreign_script(const struct bytes *words, size_t count, const char *error);
/* replay_dead_drop - letters of the replay on the target that count no longer: those of a flow's
 * snapshot, which begins again, or with flow NULL all. */
int replay_dead_drop(struct replay *r, const uint32_t *flow, struct ft_err *err);
/* What messages say of a command: "flow 0, LSN 7", "SET "key"". */
struct replay_letter_name {
    char where[64];
    char what[128];
};
void replay_letter_name(const struct replay_letter_origin *origin, const struct bytes *words,
                        size_t count, struct replay_letter_name *ret);

/*
 * replay_mapper.c - one per thread
 */

struct replay_mapper;

enum replay_fate {
    REPLAY_FATE_ERROR = -1,
    REPLAY_FATE_SAME,     /* as it is */
    REPLAY_FATE_CHANGED,  /* other names or another database: *ret_words */
    REPLAY_FATE_TRANSFER, /* MOVE or COPY that crosses databases: *ret_transfer */
    REPLAY_FATE_FILTERED,
    REPLAY_FATE_KEPT,
    REPLAY_FATE_UNKNOWN, /* what it does to its keys depends on keys that are not there */
};

/* A key with its time to live goes to another name or database. */
struct replay_transfer {
    uint32_t src_db, dst_db;
    struct bytes src, dst;
    bool replace;
    bool remove_src;
};

struct replay_mapped {
    const struct bytes *words;
    size_t count;
    uint32_t db;
    struct replay_transfer transfer;
};

int replay_mapper_new(struct replay_mapper **ret, struct replay *r, struct ft_err *err);
/* replay_mapper_key - where a key goes. REPLAY_FATE_SAME or _CHANGED: *ret_db and *ret_key, valid until
 * the next call. */
enum replay_fate replay_mapper_key(struct replay_mapper *m, uint32_t db, struct bytes key,
                                   uint32_t *ret_db, struct bytes *ret_key, struct ft_err *err);
/* replay_mapper_record - valid until the next call. For SAME db is the target's too. */
enum replay_fate replay_mapper_record(struct replay_mapper *m, const struct item *item,
                                      const struct translation *t, struct replay_mapped *ret,
                                      struct ft_err *err);
/* replay_mapper_unknown - after REPLAY_FATE_UNKNOWN: is it this key of which nobody knows? */
bool replay_mapper_unknown(const struct replay_mapper *m, size_t key);
/* replay_mapper_name - the key with this number of the record that was mapped last. */
struct bytes replay_mapper_name(const struct replay_mapper *m, size_t key, uint32_t *ret_db);
/* replay_mapper_times - the words with their times as --ttl wants them, deferred where they have to be;
 * *ret_count 0: nothing is left of the command. */
int replay_mapper_times(struct replay_mapper *m, uint32_t db, const struct bytes *words,
                        size_t count, const struct bytes **ret_words, size_t *ret_count,
                        struct ft_err *err);
/* replay_mapper_pass - a record of the journal has been mapped, whatever became of it. _flush: all flows
 * have come to one. */
int replay_mapper_pass(struct replay_mapper *m, const struct item *item,
                       const struct translation *t, struct ft_err *err);
void replay_mapper_flush(struct replay_mapper *m, const struct translation_flush *flush,
                         uint32_t db);
void replay_mapper_free(struct replay_mapper *m);

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
