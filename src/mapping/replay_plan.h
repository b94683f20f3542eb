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
#ifndef FLOWTAPE_MAPPING_REPLAY_PLAN_H
#define FLOWTAPE_MAPPING_REPLAY_PLAN_H

#include <hiredis/hiredis.h>

#include "mapping/replay_mapper.h"

/* Half of what a record does to two keys. */
struct replay_pair_command {
    uint32_t db;
    const struct bytes *args;
    size_t count;
};

/* A record that takes effect on two keys, or on one according to others (replay_plan.h). */
struct replay_pair {
    struct bytes dst, src; /* keys; the same where there is one side only */
    const struct replay_pair_command *dst_commands;
    size_t dst_count;
    const struct replay_pair_command *src_commands;
    size_t src_count;
    bool doubtful; /* see replay_is_doubtful */
    bool apart;    /* other nodes than that of dst have keys of the record */
    bool tell;     /* they have to know that dst has had its part, though nothing is to follow */
};

enum replay_standing {
    REPLAY_STANDS_OPEN, /* neither side has had it */
    REPLAY_STANDS_HALF, /* dst has had it, and src is to follow */
    REPLAY_STANDS_DONE,
    /* no interruption leaves it so, but a node that comes back with older data does */
    REPLAY_STANDS_SRC_BACK, /* dst has had it; what became of it before src went back is not known */
    REPLAY_STANDS_DST_BACK, /* src has had it, and dst has not */
};

struct replay_record_sink {
    /* one command, part of the record's number `part`; key: as command_sent_key has it */
    int (*put)(void *context, uint32_t db, unsigned part, struct bytes key,
               const struct bytes *args, size_t count, struct ft_err *err);
    /* all that was put so far has taken effect on the target */
    int (*drain)(void *context, struct ft_err *err);
    /* after drain: a command that reads key; the caller frees the reply. Transient errors are errors. */
    int (*ask)(void *context, struct bytes key, redisReply **ret, const struct bytes *args,
               size_t count, struct ft_err *err);
    /* what earlier runs did of the record being put; NULL: nothing */
    enum replay_standing (*standing)(void *context, struct bytes dst, struct bytes src);
    /* after drain: dst's commands are safe before src's are executed */
    int (*pair)(void *context, const struct replay_pair *pair, struct ft_err *err);
    void *context;
};

/* What a plan asks of whoever runs it. */
struct replay_plan_host {
    /* have they other nodes? */
    bool (*apart)(void *context, struct bytes a, struct bytes b);
    /* the target gave an error where a record was to be read; the arguments are those of the record */
    int (*refuse)(void *context, const struct item *item, uint32_t db, const struct bytes *args,
                  size_t count, const char *error, struct ft_err *err);
    void *context;
};

struct replay_planner;

int replay_planner_new(struct replay_planner **ret, const struct replay_rules *rules,
                       const struct replay_record_sink *sink, const struct replay_plan_host *host,
                       struct ft_err *err);
/* replay_plan_doubt - of the records that follow, until told otherwise: see replay_is_doubtful. */
void replay_plan_doubt(struct replay_planner *p, bool doubtful);
/* replay_plan_run - t: a translation with a plan, of the item's record under the target's names. */
int replay_plan_run(struct replay_planner *p, const struct item *item, uint32_t db,
                    const struct translation *t, struct ft_err *err);
/* replay_plan_transfer - a key to another name or database. */
int replay_plan_transfer(struct replay_planner *p, const struct item *item,
                         const struct replay_transfer *transfer, struct ft_err *err);
/* replay_plan_take_lost - once: the record before was not executed, as a node came back with older data
 * and what it needs for it is not on the target any more. */
bool replay_plan_take_lost(struct replay_planner *p);
void replay_planner_free(struct replay_planner *p);

#endif
