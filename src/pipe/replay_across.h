/*
 * replay_across.h - a record whose keys are on several masters, carried out by reading and writing.
 *
 * What it is   The plans of item/command_table.h in plain steps, each one command on one key. Nothing
 *              else may write these keys meanwhile, and whoever is interrupted between two steps has
 *              to begin again from where the keys were another time.
 * Other keys   PLAN_STORE brings the values it needs to where the result goes, under names that begin
 *              with "flowtape:"; should they be left behind, they end after ten minutes.
 * Errors       Those of call. An error reply ends the plan without an error: call has judged it.
 */
#ifndef FLOWTAPE_PIPE_REPLAY_ACROSS_H
#define FLOWTAPE_PIPE_REPLAY_ACROSS_H

#include <hiredis/hiredis.h>

#include "item/translate.h"

struct replay_across {
    /*
     * One command, carried out before it returns. *ret is freed by the caller of it; NULL: an error
     * reply, which has been judged.
     */
    int (*call)(void *context, uint32_t db, redisReply **ret, const struct bytes *words,
                size_t count, struct ft_err *err);
    void *context;
    unsigned version; /* of the target */
    uint32_t flow;    /* no two have the same at a time */
};

/* replay_across_run - keys: all of the record, with their places in plan->words. */
int replay_across_run(const struct replay_across *a, uint32_t db,
                      const struct translation_plan *plan, const struct translation_key *keys,
                      size_t key_count, struct ft_err *err);

#endif
