#include "rdb/rdb_stream_run.h"

#include "base/endian.h"
#include "rdb/rdb_stream_entry.h"

/* Are several entries to be had at once here? The checksum of what the window has is then computed later. */
static bool begin_many(struct rdb_stream *s, const struct window *in)
{
    if (s->state != STREAM_ITEM || s->in_payload || s->has_prefix || s->delivered != NULL)
        return false;
    if (!s->crc_waits)
        s->crc_pos = in->pos;
    s->crc_waits = true;
    return true;
}

size_t rdb_stream_pass(struct rdb_stream *s, struct window *in)
{
    if (!begin_many(s, in))
        return 0;
    s->w = s->blob.open ? &s->blob.window : in;
    return entry_pass(s);
}

/* The end of the plain entry at p; NULL: it is another one, or not whole. */
static inline const uint8_t *take_plain(const uint8_t *p, const uint8_t *end, struct rdb_plain *ret)
{
    const uint8_t *const from = p;
    struct rdb_string_head value;
    size_t head, n;

    ret->expire_ms = RDB_NO_EXPIRY;
    if ((size_t)(end - p) > EXPIRETIME_MS_SIZE && *p == RDB_OP_EXPIRETIME_MS) {
        ret->expire_ms = (int64_t)load_le64(p + 1);
        if (stream_expiry(ret->expire_ms) != ret->expire_ms)
            return NULL;
        p += EXPIRETIME_MS_SIZE;
    }
    if (p == end || *p != RDB_TYPE_STRING ||
        !rdb_string_is_raw(p + 1, (size_t)(end - p) - 1, &head, &n) || n > RDB_SKIP_KEY_MAX)
        return NULL;
    ret->key = bytes_of(p + 1 + head, n);
    p = ret->key.p + n;
    n = (size_t)(end - p);
    if (rdb_string_head_get(p, n, &value) != STEP_ITEM ||
        value.payload_size > n - value.head_size || value.payload_size > RDB_RUN_VALUE_MAX)
        return NULL;
    if (value.kind == RDB_STRING_LZF &&
        (value.raw_size > RDB_RUN_VALUE_MAX || !rdb_string_lzf_holds(&value, p + value.head_size)))
        return NULL;
    p += value.head_size + value.payload_size;
    ret->whole = bytes_of(from, (size_t)(p - from));
    return p;
}

int rdb_stream_run(struct rdb_stream *s, struct window *in, struct rdb_run *ret, struct ft_err *err)
{
    const uint8_t *begin, *p, *end, *next;
    uint64_t offset;

    ret->count = 0;
    if (s->options.skip_values || !begin_many(s, in))
        return 0;
    s->w = s->blob.open ? &s->blob.window : in;
    begin = p = stream_at(s);
    end = p + stream_left(s);
    offset = s->blob.open ? s->blob.offset : window_offset(in);
    while (ret->count < RDB_RUN_MAX &&
           (next = take_plain(p, end, &ret->entries[ret->count])) != NULL) {
        ret->entries[ret->count++].offset = s->blob.open ? offset : offset + (uint64_t)(p - begin);
        p = next;
    }
    if (ret->count == 0)
        return 0;
    ret->db = s->db;
    ret->dragonfly = stream_is_dragonfly(s);
    stream_consume(s, (size_t)(p - begin));
    return entry_remember(s, s->db, RDB_TYPE_STRING, ret->entries[ret->count - 1].key, err);
}

struct rdb_entry rdb_run_entry(const struct rdb_run *run, const struct rdb_plain *plain)
{
    const uint8_t *end = plain->whole.p + plain->whole.n;
    const uint8_t *value = plain->key.p + plain->key.n;
    const uint8_t *raw =
        plain->whole.p + (plain->expire_ms == RDB_NO_EXPIRY ? 0 : EXPIRETIME_MS_SIZE);

    return (struct rdb_entry){.db = run->db,
                              .type = RDB_TYPE_STRING,
                              .key = plain->key,
                              .value = bytes_of(value, (size_t)(end - value)),
                              .raw = bytes_of(raw, (size_t)(end - raw)),
                              .value_bytes = (uint64_t)(end - value),
                              .expire_ms = plain->expire_ms,
                              .dragonfly = run->dragonfly};
}
