#include "item/recode_stream.h"

#include "base/endian.h"
#include "rdb/rdb_string.h"
#include "rdb/rdb_writer.h"
#include "rdb/value_stream.h"

/*
 * A newer stream encoding is the older one with numbers added; the listpacks and the lists of
 * pending entries are the same bytes.
 */

static int put_id(struct buf *out, struct stream_id id, struct ft_err *err)
{
    if (rdb_put_len(out, id.ms, err) != 0)
        return -1;
    return rdb_put_len(out, id.seq, err);
}

static int put_bytes(struct buf *out, struct bytes b, struct ft_err *err)
{
    return buf_append(out, b.p, b.n, err);
}

static int put_time(struct buf *out, int64_t time_ms, struct ft_err *err)
{
    uint8_t bytes[8];

    store_le64(bytes, (uint64_t)time_ms);
    return buf_append(out, bytes, sizeof(bytes), err);
}

static int put_head(struct buf *out, unsigned type, const struct stream_iter *it,
                    const struct rdb_entry *entry, struct ft_err *err)
{
    const struct stream_head *head = stream_iter_head(it);
    bool no_counters = entry->type == RDB_TYPE_STREAM_LISTPACKS && entry->dragonfly;
    uint64_t entries_added = no_counters ? 0 : head->entries_added;

    if (put_bytes(out, stream_iter_listpacks(it), err) != 0 ||
        rdb_put_len(out, head->length, err) != 0 || put_id(out, head->last_id, err) != 0)
        return -1;
    if (type != RDB_TYPE_STREAM_LISTPACKS &&
        (put_id(out, head->first_id, err) != 0 || put_id(out, head->max_deleted_id, err) != 0 ||
         rdb_put_len(out, entries_added, err) != 0))
        return -1;
    return rdb_put_len(out, head->group_count, err);
}

static int compare_ids(struct stream_id a, struct stream_id b)
{
    if (a.ms != b.ms)
        return a.ms < b.ms ? -1 : 1;
    return a.seq < b.seq ? -1 : a.seq > b.seq;
}

/* What Redis makes of a group of the first encoding, which has no count of its own, on loading it with
 * its entries (streamEstimateDistanceFromFirstEverEntry, redis src/t_stream.c, 7.2). */
static int64_t guess_entries_read(const struct stream_head *head, struct stream_id id)
{
    int first = compare_ids(id, head->first_id);

    if (head->entries_added == 0)
        return 0;
    if (compare_ids(id, head->last_id) == 0)
        return (int64_t)head->entries_added;
    if (compare_ids(id, head->last_id) > 0 || first > 0)
        return -1;
    return (int64_t)(head->entries_added - head->length) + (first == 0);
}

static int put_group(struct buf *out, unsigned type, const struct stream_group *group,
                     struct ft_err *err)
{
    if (rdb_string_put(out, group->name, err) != 0 || put_id(out, group->last_id, err) != 0)
        return -1;
    if (type != RDB_TYPE_STREAM_LISTPACKS &&
        rdb_put_len(out, (uint64_t)group->entries_read, err) != 0)
        return -1;
    if (rdb_put_len(out, group->pending_count, err) != 0 ||
        put_bytes(out, group->stored_pending, err) != 0)
        return -1;
    return rdb_put_len(out, group->consumer_count, err);
}

static int put_consumer(struct buf *out, unsigned type, const struct stream_consumer *consumer,
                        struct ft_err *err)
{
    if (rdb_string_put(out, consumer->name, err) != 0 ||
        put_time(out, consumer->seen_time_ms, err) != 0)
        return -1;
    if (type == RDB_TYPE_STREAM_LISTPACKS_3 && put_time(out, consumer->active_time_ms, err) != 0)
        return -1;
    if (rdb_put_len(out, consumer->pending_count, err) != 0)
        return -1;
    return put_bytes(out, consumer->stored_pending, err);
}

/* guess: the groups' counts, where the encoding has none and Redis would. */
static int put_groups(struct buf *out, unsigned type, struct stream_iter *it, bool guess,
                      struct ft_err *err)
{
    struct stream_group group;
    struct stream_consumer consumer;
    enum step step;

    while ((step = stream_iter_next_group(it, &group, err)) == STEP_ITEM) {
        if (guess)
            group.entries_read = guess_entries_read(stream_iter_head(it), group.last_id);
        if (put_group(out, type, &group, err) != 0)
            return -1;
        while ((step = stream_iter_next_consumer(it, &consumer, err)) == STEP_ITEM) {
            if (put_consumer(out, type, &consumer, err) != 0)
                return -1;
        }
        if (step == STEP_ERROR)
            return -1;
    }
    return step == STEP_END ? 0 : -1;
}

/* The highest encoding that the target reads. */
static uint8_t stream_type(const struct target *t)
{
    if (target_reads(t, RDB_TYPE_STREAM_LISTPACKS_3))
        return RDB_TYPE_STREAM_LISTPACKS_3;
    if (target_reads(t, RDB_TYPE_STREAM_LISTPACKS_2))
        return RDB_TYPE_STREAM_LISTPACKS_2;
    return RDB_TYPE_STREAM_LISTPACKS;
}

enum recode_result recode_stream(struct recoder *r, const struct rdb_entry *entry,
                                 struct recoded *ret, struct ft_err *err)
{
    uint8_t type = stream_type(r->target);
    struct stream_iter *it;
    int rc;

    if (!target_reads(r->target, type)) {
        ret->loss = LOSS_STREAM;
        return RECODE_LOST;
    }
    if (stream_iter_new(&it, entry->type, entry->value, err) != 0)
        return RECODE_ERROR;
    rc = put_head(&r->out, type, it, entry, err);
    if (rc == 0)
        rc = put_groups(&r->out, type, it, false, err);
    stream_iter_free(it);
    if (rc != 0)
        return RECODE_ERROR;
    ret->type = type;
    ret->value = buf_bytes(&r->out);
    return RECODE_OK;
}

/* The first encoding is read by every target; only its counters may be wanted, see recode.h. */
enum recode_result recode_first_stream(struct recoder *r, const struct rdb_entry *entry,
                                       struct recoded *ret, struct ft_err *err)
{
    if (!entry->dragonfly || !target_reads(r->target, RDB_TYPE_STREAM_LISTPACKS_2))
        return RECODE_OK;
    return recode_stream(r, entry, ret, err);
}

/* XADD counts entries_added on from what the shell says, past zero if need be. */
enum recode_result recode_stream_shell(const struct target *target, const struct rdb_entry *entry,
                                       struct stream_iter *it, struct buf *out, uint8_t *ret_type,
                                       enum loss_reason *ret_loss, struct ft_err *err)
{
    const struct stream_head *head = stream_iter_head(it);
    const struct stream_id zero = {0, 0};
    bool old = entry->type == RDB_TYPE_STREAM_LISTPACKS;
    uint64_t entries_added = old && entry->dragonfly ? 0 : head->entries_added;
    uint8_t type = stream_type(target);

    if (!target_reads(target, type)) {
        *ret_loss = LOSS_STREAM;
        return RECODE_LOST;
    }
    if (rdb_put_len(out, 0, err) != 0 || rdb_put_len(out, 0, err) != 0 ||
        put_id(out, zero, err) != 0)
        return RECODE_ERROR;
    if (type != RDB_TYPE_STREAM_LISTPACKS &&
        (put_id(out, zero, err) != 0 || put_id(out, head->max_deleted_id, err) != 0 ||
         rdb_put_len(out, entries_added - head->length, err) != 0))
        return RECODE_ERROR;
    if (rdb_put_len(out, head->group_count, err) != 0 ||
        put_groups(out, type, it, old && !entry->dragonfly, err) != 0)
        return RECODE_ERROR;
    *ret_type = type;
    return RECODE_OK;
}
