#include "replay/position/replay_batch.h"

#include <xxhash.h>

#include "base/endian.h"
#include "command/command_table.h"
#include "resp/resp_write.h"
#include "target/local_script.h"

#define KEEP_BYTES (1u << 20)
/* Of an array of command arguments. Two arrays are one argument of the script, and every server takes 1 MiB. */
#define PACKED_BYTES ((size_t)512 << 10)
/* Of further arguments in memory; what is more waits in a file. */
#define MORE_BYTES ((size_t)4 << 20)

/* MessagePack: marks, and what a number or a string may add in front. */
#define HEAD_SIZE     5
#define MP_ARRAY32    0xdd
#define MP_FIXARRAY   0x90
#define MP_STR32      0xdb
#define MP_STR16      0xda
#define MP_FIXSTR     0xa0
#define MP_FIXSTR_MAX 31u
#define MP_FIXINT_MAX 127
#define MP_UINT16     0xcd
#define MP_INT64      0xd3
#define NUMBER_SIZE   9
#define UINT16_SIZE   3

static void put_array_head(uint8_t head[HEAD_SIZE], uint32_t count)
{
    head[0] = MP_ARRAY32;
    store_be32(head + 1, count);
}

/* Room for one more element of `size` bytes, and for the head in front of the first. */
static int array_reserve(struct replay_array *a, size_t size, struct ft_err *err)
{
    if (buf_reserve(&a->bytes, size + HEAD_SIZE, err) != 0)
        return -1;
    if (a->bytes.n == 0)
        a->bytes.n = HEAD_SIZE;
    return 0;
}

/* There is room for it. */
static void put_string_head(struct buf *out, size_t n)
{
    if (n <= MP_FIXSTR_MAX) {
        buf_push(out, (uint8_t)(MP_FIXSTR | n));
    } else if (n <= UINT16_MAX) {
        buf_push(out, MP_STR16);
        buf_push(out, (uint8_t)(n >> 8));
        buf_push(out, (uint8_t)n);
    } else {
        buf_push(out, MP_STR32);
        store_be32(out->p + out->n, (uint32_t)n);
        out->n += 4;
    }
}

static int array_put(struct replay_array *a, struct bytes arg, struct ft_err *err)
{
    if (array_reserve(a, arg.n + HEAD_SIZE, err) != 0)
        return -1;
    put_string_head(&a->bytes, arg.n);
    a->count++;
    return buf_append(&a->bytes, arg.p, arg.n, err);
}

/* An array of nothing within the array. */
static int array_put_empty(struct replay_array *a, struct ft_err *err)
{
    if (array_reserve(a, 1, err) != 0)
        return -1;
    buf_push(&a->bytes, MP_FIXARRAY);
    a->count++;
    return 0;
}

static void put_uint16(uint8_t at[UINT16_SIZE], uint32_t number)
{
    at[0] = MP_UINT16;
    at[1] = (uint8_t)(number >> 8);
    at[2] = (uint8_t)number;
}

static int array_put_number(struct replay_array *a, int64_t number, struct ft_err *err)
{
    struct buf *out = &a->bytes;

    if (array_reserve(a, NUMBER_SIZE, err) != 0)
        return -1;
    if (number >= 0 && number <= MP_FIXINT_MAX) {
        buf_push(out, (uint8_t)number);
    } else if (number >= 0 && number <= UINT16_MAX) {
        put_uint16(out->p + out->n, (uint32_t)number);
        out->n += UINT16_SIZE;
    } else {
        buf_push(out, MP_INT64);
        store_be32(out->p + out->n, (uint32_t)((uint64_t)number >> 32));
        store_be32(out->p + out->n + 4, (uint32_t)number);
        out->n += 8;
    }
    a->count++;
    return 0;
}

static int array_take(struct replay_array *a, struct bytes *ret, struct ft_err *err)
{
    if (array_reserve(a, 0, err) != 0)
        return -1;
    put_array_head(a->bytes.p, a->count);
    *ret = buf_bytes(&a->bytes);
    return 0;
}

static void array_clear(struct replay_array *a)
{
    buf_clear(&a->bytes);
    buf_trim(&a->bytes, KEEP_BYTES);
    a->count = 0;
}

/*
 * Arguments of commands
 */

static int put_more(struct replay_batch *b, char kind, struct bytes argument, struct ft_err *err)
{
    struct buf head = {0};
    int rc = resp_put_arg_head(&head, argument.n, err);

    b->more.memory_bytes = MORE_BYTES;
    if (rc == 0)
        rc = spool_append(&b->more, head.p, head.n, err);
    buf_release(&head);
    if (rc != 0 || spool_append(&b->more, argument.p, argument.n, err) != 0 ||
        spool_append(&b->more, RESP_LINE_END, strlen(RESP_LINE_END), err) != 0)
        return -1;
    return buf_append(&b->more_kinds, &kind, 1, err);
}

/* The command arguments so far become one of the script. */
static int close_args(struct replay_batch *b, struct ft_err *err)
{
    struct bytes packed;

    if (b->args.count == 0)
        return 0;
    if (array_take(&b->args, &packed, err) != 0 || put_more(b, 'p', packed, err) != 0)
        return -1;
    array_clear(&b->args);
    return 0;
}

/* With what MessagePack adds. */
static bool has_room(const struct replay_array *a, size_t bytes)
{
    size_t room = PACKED_BYTES - (size_t)4 * HEAD_SIZE;

    return bytes <= room && a->bytes.n <= room - bytes;
}

static int put_arg(struct replay_batch *b, struct bytes arg, struct ft_err *err)
{
    if (has_room(&b->args, arg.n))
        return array_put(&b->args, arg, err);
    if (close_args(b, err) != 0)
        return -1;
    return has_room(&b->args, arg.n) ? array_put(&b->args, arg, err) : put_more(b, 'w', arg, err);
}

int replay_batch_field(struct replay_batch *b, struct bytes name, struct bytes value,
                       struct ft_err *err)
{
    if (b->steps != NULL)
        return replay_steps_field(b->steps, name, value, err);
    if (array_put(&b->fields, name, err) != 0)
        return -1;
    return array_put(&b->fields, value, err);
}

int replay_batch_forget(struct replay_batch *b, struct bytes field, struct ft_err *err)
{
    return b->steps != NULL ? replay_steps_forget(b->steps, field, err)
                            : array_put(&b->forget, field, err);
}

/*
 * What may be put first
 */

static uint64_t *touched_arg(struct replay_batch *b, uint32_t db, struct bytes key, uint64_t *ret)
{
    uint64_t hash = XXH3_64bits_withSeed(key.p, key.n, db);

    *ret = UINT64_C(1) << (hash & 63);
    return &b->touched[(hash >> 6) % (REPLAY_TOUCHED_BITS / 64)];
}

static bool is_touched(struct replay_batch *b, uint32_t db, struct bytes key)
{
    uint64_t bit;

    return (*touched_arg(b, db, key, &bit) & bit) != 0;
}

static bool keys_are_plain(const struct command_row *row)
{
    return row != NULL && row->key_first > 0 && row->find_keys == NULL && row->plan == PLAN_NONE &&
           (row->flags & ~(unsigned)COMMAND_SPLIT) == 0;
}

static void touch(struct replay_batch *b, uint32_t db, struct bytes key)
{
    uint64_t bit;
    uint64_t *arg = touched_arg(b, db, key, &bit);

    *arg |= bit;
}

/* EVAL script 1 key ...: scripts of one key touch nothing else; those of a source may. */
static bool is_script_of_one_key(const struct bytes *args, size_t count)
{
    return count > 3 && bytes_eq_str(args[0], "EVAL") && bytes_eq_str(args[2], "1") &&
           local_script_is_own(args[1]);
}

static void touch_keys(struct replay_batch *b, uint32_t db, const struct bytes *args, size_t count)
{
    const struct command_row *row;
    long last;

    if (b->closed)
        return;
    if (is_script_of_one_key(args, count)) {
        touch(b, db, args[3]);
        return;
    }
    row = command_find(args[0]);
    if (!keys_are_plain(row)) {
        b->closed = true;
        return;
    }
    last = row->key_last < 0 ? (long)count + row->key_last : row->key_last;
    for (long i = row->key_first; i <= last && i < (long)count; i += row->key_step)
        touch(b, db, args[i]);
}

static bool may_go_first(struct replay_batch *b, uint32_t db, const struct bytes *args,
                         size_t count)
{
    return !b->closed && count == 3 && bytes_eq_str(args[0], "SET") && !is_touched(b, db, args[1]);
}

static bool goes_first(struct replay_batch *b, uint32_t db, const struct bytes *args, size_t count)
{
    return b->join_sets && may_go_first(b, db, args, count) &&
           (b->sets.count == 0 || b->set_db == db) && b->sets.count + 2 < REPLAY_ARGS_MAX &&
           args[1].n <= PACKED_BYTES && args[2].n <= PACKED_BYTES &&
           has_room(&b->sets, args[1].n + args[2].n);
}

static int put_first(struct replay_batch *b, uint32_t db, const struct bytes *args,
                     struct ft_err *err)
{
    b->set_db = db;
    if (array_put(&b->sets, args[1], err) != 0)
        return -1;
    return array_put(&b->sets, args[2], err);
}

/*
 * Commands
 */

static int put_shape(struct replay_batch *b, struct bytes name, size_t count, struct ft_err *err)
{
    bool own = bytes_eq_str(name, "EVAL") || bytes_eq_str(name, "FLUSHALL") ||
               bytes_eq_str(name, "FLUSHDB");

    return array_put_number(&b->shapes, (int64_t)count + (own ? REPLAY_SHAPE_OWN : 0), err);
}

static int put_db(struct replay_array *shapes, uint32_t db, struct ft_err *err)
{
    return array_put_number(shapes, -1 - (int64_t)db, err);
}

static int put_tag(struct buf *tags, const char *tag, struct ft_err *err)
{
    return buf_append_str(tags, tag, err) != 0 ? -1 : buf_append_str(tags, " ", err);
}

static int put_next(struct replay_batch *b, uint32_t db, const struct bytes *args, size_t count,
                    struct ft_err *err)
{
    if (b->join_sets)
        touch_keys(b, db, args, count);
    if (b->db != db && put_db(&b->shapes, db, err) != 0)
        return -1;
    b->db = db;
    if (put_shape(b, args[0], count, err) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (put_arg(b, args[i], err) != 0)
            return -1;
    }
    return 0;
}

static int add_step(struct replay_batch *b, uint32_t db, const char *tag, const struct bytes *args,
                    size_t count, struct ft_err *err)
{
    bool ahead = b->join_sets && may_go_first(b, db, args, count);

    if (replay_steps_add(b->steps, db, tag, args, count, err) != 0)
        return -1;
    if ((!ahead || !replay_steps_mark_ahead(b->steps)) && b->join_sets)
        touch_keys(b, db, args, count);
    return 0;
}

int replay_batch_add(struct replay_batch *b, uint32_t db, const char *tag, const struct bytes *args,
                     size_t count, struct ft_err *err)
{
    bool first;

    if (b->steps != NULL)
        return add_step(b, db, tag, args, count, err);
    first = goes_first(b, db, args, count);
    if (put_tag(first ? &b->set_tags : &b->tags, tag, err) != 0 ||
        (first ? put_first(b, db, args, err) : put_next(b, db, args, count, err)) != 0)
        return -1;
    b->command_count++;
    return 0;
}

void replay_batch_begin_group(struct replay_batch *b)
{
    b->closed = false;
}

bool replay_batch_goes_ahead(struct replay_batch *b, uint32_t db, const struct bytes *args,
                             size_t count)
{
    if (may_go_first(b, db, args, count))
        return true;
    touch_keys(b, db, args, count);
    return false;
}

int replay_batch_add_set(struct replay_batch *b, const char *tag, const struct bytes *args,
                         struct ft_err *err)
{
    if (put_tag(&b->tags, tag, err) != 0 || put_arg(b, args[1], err) != 0 ||
        put_arg(b, args[2], err) != 0)
        return -1;
    b->command_count++;
    return 0;
}

int replay_batch_end_sets(struct replay_batch *b, size_t count, struct ft_err *err)
{
    return array_put_number(&b->shapes, (int64_t)(REPLAY_SHAPE_SETS + count), err);
}

int replay_refusal_put(struct buf *out, uint32_t db, const char *tag, const struct bytes *args,
                       size_t count, const char *error, struct ft_err *err)
{
    struct replay_array why = {0};
    struct replay_array command = {0};
    struct bytes inner = {0};
    struct bytes outer;
    char number[I64_TEXT_SIZE];
    int rc = array_put(&command, bytes_of(number, i64_to_text(db, number)), err);

    if (rc == 0)
        rc = array_put(&command, bytes_str(tag), err);
    if (rc == 0)
        rc = array_put_empty(&command, err);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = array_put(&command, args[i], err);
    if (rc == 0)
        rc = array_take(&command, &inner, err);
    if (rc == 0)
        rc = array_put(&why, bytes_str(error), err);
    why.count++; /* inner */
    if (rc == 0)
        rc = array_take(&why, &outer, err);
    if (rc == 0)
        rc = buf_append(out, outer.p, outer.n, err);
    if (rc == 0)
        rc = buf_append(out, inner.p, inner.n, err);
    buf_release(&why.bytes);
    buf_release(&command.bytes);
    return rc;
}

size_t replay_batch_commands(const struct replay_batch *b)
{
    return b->steps != NULL ? b->steps->step_count : b->command_count;
}

bool replay_batch_is_empty(const struct replay_batch *b)
{
    if (b->steps != NULL)
        return b->steps->fields.count == 0 && b->steps->step_count == 0 &&
               b->steps->forget.count == 0;
    return b->fields.count == 0 && b->command_count == 0 && b->forget.count == 0;
}

size_t replay_batch_bytes(const struct replay_batch *b)
{
    if (b->steps != NULL)
        return b->steps->bytes;
    return b->sets.bytes.n + b->args.bytes.n + (size_t)spool_size(&b->more);
}

static int append_array(struct replay_array *a, const struct replay_array *more, struct ft_err *err)
{
    if (more->count == 0)
        return 0;
    a->count += more->count;
    return buf_append(&a->bytes, more->bytes.p + HEAD_SIZE, more->bytes.n - HEAD_SIZE, err);
}

/* A script begins in database 0, and so do the other commands. */
static int put_set_shapes(struct replay_batch *b, struct ft_err *err)
{
    struct replay_array *a = &b->set_shapes;

    if (b->set_db != 0 && put_db(a, b->set_db, err) != 0)
        return -1;
    if (array_put_number(a, REPLAY_SHAPE_SETS + b->sets.count / 2, err) != 0)
        return -1;
    return b->set_db == 0 ? 0 : put_db(a, 0, err);
}

/* What is put first, and then the rest. */
static int take_with_sets(struct replay_batch *b, struct replay_batch_parts *ret,
                          struct ft_err *err)
{
    if (put_set_shapes(b, err) != 0 || append_array(&b->set_shapes, &b->shapes, err) != 0 ||
        append_array(&b->sets, &b->args, err) != 0 ||
        buf_append(&b->set_tags, b->tags.p, b->tags.n, err) != 0 ||
        array_take(&b->set_shapes, &ret->shapes, err) != 0 ||
        array_take(&b->sets, &ret->args, err) != 0)
        return -1;
    ret->tags = buf_bytes(&b->set_tags);
    return 0;
}

int replay_batch_take(struct replay_batch *b, struct replay_batch_parts *ret, struct ft_err *err)
{
    if (array_take(&b->fields, &ret->fields, err) != 0 ||
        array_take(&b->forget, &ret->forget, err) != 0 ||
        (b->more_kinds.n != 0 && close_args(b, err) != 0))
        return -1;
    ret->more_kinds = buf_bytes(&b->more_kinds);
    ret->more = &b->more;
    if (b->sets.count != 0)
        return take_with_sets(b, ret, err);
    if (array_take(&b->args, &ret->args, err) != 0 ||
        array_take(&b->shapes, &ret->shapes, err) != 0)
        return -1;
    ret->tags = buf_bytes(&b->tags);
    return 0;
}

void replay_batch_clear(struct replay_batch *b)
{
    array_clear(&b->fields);
    array_clear(&b->args);
    spool_release(&b->more);
    buf_clear(&b->more_kinds);
    array_clear(&b->shapes);
    array_clear(&b->forget);
    buf_clear(&b->tags);
    b->command_count = 0;
    b->db = 0;
    array_clear(&b->sets);
    array_clear(&b->set_shapes);
    buf_clear(&b->set_tags);
    b->closed = false;
    memset(b->touched, 0, sizeof(b->touched));
}

void replay_batch_release(struct replay_batch *b)
{
    buf_release(&b->fields.bytes);
    buf_release(&b->args.bytes);
    spool_release(&b->more);
    buf_release(&b->more_kinds);
    buf_release(&b->shapes.bytes);
    buf_release(&b->forget.bytes);
    buf_release(&b->tags);
    buf_release(&b->sets.bytes);
    buf_release(&b->set_shapes.bytes);
    buf_release(&b->set_tags);
}
