#include "lib/t_rdb.h"

#include <inttypes.h>
#include <lz4frame.h>
#include <stdlib.h>
#include <zstd.h>

#include "base/crc64.h"
#include "base/endian.h"
#include "rdb/rdb_len.h"
#include "rdb/rdb_stream_run.h"
#include "rdb/rdb_version.h"
#include "rdb/value_walk.h"

void *t_rdb_open(const void *options)
{
    struct rdb_stream *s = NULL;
    struct ft_err err = FT_ERR_INIT;

    t_ok(rdb_stream_new(&s, options, &err), &err);
    return s;
}

static void print_bytes(struct buf *out, const char *label, struct bytes b)
{
    struct ft_err err = FT_ERR_INIT;

    t_ok(buf_printf(out, &err, " %s=", label), &err);
    feed_digest(out, b);
}

static void print_number(struct buf *out, const char *label, int64_t n)
{
    struct ft_err err = FT_ERR_INIT;

    t_ok(buf_printf(out, &err, " %s=%" PRId64, label, n), &err);
}

static void print_entry(const struct rdb_entry *e, struct buf *out)
{
    struct ft_err err = FT_ERR_INIT;

    t_ok(buf_printf(out, &err, "%" PRIu32 "/", e->db), &err);
    feed_digest(out, e->key);
    t_ok(buf_printf(out, &err, " %s:%" PRIu64, rdb_type_name(e->type), e->value_bytes), &err);
    if (e->value.p != NULL)
        print_bytes(out, "value", e->value);
    if (e->raw.p != NULL) {
        assert_int_equal(e->raw.p[0], rdb_byte_of_type(e->type));
        assert_true(e->raw.p + e->raw.n == e->value.p + e->value.n);
    }
    if (e->expire_ms != RDB_NO_EXPIRY)
        print_number(out, "expire", e->expire_ms);
    if (e->has_idle)
        print_number(out, "idle", (int64_t)e->idle_s);
    if (e->has_freq)
        print_number(out, "freq", e->freq);
    if (e->has_mc_flags)
        print_number(out, "mc", e->mc_flags);
    if (e->sticky)
        t_ok(buf_append_str(out, " sticky", &err), &err);
    if (e->has_key_meta)
        t_ok(buf_append_str(out, " meta", &err), &err);
}

static void print_item(const struct rdb_item *item, struct buf *out)
{
    static const char *const names[] = {
        [RDB_ITEM_HEADER] = "header",
        [RDB_ITEM_AUX] = "aux",
        [RDB_ITEM_SELECTDB] = "selectdb",
        [RDB_ITEM_RESIZEDB] = "resizedb",
        [RDB_ITEM_ENTRY] = "",
        [RDB_ITEM_FUNCTION] = "function",
        [RDB_ITEM_FUNCTION_PRE_GA] = "function-pre-ga",
        [RDB_ITEM_MODULE_AUX] = "module-aux",
        [RDB_ITEM_INDEX] = "index",
        [RDB_ITEM_SLOT_IMPORT] = "slot-import",
        [RDB_ITEM_JOURNAL_BLOB] = "journal-blob",
        [RDB_ITEM_JOURNAL_OFFSET] = "journal-offset",
        [RDB_ITEM_FULLSYNC_END] = "fullsync-end",
        [RDB_ITEM_EOF] = "eof",
    };
    struct ft_err err = FT_ERR_INIT;

    t_ok(buf_printf(out, &err, "@%" PRIu64 " %s", item->offset, names[item->kind]), &err);
    if (item->kind == RDB_ITEM_ENTRY)
        print_entry(&item->entry, out);
    if (item->number != 0)
        print_number(out, "n", (int64_t)item->number);
    if (item->name.n != 0)
        print_bytes(out, "name", item->name);
    if (item->bytes.n != 0)
        print_bytes(out, "bytes", item->bytes);
    if (item->kind == RDB_ITEM_AUX && item->entry.key.n != 0)
        print_bytes(out, "of", item->entry.key);
    if (item->skipped_bytes != 0)
        print_number(out, "skipped", (int64_t)item->skipped_bytes);
    t_ok(buf_append_str(out, "\n", &err), &err);
}

enum step t_rdb_next(void *stream, struct window *in, struct buf *out, struct ft_err *err)
{
    struct rdb_item item;
    enum step step = rdb_stream_next(stream, in, &item, err);

    if (step == STEP_ITEM)
        print_item(&item, out);
    return step;
}

void t_rdb_close(void *stream)
{
    rdb_stream_free(stream);
}

static const struct rdb_stream_options dragonfly = {.dragonfly = true};
static const struct rdb_stream_options redis_verify = {.verify_checksum = true};
const struct rdb_stream_options t_rdb_dragonfly_skip = {.dragonfly = true, .skip_values = true};
const struct rdb_stream_options t_rdb_detect = {.detect = true, .verify_checksum = true};

const struct feed_adapter t_rdb_flow = T_RDB_ADAPTER(dragonfly);
const struct feed_adapter t_rdb_flow_skip = T_RDB_ADAPTER(t_rdb_dragonfly_skip);
const struct feed_adapter t_rdb_file = T_RDB_ADAPTER(redis_verify);
const struct feed_adapter t_rdb_any = T_RDB_ADAPTER(t_rdb_detect);

/* ---- the same items, of which plain entries come in runs ---- */

struct by_runs {
    struct rdb_stream *stream;
    struct rdb_run run;
    size_t told; /* of the run */
};

static void *open_by_runs(const void *options)
{
    struct by_runs *r = calloc(1, sizeof(*r));

    assert_non_null(r);
    r->stream = t_rdb_open(options);
    return r;
}

static enum step next_by_runs(void *context, struct window *in, struct buf *out, struct ft_err *err)
{
    struct by_runs *r = context;
    struct rdb_item item = {.kind = RDB_ITEM_ENTRY};

    if (r->told == r->run.count) {
        r->told = 0;
        t_ok(rdb_stream_run(r->stream, in, &r->run, err), err);
    }
    if (r->run.count == 0)
        return t_rdb_next(r->stream, in, out, err);
    item.offset = r->run.entries[r->told].offset;
    item.entry = rdb_run_entry(&r->run, &r->run.entries[r->told++]);
    print_item(&item, out);
    return STEP_ITEM;
}

static void close_by_runs(void *context)
{
    struct by_runs *r = context;

    t_rdb_close(r->stream);
    free(r);
}

static struct feed_adapter by_runs(const struct feed_adapter *a)
{
    return (struct feed_adapter){.name = a->name,
                                 .arg = a->arg,
                                 .open = open_by_runs,
                                 .next = next_by_runs,
                                 .close = close_by_runs};
}

void t_rdb_text(const struct feed_adapter *a, struct bytes in, const char *want)
{
    const struct feed_adapter runs = by_runs(a);

    feed_gives(a, in, want);
    feed_gives(&runs, in, want);
}

void t_rdb_fails(const struct feed_adapter *a, struct bytes in, enum ft_err_kind kind,
                 const char *part)
{
    const struct feed_adapter runs = by_runs(a);
    struct ft_err by_run = FT_ERR_INIT;
    struct ft_err err = FT_ERR_INIT;

    feed_error(a, in, &err);
    feed_error(&runs, in, &by_run);
    assert_string_equal(by_run.msg, err.msg);
    assert_int_equal(by_run.offset, err.offset);
    t_fails(-1, &err, kind, part);
}

void t_put(struct buf *b, struct bytes raw)
{
    struct ft_err err = FT_ERR_INIT;

    t_ok(buf_append(b, raw.p, raw.n, &err), &err);
}

void t_put_len(struct buf *b, uint64_t n)
{
    uint8_t len[RDB_LEN_MAX_SIZE];

    t_put(b, bytes_of(len, rdb_len_put(len, n)));
}

void t_put_fill(struct buf *b, size_t n)
{
    struct ft_err err = FT_ERR_INIT;

    t_ok(buf_reserve(b, n, &err), &err);
    for (size_t i = 0; i < n; i++)
        buf_push(b, (uint8_t)('a' + i % 26));
}

void t_put_tag(struct buf *b, uint32_t id, struct bytes payload)
{
    uint8_t head[9] = {RDB_OP_DF_TAGGED_CHUNK};

    store_le32(head + 1, id);
    store_le32(head + 5, (uint32_t)payload.n);
    t_put(b, bytes_of(head, sizeof(head)));
    t_put(b, payload);
}

void t_put_blob(struct buf *b, bool zstd, struct bytes content)
{
    static uint8_t frame[4 << 20];
    size_t n = zstd ? ZSTD_compress(frame, sizeof(frame), content.p, content.n, 3)
                    : LZ4F_compressFrame(frame, sizeof(frame), content.p, content.n, NULL);
    struct ft_err err = FT_ERR_INIT;

    assert_in_range(n, 1, sizeof(frame));
    t_ok(buf_reserve(b, 1, &err), &err);
    buf_push(b, zstd ? RDB_OP_DF_ZSTD_BLOB : RDB_OP_DF_LZ4_BLOB);
    t_put_len(b, n);
    t_put(b, bytes_of(frame, n));
}

void t_put_checksum(struct buf *b)
{
    uint8_t crc[8];

    store_le64(crc, crc64(0, b->p, b->n));
    t_put(b, bytes_of(crc, sizeof(crc)));
}

void t_rdb_buf(const struct feed_adapter *a, struct buf *b, const char *want)
{
    t_rdb_text(a, buf_bytes(b), want);
    buf_release(b);
}

void t_rdb_buf_fails(const struct feed_adapter *a, struct buf *b, enum ft_err_kind kind,
                     const char *part)
{
    t_rdb_fails(a, buf_bytes(b), kind, part);
    buf_release(b);
}
