#include "diff/typed_stream.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/endian.h"
#include "rdb/rdb_string.h"
#include "rdb/rdb_writer.h"

#define ID_SIZE 16

struct typed_pending {
    struct stream_id id;
    int64_t time_ms;
    uint64_t count;
    size_t consumer;
};

struct typed_group {
    struct buf name;
    struct stream_id last_id;
    int64_t entries_read;
    struct buf *consumers; /* their names */
    size_t consumer_count;
    struct typed_pending *pending;
    size_t pending_count, pending_capacity;
};

static void release_groups(struct typed_stream *s)
{
    for (size_t i = 0; i < s->group_count; i++) {
        struct typed_group *g = &s->groups[i];

        for (size_t k = 0; k < g->consumer_count; k++)
            buf_release(&g->consumers[k]);
        buf_release(&g->name);
        free(g->consumers);
        free(g->pending);
    }
    free(s->groups);
    s->groups = NULL;
    s->group_count = 0;
}

void typed_stream_begin(struct typed_stream *s, bool counters)
{
    release_groups(s);
    buf_clear(&s->entries);
    s->counters = counters;
    s->head = (struct stream_head){0};
    s->entry_count = 0;
    s->digest = (struct value_digest){0};
}

void typed_stream_release(struct typed_stream *s)
{
    release_groups(s);
    buf_release(&s->entries);
    buf_release(&s->value);
    blob_writer_release(&s->node);
}

static void follow_number(struct typed_stream *s, uint64_t n)
{
    value_digest_follow(&s->digest, 0, bytes_of(&n, sizeof(n)));
}

static void follow_id(struct typed_stream *s, struct stream_id id)
{
    follow_number(s, id.ms);
    follow_number(s, id.seq);
}

/*
 * Entries: listpacks as rdb/value_stream_entries.c reads them, one for each entry
 */

static int put_raw_id(struct buf *out, struct stream_id id, struct ft_err *err)
{
    uint8_t bytes[ID_SIZE];

    store_be64(bytes, id.ms);
    store_be64(bytes + 8, id.seq);
    return buf_append(out, bytes, sizeof(bytes), err);
}

static int add_number(struct blob_writer *w, int64_t n, struct ft_err *err)
{
    char text[I64_TEXT_SIZE];

    return blob_writer_add(w, bytes_of(text, i64_to_text(n, text)), err);
}

int typed_stream_add_entry(struct typed_stream *s, struct stream_id id, const struct bytes *args,
                           size_t count, struct ft_err *err)
{
    /* entries, deleted ones, fields of their own and the end of these; flags, id from the node's, fields */
    const int64_t head[] = {1, 0, 0, 0, 0, 0, 0, (int64_t)(count / 2)};
    const size_t before = 4; /* what does not count as the entry's */
    struct bytes listpack;

    if (blob_writer_begin(&s->node, BLOB_LISTPACK, err) != 0)
        return -1;
    for (size_t i = 0; i < sizeof(head) / sizeof(head[0]); i++) {
        if (add_number(&s->node, head[i], err) != 0)
            return -1;
    }
    follow_id(s, id);
    for (size_t i = 0; i < count; i++) {
        value_digest_follow(&s->digest, 0, args[i]);
        if (blob_writer_add(&s->node, args[i], err) != 0)
            return -1;
    }
    if (add_number(&s->node, (int64_t)(sizeof(head) / sizeof(head[0]) - before + count), err) !=
            0 ||
        blob_writer_end(&s->node, &listpack, err) != 0)
        return -1;
    s->entry_count++;
    if (rdb_put_len(&s->entries, ID_SIZE, err) != 0 || put_raw_id(&s->entries, id, err) != 0)
        return -1;
    return rdb_string_put(&s->entries, listpack, err);
}

/*
 * Groups
 */

int typed_stream_add_group(struct typed_stream *s, const struct stream_group *group,
                           struct ft_err *err)
{
    struct typed_group *g;

    if (ARRAY_ADD_ROOM(&s->groups, s->group_count, "groups of a stream", err) != 0)
        return -1;
    g = &s->groups[s->group_count++];
    *g = (struct typed_group){.last_id = group->last_id, .entries_read = group->entries_read};
    value_digest_follow(&s->digest, 0, group->name);
    follow_id(s, group->last_id);
    follow_number(s, (uint64_t)group->entries_read);
    return buf_append(&g->name, group->name.p, group->name.n, err);
}

/* Where it is; count: it is not there. */
static size_t find_consumer(const struct typed_group *g, struct bytes name)
{
    size_t i = 0;

    while (i < g->consumer_count && !bytes_eq(buf_bytes(&g->consumers[i]), name))
        i++;
    return i;
}

int typed_stream_add_consumer(struct typed_stream *s, size_t group, struct bytes name,
                              struct ft_err *err)
{
    struct typed_group *g = &s->groups[group];

    if (find_consumer(g, name) < g->consumer_count)
        return 0;
    if (ARRAY_ADD_ROOM(&g->consumers, g->consumer_count, "consumers of a stream", err) != 0)
        return -1;
    g->consumers[g->consumer_count++] = (struct buf){0};
    value_digest_follow(&s->digest, 0, name);
    return buf_append(&g->consumers[g->consumer_count - 1], name.p, name.n, err);
}

int typed_stream_add_pending(struct typed_stream *s, size_t group, const struct stream_pending *p,
                             bool exact, struct ft_err *err)
{
    struct typed_group *g = &s->groups[group];

    if (typed_stream_add_consumer(s, group, p->consumer, err) != 0 ||
        ARRAY_RESERVE(&g->pending, &g->pending_capacity, g->pending_count + 1,
                      "pending entries of a stream", err) != 0)
        return -1;
    g->pending[g->pending_count++] = (struct typed_pending){
        p->id, p->delivery_time_ms, p->delivery_count, find_consumer(g, p->consumer)};
    value_digest_follow(&s->digest, 0, p->consumer);
    follow_id(s, p->id);
    follow_number(s, exact ? (uint64_t)p->delivery_time_ms : 0);
    follow_number(s, p->delivery_count);
    return 0;
}

struct bytes typed_stream_group_name(const struct typed_stream *s, size_t group)
{
    return buf_bytes(&s->groups[group].name);
}

uint64_t typed_stream_group_pending(const struct typed_stream *s, size_t group)
{
    return s->groups[group].pending_count;
}

struct stream_id typed_stream_last_pending(const struct typed_stream *s, size_t group)
{
    const struct typed_group *g = &s->groups[group];

    return g->pending_count == 0 ? (struct stream_id){0} : g->pending[g->pending_count - 1].id;
}

/*
 * The value
 */

static int put_id(struct buf *out, struct stream_id id, struct ft_err *err)
{
    return rdb_put_len(out, id.ms, err) != 0 ? -1 : rdb_put_len(out, id.seq, err);
}

static int put_time(struct buf *out, int64_t time_ms, struct ft_err *err)
{
    uint8_t bytes[8];

    store_le64(bytes, (uint64_t)time_ms);
    return buf_append(out, bytes, sizeof(bytes), err);
}

/* When it was seen last is not known, and does not count. */
static int put_consumer(struct buf *out, const struct typed_group *g, size_t consumer,
                        struct ft_err *err)
{
    uint64_t count = 0;

    for (size_t i = 0; i < g->pending_count; i++)
        count += g->pending[i].consumer == consumer;
    if (rdb_string_put(out, buf_bytes(&g->consumers[consumer]), err) != 0 ||
        put_time(out, 0, err) != 0 || rdb_put_len(out, count, err) != 0)
        return -1;
    for (size_t i = 0; i < g->pending_count; i++) {
        if (g->pending[i].consumer == consumer && put_raw_id(out, g->pending[i].id, err) != 0)
            return -1;
    }
    return 0;
}

static int put_group(struct typed_stream *s, const struct typed_group *g, struct ft_err *err)
{
    struct buf *out = &s->value;

    if (rdb_string_put(out, buf_bytes(&g->name), err) != 0 || put_id(out, g->last_id, err) != 0 ||
        (s->counters && rdb_put_len(out, (uint64_t)g->entries_read, err) != 0) ||
        rdb_put_len(out, g->pending_count, err) != 0)
        return -1;
    for (size_t i = 0; i < g->pending_count; i++) {
        const struct typed_pending *p = &g->pending[i];

        if (put_raw_id(out, p->id, err) != 0 || put_time(out, p->time_ms, err) != 0 ||
            rdb_put_len(out, p->count, err) != 0)
            return -1;
    }
    if (rdb_put_len(out, g->consumer_count, err) != 0)
        return -1;
    for (size_t i = 0; i < g->consumer_count; i++) {
        if (put_consumer(out, g, i, err) != 0)
            return -1;
    }
    return 0;
}

int typed_stream_end(struct typed_stream *s, uint8_t *ret_type, struct bytes *ret,
                     struct ft_err *err)
{
    const struct stream_head *head = &s->head;
    struct buf *out = &s->value;

    buf_clear(out);
    if (rdb_put_len(out, s->entry_count, err) != 0 ||
        buf_append(out, s->entries.p, s->entries.n, err) != 0 ||
        rdb_put_len(out, s->entry_count, err) != 0 || put_id(out, head->last_id, err) != 0)
        return -1;
    if (s->counters &&
        (put_id(out, head->first_id, err) != 0 || put_id(out, head->max_deleted_id, err) != 0 ||
         rdb_put_len(out, head->entries_added, err) != 0))
        return -1;
    if (rdb_put_len(out, s->group_count, err) != 0)
        return -1;
    for (size_t i = 0; i < s->group_count; i++) {
        if (put_group(s, &s->groups[i], err) != 0)
            return -1;
    }
    *ret_type = s->counters ? RDB_TYPE_STREAM_LISTPACKS_2 : RDB_TYPE_STREAM_LISTPACKS;
    *ret = buf_bytes(out);
    return 0;
}
