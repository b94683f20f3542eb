/*
 * Stream values. The listpacks of a stream hold a master entry (live entries, deleted entries,
 * number of fields, the fields, 0) and then entries: flags, id as differences to the master id,
 * [number of fields, fields and values | values of the master's fields], how many elements that
 * were. Source: redis src/t_stream.c and rdb.c (7.2).
 */
#include <stdlib.h>

#include "base/endian.h"
#include "rdb/listpack.h"
#include "rdb/rdb_len.h"
#include "rdb/rdb_string.h"
#include "rdb/value_iter.h"
#include "rdb/value_walk.h"

#define STRING_MAX_BYTES ((size_t)1 << 30)
#define STREAM_ID_SIZE   16
#define ENTRY_DELETED    1
#define ENTRY_SAMEFIELDS 2

/* Words in the order they came; integers are rendered into texts. */
struct words {
    struct buf list;  /* struct bytes; p is NULL for one of texts until words_settle */
    struct buf texts; /* the rendered integers, one behind the other */
};

/* Where entries are read: the listpack that is open, and the rest of the listpacks. */
struct entry_cursor {
    struct bytes in;
    uint64_t nodes_left;
    bool open;
    size_t node_at; /* in the value */
    struct stream_id master_id;
    uint64_t entries_left; /* as the master entry counts them, deleted ones too */
    struct listpack_iter listpack;
    struct buf id_scratch;
    struct buf blob_scratch;
    struct words fields; /* of the master entry */
    struct words entry;
};

struct pending {
    struct stream_id id;
    int64_t delivery_time_ms;
    uint64_t delivery_count;
};

/* Where groups are read: each level has how many items are to come. */
struct group_cursor {
    struct bytes in;
    uint64_t groups_left;
    uint64_t consumers_left;
    uint64_t pending_left;
    struct bytes consumer;
    struct buf group_name;
    struct buf consumer_name;
    struct buf pending; /* struct pending of the group, sorted by id */
};

struct stream_iter {
    struct bytes value;
    struct stream_head head;
    struct bytes listpacks;
    struct entry_cursor entries;
    struct group_cursor groups;
};

static size_t position(const struct stream_iter *it, const struct bytes *in)
{
    return (size_t)(in->p - it->value.p);
}

static int corrupt_at(const struct stream_iter *it, size_t at, const char *what, struct ft_err *err)
{
    return err_at(err, FT_ERR_CORRUPT, at, "%s value: %s", rdb_type_name(it->head.type), what);
}

static int within(const struct stream_iter *it, size_t at, struct ft_err *err)
{
    err->offset = at;
    return err_wrap(err, "%s value, part at offset %zu", rdb_type_name(it->head.type), at);
}

static int take_len(const struct stream_iter *it, struct bytes *in, uint64_t *ret,
                    struct ft_err *err)
{
    int used = rdb_len_get(in->p, in->n, ret);

    if (used <= 0)
        return corrupt_at(it, position(it, in), used == 0 ? "ends early" : "bad length", err);
    *in = bytes_of(in->p + used, in->n - (size_t)used);
    return 0;
}

static int take_raw(const struct stream_iter *it, struct bytes *in, size_t n, const uint8_t **ret,
                    struct ft_err *err)
{
    if (in->n < n)
        return corrupt_at(it, position(it, in), "ends early", err);
    *ret = in->p;
    *in = bytes_of(in->p + n, in->n - n);
    return 0;
}

static int take_string(const struct stream_iter *it, struct bytes *in, struct buf *scratch,
                       struct bytes *ret, struct ft_err *err)
{
    size_t at = position(it, in);

    if (rdb_string_take(in, ret, scratch, err) != 0)
        return within(it, at, err);
    return 0;
}

static int skip_string(const struct stream_iter *it, struct bytes *in, struct ft_err *err)
{
    size_t at = position(it, in);

    if (rdb_string_skip(in, err) != 0)
        return within(it, at, err);
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

static struct stream_id load_id(const uint8_t *p)
{
    struct stream_id id = {load_be64(p), load_be64(p + 8)};

    return id;
}

static int compare_ids(struct stream_id a, struct stream_id b)
{
    if (a.ms != b.ms)
        return a.ms < b.ms ? -1 : 1;
    return a.seq < b.seq ? -1 : a.seq > b.seq;
}

/* Words. */

static size_t words_count(const struct words *w)
{
    return w->list.n / sizeof(struct bytes);
}

static struct bytes *words_at(const struct words *w)
{
    return (struct bytes *)(void *)w->list.p;
}

static void words_clear(struct words *w)
{
    buf_clear(&w->list);
    buf_clear(&w->texts);
}

static void words_release(struct words *w)
{
    buf_release(&w->list);
    buf_release(&w->texts);
}

static int words_add_bytes(struct words *w, struct bytes word, struct ft_err *err)
{
    return buf_append(&w->list, &word, sizeof(word), err);
}

static int words_add(struct words *w, const struct blob_element *e, struct ft_err *err)
{
    char digits[I64_TEXT_SIZE];
    struct bytes text = blob_element_text(e, digits);

    if (!e->is_integer)
        return words_add_bytes(w, text, err);
    if (buf_append(&w->texts, text.p, text.n, err) != 0)
        return -1;
    return words_add_bytes(w, bytes_of(NULL, text.n), err);
}

/* Texts may have moved while they grew: only now do the words point to them. */
static void words_settle(struct words *w)
{
    const uint8_t *text = w->texts.p;
    struct bytes *word = words_at(w);

    for (size_t i = 0; i < words_count(w); i++) {
        if (word[i].p == NULL) {
            word[i].p = text;
            text += word[i].n;
        }
    }
}

/* Listpacks and their entries. */

static int take_element(const struct stream_iter *it, struct entry_cursor *c,
                        struct blob_element *ret, struct ft_err *err)
{
    enum step step = listpack_iter_next(&c->listpack, ret, err);

    if (step == STEP_END)
        return corrupt_at(it, c->node_at, "listpack ends within an entry", err);
    return step == STEP_ITEM ? 0 : within(it, c->node_at, err);
}

static int take_number(const struct stream_iter *it, struct entry_cursor *c, int64_t *ret,
                       struct ft_err *err)
{
    struct blob_element e;

    if (take_element(it, c, &e, err) != 0)
        return -1;
    if (!blob_element_integer(&e, ret))
        return corrupt_at(it, c->node_at, "listpack has a text where a number belongs", err);
    return 0;
}

/* A number of elements, each of which takes two bytes or more. */
static int take_count(const struct stream_iter *it, struct entry_cursor *c, uint64_t *ret,
                      struct ft_err *err)
{
    int64_t count;

    if (take_number(it, c, &count, err) != 0)
        return -1;
    if (count < 0 || count > (c->listpack.end - c->listpack.p) / 2)
        return corrupt_at(it, c->node_at, "listpack has an impossible number of entries or fields",
                          err);
    *ret = (uint64_t)count;
    return 0;
}

static int take_master_entry(const struct stream_iter *it, struct entry_cursor *c,
                             struct ft_err *err)
{
    uint64_t live;
    uint64_t deleted;
    uint64_t fields;
    int64_t end;

    if (take_count(it, c, &live, err) != 0 || take_count(it, c, &deleted, err) != 0 ||
        take_count(it, c, &fields, err) != 0)
        return -1;
    c->entries_left = live + deleted;
    words_clear(&c->fields);
    for (uint64_t i = 0; i < fields; i++) {
        struct blob_element e;

        if (take_element(it, c, &e, err) != 0 || words_add(&c->fields, &e, err) != 0)
            return -1;
    }
    words_settle(&c->fields);
    if (take_number(it, c, &end, err) != 0)
        return -1;
    if (end != 0)
        return corrupt_at(it, c->node_at, "listpack without the 0 behind its master entry", err);
    return 0;
}

static int open_node(const struct stream_iter *it, struct entry_cursor *c, struct ft_err *err)
{
    struct bytes id;
    struct bytes blob;

    c->node_at = position(it, &c->in);
    if (take_string(it, &c->in, &c->id_scratch, &id, err) != 0)
        return -1;
    if (id.n != STREAM_ID_SIZE)
        return corrupt_at(it, c->node_at, "master id is not 16 bytes", err);
    c->master_id = load_id(id.p);
    c->node_at = position(it, &c->in);
    if (take_string(it, &c->in, &c->blob_scratch, &blob, err) != 0)
        return -1;
    if (listpack_iter_init(&c->listpack, blob, err) != 0)
        return within(it, c->node_at, err);
    if (take_master_entry(it, c, err) != 0)
        return -1;
    c->nodes_left--;
    c->open = true;
    return 0;
}

/* The end of the listpack must be where the master entry says. */
static int close_node(const struct stream_iter *it, struct entry_cursor *c, struct ft_err *err)
{
    struct blob_element e;
    enum step step = listpack_iter_next(&c->listpack, &e, err);

    if (step == STEP_ITEM)
        return corrupt_at(it, c->node_at, "listpack with more entries than it counts", err);
    c->open = false;
    return step == STEP_END ? 0 : within(it, c->node_at, err);
}

/* The fields and values, and the count of elements behind them. */
static int take_words(const struct stream_iter *it, struct entry_cursor *c, bool same_fields,
                      struct ft_err *err)
{
    uint64_t fields = words_count(&c->fields);
    uint64_t want = same_fields ? fields + 3 : 0;
    int64_t elements;

    if (!same_fields) {
        if (take_count(it, c, &fields, err) != 0)
            return -1;
        want = 2 * fields + 4;
    }
    words_clear(&c->entry);
    for (uint64_t i = 0; i < fields; i++) {
        struct blob_element e;

        if (same_fields) {
            if (words_add_bytes(&c->entry, words_at(&c->fields)[i], err) != 0)
                return -1;
        } else if (take_element(it, c, &e, err) != 0 || words_add(&c->entry, &e, err) != 0) {
            return -1;
        }
        if (take_element(it, c, &e, err) != 0 || words_add(&c->entry, &e, err) != 0)
            return -1;
    }
    words_settle(&c->entry);
    if (take_number(it, c, &elements, err) != 0)
        return -1;
    if (elements < 0 || (uint64_t)elements != want)
        return corrupt_at(it, c->node_at, "listpack entry with a wrong count of its elements", err);
    return 0;
}

static int take_entry(const struct stream_iter *it, struct entry_cursor *c, bool *ret_deleted,
                      struct stream_id *ret_id, struct ft_err *err)
{
    int64_t flags;
    int64_t ms;
    int64_t seq;

    if (take_number(it, c, &flags, err) != 0 || take_number(it, c, &ms, err) != 0 ||
        take_number(it, c, &seq, err) != 0)
        return -1;
    if (take_words(it, c, (flags & ENTRY_SAMEFIELDS) != 0, err) != 0)
        return -1;
    c->entries_left--;
    ret_id->ms = c->master_id.ms + (uint64_t)ms;
    ret_id->seq = c->master_id.seq + (uint64_t)seq;
    *ret_deleted = (flags & ENTRY_DELETED) != 0;
    return 0;
}

static enum step next_entry(const struct stream_iter *it, struct entry_cursor *c,
                            struct stream_entry *ret, struct ft_err *err)
{
    for (;;) {
        struct stream_id id;
        bool deleted;

        if (c->open && c->entries_left == 0 && close_node(it, c, err) != 0)
            return STEP_ERROR;
        if (!c->open) {
            if (c->nodes_left == 0)
                return STEP_END;
            if (open_node(it, c, err) != 0)
                return STEP_ERROR;
            continue;
        }
        if (take_entry(it, c, &deleted, &id, err) != 0)
            return STEP_ERROR;
        if (deleted)
            continue;
        ret->id = id;
        ret->words = words_at(&c->entry);
        ret->word_count = words_count(&c->entry);
        return STEP_ITEM;
    }
}

static void entry_cursor_init(struct entry_cursor *c)
{
    c->id_scratch.limit_bytes = STRING_MAX_BYTES;
    c->blob_scratch.limit_bytes = STRING_MAX_BYTES;
}

static void entry_cursor_release(struct entry_cursor *c)
{
    buf_release(&c->id_scratch);
    buf_release(&c->blob_scratch);
    words_release(&c->fields);
    words_release(&c->entry);
}

/* The head. */

static int take_listpacks(struct stream_iter *it, struct bytes *in, struct ft_err *err)
{
    const uint8_t *begin = in->p;
    uint64_t nodes;

    if (take_len(it, in, &nodes, err) != 0)
        return -1;
    it->entries.in = *in;
    it->entries.nodes_left = nodes;
    for (uint64_t i = 0; i < nodes; i++) {
        if (skip_string(it, in, err) != 0 || skip_string(it, in, err) != 0)
            return -1;
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
        .nodes_left = it->entries.nodes_left,
    };
    struct stream_entry entry;
    enum step step;

    entry_cursor_init(&c);
    step = next_entry(it, &c, &entry, err);
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

    if (type != RDB_TYPE_STREAM_LISTPACKS && type != RDB_TYPE_STREAM_LISTPACKS_2 &&
        type != RDB_TYPE_STREAM_LISTPACKS_3)
        return err_set(err, FT_ERR_UNSUPPORTED, "values of type %u are no streams", type);
    it = calloc(1, sizeof(*it));
    if (it == NULL)
        return err_nomem(err, "a stream iterator");
    it->value = value;
    it->head.type = type;
    entry_cursor_init(&it->entries);
    it->groups.group_name.limit_bytes = STRING_MAX_BYTES;
    it->groups.consumer_name.limit_bytes = STRING_MAX_BYTES;
    if (take_head(it, &in, err) != 0) {
        stream_iter_free(it);
        return -1;
    }
    it->groups.in = in;
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
    return next_entry(it, &it->entries, ret, err);
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
    ret->id = load_id(p);
    ret->delivery_time_ms = (int64_t)load_le64(p + STREAM_ID_SIZE);
    return take_len(it, in, &ret->delivery_count, err);
}

/* Reads the group's list, which consumers refer to by id. */
static int load_pending(struct stream_iter *it, uint64_t count, struct ft_err *err)
{
    struct group_cursor *g = &it->groups;
    size_t at = position(it, &g->in);
    struct pending *list;

    buf_clear(&g->pending);
    for (uint64_t i = 0; i < count; i++) {
        struct pending entry;

        if (take_pending(it, &g->in, &entry, err) != 0 ||
            buf_append(&g->pending, &entry, sizeof(entry), err) != 0)
            return -1;
    }
    list = (struct pending *)(void *)g->pending.p;
    for (uint64_t i = 1; i < count; i++) {
        if (compare_ids(list[i - 1].id, list[i].id) >= 0) {
            qsort(list, count, sizeof(*list), compare_pending);
            break;
        }
    }
    for (uint64_t i = 1; i < count; i++) {
        if (compare_ids(list[i - 1].id, list[i].id) == 0)
            return corrupt_at(it, at, "group with the same pending entry twice", err);
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

static int take_group(struct stream_iter *it, struct stream_group *ret, struct ft_err *err)
{
    struct group_cursor *g = &it->groups;
    uint64_t entries_read = UINT64_MAX;
    const uint8_t *pending;

    if (take_string(it, &g->in, &g->group_name, &ret->name, err) != 0 ||
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
    return take_len(it, &g->in, &ret->consumer_count, err);
}

enum step stream_iter_next_group(struct stream_iter *it, struct stream_group *ret,
                                 struct ft_err *err)
{
    struct group_cursor *g = &it->groups;
    struct stream_group group;

    if (leave_group(it, err) != 0)
        return STEP_ERROR;
    if (g->groups_left == 0) {
        if (g->in.n != 0)
            return corrupt_at(it, position(it, &g->in), "bytes left over behind the groups", err);
        return STEP_END;
    }
    if (take_group(it, &group, err) != 0)
        return STEP_ERROR;
    g->groups_left--;
    g->consumers_left = group.consumer_count;
    *ret = group;
    return STEP_ITEM;
}

static int take_consumer(struct stream_iter *it, struct stream_consumer *ret, struct ft_err *err)
{
    struct group_cursor *g = &it->groups;
    const uint8_t *p;

    if (take_string(it, &g->in, &g->consumer_name, &ret->name, err) != 0 ||
        take_raw(it, &g->in, 8, &p, err) != 0)
        return -1;
    ret->seen_time_ms = (int64_t)load_le64(p);
    ret->active_time_ms = ret->seen_time_ms;
    if (it->head.type == RDB_TYPE_STREAM_LISTPACKS_3) {
        if (take_raw(it, &g->in, 8, &p, err) != 0)
            return -1;
        ret->active_time_ms = (int64_t)load_le64(p);
    }
    if (take_len(it, &g->in, &ret->pending_count, err) != 0)
        return -1;
    if (ret->pending_count > g->in.n / STREAM_ID_SIZE)
        return corrupt_at(it, position(it, &g->in), "ends early", err);
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
    g->consumers_left--;
    g->pending_left = consumer.pending_count;
    g->consumer = consumer.name;
    *ret = consumer;
    return STEP_ITEM;
}

enum step stream_iter_next_pending(struct stream_iter *it, struct stream_pending *ret,
                                   struct ft_err *err)
{
    struct group_cursor *g = &it->groups;
    size_t at = position(it, &g->in);
    struct pending wanted = {0};
    const struct pending *found;
    const uint8_t *p;

    if (g->pending_left == 0)
        return STEP_END;
    if (take_raw(it, &g->in, STREAM_ID_SIZE, &p, err) != 0)
        return STEP_ERROR;
    wanted.id = load_id(p);
    found = g->pending.n == 0 ? NULL
                              : bsearch(&wanted, g->pending.p, g->pending.n / sizeof(wanted),
                                        sizeof(wanted), compare_pending);
    if (found == NULL)
        return corrupt_at(it, at, "consumer with a pending entry that its group does not have",
                          err);
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
