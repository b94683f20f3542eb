#include "diff/typed_value.h"

#include "base/endian.h"
#include "rdb/rdb_len.h"
#include "rdb/rdb_string.h"
#include "rdb/rdb_writer.h"

/* In front of the elements: the time that the times of fields count from, and a number. */
#define FRONT_BYTES (8 + RDB_LEN_MAX_SIZE)
/* It stands for itself: 0 says that a field has no time. */
#define TIME_BASE_MS 1u
#define KEPT_BYTES   ((size_t)256 << 10)

int typed_value_begin(struct typed_value *v, enum value_class class_, bool timed,
                      struct ft_err *err)
{
    static const uint8_t front[FRONT_BYTES];

    v->class_ = class_;
    v->timed = timed && class_ == VALUE_HASH;
    v->count = 0;
    v->digest = (struct value_digest){0};
    if (v->seen.count != 0)
        key_set_release(&v->seen);
    buf_clear(&v->body);
    return buf_append(&v->body, front, sizeof(front), err);
}

static bool is_unordered(const struct typed_value *v)
{
    return v->class_ == VALUE_SET || v->class_ == VALUE_HASH;
}

/* 1: it has come before, 0, -1. */
static int is_known(struct typed_value *v, struct bytes name, struct ft_err *err)
{
    uint8_t hash[KEY_SET_HASH_SIZE];

    if (!is_unordered(v))
        return 0;
    key_set_hash(0, name, hash);
    if (key_set_has_hash(&v->seen, hash))
        return 1;
    return key_set_add(&v->seen, hash, err);
}

static void add_to_digest(struct typed_value *v, const struct value_element *e)
{
    struct value_digest one = {0};
    struct value_digest *d = is_unordered(v) ? &one : &v->digest;

    value_digest_follow(d, 0, e->field);
    value_digest_follow(d, 0, e->value);
    value_digest_follow(d, 0, bytes_of(&e->score, sizeof(e->score)));
    value_digest_follow(d, 0, bytes_of(&e->expire_ms, sizeof(e->expire_ms)));
    if (d == &one)
        value_digest_add(&v->digest, &one);
}

static int put_double(struct buf *out, double score, struct ft_err *err)
{
    uint8_t bytes[8];

    store_le_double(bytes, score);
    return buf_append(out, bytes, sizeof(bytes), err);
}

int typed_value_add(struct typed_value *v, const struct value_element *e, struct ft_err *err)
{
    bool pair = v->class_ == VALUE_HASH;
    int known = is_known(v, pair ? e->field : e->value, err);
    uint64_t time = e->expire_ms == VALUE_NO_TTL ? 0 : (uint64_t)e->expire_ms - TIME_BASE_MS + 1;

    if (known != 0)
        return known < 0 ? -1 : 0;
    v->count++;
    add_to_digest(v, e);
    if ((v->timed && rdb_put_len(&v->body, time, err) != 0) ||
        (pair && rdb_string_put(&v->body, e->field, err) != 0) ||
        rdb_string_put(&v->body, e->value, err) != 0)
        return -1;
    return v->class_ == VALUE_ZSET ? put_double(&v->body, e->score, err) : 0;
}

static uint8_t type_of(const struct typed_value *v)
{
    switch (v->class_) {
    case VALUE_LIST:
        return RDB_TYPE_LIST;
    case VALUE_SET:
        return RDB_TYPE_SET;
    case VALUE_ZSET:
        return RDB_TYPE_ZSET_2;
    case VALUE_HASH:
        return v->timed ? RDB_TYPE_HASH_METADATA : RDB_TYPE_HASH;
    case VALUE_JSON:
        return RDB_TYPE_DF_JSON;
    default:
        return RDB_TYPE_STRING;
    }
}

struct bytes typed_value_end(struct typed_value *v, uint8_t *ret_type)
{
    size_t begin = FRONT_BYTES;
    uint8_t number[RDB_LEN_MAX_SIZE];
    size_t n;

    *ret_type = type_of(v);
    if (v->class_ != VALUE_STRING && v->class_ != VALUE_JSON) {
        n = rdb_len_put(number, v->count);
        begin -= n;
        memcpy(v->body.p + begin, number, n);
    }
    if (v->timed) {
        begin -= 8;
        store_le64(v->body.p + begin, TIME_BASE_MS);
    }
    return bytes_of(v->body.p + begin, v->body.n - begin);
}

void typed_value_trim(struct typed_value *v)
{
    key_set_release(&v->seen);
    buf_clear(&v->body);
    buf_trim(&v->body, KEPT_BYTES);
}

void typed_value_release(struct typed_value *v)
{
    key_set_release(&v->seen);
    buf_release(&v->body);
}
