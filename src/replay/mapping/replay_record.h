/*
 * replay_record.h - a journal record as commands for the target.
 *
 * What it is   What the journal and the records inside the full sync have in common: filters and names
 *              (replay_mapper.c), losses, suspects, translation, times, and the records that need a
 *              look at the target before they can be carried out.
 * Threads      One per thread.
 */
#ifndef FLOWTAPE_REPLAY_MAPPING_REPLAY_RECORD_H
#define FLOWTAPE_REPLAY_MAPPING_REPLAY_RECORD_H

#include "replay/replay_impl.h"

/* Half of what a record does to two keys. */
struct replay_pair_command {
    uint32_t db;
    const struct bytes *words;
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
    /* one command, part of the record's number `part` */
    int (*put)(void *context, uint32_t db, unsigned part, const struct bytes *words, size_t count,
               struct ft_err *err);
    /* all that was put so far has taken effect on the target */
    int (*settle)(void *context, struct ft_err *err);
    /* after settle: a command that reads key; the caller frees the reply. Passing errors are errors. */
    int (*ask)(void *context, struct bytes key, redisReply **ret, const struct bytes *words,
               size_t count, struct ft_err *err);
    /* what earlier runs did of the record being put; NULL: nothing */
    enum replay_standing (*standing)(void *context, struct bytes dst, struct bytes src);
    /* after settle: dst's commands are safe before src's are carried out */
    int (*pair)(void *context, const struct replay_pair *pair, struct ft_err *err);
    void *context;
};

struct replay_recorder;

int replay_recorder_new(struct replay_recorder **ret, struct replay *r,
                        const struct replay_record_sink *sink, struct ft_err *err);
/* replay_recorder_put - t: what the record becomes under its own names. No flushes. */
int replay_recorder_put(struct replay_recorder *rec, const struct item *item,
                        const struct translation *t, struct ft_err *err);
/* replay_recorder_flushed - a flush was carried out, db: of its record. */
void replay_recorder_flushed(struct replay_recorder *rec, const struct translation_flush *flush,
                             uint32_t db);
/* replay_recorder_doubts - of the record being put, see replay_is_doubtful. */
bool replay_recorder_doubts(const struct replay_recorder *rec);
void replay_recorder_free(struct replay_recorder *rec);
/* replay_take_losses - what a record loses, notes too, into the report; replay_recorder_put does this. */
int replay_take_losses(struct replay *r, const struct item *item, const struct translation *t,
                       struct ft_err *err);

/* replay_count_left_out - an entry or a record: by a filter, or for a key of the target that is kept. */
void replay_count_left_out(struct replay *r, bool kept);

/* replay_translator_new - of records into commands for the target. */
int replay_translator_new(struct translator **ret, const struct replay *r, struct ft_err *err);

#endif
