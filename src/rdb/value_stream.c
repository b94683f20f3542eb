#include "rdb/value_stream.h"

#include <stdlib.h>

#include "base/passed_memory.h"
#include "rdb/rdb_len.h"
#include "rdb/value_stream_entries.h"

#define SEARCHES_BETWEEN 2048u

static int take_len(const struct stream_iter *it, struct bytes *in, uint64_t *ret,
                    struct ft_err *err)
{
    int used = rdb_len_get(in->p, in->n, ret);

    if (used <= 0)
        return stream_corrupt_at(it, stream_position(it, in),
                                 used == 0 ? "ends early" : "bad length", err);
    *in = bytes_of(in->p + used, in->n - (size_t)used);
    return 0;
}

static int take_raw(const struct stream_iter *it, struct bytes *in, size_t n, const uint8_t **ret,
                    struct ft_err *err)
{
    if (in->n < n)
        return stream_corrupt_at(it, stream_position(it, in), "ends early", err);
    *ret = in->p;
    *in = bytes_of(in->p + n, in->n - n);
    return 0;
}

static int skip_string(const struct stream_iter *it, struct bytes *in, struct ft_err *err)
{
    size_t at = stream_position(it, in);

    if (rdb_string_skip(in, err) != 0)
        return stream_within(it, at, err);
    return 0;
}

/* An id as two packed numbers. */
static int take_id(const struct stream_iter *it, struct bytes *in, struct stream_id *ret,
                   struct ft_err *err)
{
    if (take_len(it, in, &ret->ms, err) != 0)
        return -1;
    return take_len(it, in, &ret->seq, err);
}

static int compare_ids(struct stream_id a, struct stream_id b)
{
    if (a.ms != b.ms)
        return a.ms < b.ms ? -1 : 1;
    return a.seq < b.seq ? -1 : a.seq > b.seq;
}

/* The head. */

static int take_listpacks(struct stream_iter *it, struct bytes *in, struct ft_err *err)
{
    const uint8_t *begin = in->p;
    const uint8_t *passed = begin;
    uint64_t nodes;

    if (take_len(it, in, &nodes, err) != 0)
        return -1;
    it->entries.in = *in;
    it->entries.passed = in->p;
    it->entries.nodes_left = nodes;
    for (uint64_t i = 0; i < nodes; i++) {
        if (skip_string(it, in, err) != 0 || skip_string(it, in, err) != 0)
            return -1;
        passed = memory_pass(passed, in->p);
    }
    it->listpacks = bytes_of(begin, (size_t)(in->p - begin));
    it->entries.in.n = (size_t)(in->p - it->entries.in.p);
    return 0;
}

/* Old encodings do not say where the stream begins: the first entry tells. */
static int find_first_id(const struct stream_iter *it, struct stream_id *ret, struct ft_err *err)
{
    struct entry_cursor c = {
        .in = it->entries.in,
        .passed = it->entries.passed,
        .nodes_left = it->entries.nodes_left,
    };
    struct stream_entry entry;
    enum step step;

    entry_cursor_init(&c);
    step = entry_cursor_next(it, &c, &entry, err);
    if (step == STEP_ITEM)
        *ret = entry.id;
    entry_cursor_release(&c);
    return step == STEP_ERROR ? -1 : 0;
}

static int take_head(struct stream_iter *it, struct bytes *in, struct ft_err *err)
{
    struct stream_head *head = &it->head;

    if (take_listpacks(it, in, err) != 0 || take_len(it, in, &head->length, err) != 0 ||
        take_id(it, in, &head->last_id, err) != 0)
        return -1;
    if (head->type != RDB_TYPE_STREAM_LISTPACKS) {
        if (take_id(it, in, &head->first_id, err) != 0 ||
            take_id(it, in, &head->max_deleted_id, err) != 0 ||
            take_len(it, in, &head->entries_added, err) != 0)
            return -1;
    } else {
        head->entries_added = head->length;
        if (find_first_id(it, &head->first_id, err) != 0)
            return -1;
    }
    return take_len(it, in, &head->group_count, err);
}

int stream_iter_new(struct stream_iter **ret, unsigned type, struct bytes value, struct ft_err *err)
{
    struct stream_iter *it;
    struct bytes in = value;

    if (rdb_type_class(type) != VALUE_STREAM)
        return err_set(err, FT_ERR_UNSUPPORTED, "values of type %u are no streams", type);
    it = calloc(1, sizeof(*it));
    if (it == NULL)
        return err_nomem(err, "a stream iterator");
    it->value = value;
    it->head.type = type;
    entry_cursor_init(&it->entries);
    it->groups.group_name.limit_bytes = RDB_STRING_MAX_BYTES;
    it->groups.consumer_name.limit_bytes = RDB_STRING_MAX_BYTES;
    if (take_head(it, &in, err) != 0) {
        stream_iter_free(it);
        return -1;
    }
    it->groups.in = in;
    it->groups.passed = in.p;
    it->groups.groups_left = it->head.group_count;
    *ret = it;
    return 0;
}

const struct stream_head *stream_iter_head(const struct stream_iter *it)
{
    return &it->head;
}

struct bytes stream_iter_listpacks(const struct stream_iter *it)
{
    return it->listpacks;
}

enum step stream_iter_next_entry(struct stream_iter *it, struct stream_entry *ret,
                                 struct ft_err *err)
{
    return entry_cursor_next(it, &it->entries, ret, err);
}

/* Groups, consumers and what they have not acknowledged. */

static int compare_pending(const void *a, const void *b)
{
    const struct pending *left = a;
    const struct pending *right = b;

    return compare_ids(left->id, right->id);
}

static int take_pending(const struct stream_iter *it, struct bytes *in, struct pending *ret,
                        struct ft_err *err)
{
    const uint8_t *p;

    if (take_raw(it, in, STREAM_ID_SIZE + 8, &p, err) != 0)
        return -1;
    ret->id = stream_load_id(p);
    ret->delivery_time_ms = (int64_t)load_le64(p + STREAM_ID_SIZE);
    ret->owned = false;
    return take_len(it, in, &ret->delivery_count, err);
}

static bool is_ascending(const struct pending *list, uint64_t count)
{
    const uint8_t *passed = (const uint8_t *)list;

    for (uint64_t i = 1; i < count; i++) {
        passed = memory_pass(passed, (const uint8_t *)&list[i]);
        if (compare_ids(list[i - 1].id, list[i].id) >= 0)
            return false;
    }
    return true;
}

/* Reads the group's list, which consumers refer to by id. */
static int load_pending(struct stream_iter *it, uint64_t count, struct ft_err *err)
{
    struct group_cursor *g = &it->groups;
    size_t at = stream_position(it, &g->in);
    struct pending *list;

    buf_clear(&g->pending);
    for (uint64_t i = 0; i < count; i++) {
        struct pending entry;

        if (take_pending(it, &g->in, &entry, err) != 0 ||
            buf_append(&g->pending, &entry, sizeof(entry), err) != 0)
            return -1;
        g->passed = memory_pass(g->passed, g->in.p);
    }
    list = (struct pending *)(void *)g->pending.p;
    if (is_ascending(list, count))
        return 0;
    qsort(list, count, sizeof(*list), compare_pending);
    for (uint64_t i = 1; i < count; i++) {
        if (compare_ids(list[i - 1].id, list[i].id) == 0)
            return stream_corrupt_at(it, at, "group with the same pending entry twice", err);
    }
    return 0;
}

/* Passes over what was not asked for. */
static int leave_consumer(struct stream_iter *it, struct ft_err *err)
{
    struct group_cursor *g = &it->groups;
    const uint8_t *p;

    for (; g->pending_left > 0; g->pending_left--) {
        if (take_raw(it, &g->in, STREAM_ID_SIZE, &p, err) != 0)
            return -1;
    }
    return 0;
}

static int leave_group(struct stream_iter *it, struct ft_err *err)
{
    struct stream_consumer consumer;
    enum step step;

    do {
        step = stream_iter_next_consumer(it, &consumer, err);
    } while (step == STEP_ITEM);
    return step == STEP_END ? 0 : -1;
}

/* The ids after the group's consumers, which are still to be read: passed over once. */
static int find_unowned(const struct stream_iter *it, struct bytes in, uint64_t consumers,
                        struct bytes *ret, struct ft_err *err)
{
    struct value_walk walk;
    uint64_t count;
    size_t used;

    *ret = bytes_of(NULL, 0);
    if (it->head.type < RDB_TYPE_STREAM_LISTPACKS_5)
        return 0;
    for (uint64_t i = 0; i < consumers; i++) {
        value_walk_begin_grammar(&walk, "S88N(i)");
        if (value_walk_run(&walk, in.p, in.n, stream_position(it, &in), &used, err) != STEP_ITEM)
            return stream_corrupt_at(it, stream_position(it, &in), "bad consumer", err);
        in = bytes_of(in.p + used, in.n - used);
    }
    if (take_len(it, &in, &count, err) != 0)
        return -1;
    if (count > in.n / STREAM_ID_SIZE)
        return stream_corrupt_at(it, stream_position(it, &in), "ends early", err);
    *ret = bytes_of(in.p, (size_t)count * STREAM_ID_SIZE);
    return 0;
}

static int take_group(struct stream_iter *it, struct stream_group *ret, struct ft_err *err)
{
    struct group_cursor *g = &it->groups;
    uint64_t entries_read = UINT64_MAX;
    const uint8_t *pending;

    if (stream_take_string(it, &g->in, &g->group_name, &ret->name, err) != 0 ||
        take_id(it, &g->in, &ret->last_id, err) != 0)
        return -1;
    if (it->head.type != RDB_TYPE_STREAM_LISTPACKS && take_len(it, &g->in, &entries_read, err) != 0)
        return -1;
    ret->entries_read = (int64_t)entries_read;
    if (take_len(it, &g->in, &ret->pending_count, err) != 0)
        return -1;
    pending = g->in.p;
    if (load_pending(it, ret->pending_count, err) != 0)
        return -1;
    ret->stored_pending = bytes_of(pending, (size_t)(g->in.p - pending));
    if (take_len(it, &g->in, &ret->consumer_count, err) != 0)
        return -1;
    return find_unowned(it, g->in, ret->consumer_count, &ret->unowned, err);
}

/* After the last consumer: what find_unowned has found. */
static int leave_unowned(struct stream_iter *it, struct ft_err *err)
{
    struct group_cursor *g = &it->groups;
    const uint8_t *p;
    uint64_t count;

    if (!g->unowned_follow)
        return 0;
    g->unowned_follow = false;
    if (take_len(it, &g->in, &count, err) != 0)
        return -1;
    return take_raw(it, &g->in, (size_t)count * STREAM_ID_SIZE, &p, err); /* there: find_unowned */
}

static int take_producers(struct stream_iter *it, struct ft_err *err)
{
    struct bytes *in = &it->groups.in;
    struct value_walk walk;
    size_t used = 0;

    if (it->head.type < RDB_TYPE_STREAM_LISTPACKS_4)
        return 0;
    value_walk_begin_grammar(&walk, VALUE_WALK_STREAM_PRODUCERS);
    if (it->producers.n == 0) {
        if (value_walk_run(&walk, in->p, in->n, stream_position(it, in), &used, err) != STEP_ITEM)
            return stream_corrupt_at(it, stream_position(it, in), "bad list of producers", err);
        it->producers = bytes_of(in->p, used);
        *in = bytes_of(in->p + used, in->n - used);
    }
    return 0;
}

struct bytes stream_iter_producers(const struct stream_iter *it)
{
    return it->producers;
}

enum step stream_iter_next_group(struct stream_iter *it, struct stream_group *ret,
                                 struct ft_err *err)
{
    struct group_cursor *g = &it->groups;
    struct stream_group group;

    if (leave_group(it, err) != 0 || leave_unowned(it, err) != 0)
        return STEP_ERROR;
    if (g->groups_left == 0) {
        if (take_producers(it, err) != 0)
            return STEP_ERROR;
        if (g->in.n != 0)
            return stream_corrupt_at(it, stream_position(it, &g->in),
                                     "bytes left over after the groups", err);
        return STEP_END;
    }
    if (take_group(it, &group, err) != 0)
        return STEP_ERROR;
    g->passed = memory_pass(g->passed, g->in.p);
    g->groups_left--;
    g->consumers_left = group.consumer_count;
    g->unowned_follow = it->head.type >= RDB_TYPE_STREAM_LISTPACKS_5;
    *ret = group;
    return STEP_ITEM;
}

static int take_consumer(struct stream_iter *it, struct stream_consumer *ret, struct ft_err *err)
{
    struct group_cursor *g = &it->groups;
    const uint8_t *p;

    if (stream_take_string(it, &g->in, &g->consumer_name, &ret->name, err) != 0 ||
        take_raw(it, &g->in, 8, &p, err) != 0)
        return -1;
    ret->seen_time_ms = (int64_t)load_le64(p);
    ret->active_time_ms = ret->seen_time_ms;
    if (it->head.type >= RDB_TYPE_STREAM_LISTPACKS_3) {
        if (take_raw(it, &g->in, 8, &p, err) != 0)
            return -1;
        ret->active_time_ms = (int64_t)load_le64(p);
    }
    if (take_len(it, &g->in, &ret->pending_count, err) != 0)
        return -1;
    if (ret->pending_count > g->in.n / STREAM_ID_SIZE)
        return stream_corrupt_at(it, stream_position(it, &g->in), "ends early", err);
    ret->stored_pending = bytes_of(g->in.p, (size_t)ret->pending_count * STREAM_ID_SIZE);
    return 0;
}

enum step stream_iter_next_consumer(struct stream_iter *it, struct stream_consumer *ret,
                                    struct ft_err *err)
{
    struct group_cursor *g = &it->groups;
    struct stream_consumer consumer;

    if (leave_consumer(it, err) != 0)
        return STEP_ERROR;
    if (g->consumers_left == 0)
        return STEP_END;
    if (take_consumer(it, &consumer, err) != 0)
        return STEP_ERROR;
    g->passed = memory_pass(g->passed, g->in.p);
    g->consumers_left--;
    g->pending_left = consumer.pending_count;
    g->consumer = consumer.name;
    *ret = consumer;
    return STEP_ITEM;
}

/* The list need not be in memory as a whole, wherever in it a consumer's entries are. */
static struct pending *find_pending(struct group_cursor *g, const struct pending *wanted)
{
    if (g->pending.n == 0)
        return NULL;
    g->passed = memory_pass(g->passed, g->in.p);
    if (++g->searches % SEARCHES_BETWEEN == 0)
        memory_passed(g->pending.p, g->pending.n);
    return bsearch(wanted, g->pending.p, g->pending.n / sizeof(*wanted), sizeof(*wanted),
                   compare_pending);
}

enum step stream_iter_next_pending(struct stream_iter *it, struct stream_pending *ret,
                                   struct ft_err *err)
{
    struct group_cursor *g = &it->groups;
    size_t at = stream_position(it, &g->in);
    struct pending wanted = {0};
    struct pending *found;
    const uint8_t *p;

    if (g->pending_left == 0)
        return STEP_END;
    if (take_raw(it, &g->in, STREAM_ID_SIZE, &p, err) != 0)
        return STEP_ERROR;
    wanted.id = stream_load_id(p);
    found = find_pending(g, &wanted);
    if (found == NULL)
        return stream_corrupt_at(it, at,
                                 "consumer with a pending entry that its group does not have", err);
    if (found->owned)
        return stream_corrupt_at(it, at, "pending entry that has a consumer already", err);
    found->owned = true;
    g->pending_left--;
    ret->id = found->id;
    ret->consumer = g->consumer;
    ret->delivery_time_ms = found->delivery_time_ms;
    ret->delivery_count = found->delivery_count;
    return STEP_ITEM;
}

void stream_iter_free(struct stream_iter *it)
{
    if (it == NULL)
        return;
    entry_cursor_release(&it->entries);
    buf_release(&it->groups.group_name);
    buf_release(&it->groups.consumer_name);
    buf_release(&it->groups.pending);
    free(it);
}
