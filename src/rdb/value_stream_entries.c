/*
 * The entries of stream values. The listpacks of a stream hold a master entry (live entries, deleted entries,
 * number of fields, the fields, 0) and then entries: flags, id as differences to the master id,
 * [number of fields, fields and values | values of the master's fields], how many elements that
 * were. Source: redis src/t_stream.c and rdb.c (7.2).
 */
#include "rdb/value_stream_entries.h"

#include "base/passed_memory.h"

#define ENTRY_DELETED    1
#define ENTRY_SAMEFIELDS 2

/* Arguments. */

static size_t args_count(const struct command_args *w)
{
    return w->list.n / sizeof(struct bytes);
}

static struct bytes *args_at(const struct command_args *w)
{
    return (struct bytes *)(void *)w->list.p;
}

static void command_args_clear(struct command_args *w)
{
    buf_clear(&w->list);
    buf_clear(&w->texts);
}

static void command_args_release(struct command_args *w)
{
    buf_release(&w->list);
    buf_release(&w->texts);
}

static int args_add_bytes(struct command_args *w, struct bytes arg, struct ft_err *err)
{
    return buf_append(&w->list, &arg, sizeof(arg), err);
}

static int command_args_add(struct command_args *w, const struct blob_element *e,
                            struct ft_err *err)
{
    char digits[I64_TEXT_SIZE];
    struct bytes text = blob_element_text(e, digits);

    if (!e->is_integer)
        return args_add_bytes(w, text, err);
    if (buf_append(&w->texts, text.p, text.n, err) != 0)
        return -1;
    return args_add_bytes(w, bytes_of(NULL, text.n), err);
}

/* Texts may have moved while they grew: only now do the arguments point to them. */
static void args_locate(struct command_args *w)
{
    const uint8_t *text = w->texts.p;
    struct bytes *arg = args_at(w);

    for (size_t i = 0; i < args_count(w); i++) {
        if (arg[i].p == NULL) {
            arg[i].p = text;
            text += arg[i].n;
        }
    }
}

/* Listpacks and their entries. */

static int take_element(const struct stream_iter *it, struct entry_cursor *c,
                        struct blob_element *ret, struct ft_err *err)
{
    enum step step = listpack_iter_next(&c->listpack, ret, err);

    if (step == STEP_END)
        return stream_corrupt_at(it, c->node_at, "listpack ends within an entry", err);
    return step == STEP_ITEM ? 0 : stream_within(it, c->node_at, err);
}

static int take_number(const struct stream_iter *it, struct entry_cursor *c, int64_t *ret,
                       struct ft_err *err)
{
    struct blob_element e;

    if (take_element(it, c, &e, err) != 0)
        return -1;
    if (!blob_element_integer(&e, ret))
        return stream_corrupt_at(it, c->node_at, "listpack has a text where a number belongs", err);
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
        return stream_corrupt_at(it, c->node_at,
                                 "listpack has an impossible number of entries or fields", err);
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
    command_args_clear(&c->fields);
    for (uint64_t i = 0; i < fields; i++) {
        struct blob_element e;

        if (take_element(it, c, &e, err) != 0 || command_args_add(&c->fields, &e, err) != 0)
            return -1;
    }
    args_locate(&c->fields);
    if (take_number(it, c, &end, err) != 0)
        return -1;
    if (end != 0)
        return stream_corrupt_at(it, c->node_at, "listpack without the 0 after its master entry",
                                 err);
    return 0;
}

static int open_node(const struct stream_iter *it, struct entry_cursor *c, struct ft_err *err)
{
    struct bytes id;
    struct bytes blob;

    c->node_at = stream_position(it, &c->in);
    if (stream_take_string(it, &c->in, &c->id_scratch, &id, err) != 0)
        return -1;
    if (id.n != STREAM_ID_SIZE)
        return stream_corrupt_at(it, c->node_at, "master id is not 16 bytes", err);
    c->master_id = stream_load_id(id.p);
    c->node_at = stream_position(it, &c->in);
    if (stream_take_string(it, &c->in, &c->blob_scratch, &blob, err) != 0)
        return -1;
    if (listpack_iter_init(&c->listpack, blob, err) != 0)
        return stream_within(it, c->node_at, err);
    if (take_master_entry(it, c, err) != 0)
        return -1;
    c->passed = memory_pass(c->passed, c->in.p);
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
        return stream_corrupt_at(it, c->node_at, "listpack with more entries than it counts", err);
    c->open = false;
    return step == STEP_END ? 0 : stream_within(it, c->node_at, err);
}

/* The fields and values, and the count of elements after them. */
static int take_args(const struct stream_iter *it, struct entry_cursor *c, bool same_fields,
                     struct ft_err *err)
{
    uint64_t fields = args_count(&c->fields);
    uint64_t want = same_fields ? fields + 3 : 0;
    int64_t elements;

    if (!same_fields) {
        if (take_count(it, c, &fields, err) != 0)
            return -1;
        want = 2 * fields + 4;
    }
    command_args_clear(&c->entry);
    for (uint64_t i = 0; i < fields; i++) {
        struct blob_element e;

        if (same_fields) {
            if (args_add_bytes(&c->entry, args_at(&c->fields)[i], err) != 0)
                return -1;
        } else if (take_element(it, c, &e, err) != 0 || command_args_add(&c->entry, &e, err) != 0) {
            return -1;
        }
        if (take_element(it, c, &e, err) != 0 || command_args_add(&c->entry, &e, err) != 0)
            return -1;
    }
    args_locate(&c->entry);
    if (take_number(it, c, &elements, err) != 0)
        return -1;
    if (elements < 0 || (uint64_t)elements != want)
        return stream_corrupt_at(it, c->node_at,
                                 "listpack entry with a wrong count of its elements", err);
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
    if (take_args(it, c, (flags & ENTRY_SAMEFIELDS) != 0, err) != 0)
        return -1;
    c->entries_left--;
    ret_id->ms = c->master_id.ms + (uint64_t)ms;
    ret_id->seq = c->master_id.seq + (uint64_t)seq;
    *ret_deleted = (flags & ENTRY_DELETED) != 0;
    return 0;
}

enum step entry_cursor_next(const struct stream_iter *it, struct entry_cursor *c,
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
        ret->args = args_at(&c->entry);
        ret->arg_count = args_count(&c->entry);
        return STEP_ITEM;
    }
}

void entry_cursor_init(struct entry_cursor *c)
{
    c->id_scratch.limit_bytes = RDB_STRING_MAX_BYTES;
    c->blob_scratch.limit_bytes = RDB_STRING_MAX_BYTES;
}

void entry_cursor_release(struct entry_cursor *c)
{
    buf_release(&c->id_scratch);
    buf_release(&c->blob_scratch);
    command_args_release(&c->fields);
    command_args_release(&c->entry);
}
