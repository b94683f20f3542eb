/*
 * replay_steps.h - the commands of a batch as they are, for a transaction.
 *
 * What it is   What a replay_batch collects for its script, kept apart instead: each command with its database and tag, the
 *              fields of the position to write, those to remove. replay_multi.h sends them as one transaction.
 * Threads      Not shared.
 */
#ifndef FLOWTAPE_REPLAY_POSITION_REPLAY_STEPS_H
#define FLOWTAPE_REPLAY_POSITION_REPLAY_STEPS_H

#include "base/buf.h"

/* Strings that lie in a row. */
struct replay_texts {
    struct buf text;
    size_t *ends;
    size_t count, cap;
};

struct replay_step {
    uint32_t db;
    size_t first, count; /* arguments, of `args`; the text in front of them is the tag */
    bool left_out;       /* the server refused to queue it */
    bool apart;          /* likewise, but perhaps not each of its keys */
    bool ahead;          /* a SET that may come before all that is none */
};

/* A zeroed one is empty. */
struct replay_steps {
    struct replay_texts args;
    struct replay_step *steps;
    size_t step_count, step_cap;
    struct replay_texts fields; /* names and values */
    struct replay_texts forget;
};

int replay_steps_add(struct replay_steps *s, uint32_t db, const char *tag, const struct bytes *args,
                     size_t count, struct ft_err *err);
/* replay_steps_mark_ahead - the last one that was added. */
void replay_steps_mark_ahead(struct replay_steps *s);
int replay_steps_field(struct replay_steps *s, struct bytes name, struct bytes value,
                       struct ft_err *err);
int replay_steps_forget(struct replay_steps *s, struct bytes field, struct ft_err *err);
struct bytes replay_texts_at(const struct replay_texts *t, size_t index);
/* replay_steps_name - is it an argument of any of them? */
bool replay_steps_name(const struct replay_steps *s, struct bytes key);
void replay_steps_clear(struct replay_steps *s);
void replay_steps_release(struct replay_steps *s);

#endif
