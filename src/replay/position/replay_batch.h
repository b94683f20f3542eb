/*
 * replay_batch.h - commands that take effect together with the position after them.
 *
 * What it is   Packs commands and fields of a position for replay_script, which carries them out on
 *              the target: it refuses a batch that does not follow the last one; on a cluster it
 *              looks whether all its keys can be there before it touches one; it writes the position, runs
 *              the commands, and keeps what was refused in the position's hash (e: fields), so that
 *              nothing refused is lost from sight if nobody reads the reply.
 * Script       EVALSHA sha 0 KEY SEQ NEXT_SEQ FIELDS ARGS SHAPES TAGS FORGET SLOTS KINDS MORE...
 *              FIELDS: names and values; ARGS: those of all commands, one after the other; FORGET:
 *              fields. MessagePack arrays of strings.
 *              KINDS, MORE: what ARGS continues with: see Long batches.
 *              SHAPES: a MessagePack array of numbers, which say what to do with the next arguments:
 *                1 to REPLAY_ARGS_MAX    a command of so many arguments; more do not fit Lua's stack
 *                REPLAY_SHAPE_OWN + n     n arguments of a command that the script executes itself:
 *                                         EVAL is run within; FLUSHALL and FLUSHDB keep the keys
 *                                         that follow as arguments
 *                REPLAY_SHAPE_SETS + n    n keys and values, each a SET
 *                below 0                  no arguments: from here on database -1 - n
 *              TAGS: of each command, divided by blanks.
 *              SLOTS: which the node is thought to have, as CLUSTER NODES lists them; empty where
 *              there is no cluster. Has it others, or some on their way, all keys are looked for.
 *              Reply, and what an e: field holds: {error, {db, tag, {}, arguments...}}, of each command
 *              that was refused.
 * Long batches A server takes no argument longer than its proto-max-bulk-len, 1 MiB at least, however many
 *              there are. So ARGS is never longer than that. The script has further arguments, one for
 *              each letter of KINDS: p is an array of as many, w a single argument as it is. So all can be sent
 *              of which each argument can be sent alone.
 * Speed        What a call costs in Lua is more than the command itself. SETs that come before anything
 *              else on their key are put first, as one MSET; if that is refused, each is tried by
 *              itself. Commands on different keys do not mind in which order they are executed within
 *              a batch; after one whose keys are not plain to see, nothing is put first.
 * Source       redis "EVAL", "Lua API reference" (cmsgpack, allow-cross-slot-keys since 7.0).
 */
#ifndef FLOWTAPE_REPLAY_POSITION_REPLAY_BATCH_H
#define FLOWTAPE_REPLAY_POSITION_REPLAY_BATCH_H

#include "base/spool.h"
#include "replay/position/replay_steps.h"

#define REPLAY_ARGS_MAX 7000u
/* From this version on a script says with flags which keys it may use. */
#define REPLAY_SCRIPT_FLAGS_VERSION 700u
#define REPLAY_SHAPE_OWN            10000u
#define REPLAY_SHAPE_SETS           20000u
/* Some 500 commands, of which few shall be taken for others on the same key. */
#define REPLAY_TOUCHED_BITS 16384u

/* An array whose size is known at the end. */
struct replay_array {
    struct buf bytes;
    uint32_t count;
};

struct replay_batch {
    struct replay_steps
        *steps;     /* all goes there, as there are no scripts; NULL: the rest is used */
    bool join_sets; /* SETs may be one MSET: on a cluster only those of a group (replay_gather.h) */
    struct replay_array fields;
    struct replay_array args; /* the last ones, which no argument of the script has yet */
    struct spool more;        /* arguments of the script before those, as RESP */
    struct buf more_kinds;
    struct replay_array shapes;
    struct replay_array forget;
    struct buf tags;
    uint32_t command_count;
    uint32_t db; /* of the last command that is not put first */
    /* what is put first: keys and values */
    struct replay_array sets;
    struct replay_array set_shapes;
    struct buf set_tags;
    uint32_t set_db;
    bool closed; /* nothing any more */
    /* hashes of keys of other commands */
    uint64_t touched[REPLAY_TOUCHED_BITS / 64];
};

/* What is sent. */
struct replay_batch_parts {
    struct bytes fields;
    struct bytes args;
    struct bytes shapes;
    struct bytes tags;
    struct bytes forget;
    struct bytes more_kinds;  /* one for each further argument */
    const struct spool *more; /* these */
};

int replay_batch_field(struct replay_batch *b, struct bytes name, struct bytes value,
                       struct ft_err *err);
int replay_batch_forget(struct replay_batch *b, struct bytes field, struct ft_err *err);
/* replay_batch_add - tag: "flow:lsn:part". */
int replay_batch_add(struct replay_batch *b, uint32_t db, const char *tag, const struct bytes *args,
                     size_t count, struct ft_err *err);
/* replay_batch_begin_group, _goes_ahead - is this a SET that may be executed before all commands that were asked about since the
 * group began? */
void replay_batch_begin_group(struct replay_batch *b);
bool replay_batch_goes_ahead(struct replay_batch *b, uint32_t db, const struct bytes *args,
                             size_t count);
/* replay_batch_add_set, _end_sets - SETs of one slot and of database 0, which become one MSET; then how many they were. */
int replay_batch_add_set(struct replay_batch *b, const char *tag, const struct bytes *args,
                         struct ft_err *err);
int replay_batch_end_sets(struct replay_batch *b, size_t count, struct ft_err *err);
/* replay_refusal_put - what an e: field holds. */
int replay_refusal_put(struct buf *out, uint32_t db, const char *tag, const struct bytes *args,
                       size_t count, const char *error, struct ft_err *err);
/* replay_batch_commands - how many; those of a script count as they are sent. */
size_t replay_batch_commands(const struct replay_batch *b);
bool replay_batch_is_empty(const struct replay_batch *b);
/* replay_batch_bytes - of arguments, about. */
size_t replay_batch_bytes(const struct replay_batch *b);
/* replay_batch_take - what to send; borrowed from b until the next call on it, which has to be _clear.
 * So it may not be held while replies are taken, which add what to forget. */
int replay_batch_take(struct replay_batch *b, struct replay_batch_parts *ret, struct ft_err *err);
void replay_batch_clear(struct replay_batch *b);
void replay_batch_release(struct replay_batch *b);

#endif
