#include "rdb/rdb_stream.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/crc64.h"
#include "base/endian.h"
#include "base/item_limit.h"
#include "base/passed_memory.h"
#include "rdb/rdb_len.h"
#include "rdb/rdb_stream_blob.h"
#include "rdb/rdb_stream_entry.h"
#include "rdb/rdb_stream_tag.h"

#define CHECKSUM_SIZE 8
/* The first version that ends with a checksum. */
#define VERSION_CHECKSUM 5
/* The first version of Redis whose keys can have metadata. */
#define VERSION_KEY_META 13

/* What is passed over by the symbols of value_walk.c. */
#define GRAMMAR_MODULE_AUX       "UO"
#define GRAMMAR_FUNCTION_PRE_GA  "SSN(S)S" /* name, engine, description or not, code */
#define GRAMMAR_KEY_META         "N(4O)"   /* a module's class, what it wrote */
#define GRAMMAR_SLOT_IMPORT      "SN(UU)"  /* job, ranges of slots */
#define GRAMMAR_SHARD_DOC_INDEX  "USN(SU)"
#define GRAMMAR_VECTOR_INDEX     "SUN(48L(V))" /* name, entry point, nodes */
#define GRAMMAR_VECTOR_INDEX_OLD "SN(48L(V))"

void entry_reset(struct rdb_stream *s)
{
    if (s->has_prefix)
        memset(&s->entry, 0, sizeof(s->entry));
    s->entry.expire_ms = RDB_NO_EXPIRY;
    s->has_prefix = false;
    s->skipped_bytes = 0;
}

int rdb_stream_new(struct rdb_stream **ret, const struct rdb_stream_options *options,
                   struct ft_err *err)
{
    struct rdb_stream *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return err_nomem(err, "an RDB parser");
    s->options = *options;
    if (s->options.max_item_bytes == 0)
        s->options.max_item_bytes = item_limit();
    s->name.limit_bytes = s->options.max_item_bytes;
    s->content.limit_bytes = s->options.max_item_bytes;
    if (options->detect)
        s->origin = ORIGIN_UNKNOWN;
    else
        s->origin = options->dragonfly ? ORIGIN_DRAGONFLY : ORIGIN_REDIS;
    s->has_prefix = true;
    entry_reset(s);
    *ret = s;
    return 0;
}

void rdb_stream_free(struct rdb_stream *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->tag_count; i++)
        tag_free(s->tags[i]);
    tag_free(s->delivered);
    blob_release(&s->blob);
    buf_release(&s->name);
    buf_release(&s->content);
    buf_release(&s->owner_key);
    free(s);
}

bool rdb_stream_at_boundary(const struct rdb_stream *s)
{
    return s->state == STREAM_DONE ||
           (s->state == STREAM_ITEM && !s->has_prefix && !s->in_payload && !s->blob.open);
}

bool rdb_stream_is_dragonfly(const struct rdb_stream *s)
{
    return stream_is_dragonfly(s);
}

enum step stream_want(const struct rdb_stream *s, uint64_t bytes, struct ft_err *err)
{
    if (s->options.skip_values || bytes <= s->options.max_item_bytes)
        return STEP_MORE;
    (void)err_at(err, FT_ERR_LIMIT, window_offset(s->w),
                 "an item needs %" PRIu64 " bytes, more than the limit of %zu (--max-item)", bytes,
                 s->options.max_item_bytes);
    return STEP_ERROR;
}

enum step stream_unread(const struct rdb_stream *s, unsigned byte, const char *what,
                        struct ft_err *err)
{
    const char *name = rdb_unread_name(s->header, byte);

    if (name == NULL)
        (void)err_at(err, FT_ERR_UNSUPPORTED, window_offset(s->w),
                     "unsupported: unknown %s %u: nothing up to %s writes it, what comes after "
                     "that may,",
                     what, byte,
                     stream_is_dragonfly(s) ? RDB_NEWEST_DRAGONFLY : rdb_newest_known(s->header));
    else
        (void)err_at(err, FT_ERR_UNSUPPORTED, window_offset(s->w),
                     "unsupported: %s %u is %s: it cannot be read yet,", what, byte, name);
    return STEP_ERROR;
}

enum step stream_skip(struct rdb_stream *s)
{
    size_t left = stream_left(s);
    size_t n = s->skip_left < left ? (size_t)s->skip_left : left;

    stream_consume(s, n);
    s->skip_left -= n;
    return s->skip_left == 0 ? STEP_AGAIN : STEP_MORE;
}

void stream_walk_start(struct rdb_stream *s, enum rdb_item_kind kind, bool keep, size_t done)
{
    s->kind = kind;
    s->state = STREAM_WALK;
    s->walk.keep = keep;
    s->walk.walked = done;
    s->walk.reported = 0;
    s->walk.passed = 0;
}

enum step stream_walk_go(struct rdb_stream *s, struct ft_err *err)
{
    struct stream_walk *w = &s->walk;
    size_t at = w->keep ? w->walked : 0;
    size_t used;
    enum step step = value_walk_run(&w->walk, stream_at(s) + at, stream_left(s) - at,
                                    window_offset(s->w) + at, &used, err);

    if (!w->keep) {
        stream_consume(s, used);
        w->passed += used;
        return step;
    }
    w->walked += used;
    w->reported =
        (size_t)(memory_pass(stream_at(s) + w->reported, stream_at(s) + w->walked) - stream_at(s));
    if (step == STEP_MORE) {
        uint64_t skip = w->walk.skip;

        return stream_want(s, skip > UINT64_MAX - w->walked ? skip : w->walked + skip, err);
    }
    return step;
}

static void item_begin(const struct rdb_stream *s, enum rdb_item_kind kind, struct rdb_item *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->kind = kind;
    ret->offset = s->offset;
}

/* ---- header, AUX and what the stream is ---- */

static enum step read_header(struct rdb_stream *s, struct rdb_item *ret, struct ft_err *err)
{
    struct rdb_header header;
    enum step step =
        rdb_header_get(stream_at(s), stream_left(s), window_offset(s->w), &header, err);

    if (step != STEP_ITEM)
        return step;
    s->header = header;
    if (s->options.detect && header.version != RDB_VERSION_DRAGONFLY)
        s->origin = ORIGIN_REDIS;
    s->offset = window_offset(s->w);
    item_begin(s, RDB_ITEM_HEADER, ret);
    ret->number = header.version;
    stream_consume(s, RDB_HEADER_SIZE);
    s->state = STREAM_ITEM;
    return STEP_ITEM;
}

/* "df-v1.38.2": 38; other major versions and other texts are newer than all we have rules for. */
static unsigned minor_of(struct bytes version)
{
    char text[32] = "";
    unsigned minor;

    memcpy(text, version.p, version.n < sizeof(text) - 1 ? version.n : sizeof(text) - 1);
    return sscanf(text, "df-v1.%3u", &minor) == 1 ? minor : 0;
}

/*
 * Dragonfly up to 1.25 has no df-ver; it says that it is one of these Redis versions. Such a Redis
 * can have written the stream too, but then RESIZEDB follows.
 */
static bool is_dragonfly_disguise(struct bytes redis_ver)
{
    return bytes_eq_str(redis_ver, "6.2.11") || bytes_eq_str(redis_ver, "999.999.999") ||
           bytes_eq_str(redis_ver, "255.255.255");
}

static void learn_origin(struct rdb_stream *s, struct bytes name, struct bytes value)
{
    if (bytes_eq_str(name, "df-ver")) {
        s->df_minor = minor_of(value);
        if (s->options.detect)
            s->origin = ORIGIN_DRAGONFLY;
    } else if (bytes_eq_str(name, "redis-ver") && s->origin == ORIGIN_UNKNOWN) {
        if (is_dragonfly_disguise(value))
            s->origin = ORIGIN_DRAGONFLY_LIKELY;
    }
}

/*
 * An active replica of KeyDB writes AUX fields among the entries: the key's version between its time
 * to live and its type, and the times of a set's or hash's members after its value. Redis reads
 * over both.
 */
static void note_owner(struct rdb_stream *s, struct rdb_item *aux)
{
    if (!bytes_eq_str(aux->name, RDB_AUX_KEYDB_MEMBER) || s->owner_told || s->owner_key.n == 0)
        return;
    s->owner_told = true;
    aux->entry = s->owner;
    aux->entry.key = buf_bytes(&s->owner_key);
}

/* ---- items of numbers and strings: AUX, FUNCTION2, JOURNAL_BLOB ---- */

struct string_item {
    size_t name_at; /* 0: no name */
    size_t value_at;
    struct rdb_string_head value_head;
};

/* Find the parts; STEP_ITEM when the head of the last string is there. */
static enum step scan_string_item(struct rdb_stream *s, struct string_item *ret, struct ft_err *err)
{
    const uint8_t *p = stream_at(s);
    size_t n = stream_left(s);
    size_t at = 1;
    enum step step;

    ret->name_at = 0;
    if (s->kind == RDB_ITEM_JOURNAL_BLOB) {
        int used = rdb_len_get(p + at, n - at, &s->number);

        if (used <= 0)
            return used == 0 ? STEP_MORE : stream_bad(s, err, "bad count of a journal blob");
        at += (size_t)used;
    }
    if (s->kind == RDB_ITEM_AUX) {
        struct rdb_string_head name;

        step = rdb_string_head_get(p + at, n - at, &name);
        if (step != STEP_ITEM)
            return step == STEP_MORE ? step : stream_bad(s, err, "bad name of an AUX field");
        if (name.payload_size > RDB_SKIP_KEY_MAX || name.raw_size > RDB_SKIP_KEY_MAX)
            return stream_bad(s, err, "an AUX field's name of %" PRIu64 " bytes", name.raw_size);
        if (name.payload_size > n - at - name.head_size)
            return STEP_MORE;
        ret->name_at = at;
        at += name.head_size + (size_t)name.payload_size;
    }
    ret->value_at = at;
    step = rdb_string_head_get(p + at, n - at, &ret->value_head);
    return step == STEP_ERROR ? stream_bad(s, err, "0x%02x does not begin a string", p[at]) : step;
}

static int take_name(struct rdb_stream *s, const struct string_item *item, struct bytes *ret,
                     struct ft_err *err)
{
    struct bytes in = bytes_of(stream_at(s) + item->name_at, item->value_at - item->name_at);

    *ret = bytes_of(NULL, 0);
    if (item->name_at == 0 || rdb_string_take(&in, ret, &s->name, err) == 0)
        return 0;
    return err_wrap(err, "AUX field at offset %" PRIu64, window_offset(s->w));
}

static enum step begin_long_string(struct rdb_stream *s, const struct string_item *item,
                                   struct ft_err *err)
{
    struct bytes name;

    if (take_name(s, item, &name, err) != 0)
        return STEP_ERROR;
    if (name.p != s->name.p) {
        buf_clear(&s->name);
        if (buf_append(&s->name, name.p, name.n, err) != 0)
            return STEP_ERROR;
    }
    stream_consume(s, item->value_at + item->value_head.head_size);
    s->skip_left = item->value_head.payload_size;
    s->skipped_bytes = item->value_head.payload_size;
    s->state = STREAM_SKIP_STRING;
    return STEP_AGAIN;
}

static enum step deliver_long_string(struct rdb_stream *s, struct rdb_item *ret)
{
    item_begin(s, s->kind, ret);
    ret->number = s->number;
    ret->name = s->kind == RDB_ITEM_AUX ? buf_bytes(&s->name) : bytes_of(NULL, 0);
    ret->skipped_bytes = s->skipped_bytes;
    s->skipped_bytes = 0;
    s->state = STREAM_ITEM;
    return STEP_ITEM;
}

static enum step read_string_item(struct rdb_stream *s, enum rdb_item_kind kind,
                                  struct rdb_item *ret, struct ft_err *err)
{
    struct string_item item;
    struct bytes in;
    size_t size;
    enum step step;

    s->kind = kind;
    s->number = 0;
    step = scan_string_item(s, &item, err);
    if (step != STEP_ITEM)
        return step;
    if (stream_is_long(s, &item.value_head, RDB_SKIP_STRING_MAX))
        return begin_long_string(s, &item, err);
    size = item.value_at + item.value_head.head_size;
    if (item.value_head.payload_size > stream_left(s) - size)
        return stream_want(s, item.value_head.payload_size, err);
    size += (size_t)item.value_head.payload_size;

    item_begin(s, kind, ret);
    ret->number = s->number;
    if (take_name(s, &item, &ret->name, err) != 0)
        return STEP_ERROR;
    in = bytes_of(stream_at(s) + item.value_at, size - item.value_at);
    if (rdb_string_take(&in, &ret->bytes, &s->content, err) != 0) {
        (void)err_wrap(err, "string at offset %" PRIu64, window_offset(s->w) + item.value_at);
        return STEP_ERROR;
    }
    stream_consume(s, size);
    if (kind == RDB_ITEM_AUX) {
        learn_origin(s, ret->name, ret->bytes);
        note_owner(s, ret);
    }
    return STEP_ITEM;
}

/* ---- items that are walked over ---- */

#define MODULE_NAME_SIZE 9

/* A module type's id is nine characters of 6 bits and a version of 10. */
static int set_module_name(struct rdb_stream *s, uint64_t id, struct ft_err *err)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    buf_clear(&s->name);
    if (buf_reserve(&s->name, MODULE_NAME_SIZE, err) != 0)
        return -1;
    for (int shift = 58; shift >= 10; shift -= 6)
        buf_push(&s->name, (uint8_t)letters[id >> shift & 63]);
    return 0;
}

static enum step walk_go(struct rdb_stream *s, struct rdb_item *ret, struct ft_err *err)
{
    enum step step;

    if (s->kind == RDB_ITEM_ENTRY)
        return entry_go(s, ret, err);
    step = stream_walk_go(s, err);
    if (step != STEP_ITEM)
        return step;
    if (s->kind == RDB_ITEM_KEY_META) { /* a prefix of the entry that follows */
        s->entry.has_key_meta = true;
        s->has_prefix = true;
        s->state = STREAM_ITEM;
        return STEP_AGAIN;
    }
    item_begin(s, s->kind, ret);
    if (s->kind == RDB_ITEM_MODULE_AUX)
        ret->name = buf_bytes(&s->name);
    ret->skipped_bytes = s->walk.passed;
    if (s->walk.keep) {
        ret->bytes = bytes_of(stream_at(s) + 1, s->walk.walked - 1);
        stream_consume(s, s->walk.walked);
    }
    s->state = STREAM_ITEM;
    return STEP_ITEM;
}

static enum step walk_over(struct rdb_stream *s, enum rdb_item_kind kind, const char *grammar)
{
    stream_consume(s, 1);
    stream_walk_start(s, kind, false, 0);
    value_walk_begin_grammar(&s->walk.walk, grammar);
    return STEP_AGAIN;
}

static enum step read_module_aux(struct rdb_stream *s, struct ft_err *err)
{
    uint64_t id;
    int used = rdb_len_get(stream_at(s) + 1, stream_left(s) - 1, &id);

    if (used <= 0)
        return used == 0 ? STEP_MORE : stream_bad(s, err, "bad module id");
    if (set_module_name(s, id, err) != 0)
        return STEP_ERROR;
    if (s->options.skip_values)
        return walk_over(s, RDB_ITEM_MODULE_AUX, GRAMMAR_MODULE_AUX);
    stream_walk_start(s, RDB_ITEM_MODULE_AUX, true, 1);
    value_walk_begin_grammar(&s->walk.walk, GRAMMAR_MODULE_AUX);
    return STEP_AGAIN;
}

/* ---- small items ---- */

/* `count` packed numbers after the opcode; consumes them and it. */
static enum step read_numbers(struct rdb_stream *s, uint64_t *ret, unsigned count,
                              struct ft_err *err)
{
    const uint8_t *p = stream_at(s);
    size_t n = stream_left(s);
    size_t at = 1;

    for (unsigned i = 0; i < count; i++) {
        int used = rdb_len_get(p + at, n - at, &ret[i]);

        if (used <= 0)
            return used == 0 ? STEP_MORE : stream_bad(s, err, "bad number after opcode %u", p[0]);
        at += (size_t)used;
    }
    stream_consume(s, at);
    return STEP_ITEM;
}

static enum step read_selectdb(struct rdb_stream *s, struct rdb_item *ret, struct ft_err *err)
{
    uint64_t db;
    enum step step = read_numbers(s, &db, 1, err);

    if (step != STEP_ITEM)
        return step;
    if (db > INT32_MAX)
        return stream_bad(s, err, "database number %" PRIu64, db);
    s->db = (uint32_t)db;
    item_begin(s, RDB_ITEM_SELECTDB, ret);
    ret->number = db;
    return STEP_ITEM;
}

static enum step read_resizedb(struct rdb_stream *s, struct rdb_item *ret, struct ft_err *err)
{
    uint64_t sizes[2];
    enum step step = read_numbers(s, sizes, 2, err);

    if (step != STEP_ITEM)
        return step;
    if (s->origin == ORIGIN_UNKNOWN || s->origin == ORIGIN_DRAGONFLY_LIKELY)
        s->origin = ORIGIN_REDIS;
    item_begin(s, RDB_ITEM_RESIZEDB, ret);
    ret->number = sizes[0];
    return STEP_ITEM;
}

static enum step read_slot_info(struct rdb_stream *s, struct ft_err *err)
{
    uint64_t slot_sizes[3];
    enum step step = read_numbers(s, slot_sizes, 3, err);

    return step == STEP_ITEM ? STEP_AGAIN : step;
}

/* Redis Enterprise: before a key or a group of keys, without a meaning elsewhere. */
static enum step read_enterprise(struct rdb_stream *s, struct ft_err *err)
{
    uint64_t number;
    enum step step = read_numbers(s, &number, 1, err);

    return step == STEP_ITEM ? STEP_AGAIN : step;
}

static enum step read_le64_item(struct rdb_stream *s, enum rdb_item_kind kind, struct rdb_item *ret)
{
    if (stream_left(s) < 9)
        return STEP_MORE;
    item_begin(s, kind, ret);
    ret->number = load_le64(stream_at(s) + 1);
    stream_consume(s, 9);
    return STEP_ITEM;
}

static enum step read_fullsync_end(struct rdb_stream *s, struct rdb_item *ret)
{
    enum step step = read_le64_item(s, RDB_ITEM_FULLSYNC_END, ret);

    ret->number = step == STEP_ITEM ? 0 : ret->number;
    return step;
}

/* ---- the end ---- */

static void cover(struct rdb_stream *s, const struct window *in)
{
    if (s->options.verify_checksum && !s->crc_done)
        s->crc = crc64(s->crc, in->base + s->crc_pos, in->pos - s->crc_pos);
    s->crc_pos = in->pos;
}

static enum step read_eof(struct rdb_stream *s, struct rdb_item *ret, struct ft_err *err)
{
    if (s->blob.open)
        return stream_bad(s, err, "the end of the stream within a compressed blob");
    if (s->tag_count != 0) {
        return stream_bad(s, err, "the stream ends while %zu tagged entries are incomplete",
                          s->tag_count);
    }
    stream_consume(s, 1);
    cover(s, s->w);
    s->crc_done = true;
    if (s->header.version >= VERSION_CHECKSUM) {
        s->state = STREAM_CHECKSUM;
        return STEP_AGAIN;
    }
    item_begin(s, RDB_ITEM_EOF, ret);
    s->state = STREAM_DONE;
    return STEP_ITEM;
}

static enum step read_checksum(struct rdb_stream *s, struct rdb_item *ret, struct ft_err *err)
{
    uint64_t stored;

    if (stream_left(s) < CHECKSUM_SIZE)
        return STEP_MORE;
    stored = load_le64(stream_at(s));
    if (s->options.verify_checksum && stored != 0 && stored != s->crc) {
        return stream_bad(s, err,
                          "wrong checksum: %016" PRIx64 " is stored, the bytes give %016" PRIx64,
                          stored, s->crc);
    }
    stream_consume(s, CHECKSUM_SIZE);
    item_begin(s, RDB_ITEM_EOF, ret);
    ret->number = stored;
    s->state = STREAM_DONE;
    return STEP_ITEM;
}

/* ---- prefixes of entries ---- */

static enum step prefix_done(struct rdb_stream *s, size_t n)
{
    stream_consume(s, n);
    s->has_prefix = true;
    return STEP_AGAIN;
}

static enum step read_expiry(struct rdb_stream *s, bool in_ms)
{
    size_t size = in_ms ? 9 : 5;

    if (stream_left(s) < size)
        return STEP_MORE;
    if (in_ms)
        s->entry.expire_ms = stream_expiry((int64_t)load_le64(stream_at(s) + 1));
    else
        s->entry.expire_ms = (int64_t)(int32_t)load_le32(stream_at(s) + 1) * 1000;
    return prefix_done(s, size);
}

static enum step read_idle(struct rdb_stream *s, struct ft_err *err)
{
    enum step step = read_numbers(s, &s->entry.idle_s, 1, err);

    if (step != STEP_ITEM)
        return step;
    s->entry.has_idle = true;
    return prefix_done(s, 0);
}

static enum step read_freq(struct rdb_stream *s)
{
    if (stream_left(s) < 2)
        return STEP_MORE;
    s->entry.has_freq = true;
    s->entry.freq = stream_at(s)[1];
    return prefix_done(s, 2);
}

static enum step read_mask(struct rdb_stream *s, struct ft_err *err)
{
    const uint8_t *p = stream_at(s);
    size_t n = stream_left(s);
    uint32_t mask;

    if (n < 5)
        return STEP_MORE;
    mask = load_le32(p + 1);
    if ((mask & ~(RDB_DF_MASK_STICKY | RDB_DF_MASK_MC_FLAGS)) != 0)
        return stream_bad(s, err, "unknown bits in an entry's mask 0x%" PRIx32, mask);
    if ((mask & RDB_DF_MASK_MC_FLAGS) != 0 && n < 9)
        return STEP_MORE;
    s->entry.sticky = (mask & RDB_DF_MASK_STICKY) != 0;
    s->entry.has_mc_flags = (mask & RDB_DF_MASK_MC_FLAGS) != 0;
    if (s->entry.has_mc_flags)
        s->entry.mc_flags = load_le32(p + 5);
    return prefix_done(s, s->entry.has_mc_flags ? 9 : 5);
}

/* ---- dispatch ---- */

static enum step unknown_opcode(const struct rdb_stream *s, unsigned opcode, struct ft_err *err)
{
    return stream_unread(s, opcode, "opcode or type", err);
}

/* One number, two meanings: the family decides. */
static enum step read_meta_or_import(struct rdb_stream *s, struct ft_err *err)
{
    if (s->header.family == RDB_FAMILY_VALKEY)
        return walk_over(s, RDB_ITEM_SLOT_IMPORT, GRAMMAR_SLOT_IMPORT);
    if (s->header.version < VERSION_KEY_META)
        return unknown_opcode(s, RDB_OP_KEY_META, err);
    return walk_over(s, RDB_ITEM_KEY_META, GRAMMAR_KEY_META);
}

static enum step read_dragonfly_opcode(struct rdb_stream *s, unsigned opcode, struct rdb_item *ret,
                                       struct ft_err *err)
{
    switch (opcode) {
    case RDB_OP_DF_FULLSYNC_END:
        return read_fullsync_end(s, ret);
    case RDB_OP_DF_ZSTD_BLOB:
        return blob_opcode(s, CODEC_ZSTD, err);
    case RDB_OP_DF_LZ4_BLOB:
        return blob_opcode(s, CODEC_LZ4, err);
    case RDB_OP_DF_JOURNAL_BLOB:
        return read_string_item(s, RDB_ITEM_JOURNAL_BLOB, ret, err);
    case RDB_OP_DF_JOURNAL_OFFSET:
        return read_le64_item(s, RDB_ITEM_JOURNAL_OFFSET, ret);
    case RDB_OP_DF_VECTOR_INDEX:
        if (s->df_minor != 0 && s->df_minor < DF_MINOR_ENTRY_POINT)
            return walk_over(s, RDB_ITEM_INDEX, GRAMMAR_VECTOR_INDEX_OLD);
        return walk_over(s, RDB_ITEM_INDEX, GRAMMAR_VECTOR_INDEX);
    case RDB_OP_DF_SHARD_DOC_INDEX:
        return walk_over(s, RDB_ITEM_INDEX, GRAMMAR_SHARD_DOC_INDEX);
    case RDB_OP_DF_TAGGED_CHUNK:
        return tag_opcode(s, err);
    default:
        return unknown_opcode(s, opcode, err);
    }
}

static enum step read_opcode(struct rdb_stream *s, unsigned opcode, struct rdb_item *ret,
                             struct ft_err *err)
{
    switch (opcode) {
    case RDB_OP_SELECTDB:
        return read_selectdb(s, ret, err);
    case RDB_OP_RESIZEDB:
        return read_resizedb(s, ret, err);
    case RDB_OP_AUX:
        return read_string_item(s, RDB_ITEM_AUX, ret, err);
    case RDB_OP_SLOT_INFO:
        return read_slot_info(s, err);
    case RDB_OP_SLOT_IMPORT:
        return read_meta_or_import(s, err);
    case RDB_OP_ENTERPRISE_SLOT:
        return read_enterprise(s, err);
    case RDB_OP_FUNCTION2:
        return read_string_item(s, RDB_ITEM_FUNCTION, ret, err);
    case RDB_OP_FUNCTION_PRE_GA:
        return walk_over(s, RDB_ITEM_FUNCTION_PRE_GA, GRAMMAR_FUNCTION_PRE_GA);
    case RDB_OP_MODULE_AUX:
        return read_module_aux(s, err);
    case RDB_OP_EOF:
        return read_eof(s, ret, err);
    default:
        return unknown_opcode(s, opcode, err);
    }
}

static bool is_dragonfly_opcode(unsigned opcode)
{
    return opcode >= RDB_OP_DF_FULLSYNC_END && opcode <= RDB_OP_DF_TAGGED_CHUNK;
}

/* Of those that do not belong to an entry. */
static bool is_opcode(unsigned opcode)
{
    switch (opcode) {
    case RDB_OP_ENTERPRISE_SLOT:
    case RDB_OP_DF_FULLSYNC_END:
    case RDB_OP_DF_ZSTD_BLOB:
    case RDB_OP_DF_LZ4_BLOB:
    case RDB_OP_DF_JOURNAL_BLOB:
    case RDB_OP_DF_JOURNAL_OFFSET:
    case RDB_OP_DF_VECTOR_INDEX:
    case RDB_OP_DF_SHARD_DOC_INDEX:
    case RDB_OP_DF_TAGGED_CHUNK:
        return true;
    default:
        return opcode >= RDB_OP_SLOT_IMPORT;
    }
}

static enum step read_item(struct rdb_stream *s, struct rdb_item *ret, struct ft_err *err)
{
    unsigned opcode;
    enum step step;

    if (stream_left(s) == 0)
        return STEP_MORE;
    opcode = stream_at(s)[0];
    if (!s->in_payload && (step = entry_plain(s, ret, err)) != STEP_AGAIN)
        return step;
    entry_place(s);
    if (opcode < RDB_TYPE_COUNT || opcode == RDB_BYTE_KEYDB_CRON)
        return entry_begin(s, ret, err);
    if (is_dragonfly_opcode(opcode)) {
        if (s->origin == ORIGIN_REDIS)
            return unknown_opcode(s, opcode, err);
        s->origin = ORIGIN_DRAGONFLY;
    }
    switch (opcode) {
    case RDB_OP_EXPIRETIME_MS:
        return read_expiry(s, true);
    case RDB_OP_EXPIRETIME:
        return read_expiry(s, false);
    case RDB_OP_IDLE:
        return read_idle(s, err);
    case RDB_OP_FREQ:
        return read_freq(s);
    case RDB_OP_DF_MASK:
        return read_mask(s, err);
    case RDB_OP_ENTERPRISE_LRU:
        return read_enterprise(s, err);
    case RDB_OP_KEY_META:
        if (s->header.family == RDB_FAMILY_REDIS)
            return read_meta_or_import(s, err);
        break;
    default:
        break;
    }
    if ((s->has_prefix || s->in_payload) && !is_opcode(opcode))
        return unknown_opcode(s, opcode, err);
    if (s->has_prefix && !(opcode == RDB_OP_AUX && s->origin != ORIGIN_DRAGONFLY))
        return stream_bad(s, err, "opcode %u where an entry was begun", opcode);
    if (s->in_payload)
        return stream_bad(s, err, "opcode %u within a tagged chunk", opcode);
    if (is_dragonfly_opcode(opcode))
        return read_dragonfly_opcode(s, opcode, ret, err);
    return read_opcode(s, opcode, ret, err);
}

static enum step read_state(struct rdb_stream *s, struct rdb_item *ret, struct ft_err *err)
{
    enum step step;

    switch (s->state) {
    case STREAM_ITEM:
        return read_item(s, ret, err);
    case STREAM_WALK:
        return walk_go(s, ret, err);
    case STREAM_SKIP_KEY:
        step = stream_skip(s);
        return step == STEP_AGAIN ? entry_after_long_key(s, ret, err) : step;
    case STREAM_SKIP_STRING:
        step = stream_skip(s);
        return step == STEP_AGAIN ? deliver_long_string(s, ret) : step;
    case STREAM_HEADER:
        return read_header(s, ret, err);
    case STREAM_CHECKSUM:
        return read_checksum(s, ret, err);
    case STREAM_DONE:
        break;
    }
    return STEP_END;
}

static enum step read_payload(struct rdb_stream *s, struct rdb_item *ret, struct ft_err *err)
{
    enum step step;

    if (s->tag != NULL)
        return tag_go(s, ret, err);
    step = read_state(s, ret, err);
    if (step == STEP_MORE && stream_left(s) == s->payload_left)
        return stream_bad(s, err, "a tagged chunk ends before its entry's value");
    return step;
}

static enum step read_stream(struct rdb_stream *s, struct window *in, struct rdb_item *ret,
                             struct ft_err *err)
{
    enum step step;

    do {
        s->w = s->blob.open ? &s->blob.window : in;
        step = s->in_payload ? read_payload(s, ret, err) : read_state(s, ret, err);
        if (step == STEP_MORE && s->blob.open)
            step = blob_refill(s, in, err);
    } while (step == STEP_AGAIN);
    return step;
}

/* After all but plain entries. */
static enum step finish_step(struct rdb_stream *s, const struct window *in, enum step step,
                             struct ft_err *err)
{
    if (step == STEP_ERROR && s->blob.open) {
        (void)err_wrap(err, "compressed blob at offset %" PRIu64, s->blob.offset);
        err->offset = s->blob.offset;
    }
    if (step == STEP_MORE && in->closed) {
        uint64_t end = window_offset(in) + window_left(in);

        if (end == 0)
            (void)err_set(err, FT_ERR_CORRUPT, "this is empty, where an RDB stream is wanted");
        else
            (void)err_at(err, FT_ERR_CORRUPT, end,
                         "the RDB stream ends early, without its EOF opcode,");
        return STEP_ERROR;
    }
    s->crc_waits = step == STEP_ITEM; /* a checksum is cheaper of many bytes at once */
    if (!s->crc_waits)
        cover(s, in);
    return step;
}

enum step rdb_stream_next(struct rdb_stream *s, struct window *in, struct rdb_item *ret,
                          struct ft_err *err)
{
    enum step step;

    if (s->state == STREAM_DONE)
        return STEP_END;
    if (s->delivered != NULL)
        tag_free(s->delivered);
    s->delivered = NULL;
    if (!s->crc_waits)
        s->crc_pos = in->pos;
    s->w = s->blob.open ? &s->blob.window : in;
    if (s->state == STREAM_ITEM && !s->in_payload &&
        (step = entry_plain(s, ret, err)) != STEP_AGAIN) {
        s->crc_waits = true;
        return step;
    }
    return finish_step(s, in, read_stream(s, in, ret, err), err);
}
