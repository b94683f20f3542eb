/*
 * replay_plan.h - records whose keys may lie on different nodes of a cluster.
 *
 * What it is   RENAME, COPY, SMOVE, LMOVE, stores and pops over several keys, transfers between
 *              databases, where no single command of the target does it: what is needed is read
 *              from the target, and becomes commands for the side that gets something and commands
 *              for the side that loses it.
 * Order        All that precedes has taken effect before the first read. The side that gets goes
 *              first; the sink sees to it that it is safe before the other loses (doc/replay.md).
 * Older data   A node that comes back with older data wants a record again whose other side is past it. What
 *              the record alone tells is done; a value that is nowhere any more is lost.
 * Again        A sink that tells by `standing` which side has had the record gets only the other.
 * Threads      Those of the sink.
 */
#ifndef FLOWTAPE_REPLAY_MAPPING_REPLAY_PLAN_H
#define FLOWTAPE_REPLAY_MAPPING_REPLAY_PLAN_H

#include "replay/mapping/replay_mapper.h"
#include "replay/mapping/replay_record.h"

struct replay_planner;

int replay_planner_new(struct replay_planner **ret, struct replay *r,
                       const struct replay_record_sink *sink, struct ft_err *err);
/* replay_plan_doubt - of the records that follow, until told otherwise: see replay_is_doubtful. */
void replay_plan_doubt(struct replay_planner *p, bool doubtful);
/* replay_plan_run - t: a translation with a plan, of the item's record under the target's names. */
int replay_plan_run(struct replay_planner *p, const struct item *item, uint32_t db,
                    const struct translation *t, struct ft_err *err);
/* replay_plan_transfer - a key to another name or database. */
int replay_plan_transfer(struct replay_planner *p, const struct item *item,
                         const struct replay_transfer *transfer, struct ft_err *err);
/* replay_plan_take_lost - once: the record before was not carried out, as a node came back with older data
 * and what it needs for it is not on the target any more. */
bool replay_plan_take_lost(struct replay_planner *p);
void replay_planner_free(struct replay_planner *p);

#endif
