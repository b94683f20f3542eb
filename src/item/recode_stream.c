#include "item/recode_stream.h"

#include <stdlib.h>

#include "base/endian.h"
#include "rdb/rdb_len.h"
#include "rdb/rdb_string.h"
#include "rdb/rdb_writer.h"
#include "rdb/value_stream.h"
#include "rdb/value_walk.h"

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

#define ID_SIZE 16

static int compare_stored_ids(const void *a, const void *b)
{
    return memcmp(a, b, ID_SIZE);
}

/* The group's pending entries but for those that no consumer has: redis-server before 8.8 takes each to be
 * somebody's, and fails on one that is nobody's. */
static int put_owned_pending(struct buf *out, const struct stream_group *group, struct ft_err *err)
{
    const uint8_t *p = group->stored_pending.p;
    const uint8_t *end = p + group->stored_pending.n;
    size_t unowned_count = group->unowned.n / ID_SIZE;
    struct buf unowned = {0};
    struct buf kept = {0};
    uint64_t count = 0;
    int rc = buf_append(&unowned, group->unowned.p, group->unowned.n, err);

    if (rc == 0)
        qsort(unowned.p, unowned_count, ID_SIZE, compare_stored_ids);
    while (rc == 0 && p < end) {
        uint64_t deliveries;
        size_t n = ID_SIZE + 8;

        n += (size_t)rdb_len_get(p + n, (size_t)(end - p) - n, &deliveries); /* was read before */
        if (bsearch(p, unowned.p, unowned_count, ID_SIZE, compare_stored_ids) == NULL) {
            rc = buf_append(&kept, p, n, err);
            count++;
        }
        p += n;
    }
    if (rc == 0)
        rc = rdb_put_len(out, count, err);
    if (rc == 0)
        rc = put_bytes(out, buf_bytes(&kept), err);
    buf_release(&unowned);
    buf_release(&kept);
    return rc;
}

static int put_group(struct buf *out, unsigned type, const struct stream_group *group,
                     struct ft_err *err)
{
    int rc;

    if (rdb_string_put(out, group->name, err) != 0 || put_id(out, group->last_id, err) != 0)
        return -1;
    if (type != RDB_TYPE_STREAM_LISTPACKS &&
        rdb_put_len(out, (uint64_t)group->entries_read, err) != 0)
        return -1;
    if (group->unowned.n > 0 && type < RDB_TYPE_STREAM_LISTPACKS_5) {
        rc = put_owned_pending(out, group, err);
    } else {
        rc = rdb_put_len(out, group->pending_count, err);
        if (rc == 0)
            rc = put_bytes(out, group->stored_pending, err);
    }
    return rc != 0 ? -1 : rdb_put_len(out, group->consumer_count, err);
}

static int put_consumer(struct buf *out, unsigned type, const struct stream_consumer *consumer,
                        struct ft_err *err)
{
    if (rdb_string_put(out, consumer->name, err) != 0 ||
        put_time(out, consumer->seen_time_ms, err) != 0)
        return -1;
    if (type >= RDB_TYPE_STREAM_LISTPACKS_3 && put_time(out, consumer->active_time_ms, err) != 0)
        return -1;
    if (rdb_put_len(out, consumer->pending_count, err) != 0)
        return -1;
    return put_bytes(out, consumer->stored_pending, err);
}

/* The groups and what follows them. guess: the groups' counts, where the encoding has none and Redis would. */
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
        if (type >= RDB_TYPE_STREAM_LISTPACKS_5 &&
            (rdb_put_len(out, group.unowned.n / ID_SIZE, err) != 0 ||
             put_bytes(out, group.unowned, err) != 0))
            return -1;
    }
    if (step != STEP_END)
        return -1;
    return type >= RDB_TYPE_STREAM_LISTPACKS_4 ? put_bytes(out, stream_iter_producers(it), err) : 0;
}

/* The highest encoding that the target reads; of those that say more than STREAM_LISTPACKS_3 only what the value
 * has itself. */
static uint8_t stream_type(const struct target *t, uint8_t own)
{
    static const uint8_t types[] = {RDB_TYPE_STREAM_LISTPACKS_5, RDB_TYPE_STREAM_LISTPACKS_4,
                                    RDB_TYPE_STREAM_LISTPACKS_3, RDB_TYPE_STREAM_LISTPACKS_2};

    for (size_t i = 0; i < sizeof(types); i++) {
        if (target_reads(t, types[i]) &&
            (types[i] <= own || types[i] <= RDB_TYPE_STREAM_LISTPACKS_3))
            return types[i];
    }
    return RDB_TYPE_STREAM_LISTPACKS;
}

/* Is there a group that has pending entries that no consumer has? */
static int has_unowned(const struct rdb_entry *entry, struct ft_err *err)
{
    struct stream_group group;
    struct stream_iter *it;
    enum step step;

    if (entry->type < RDB_TYPE_STREAM_LISTPACKS_5)
        return 0;
    if (stream_iter_new(&it, entry->type, entry->value, err) != 0)
        return -1;
    do
        step = stream_iter_next_group(it, &group, err);
    while (step == STEP_ITEM && group.unowned.n == 0);
    stream_iter_free(it);
    return step == STEP_ERROR ? -1 : step == STEP_ITEM;
}

/* LOSS_STREAM_PENDING where the target cannot hold what the value has. */
static int add_loss(const struct rdb_entry *entry, uint8_t type, enum loss_reason *ret,
                    struct ft_err *err)
{
    int unowned = type < RDB_TYPE_STREAM_LISTPACKS_5 ? has_unowned(entry, err) : 0;

    if (unowned > 0)
        *ret = LOSS_STREAM_PENDING;
    return unowned < 0 ? -1 : 0;
}

int recode_stream_as(unsigned type, const struct rdb_entry *entry, struct buf *out,
                     struct ft_err *err)
{
    struct stream_iter *it;
    int rc;

    if (stream_iter_new(&it, entry->type, entry->value, err) != 0)
        return -1;
    rc = put_head(out, type, it, entry, err);
    if (rc == 0)
        rc = put_groups(out, type, it, false, err);
    stream_iter_free(it);
    return rc;
}

enum recode_result recode_stream(struct recoder *r, const struct rdb_entry *entry,
                                 struct recoded *ret, struct ft_err *err)
{
    uint8_t type = stream_type(r->target, entry->type);

    if (!target_reads(r->target, type)) {
        ret->loss = LOSS_STREAM;
        return RECODE_LOST;
    }
    if (add_loss(entry, type, &ret->loss, err) != 0 ||
        recode_stream_as(type, entry, &r->out, err) != 0)
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
    uint8_t type = stream_type(target, entry->type);

    if (!target_reads(target, type)) {
        *ret_loss = LOSS_STREAM;
        return RECODE_LOST;
    }
    if (add_loss(entry, type, ret_loss, err) != 0 || rdb_put_len(out, 0, err) != 0 ||
        rdb_put_len(out, 0, err) != 0 || put_id(out, zero, err) != 0)
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

/* Idempotent producers that are known, or ids that were added. */
static bool has_producers(struct bytes producers)
{
    uint64_t numbers[4] = {0}; /* duration, maximum, producers, and if there are none: ids added */

    for (size_t i = 0; i < 4 && numbers[2] == 0; i++) {
        int used = rdb_len_get(producers.p, producers.n, &numbers[i]);

        if (used <= 0)
            break;
        producers = bytes_of(producers.p + used, producers.n - (size_t)used);
    }
    return numbers[2] != 0 || numbers[3] != 0;
}

static bool has_counters(const struct stream_head *head)
{
    return head->entries_added != head->length || head->max_deleted_id.ms != 0 ||
           head->max_deleted_id.seq != 0;
}

/* Times that the seen time, which every encoding has, does not say too. */
static bool has_active_times(struct stream_iter *it, struct ft_err *err)
{
    struct stream_consumer consumer;
    bool found = false;

    while (!found && stream_iter_next_consumer(it, &consumer, err) == STEP_ITEM)
        found = consumer.active_time_ms != consumer.seen_time_ms;
    return found;
}

static unsigned drops_state(const struct target *target, const struct rdb_entry *entry)
{
    bool no_counters = !target_reads(target, RDB_TYPE_STREAM_LISTPACKS_2);
    bool no_times = !target_reads(target, RDB_TYPE_STREAM_LISTPACKS_3);
    struct ft_err ignored = FT_ERR_INIT;
    struct stream_group group;
    struct stream_iter *it;
    unsigned drops = 0;

    if (stream_iter_new(&it, entry->type, entry->value, &ignored) != 0)
        return 0;
    if (no_counters && has_counters(stream_iter_head(it)))
        drops |= STREAM_DROPS_COUNTERS;
    while (stream_iter_next_group(it, &group, &ignored) == STEP_ITEM) {
        if (no_counters &&
            group.entries_read != guess_entries_read(stream_iter_head(it), group.last_id))
            drops |= STREAM_DROPS_COUNTERS;
        if (no_times && has_active_times(it, &ignored))
            drops |= STREAM_DROPS_ACTIVE_TIMES;
    }
    if (!target_reads(target, RDB_TYPE_STREAM_LISTPACKS_4) &&
        has_producers(stream_iter_producers(it)))
        drops |= STREAM_DROPS_PRODUCERS;
    stream_iter_free(it);
    return drops;
}

unsigned recode_stream_drops(const struct target *target, const struct rdb_entry *entry)
{
    if (rdb_type_class(entry->type) != VALUE_STREAM || entry->type == RDB_TYPE_STREAM_LISTPACKS ||
        target_reads(target, entry->type))
        return 0;
    return drops_state(target, entry);
}
