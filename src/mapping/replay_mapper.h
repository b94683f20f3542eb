/*
 * replay_mapper.h - which keys of a record go to the target, under which names, with which times.
 *
 * Threads      One per thread.
 */
#ifndef FLOWTAPE_MAPPING_REPLAY_MAPPER_H
#define FLOWTAPE_MAPPING_REPLAY_MAPPER_H

#include "base/bytes.h"
#include "base/err.h"
#include "command/translation.h"
#include "item/item.h"
#include "mapping/replay_rules.h"

struct replay_mapper;

enum replay_fate {
    REPLAY_FATE_ERROR = -1,
    REPLAY_FATE_SAME,     /* as it is */
    REPLAY_FATE_CHANGED,  /* other names or another database: *ret_args */
    REPLAY_FATE_TRANSFER, /* MOVE or COPY that crosses databases: *ret_transfer */
    REPLAY_FATE_FILTERED,
    REPLAY_FATE_KEPT,
    REPLAY_FATE_UNKNOWN, /* what it does to its keys depends on keys that are not there */
};

/* A key with its time to live goes to another name or database. */
struct replay_transfer {
    uint32_t src_db, dst_db;
    struct bytes src, dst;
    bool replace;
    bool remove_src;
};

struct replay_mapped {
    const struct bytes *args;
    size_t count;
    uint32_t db;
    struct replay_transfer transfer;
};

int replay_mapper_new(struct replay_mapper **ret, const struct replay_rules *rules,
                      struct ft_err *err);
/* replay_mapper_key - where a key goes. REPLAY_FATE_SAME or _CHANGED: *ret_db and *ret_key, valid until
 * the next call. */
enum replay_fate replay_mapper_key(struct replay_mapper *m, uint32_t db, struct bytes key,
                                   uint32_t *ret_db, struct bytes *ret_key, struct ft_err *err);
/* replay_mapper_record - valid until the next call. For SAME db is the target's too. */
enum replay_fate replay_mapper_record(struct replay_mapper *m, const struct item *item,
                                      const struct translation *t, struct replay_mapped *ret,
                                      struct ft_err *err);
/* replay_mapper_unknown - after REPLAY_FATE_UNKNOWN: is it this key of which nobody knows? */
bool replay_mapper_unknown(const struct replay_mapper *m, size_t key);
/* replay_mapper_name - the key with this number of the record that was mapped last. */
struct bytes replay_mapper_name(const struct replay_mapper *m, size_t key, uint32_t *ret_db);
/* replay_mapper_times - the arguments with their times as --ttl wants them; *ret_count 0: nothing is left of the command. */
int replay_mapper_times(struct replay_mapper *m, const struct bytes *args, size_t count,
                        const struct bytes **ret_args, size_t *ret_count, struct ft_err *err);
/* replay_mapper_pass - a record of the journal has been mapped, whatever became of it. _flush: all flows
 * have come to one. */
int replay_mapper_pass(struct replay_mapper *m, const struct item *item,
                       const struct translation *t, struct ft_err *err);
void replay_mapper_flush(struct replay_mapper *m, const struct translation_flush *flush,
                         uint32_t db);
void replay_mapper_free(struct replay_mapper *m);

#endif
