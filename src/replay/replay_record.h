/*
 * replay_record.h - a journal record as commands for the target.
 *
 * What it is   What the journal and the records inside the full sync have in common: filters and names
 *              (replay_mapper.c), losses, suspects, translation, times, and the records that need a
 *              look at the target before they can be executed.
 * Threads      One per thread.
 */
#ifndef FLOWTAPE_REPLAY_REPLAY_RECORD_H
#define FLOWTAPE_REPLAY_REPLAY_RECORD_H

#include "mapping/replay_plan.h"
#include "replay/replay_impl.h"

struct replay_recorder;

int replay_recorder_new(struct replay_recorder **ret, struct replay *r,
                        const struct replay_record_sink *sink, struct ft_err *err);
/* replay_recorder_put - t: what the record becomes under its own names. No flushes. */
int replay_recorder_put(struct replay_recorder *rec, const struct item *item,
                        const struct translation *t, struct ft_err *err);
/* replay_recorder_flushed - a flush was executed, db: of its record. */
void replay_recorder_flushed(struct replay_recorder *rec, const struct translation_flush *flush,
                             uint32_t db);
/* replay_recorder_doubts - of the record being put, see replay_is_doubtful. */
bool replay_recorder_doubts(const struct replay_recorder *rec);
void replay_recorder_free(struct replay_recorder *rec);
/* replay_take_losses - what a record loses, notes too, into the report; replay_recorder_put does this. */
int replay_take_losses(struct replay *r, const struct item *item, const struct translation *t,
                       struct ft_err *err);

#endif
