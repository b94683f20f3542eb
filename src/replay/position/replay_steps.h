/*
 * replay_steps.h - the commands of a batch as they are, for a transaction.
 *
 * What it is   What a replay_batch collects for its script, kept apart instead: each command with its database and tag, the
 *              fields of the position to write, those to remove. replay_multi.h sends them as one transaction, replay_slots.h
 *              as one for each slot.
 * Memory       Of a command that is larger than REPLAY_STEP_BYTES all but the beginning is in a file (spool.h).
 * Threads      Not shared.
 */
#ifndef FLOWTAPE_REPLAY_POSITION_REPLAY_STEPS_H
#define FLOWTAPE_REPLAY_POSITION_REPLAY_STEPS_H

#include "base/spool.h"
#include "replay/position/replay_state.h"
#include "wire/redis_pipe.h"

#define REPLAY_STEP_BYTES (4u << 20)

/* Strings that lie in a row. */
struct replay_texts {
    struct buf text;
    size_t *ends;
    size_t count, cap;
};

struct replay_step {
    uint32_t db;
    size_t first, count; /* arguments, of `args`; the text in front of them is the tag */
    size_t more_count;   /* the last so many of them are ... */
    struct spool *more;  /* ... here, as RESP; NULL: none */
    bool is_trim;        /* a pop that was sent as an LTRIM */
    bool left_out;       /* the server refused to queue it */
    bool apart;          /* likewise, but perhaps not each of its keys */
    bool ahead;          /* a SET that may come before all that is none */
};

/* A zeroed one is empty. */
struct replay_steps {
    struct replay_texts args;
    struct replay_step *steps;
    size_t step_count, step_cap;
    size_t bytes;               /* of all arguments */
    struct replay_texts fields; /* names and values */
    struct replay_texts forget;
};

int replay_steps_add(struct replay_steps *s, uint32_t db, const char *tag, const struct bytes *args,
                     size_t count, struct ft_err *err);
/* replay_steps_mark_ahead - the last one that was added, if it is all in memory; returns whether it is. */
bool replay_steps_mark_ahead(struct replay_steps *s);
int replay_steps_field(struct replay_steps *s, struct bytes name, struct bytes value,
                       struct ft_err *err);
int replay_steps_forget(struct replay_steps *s, struct bytes field, struct ft_err *err);
struct bytes replay_texts_at(const struct replay_texts *t, size_t index);
/* replay_texts_fill - into args, which has `count`: texts from *at up to `end`, of which `together` stay together, until args
 * has `most` of them (0: all); *at is the next one then. Returns the new count. */
size_t replay_texts_fill(const struct replay_texts *t, size_t end, size_t *at, size_t together,
                         struct bytes *args, size_t count, size_t most);
/* replay_steps_args - all arguments of a step, and its tag. *args is an array with room for *cap, which grows; what it points
 * to is valid until the steps are cleared. */
int replay_steps_args(const struct replay_steps *s, size_t index, struct bytes **args, size_t *cap,
                      char tag[REPLAY_TAG_TEXT], struct ft_err *err);
/* replay_steps_head - likewise those that are in memory: *ret_count of them, the name at least. */
int replay_steps_head(const struct replay_steps *s, size_t index, struct bytes **args, size_t *cap,
                      size_t *ret_count, struct ft_err *err);
/* replay_step_put - a command: what its head has become, and the rest of it. */
int replay_step_put(const struct replay_step *step, struct redis_pipe *pipe, uint64_t reply_tag,
                    const struct bytes *args, size_t count, struct ft_err *err);
/* replay_steps_name - is it an argument of any of them? Of one that is not all in memory it may be. */
bool replay_steps_name(const struct replay_steps *s, struct bytes key);
void replay_steps_clear(struct replay_steps *s);
void replay_steps_release(struct replay_steps *s);

#endif
