/*
 * replay_record.h - a journal record as commands for the target.
 *
 * What it is   What the journal and the records inside the full sync have in common: filters and names
 *              (replay_mapper.c), losses, suspects, translation, times, and the records that need a
 *              look at the target before they can be carried out.
 * Threads      One per thread.
 */
#ifndef FLOWTAPE_PIPE_REPLAY_RECORD_H
#define FLOWTAPE_PIPE_REPLAY_RECORD_H

#include "pipe/replay_impl.h"

struct replay_record_sink {
    /* one command, part of the record's number `part` */
    int (*put)(void *context, uint32_t db, unsigned part, const struct bytes *words, size_t count,
               struct ft_err *err);
    /* all that was put so far has taken effect on the target */
    int (*settle)(void *context, struct ft_err *err);
    void *context;
    /* a plan, for keys that no single command reaches; NULL: counted as lost */
    int (*across)(void *context, uint32_t db, const struct translation_plan *plan,
                  const struct translation_key *keys, size_t key_count, struct ft_err *err);
};

struct replay_recorder;

int replay_recorder_new(struct replay_recorder **ret, struct replay *r,
                        const struct replay_record_sink *sink, struct ft_err *err);
/* replay_recorder_put - t: what the record becomes under its own names. No flushes. */
int replay_recorder_put(struct replay_recorder *rec, const struct item *item,
                        const struct translation *t, struct ft_err *err);
void replay_recorder_free(struct replay_recorder *rec);

#endif
