#include "rdb/rdb_stream_entry.h"

#include <inttypes.h>

#include "rdb/rdb_stream_tag.h"

/* Types whose value is one string: bytes that stand for such a type in every stream. */
#define ONE_STRING_TYPES                                                                     \
    (1u << RDB_TYPE_STRING | 1u << RDB_TYPE_HASH_ZIPMAP | 1u << RDB_TYPE_LIST_ZIPLIST |      \
     1u << RDB_TYPE_SET_INTSET | 1u << RDB_TYPE_ZSET_ZIPLIST | 1u << RDB_TYPE_HASH_ZIPLIST | \
     1u << RDB_TYPE_HASH_LISTPACK | 1u << RDB_TYPE_ZSET_LISTPACK | 1u << RDB_TYPE_SET_LISTPACK)

int entry_remember(struct rdb_stream *s, uint32_t db, uint8_t type, struct bytes key,
                   struct ft_err *err)
{
    if (s->origin == ORIGIN_DRAGONFLY)
        return 0;
    s->owner.db = db;
    s->owner.type = type;
    s->owner_told = false;
    buf_clear(&s->owner_key);
    return buf_append(&s->owner_key, key.p, key.n, err);
}

static inline enum step deliver(struct rdb_stream *s, struct rdb_item *ret, struct ft_err *err)
{
    if (entry_remember(s, s->entry.db, s->entry.type, s->entry.key, err) != 0)
        return STEP_ERROR;
    ret->kind = RDB_ITEM_ENTRY;
    ret->offset = s->offset;
    ret->number = 0;
    ret->name = bytes_of(NULL, 0);
    ret->bytes = bytes_of(NULL, 0);
    ret->skipped_bytes = s->skipped_bytes;
    ret->entry = s->entry;
    s->state = STREAM_ITEM;
    entry_reset(s);
    return STEP_ITEM;
}

/* The key as it lies after the type byte at p. */
static inline int decode_key(struct rdb_stream *s, const uint8_t *p, struct bytes *ret,
                             struct ft_err *err)
{
    const size_t head = s->key_head.head_size;
    const size_t n = (size_t)s->key_head.payload_size;
    struct bytes in;

    if (s->key_head.kind == RDB_STRING_RAW) {
        *ret = bytes_of(p + 1 + head, n);
        return 0;
    }
    in = bytes_of(p + 1, head + n);
    if (rdb_string_take(&in, ret, &s->name, err) == 0)
        return 0;
    return err_wrap(err, "key at offset %" PRIu64, window_offset(s->w));
}

/* Collecting: the whole entry, not consumed yet, lies at the window's front. */
static enum step deliver_kept(struct rdb_stream *s, struct rdb_item *ret, struct ft_err *err)
{
    const uint8_t *p = stream_at(s);
    size_t n = s->walk.walked;

    if (decode_key(s, p, &s->entry.key, err) != 0)
        return STEP_ERROR;
    s->entry.raw = bytes_of(p, n);
    if (p[0] != rdb_byte_of_type(
                    s->entry.type)) /* JSON of old Dragonflies, which nobody else takes for that */
        s->entry.raw = bytes_of(NULL, 0);
    s->entry.value = bytes_of(p + s->value_at, n - s->value_at);
    s->entry.value_bytes = n - s->value_at;
    stream_consume(s, n);
    return deliver(s, ret, err);
}

/* Skipping: the whole value was consumed. */
static enum step deliver_passed(struct rdb_stream *s, struct rdb_item *ret, struct ft_err *err)
{
    s->entry.value = bytes_of(NULL, 0);
    s->entry.raw = bytes_of(NULL, 0);
    s->entry.value_bytes = s->walk.passed;
    return deliver(s, ret, err);
}

enum step entry_go(struct rdb_stream *s, struct rdb_item *ret, struct ft_err *err)
{
    enum step step = stream_walk_go(s, err);

    if (step != STEP_ITEM)
        return step;
    return s->walk.keep ? deliver_kept(s, ret, err) : deliver_passed(s, ret, err);
}

/* Skipping: the value begins, after a key that was consumed. */
static enum step begin_passing(struct rdb_stream *s, struct rdb_item *ret, struct ft_err *err)
{
    enum step step;

    stream_walk_start(s, RDB_ITEM_ENTRY, false, 0);
    value_walk_begin(&s->walk.walk, s->entry.type);
    step = entry_go(s, ret, err);
    /* What the key points to will be gone when the value ends. */
    if (step == STEP_MORE && s->entry.key.n != 0 && s->entry.key.p != s->name.p) {
        buf_clear(&s->name);
        if (buf_append(&s->name, s->entry.key.p, s->entry.key.n, err) != 0)
            return STEP_ERROR;
        s->entry.key = buf_bytes(&s->name);
    }
    return step;
}

static enum step begin_keeping(struct rdb_stream *s, struct rdb_item *ret, struct ft_err *err)
{
    stream_walk_start(s, RDB_ITEM_ENTRY, true, s->value_at);
    value_walk_begin(&s->walk.walk, s->entry.type);
    return entry_go(s, ret, err);
}

static enum step begin_long_key(struct rdb_stream *s)
{
    s->entry.key = bytes_of(NULL, 0);
    s->skip_left = s->key_head.payload_size;
    s->skipped_bytes = s->key_head.payload_size;
    stream_consume(s, 1 + s->key_head.head_size);
    s->state = STREAM_SKIP_KEY;
    return STEP_AGAIN;
}

enum step entry_after_long_key(struct rdb_stream *s, struct rdb_item *ret, struct ft_err *err)
{
    return s->in_payload ? tag_open(s, s->entry.key, err) : begin_passing(s, ret, err);
}

enum step entry_begin(struct rdb_stream *s, struct rdb_item *ret, struct ft_err *err)
{
    const uint8_t *p = stream_at(s);
    size_t n = stream_left(s);
    int type = rdb_type_of_byte(s->header, s->origin != ORIGIN_REDIS, p[0]);
    enum step step;

    if (type < 0)
        return stream_unread(s, p[0], "value type", err);
    step = rdb_string_head_get(p + 1, n - 1, &s->key_head);
    if (step == STEP_ERROR)
        return stream_bad(s, err, "0x%02x does not begin a key", p[1]);
    if (step == STEP_MORE)
        return STEP_MORE;
    s->entry.db = s->db;
    s->entry.type = (uint8_t)type;
    s->entry.dragonfly = stream_is_dragonfly(s);
    if (stream_is_long(s, &s->key_head, RDB_SKIP_KEY_MAX))
        return begin_long_key(s);
    if (s->key_head.payload_size > n - 1 - s->key_head.head_size)
        return stream_want(s, s->key_head.payload_size, err);
    s->value_at = 1 + s->key_head.head_size + (size_t)s->key_head.payload_size;
    if (!s->options.skip_values && !s->in_payload)
        return begin_keeping(s, ret, err);
    if (decode_key(s, p, &s->entry.key, err) != 0)
        return STEP_ERROR;
    stream_consume(s, s->value_at);
    return s->in_payload ? tag_open(s, s->entry.key, err) : begin_passing(s, ret, err);
}

enum step entry_plain(struct rdb_stream *s, struct rdb_item *ret, struct ft_err *err)
{
    const uint8_t *p = stream_at(s);
    const size_t n = stream_left(s);
    size_t head, key_bytes, key_end, value_bytes, end;

    if (n == 0 || p[0] != RDB_TYPE_STRING || !rdb_string_is_raw(p + 1, n - 1, &head, &key_bytes) ||
        key_bytes > RDB_SKIP_KEY_MAX)
        return STEP_AGAIN;
    key_end = 1 + head + key_bytes;
    if (!rdb_string_is_raw(p + key_end, n - key_end, &head, &value_bytes))
        return STEP_AGAIN;
    end = key_end + head + value_bytes;
    entry_place(s);
    s->entry.key = bytes_of(p + key_end - key_bytes, key_bytes);
    s->entry.db = s->db;
    s->entry.type = RDB_TYPE_STRING;
    s->entry.dragonfly = stream_is_dragonfly(s);
    s->entry.value_bytes = end - key_end;
    if (s->options.skip_values) {
        s->entry.value = bytes_of(NULL, 0);
        s->entry.raw = bytes_of(NULL, 0);
    } else {
        s->entry.value = bytes_of(p + key_end, end - key_end);
        s->entry.raw = bytes_of(p, end);
    }
    stream_consume(s, end);
    return deliver(s, ret, err);
}

/* The end of the string at p, if all of it is there. */
static inline const uint8_t *string_end(const uint8_t *p, const uint8_t *end,
                                        struct rdb_string_head *ret)
{
    const size_t n = (size_t)(end - p);

    if (rdb_string_head_get(p, n, ret) != STEP_ITEM || ret->payload_size > n - ret->head_size)
        return NULL;
    return p + ret->head_size + ret->payload_size;
}

/* A compressed key, or one too long to be held, is looked at more closely than this. */
static inline const uint8_t *whole_entry(const uint8_t *p, const uint8_t *end)
{
    struct rdb_string_head head;

    if ((size_t)(end - p) > EXPIRETIME_MS_SIZE && *p == RDB_OP_EXPIRETIME_MS)
        p += EXPIRETIME_MS_SIZE;
    if (p == end || *p > RDB_TYPE_SET_LISTPACK || (ONE_STRING_TYPES >> *p & 1) == 0)
        return NULL;
    p = string_end(p + 1, end, &head);
    if (p == NULL || head.kind == RDB_STRING_LZF || head.payload_size > RDB_SKIP_KEY_MAX)
        return NULL;
    return string_end(p, end, &head);
}

size_t entry_pass(struct rdb_stream *s)
{
    const uint8_t *p = stream_at(s);
    const uint8_t *end = p + stream_left(s);
    const uint8_t *next;
    size_t entries = 0;

    for (; (next = whole_entry(p, end)) != NULL; p = next)
        entries++;
    if (entries == 0)
        return 0;
    buf_clear(&s->owner_key);
    stream_consume(s, (size_t)(p - stream_at(s)));
    return entries;
}
