/*
 * replay_batch.h - commands that take effect together with the position behind them.
 *
 * What it is   Packs commands and fields of a position for replay_script, which carries them out on
 *              the target: it refuses a batch that does not follow the last one; on a cluster it
 *              looks whether all keys are there before it touches one; it writes the position, runs
 *              the commands, and keeps what was refused in the position's hash (e: fields), so that
 *              nothing refused is lost from sight if nobody reads the reply.
 * Script       EVALSHA sha 0 KEY SEQ NEXT_SEQ FIELDS COMMANDS FORGET CHECK
 *              FIELDS, FORGET: words; COMMANDS: {db, tag, keys to look for, words...}; all MessagePack.
 *              Reply: {{error, command}...}. Words beyond REPLAY_WORDS_MAX do not fit Lua's stack.
 *              An EVAL among the commands is run within; FLUSHALL and FLUSHDB keep the keys that
 *              follow as words.
 * Source       redis "EVAL", "Lua API reference" (cmsgpack, allow-cross-slot-keys since 7.0).
 */
#ifndef FLOWTAPE_PIPE_REPLAY_BATCH_H
#define FLOWTAPE_PIPE_REPLAY_BATCH_H

#include "base/buf.h"

#define REPLAY_WORDS_MAX 7000u

struct replay_batch {
    struct buf fields; /* an array each, the head is put in front when it is complete */
    struct buf commands;
    struct buf forget;
    uint32_t field_words;
    uint32_t command_count;
    uint32_t forget_words;
};

/* replay_script - its text for a target of this version (major * 100 + minor). */
const char *replay_script(unsigned version);

int replay_batch_field(struct replay_batch *b, struct bytes name, struct bytes value,
                       struct ft_err *err);
int replay_batch_forget(struct replay_batch *b, struct bytes field, struct ft_err *err);
/* replay_batch_add - keys: those to look for on a cluster; tag: "flow:lsn:part". */
int replay_batch_add(struct replay_batch *b, uint32_t db, const char *tag, const struct bytes *keys,
                     size_t key_count, const struct bytes *words, size_t count, struct ft_err *err);
bool replay_batch_is_empty(const struct replay_batch *b);
/* replay_batch_take - the three arrays, ready to be sent; valid until the next call on b. */
int replay_batch_take(struct replay_batch *b, struct bytes *ret_fields, struct bytes *ret_commands,
                      struct bytes *ret_forget, struct ft_err *err);
void replay_batch_clear(struct replay_batch *b);
void replay_batch_release(struct replay_batch *b);

#endif
