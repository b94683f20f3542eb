#include "item/recode_members.h"

#include "base/endian.h"
#include "rdb/rdb_len.h"
#include "rdb/rdb_string.h"
#include "rdb/rdb_writer.h"

/*
 * How many elements a value has is known when the last one was written, and it stands in front of
 * them: room is left for it, and the value begins where it ends up in that room.
 */
#define FRONT_TIME 8
#define FRONT_ROOM (FRONT_TIME + RDB_LEN_MAX_SIZE)

/* The latest time of a hash field that Redis loads. Source: redis src/ebuckets.h (7.4). */
#define FIELD_TIME_MAX_MS (((int64_t)1 << 48) - 1)

static int begin_value(struct recoder *r, struct ft_err *err)
{
    if (buf_reserve(&r->out, FRONT_ROOM, err) != 0)
        return -1;
    r->out.n = FRONT_ROOM;
    return 0;
}

static struct bytes end_value(struct recoder *r, uint64_t count)
{
    uint8_t len[RDB_LEN_MAX_SIZE];
    size_t n = rdb_len_put(len, count);
    size_t at = FRONT_ROOM - n;

    memcpy(r->out.p + at, len, n);
    return bytes_of(r->out.p + at, r->out.n - at);
}

/* The same with a time in front of the count. */
static struct bytes end_timed_value(struct recoder *r, uint64_t count, int64_t time_ms)
{
    struct bytes value = end_value(r, count);
    size_t at = (size_t)(value.p - r->out.p) - FRONT_TIME;

    store_le64(r->out.p + at, (uint64_t)time_ms);
    return bytes_of(r->out.p + at, r->out.n - at);
}

static int put_string(struct recoder *r, struct bytes text, struct bytes stored, struct ft_err *err)
{
    if (stored.n > 0)
        return buf_append(&r->out, stored.p, stored.n, err);
    return rdb_string_put(&r->out, text, err);
}

static int put_element(struct recoder *r, uint8_t type, const struct value_element *e,
                       struct ft_err *err)
{
    uint8_t score[8];

    if (type == RDB_TYPE_HASH && put_string(r, e->field, e->stored_field, err) != 0)
        return -1;
    if (put_string(r, e->value, e->stored_value, err) != 0)
        return -1;
    if (type != RDB_TYPE_ZSET_2)
        return 0;
    store_le_double(score, e->score);
    return buf_append(&r->out, score, sizeof(score), err);
}

/* Writes the value as LIST, SET, HASH or ZSET_2, without the members that have expired. */
static enum recode_result write_members(struct recoder *r, const struct rdb_entry *entry,
                                        uint8_t type, struct recoded *ret, struct ft_err *err)
{
    struct value_element e;
    uint64_t count = 0;
    enum step step;

    if (value_iter_reset(r->it, entry->type, entry->value, err) != 0 || begin_value(r, err) != 0)
        return RECODE_ERROR;
    while ((step = value_iter_next(r->it, &e, err)) == STEP_ITEM) {
        if (e.expire_ms != VALUE_NO_TTL) {
            if (e.expire_ms <= r->now_ms)
                continue;
            ret->loss = LOSS_MEMBER_TTL;
        }
        if (put_element(r, type, &e, err) != 0)
            return RECODE_ERROR;
        count++;
    }
    if (step == STEP_ERROR)
        return RECODE_ERROR;
    if (count == 0)
        return RECODE_EMPTY;
    ret->type = type;
    ret->value = end_value(r, count);
    return RECODE_OK;
}

enum recode_result recode_list(struct recoder *r, const struct rdb_entry *entry,
                               struct recoded *ret, struct ft_err *err)
{
    return write_members(r, entry, RDB_TYPE_LIST, ret, err);
}

enum recode_result recode_list_with_bare_nodes(struct recoder *r, const struct rdb_entry *entry,
                                               struct recoded *ret, struct ft_err *err)
{
    int bare = value_bare_node(entry->value, err);

    if (bare < 0)
        return RECODE_ERROR;
    return bare ? recode_list(r, entry, ret, err) : RECODE_OK;
}

enum recode_result recode_set(struct recoder *r, const struct rdb_entry *entry, struct recoded *ret,
                              struct ft_err *err)
{
    return write_members(r, entry, RDB_TYPE_SET, ret, err);
}

enum recode_result recode_zset(struct recoder *r, const struct rdb_entry *entry,
                               struct recoded *ret, struct ft_err *err)
{
    return write_members(r, entry, RDB_TYPE_ZSET_2, ret, err);
}

static int64_t clamp_time(int64_t expire_ms)
{
    return expire_ms < FIELD_TIME_MAX_MS ? expire_ms : FIELD_TIME_MAX_MS;
}

/* The earliest time of a field, VALUE_NO_TTL if no field has one. */
static int find_first_expiry(struct recoder *r, const struct rdb_entry *entry,
                             int64_t *ret_expire_ms, struct ft_err *err)
{
    int64_t first_ms = VALUE_NO_TTL;
    struct value_element e;
    enum step step;

    if (value_iter_reset(r->it, entry->type, entry->value, err) != 0)
        return -1;
    while ((step = value_iter_next(r->it, &e, err)) == STEP_ITEM) {
        if (e.expire_ms != VALUE_NO_TTL && (first_ms == VALUE_NO_TTL || e.expire_ms < first_ms))
            first_ms = e.expire_ms;
    }
    *ret_expire_ms = first_ms;
    return step == STEP_ERROR ? -1 : 0;
}

/* HASH_METADATA: times count from one below the first of them, 0 is none. */
static enum recode_result write_timed_hash(struct recoder *r, const struct rdb_entry *entry,
                                           int64_t first_ms, struct recoded *ret,
                                           struct ft_err *err)
{
    struct value_element e;
    uint64_t count = 0;
    enum step step;

    first_ms = clamp_time(first_ms);
    if (value_iter_reset(r->it, entry->type, entry->value, err) != 0 || begin_value(r, err) != 0)
        return RECODE_ERROR;
    while ((step = value_iter_next(r->it, &e, err)) == STEP_ITEM) {
        uint64_t ttl = 0;

        if (e.expire_ms != VALUE_NO_TTL)
            ttl = (uint64_t)(clamp_time(e.expire_ms) - first_ms) + 1;
        if (rdb_put_len(&r->out, ttl, err) != 0 || put_element(r, RDB_TYPE_HASH, &e, err) != 0)
            return RECODE_ERROR;
        count++;
    }
    if (step == STEP_ERROR)
        return RECODE_ERROR;
    ret->type = RDB_TYPE_HASH_METADATA;
    ret->value = end_timed_value(r, count, first_ms);
    return RECODE_OK;
}

/* VALKEY_HASH: the time in full after the value, -1 for none. */
static enum recode_result write_valkey_hash(struct recoder *r, const struct rdb_entry *entry,
                                            struct recoded *ret, struct ft_err *err)
{
    struct value_element e;
    uint64_t count = 0;
    enum step step;

    if (value_iter_reset(r->it, entry->type, entry->value, err) != 0 || begin_value(r, err) != 0)
        return RECODE_ERROR;
    while ((step = value_iter_next(r->it, &e, err)) == STEP_ITEM) {
        uint8_t time[8];

        store_le64(time, (uint64_t)(e.expire_ms != VALUE_NO_TTL ? e.expire_ms : -1));
        if (put_element(r, RDB_TYPE_HASH, &e, err) != 0 ||
            buf_append(&r->out, time, sizeof(time), err) != 0)
            return RECODE_ERROR;
        count++;
    }
    if (step == STEP_ERROR)
        return RECODE_ERROR;
    ret->type = RDB_TYPE_VALKEY_HASH;
    ret->value = end_value(r, count);
    return RECODE_OK;
}

enum recode_result recode_hash(struct recoder *r, const struct rdb_entry *entry,
                               struct recoded *ret, struct ft_err *err)
{
    int64_t first_ms = VALUE_NO_TTL;

    if (r->target->member_ttl && find_first_expiry(r, entry, &first_ms, err) != 0)
        return RECODE_ERROR;
    if (first_ms != VALUE_NO_TTL && target_reads(r->target, RDB_TYPE_VALKEY_HASH))
        return write_valkey_hash(r, entry, ret, err);
    if (first_ms != VALUE_NO_TTL)
        return write_timed_hash(r, entry, first_ms, ret, err);
    return write_members(r, entry, RDB_TYPE_HASH, ret, err);
}
