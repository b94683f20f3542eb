#include "item/times_shift.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/endian.h"
#include "item/dump.h"
#include "rdb/rdb_len.h"
#include "rdb/rdb_string.h"
#include "rdb/value_iter.h"

/* EVAL script 1 key and two more */
#define SCRIPT_TIME 6u

/* Which times are moved, and how far. */
struct move {
    int64_t delta_ms;
    int64_t from_ms, to_ms; /* those before `to` only */
    int64_t least_ms;       /* what is earlier is moved as if it were this */
    int64_t first_ms;       /* the earliest that was moved; 0: none */
};

static int64_t moved_time(int64_t time_ms, struct move *move)
{
    if (time_ms < move->from_ms || time_ms >= move->to_ms)
        return time_ms;
    if (time_ms < move->least_ms)
        time_ms = move->least_ms;
    if (move->first_ms == 0 || time_ms < move->first_ms)
        move->first_ms = time_ms;
    return time_ms + move->delta_ms;
}

/* All field times of HASH_METADATA and HASH_LISTPACK_EX hang on the LE64 in front only in the first
 * type; so both are written as HASH_METADATA again. */
static int put_hash(struct value_iter *it, struct move *move, uint64_t count, struct buf *out,
                    struct ft_err *err)
{
    uint8_t number[RDB_LEN_MAX_SIZE];
    struct value_element element;
    enum step step;
    static const uint8_t zero_minimum[8];

    if (buf_append(out, zero_minimum, 8, err) != 0 ||
        buf_append(out, number, rdb_len_put(number, count), err) != 0)
        return -1;
    while ((step = value_iter_next(it, &element, err)) == STEP_ITEM) {
        /* relative to a minimum of 0 a time is written plus one, 0 is none */
        uint64_t ttl = element.expire_ms == VALUE_NO_TTL
                           ? 0
                           : (uint64_t)(moved_time(element.expire_ms, move) + 1);

        if (buf_append(out, number, rdb_len_put(number, ttl), err) != 0 ||
            rdb_string_put(out, element.field, err) != 0 ||
            rdb_string_put(out, element.value, err) != 0)
            return -1;
    }
    return step == STEP_ERROR ? -1 : 0;
}

/* VALKEY_HASH: a time in full after each value, -1 for none. */
static int put_valkey_hash(struct value_iter *it, struct move *move, uint64_t count,
                           struct buf *out, struct ft_err *err)
{
    uint8_t number[RDB_LEN_MAX_SIZE];
    struct value_element element;
    enum step step;

    if (buf_append(out, number, rdb_len_put(number, count), err) != 0)
        return -1;
    while ((step = value_iter_next(it, &element, err)) == STEP_ITEM) {
        int64_t time_ms =
            element.expire_ms == VALUE_NO_TTL ? -1 : moved_time(element.expire_ms, move);
        uint8_t time[8];

        store_le64(time, (uint64_t)time_ms);
        if (rdb_string_put(out, element.field, err) != 0 ||
            rdb_string_put(out, element.value, err) != 0 ||
            buf_append(out, time, sizeof(time), err) != 0)
            return -1;
    }
    return step == STEP_ERROR ? -1 : 0;
}

uint8_t times_shift_type(unsigned type)
{
    return type == RDB_TYPE_VALKEY_HASH ? RDB_TYPE_VALKEY_HASH : RDB_TYPE_HASH_METADATA;
}

static bool has_field_times(unsigned type)
{
    return type == RDB_TYPE_HASH_METADATA || type == RDB_TYPE_HASH_LISTPACK_EX ||
           type == RDB_TYPE_VALKEY_HASH;
}

static int count_elements(unsigned type, struct bytes value, uint64_t *ret, struct ft_err *err)
{
    struct value_element element;
    struct value_iter *it;
    enum step step;

    *ret = 0;
    if (value_iter_new(&it, type, value, err) != 0)
        return -1;
    while ((step = value_iter_next(it, &element, err)) == STEP_ITEM)
        ++*ret;
    value_iter_free(it);
    return step == STEP_ERROR ? -1 : 0;
}

static int move_value(unsigned type, struct bytes value, struct move *move, struct buf *out,
                      struct ft_err *err)
{
    struct value_iter *it;
    uint64_t count;
    int rc;

    buf_clear(out);
    if (!has_field_times(type))
        return 0;
    if (count_elements(type, value, &count, err) != 0 || value_iter_new(&it, type, value, err) != 0)
        return -1;
    rc = type == RDB_TYPE_VALKEY_HASH ? put_valkey_hash(it, move, count, out, err)
                                      : put_hash(it, move, count, out, err);
    value_iter_free(it);
    return rc;
}

int times_shift_value(unsigned type, struct bytes value, int64_t delta_ms, struct buf *out,
                      struct ft_err *err)
{
    struct move move = {.delta_ms = delta_ms, .from_ms = INT64_MIN, .to_ms = INT64_MAX};

    return move_value(type, value, &move, out, err);
}

static const struct move undo_move = {
    .delta_ms = -TIMES_SHIFT_MS, .from_ms = TIMES_MOVED_MS, .to_ms = INT64_MAX};

int times_shift_undo_value(unsigned type, struct bytes value, struct buf *out, struct ft_err *err)
{
    struct move move = undo_move;

    return move_value(type, value, &move, out, err);
}

static int copy_args(struct times_shift *s, const struct bytes *args, size_t count,
                     struct ft_err *err)
{
    if (ARRAY_RESERVE(&s->args, &s->capacity, count, "a command", err) != 0)
        return -1;
    memcpy(s->args, args, count * sizeof(*args));
    return 0;
}

/* Moves the number in argument i; something that is not a number is the server's to refuse. */
static void shift_arg(struct times_shift *s, size_t i, int64_t delta_ms)
{
    int64_t value;

    if (!bytes_to_i64(s->args[i], &value) || __builtin_add_overflow(value, delta_ms, &value))
        return;
    s->args[i] = bytes_of(s->number, i64_to_text(value, s->number));
}

/* The number after an option, from argument `from` on; 0: there is none. */
static size_t option_value(const struct bytes *args, size_t count, size_t from, const char *option)
{
    for (size_t i = from; i + 1 < count; i++) {
        if (bytes_is_word(args[i], option))
            return i + 1;
    }
    return 0;
}

/* The argument that says when the key ends; 0: there is none. */
static size_t key_time_arg(const struct bytes *args, size_t count)
{
    if (bytes_is_word(args[0], "SET"))
        return option_value(args, count, 3, "PXAT");
    if (bytes_is_word(args[0], "PEXPIREAT"))
        return count > 2 ? 2 : 0;
    if (bytes_is_word(args[0], "RESTORE"))
        return count > 3 && !bytes_eq_str(args[2], "0") ? 2 : 0;
    return 0;
}

/* The argument that says when fields of a hash end; 0: there is none. */
static size_t field_time_arg(const struct times_shift *s, const struct bytes *args, size_t count)
{
    if (bytes_is_word(args[0], "HSETEX") || bytes_is_word(args[0], "HGETEX"))
        return option_value(args, count < 8 ? count : 8, 2, "PXAT");
    if (s->script != NULL && count > SCRIPT_TIME && bytes_is_word(args[0], "EVAL") &&
        bytes_eq_str(args[1], s->script))
        return bytes_eq_str(args[SCRIPT_TIME], "-") ? 0 : SCRIPT_TIME;
    return bytes_is_word(args[0], "HPEXPIREAT") && count > 2 ? 2 : 0;
}

static int move_payload(struct times_shift *s, struct bytes payload, struct move *move,
                        struct ft_err *err)
{
    struct buf value = {0};
    struct dump dump;
    int rc = 0;

    buf_clear(&s->payload);
    /* of the others not even the checksum is looked at: they can be large */
    if (payload.n == 0 || (!has_field_times(payload.p[0]) && payload.p[0] != RDB_BYTE_VALKEY_HASH))
        return 0;
    if (dump_parse(payload, &dump, err) != 0)
        return -1;
    if (!has_field_times(dump.type)) /* one byte, several meanings */
        return 0;
    if (move_value(dump.type, dump.value, move, &value, err) != 0)
        rc = -1;
    if (rc == 0)
        rc = dump_append(&s->payload, times_shift_type(dump.type), buf_bytes(&value),
                         dump.rdb_version, err);
    buf_release(&value);
    return rc;
}

int times_shift_run(struct times_shift *s, const struct bytes *args, size_t count, int64_t delta_ms,
                    const struct bytes **ret_args, struct ft_err *err)
{
    struct move move = {.delta_ms = delta_ms, .from_ms = INT64_MIN, .to_ms = INT64_MAX};
    size_t at = key_time_arg(args, count);

    if (copy_args(s, args, count, err) != 0)
        return -1;
    if (at == 0)
        at = field_time_arg(s, args, count);
    if (at != 0)
        shift_arg(s, at, delta_ms);
    if (count > 3 && bytes_is_word(args[0], "RESTORE")) {
        if (move_payload(s, args[3], &move, err) != 0)
            return -1;
        if (s->payload.n != 0)
            s->args[3] = buf_bytes(&s->payload);
    }
    *ret_args = s->args;
    return 0;
}

/* Moves the time that an argument gives, and those of a payload; the arguments are copied before the first. */
static int move_command(struct times_shift *s, const struct bytes *args, size_t count, size_t at,
                        bool payload, struct move *move, const struct bytes **ret_args,
                        struct ft_err *err)
{
    int64_t time_ms;
    int64_t moved_ms;

    *ret_args = args;
    if (at != 0 && bytes_to_i64(args[at], &time_ms)) {
        moved_ms = moved_time(time_ms, move);
        if (moved_ms != time_ms) {
            if (copy_args(s, args, count, err) != 0)
                return -1;
            s->args[at] = bytes_of(s->number, i64_to_text(moved_ms, s->number));
            *ret_args = s->args;
        }
    }
    if (!payload || count <= 3 || !bytes_is_word(args[0], "RESTORE"))
        return 0;
    if (move_payload(s, args[3], move, err) != 0 ||
        (s->payload.n != 0 && *ret_args == args && copy_args(s, args, count, err) != 0))
        return -1;
    if (s->payload.n != 0) {
        s->args[3] = buf_bytes(&s->payload);
        *ret_args = s->args;
    }
    return 0;
}

int times_shift_defer(struct times_shift *s, const struct bytes *args, size_t count,
                      int64_t until_ms, bool fields, const struct bytes **ret_args,
                      int64_t *ret_end_ms, struct ft_err *err)
{
    struct move move = {.delta_ms = TIMES_SHIFT_MS,
                        .from_ms = INT64_MIN,
                        .least_ms = TIMES_EARLIEST_MS,
                        .to_ms = until_ms < TIMES_MOVED_MS ? until_ms + 1 : TIMES_MOVED_MS};
    size_t at = key_time_arg(args, count);

    if (at == 0 && fields)
        at = field_time_arg(s, args, count);
    if (move_command(s, args, count, at, fields, &move, ret_args, err) != 0)
        return -1;
    *ret_end_ms = move.first_ms;
    return 0;
}

int times_shift_undo(struct times_shift *s, const struct bytes *args, size_t count,
                     const struct bytes **ret_args, struct ft_err *err)
{
    struct move move = undo_move;
    size_t at = key_time_arg(args, count);

    if (at == 0)
        at = field_time_arg(s, args, count);
    return move_command(s, args, count, at, true, &move, ret_args, err);
}

void times_shift_release(struct times_shift *s)
{
    free(s->args);
    buf_release(&s->payload);
    *s = (struct times_shift){0};
}
