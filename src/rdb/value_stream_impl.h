/*
 * value_stream_impl.h - what the two files of stream values share: value_stream.c (the head, groups,
 * consumers, pending entries) and value_stream_entries.c (the entries in their listpacks).
 *
 * Source   as value_stream.h says. Positions are offsets in the value.
 */
#ifndef FLOWTAPE_RDB_VALUE_STREAM_IMPL_H
#define FLOWTAPE_RDB_VALUE_STREAM_IMPL_H

#include "base/endian.h"
#include "rdb/listpack.h"
#include "rdb/rdb_string.h"
#include "rdb/value_stream.h"
#include "rdb/value_walk.h"

#define STREAM_ID_SIZE 16

/* Arguments in the order they came; integers are rendered into texts. */
struct command_args {
    struct buf list;  /* struct bytes; p is NULL for one of texts until args_locate */
    struct buf texts; /* the rendered integers, one after the other */
};

/* Where entries are read: the listpack that is open, and the rest of the listpacks. */
struct entry_cursor {
    struct bytes in;
    const uint8_t *passed; /* passed_memory.h */
    uint64_t nodes_left;
    bool open;
    size_t node_at; /* in the value */
    struct stream_id master_id;
    uint64_t entries_left; /* as the master entry counts them, deleted ones too */
    struct listpack_iter listpack;
    struct buf id_scratch;
    struct buf blob_scratch;
    struct command_args fields; /* of the master entry */
    struct command_args entry;
};

struct pending {
    struct stream_id id;
    int64_t delivery_time_ms;
    uint64_t delivery_count;
    bool owned; /* a consumer was seen to have it */
};

/* Where groups are read: each level has how many items are to come. */
struct group_cursor {
    struct bytes in;
    const uint8_t *passed; /* passed_memory.h */
    uint64_t groups_left;
    uint64_t consumers_left;
    uint64_t pending_left;
    bool unowned_follow; /* after the consumers of the group that is open */
    struct bytes consumer;
    struct buf group_name;
    struct buf consumer_name;
    struct buf pending; /* struct pending of the group, sorted by id */
    unsigned searches;  /* in it */
};

struct stream_iter {
    struct bytes value;
    struct stream_head head;
    struct bytes listpacks;
    struct bytes producers;
    struct entry_cursor entries;
    struct group_cursor groups;
};

/* Where `in` is. */
static inline size_t stream_position(const struct stream_iter *it, const struct bytes *in)
{
    return (size_t)(in->p - it->value.p);
}

static inline int stream_corrupt_at(const struct stream_iter *it, size_t at, const char *what,
                                    struct ft_err *err)
{
    return err_at(err, FT_ERR_CORRUPT, at, "%s value: %s", rdb_type_name(it->head.type), what);
}

/* Says in which part of the value an error of a lower decoder was. */
static inline int stream_within(const struct stream_iter *it, size_t at, struct ft_err *err)
{
    err->offset = at;
    return err_wrap(err, "%s value, part at offset %zu", rdb_type_name(it->head.type), at);
}

static inline int stream_take_string(const struct stream_iter *it, struct bytes *in,
                                     struct buf *scratch, struct bytes *ret, struct ft_err *err)
{
    size_t at = stream_position(it, in);

    if (rdb_string_take(in, ret, scratch, err) != 0)
        return stream_within(it, at, err);
    return 0;
}

static inline struct stream_id stream_load_id(const uint8_t *p)
{
    struct stream_id id = {load_be64(p), load_be64(p + 8)};

    return id;
}

#endif
