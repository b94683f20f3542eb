#include "rdb/value_iter.h"

#include <math.h>
#include <stdlib.h>

#include "base/endian.h"
#include "base/passed_memory.h"
#include "rdb/intset.h"
#include "rdb/listpack.h"
#include "rdb/rdb_len.h"
#include "rdb/rdb_string.h"
#include "rdb/value_walk.h"
#include "rdb/ziplist.h"
#include "rdb/zipmap.h"

/* Scratch memory above this is given back between values. */
#define SCRATCH_KEEP_BYTES ((size_t)1 << 20)
/* Redis's limit for the times of hash fields. Source: redis src/ebuckets.h (7.4). */
#define FIELD_TIME_MAX_MS (((uint64_t)1 << 48) - 1)

#define ZSET_TEXT_NAN     253
#define ZSET_TEXT_INF     254
#define ZSET_TEXT_NEG_INF 255

enum quicklist_container {
    QUICKLIST_PLAIN = 1,
    QUICKLIST_PACKED = 2,
};

enum blob_kind {
    BLOB_NONE,
    BLOB_LISTPACK,
    BLOB_ZIPLIST,
    BLOB_INTSET,
    BLOB_ZIPMAP,
};

struct encoding;

struct value_iter {
    unsigned type;
    const struct encoding *encoding;
    struct bytes value;
    struct bytes in;         /* the part of value that was not read yet */
    const uint8_t *passed;   /* passed_memory.h */
    uint64_t left;           /* elements or nodes to come, as declared */
    uint64_t count;          /* elements as declared, 0: not known */
    uint64_t base_expire_ms; /* what the times of HASH_METADATA count from */
    size_t blob_at;          /* where in value the string with the open blob begins */
    enum blob_kind open;     /* which of the iterators is in use */
    union {
        struct listpack_iter listpack;
        struct ziplist_iter ziplist;
        struct intset_iter intset;
        struct zipmap_iter zipmap;
    } blob;
    /* field, value and third part of an element; a blob has scratch of its own */
    struct buf scratch[3];
    struct buf blob_scratch;
    char digits[3][I64_TEXT_SIZE];
};

/* What an encoding is made of: one row per type byte, see the table at the end. */
struct encoding {
    int (*begin)(struct value_iter *it, struct ft_err *err);
    enum step (*next)(struct value_iter *it, struct value_element *ret, struct ft_err *err);
    enum blob_kind blob;
    unsigned width; /* elements of the blob that make one of the value */
};

static size_t position(const struct value_iter *it)
{
    return it->value.n - it->in.n;
}

static enum step corrupt(const struct value_iter *it, const char *what, struct ft_err *err)
{
    return err_at(err, FT_ERR_CORRUPT, position(it), "%s value: %s", rdb_type_name(it->type), what);
}

/* Context for an error from below that knows no position in the value. */
static enum step within(const struct value_iter *it, size_t at, struct ft_err *err)
{
    err->offset = at;
    return err_wrap(err, "%s value, part at offset %zu", rdb_type_name(it->type), at);
}

static int take_len(struct value_iter *it, uint64_t *ret, struct ft_err *err)
{
    int used = rdb_len_get(it->in.p, it->in.n, ret);

    if (used <= 0)
        return corrupt(it, used == 0 ? "ends early" : "bad length", err);
    it->in = bytes_of(it->in.p + used, it->in.n - (size_t)used);
    return 0;
}

/* n bytes as they are. */
static int take_raw(struct value_iter *it, size_t n, const uint8_t **ret, struct ft_err *err)
{
    if (it->in.n < n)
        return corrupt(it, "ends early", err);
    *ret = it->in.p;
    it->in = bytes_of(it->in.p + n, it->in.n - n);
    return 0;
}

static int take_string(struct value_iter *it, struct buf *scratch, struct bytes *ret,
                       struct ft_err *err)
{
    size_t at = position(it);

    if (rdb_string_take(&it->in, ret, scratch, err) != 0)
        return within(it, at, err);
    return 0;
}

/* A string and the bytes it was made from. */
static int take_stored(struct value_iter *it, struct buf *scratch, struct bytes *ret,
                       struct bytes *ret_stored, struct ft_err *err)
{
    const uint8_t *begin = it->in.p;

    if (take_string(it, scratch, ret, err) != 0)
        return -1;
    *ret_stored = bytes_of(begin, (size_t)(it->in.p - begin));
    return 0;
}

/* Blobs: opening one, and its elements whatever its kind. */

static int blob_init(struct value_iter *it, enum blob_kind kind, struct bytes blob,
                     struct ft_err *err)
{
    switch (kind) {
    case BLOB_LISTPACK:
        return listpack_iter_init(&it->blob.listpack, blob, err);
    case BLOB_ZIPLIST:
        return ziplist_iter_init(&it->blob.ziplist, blob, err);
    case BLOB_INTSET:
        return intset_iter_init(&it->blob.intset, blob, err);
    default:
        return zipmap_iter_init(&it->blob.zipmap, blob, err);
    }
}

static int blob_open(struct value_iter *it, enum blob_kind kind, struct bytes blob,
                     struct ft_err *err)
{
    if (blob_init(it, kind, blob, err) != 0)
        return within(it, it->blob_at, err);
    it->open = kind;
    return 0;
}

static enum step blob_next(struct value_iter *it, struct blob_element *ret, struct ft_err *err)
{
    enum step step;

    if (it->open == BLOB_LISTPACK)
        step = listpack_iter_next(&it->blob.listpack, ret, err);
    else if (it->open == BLOB_ZIPLIST)
        step = ziplist_iter_next(&it->blob.ziplist, ret, err);
    else
        step = intset_iter_next(&it->blob.intset, ret, err);
    return step == STEP_ERROR ? within(it, it->blob_at, err) : step;
}

/* An element that must be there because its field was. */
static int blob_partner(struct value_iter *it, struct blob_element *ret, struct ft_err *err)
{
    enum step step = blob_next(it, ret, err);

    if (step == STEP_END)
        return corrupt(it, "odd number of elements", err);
    return step == STEP_ITEM ? 0 : -1;
}

/* The number of elements as the header of the open blob has it; 0: not known. */
static uint64_t blob_count(const struct value_iter *it)
{
    switch (it->open) {
    case BLOB_LISTPACK:
        return it->blob.listpack.count == LISTPACK_COUNT_UNKNOWN ? 0 : it->blob.listpack.count;
    case BLOB_ZIPLIST:
        return it->blob.ziplist.count == ZIPLIST_COUNT_UNKNOWN ? 0 : it->blob.ziplist.count;
    case BLOB_INTSET:
        return it->blob.intset.count;
    case BLOB_ZIPMAP:
        return it->blob.zipmap.count >= ZIPMAP_COUNT_UNKNOWN ? 0 : it->blob.zipmap.count;
    default:
        return 0;
    }
}

static enum step end_of_value(const struct value_iter *it, struct ft_err *err)
{
    if (it->in.n != 0)
        return corrupt(it, "bytes left over after the last element", err);
    return STEP_END;
}

/* How values begin. */

static int begin_string(struct value_iter *it, struct ft_err *err)
{
    (void)err; /* same shape as the others */
    it->left = 1;
    it->count = 1;
    return 0;
}

static int begin_counted(struct value_iter *it, struct ft_err *err)
{
    if (take_len(it, &it->left, err) != 0)
        return -1;
    it->count = it->left;
    return 0;
}

static int begin_quicklist(struct value_iter *it, struct ft_err *err)
{
    return take_len(it, &it->left, err);
}

static int take_base_expiry(struct value_iter *it, struct ft_err *err)
{
    const uint8_t *p;

    if (take_raw(it, 8, &p, err) != 0)
        return -1;
    it->base_expire_ms = load_le64(p);
    if (it->base_expire_ms > FIELD_TIME_MAX_MS + 1)
        return corrupt(it, "first time to live of the fields is out of range", err);
    return 0;
}

static int begin_hash_metadata(struct value_iter *it, struct ft_err *err)
{
    if (take_base_expiry(it, err) != 0)
        return -1;
    return begin_counted(it, err);
}

static int begin_blob(struct value_iter *it, struct ft_err *err)
{
    struct bytes blob;

    it->blob_at = position(it);
    if (take_string(it, &it->blob_scratch, &blob, err) != 0)
        return -1;
    if (blob_open(it, it->encoding->blob, blob, err) != 0)
        return -1;
    it->count = blob_count(it) / it->encoding->width;
    return 0;
}

static int begin_hash_listpack_ex(struct value_iter *it, struct ft_err *err)
{
    if (take_base_expiry(it, err) != 0)
        return -1;
    return begin_blob(it, err);
}

/* Elements that are strings of their own. */

static enum step next_member(struct value_iter *it, struct value_element *ret, struct ft_err *err)
{
    if (it->left == 0)
        return end_of_value(it, err);
    if (take_stored(it, &it->scratch[1], &ret->value, &ret->stored_value, err) != 0)
        return STEP_ERROR;
    it->left--;
    return STEP_ITEM;
}

static enum step next_pair(struct value_iter *it, struct value_element *ret, struct ft_err *err)
{
    if (it->left == 0)
        return end_of_value(it, err);
    if (take_stored(it, &it->scratch[0], &ret->field, &ret->stored_field, err) != 0)
        return STEP_ERROR;
    return next_member(it, ret, err);
}

static enum step next_scored(struct value_iter *it, struct value_element *ret, struct ft_err *err)
{
    enum step step = next_member(it, ret, err);
    const uint8_t *p;

    if (step != STEP_ITEM)
        return step;
    if (take_raw(it, 8, &p, err) != 0)
        return STEP_ERROR;
    ret->score = load_le_double(p);
    return STEP_ITEM;
}

/* A length byte and text, or a length byte that stands for a value without text. */
static int take_text_score(struct value_iter *it, double *ret, struct ft_err *err)
{
    const uint8_t *p;
    unsigned n;

    if (take_raw(it, 1, &p, err) != 0)
        return -1;
    n = p[0];
    if (n == ZSET_TEXT_NAN) {
        *ret = NAN;
    } else if (n == ZSET_TEXT_INF) {
        *ret = INFINITY;
    } else if (n == ZSET_TEXT_NEG_INF) {
        *ret = -INFINITY;
    } else {
        if (take_raw(it, n, &p, err) != 0)
            return -1;
        if (!bytes_to_double(bytes_of(p, n), ret))
            return corrupt(it, "score is not a number", err);
    }
    return 0;
}

static enum step next_text_scored(struct value_iter *it, struct value_element *ret,
                                  struct ft_err *err)
{
    enum step step = next_member(it, ret, err);

    if (step != STEP_ITEM)
        return step;
    return take_text_score(it, &ret->score, err) == 0 ? STEP_ITEM : STEP_ERROR;
}

/* Dragonfly's time of a member: text, -1 for none, else seconds since its own epoch. */
static int take_member_ttl(struct value_iter *it, int64_t *ret_expire_ms, struct ft_err *err)
{
    struct bytes text;
    int64_t ttl;

    if (take_string(it, &it->scratch[2], &text, err) != 0)
        return -1;
    if (!bytes_to_i64(text, &ttl) || ttl < -1 || ttl > INT64_MAX / 1000 - RDB_DF_MEMBER_EPOCH_S)
        return corrupt(it, "time to live of a member is not a number of seconds", err);
    *ret_expire_ms = ttl == -1 ? VALUE_NO_TTL : (RDB_DF_MEMBER_EPOCH_S + ttl) * 1000;
    return 0;
}

static enum step next_expiring_member(struct value_iter *it, struct value_element *ret,
                                      struct ft_err *err)
{
    enum step step = next_member(it, ret, err);

    if (step != STEP_ITEM)
        return step;
    return take_member_ttl(it, &ret->expire_ms, err) == 0 ? STEP_ITEM : STEP_ERROR;
}

static enum step next_expiring_pair(struct value_iter *it, struct value_element *ret,
                                    struct ft_err *err)
{
    enum step step = next_pair(it, ret, err);

    if (step != STEP_ITEM)
        return step;
    return take_member_ttl(it, &ret->expire_ms, err) == 0 ? STEP_ITEM : STEP_ERROR;
}

static enum step next_metadata_pair(struct value_iter *it, struct value_element *ret,
                                    struct ft_err *err)
{
    uint64_t ttl;

    if (it->left == 0)
        return end_of_value(it, err);
    if (take_len(it, &ttl, err) != 0)
        return STEP_ERROR;
    if (ttl != 0 && it->type == RDB_TYPE_HASH_METADATA) {
        if (ttl > FIELD_TIME_MAX_MS + 1)
            return corrupt(it, "time to live of a field is out of range", err);
        ttl += it->base_expire_ms - 1; /* 1 stands for the base itself: 0 means none */
    }
    if (ttl > FIELD_TIME_MAX_MS)
        return corrupt(it, "time to live of a field is out of range", err);
    if (ttl != 0)
        ret->expire_ms = (int64_t)ttl;
    return next_pair(it, ret, err);
}

/* Valkey's: the time is in full after the value, -1 for none. Source: valkey src/rdb.c (9.1). */
static enum step next_timed_pair(struct value_iter *it, struct value_element *ret,
                                 struct ft_err *err)
{
    enum step step = next_pair(it, ret, err);
    const uint8_t *p;
    int64_t time_ms;

    if (step != STEP_ITEM)
        return step;
    if (take_raw(it, 8, &p, err) != 0)
        return STEP_ERROR;
    time_ms = (int64_t)load_le64(p);
    if (time_ms < -1)
        return corrupt(it, "time to live of a field is out of range", err);
    ret->expire_ms = time_ms == -1 ? VALUE_NO_TTL : time_ms;
    return STEP_ITEM;
}

/* Elements inside a blob. */

static enum step next_packed_member(struct value_iter *it, struct value_element *ret,
                                    struct ft_err *err)
{
    struct blob_element e;
    enum step step = blob_next(it, &e, err);

    if (step == STEP_ITEM)
        ret->value = blob_element_text(&e, it->digits[1]);
    return step == STEP_END ? end_of_value(it, err) : step;
}

static enum step next_packed_field(struct value_iter *it, struct value_element *ret,
                                   struct ft_err *err)
{
    struct blob_element e;
    enum step step = blob_next(it, &e, err);

    if (step == STEP_ITEM)
        ret->field = blob_element_text(&e, it->digits[0]);
    return step == STEP_END ? end_of_value(it, err) : step;
}

static enum step next_packed_pair(struct value_iter *it, struct value_element *ret,
                                  struct ft_err *err)
{
    enum step step = next_packed_field(it, ret, err);
    struct blob_element e;

    if (step != STEP_ITEM)
        return step;
    if (blob_partner(it, &e, err) != 0)
        return STEP_ERROR;
    ret->value = blob_element_text(&e, it->digits[1]);
    return STEP_ITEM;
}

static enum step next_packed_triple(struct value_iter *it, struct value_element *ret,
                                    struct ft_err *err)
{
    enum step step = next_packed_pair(it, ret, err);
    struct blob_element e;
    int64_t ttl;

    if (step != STEP_ITEM)
        return step;
    if (blob_partner(it, &e, err) != 0)
        return STEP_ERROR;
    if (!blob_element_integer(&e, &ttl) || ttl < 0 || ttl > (int64_t)FIELD_TIME_MAX_MS)
        return corrupt(it, "time to live of a field is out of range", err);
    if (ttl != 0)
        ret->expire_ms = ttl;
    return STEP_ITEM;
}

static enum step next_packed_scored(struct value_iter *it, struct value_element *ret,
                                    struct ft_err *err)
{
    enum step step = next_packed_member(it, ret, err);
    struct blob_element e;

    if (step != STEP_ITEM)
        return step;
    if (blob_partner(it, &e, err) != 0)
        return STEP_ERROR;
    if (e.is_integer)
        ret->score = (double)e.integer;
    else if (!bytes_to_double(e.text, &ret->score))
        return corrupt(it, "score is not a number", err);
    return STEP_ITEM;
}

static enum step next_zipmap_pair(struct value_iter *it, struct value_element *ret,
                                  struct ft_err *err)
{
    enum step step = zipmap_iter_next(&it->blob.zipmap, &ret->field, &ret->value, err);

    if (step == STEP_ERROR)
        return within(it, it->blob_at, err);
    return step == STEP_END ? end_of_value(it, err) : step;
}

/*
 * Lists: nodes that are blobs, or bare elements. A node without container number is a blob if it
 * has the marks of a ziplist; nothing else tells.
 */
static int take_node(struct value_iter *it, struct bytes *ret, struct bytes *ret_stored,
                     bool *ret_bare, struct ft_err *err)
{
    uint64_t container = QUICKLIST_PACKED;
    bool numbered = it->type == RDB_TYPE_LIST_QUICKLIST_2;

    if (numbered && take_len(it, &container, err) != 0)
        return -1;
    if (container != QUICKLIST_PLAIN && container != QUICKLIST_PACKED)
        return corrupt(it, "node is neither plain nor packed", err);
    it->blob_at = position(it);
    if (take_stored(it, &it->blob_scratch, ret, ret_stored, err) != 0)
        return -1;
    *ret_bare = numbered ? container == QUICKLIST_PLAIN : !ziplist_looks_like(*ret);
    it->left--;
    return 0;
}

static enum step next_quicklist(struct value_iter *it, struct value_element *ret,
                                struct ft_err *err)
{
    for (;;) {
        struct bytes node;
        struct bytes stored;
        struct blob_element e;
        bool bare;

        if (it->open != BLOB_NONE) {
            enum step step = blob_next(it, &e, err);

            if (step == STEP_ITEM)
                ret->value = blob_element_text(&e, it->digits[1]);
            if (step != STEP_END)
                return step;
            it->open = BLOB_NONE;
        }
        if (it->left == 0)
            return end_of_value(it, err);
        if (take_node(it, &node, &stored, &bare, err) != 0)
            return STEP_ERROR;
        if (bare) {
            ret->value = node;
            ret->stored_value = stored;
            return STEP_ITEM;
        }
        if (blob_open(it, it->encoding->blob, node, err) != 0)
            return STEP_ERROR;
    }
}

static const struct encoding encodings[RDB_TYPE_COUNT] = {
    [RDB_TYPE_STRING] = {begin_string, next_member, BLOB_NONE, 1},
    [RDB_TYPE_LIST] = {begin_counted, next_member, BLOB_NONE, 1},
    [RDB_TYPE_SET] = {begin_counted, next_member, BLOB_NONE, 1},
    [RDB_TYPE_ZSET] = {begin_counted, next_text_scored, BLOB_NONE, 1},
    [RDB_TYPE_HASH] = {begin_counted, next_pair, BLOB_NONE, 1},
    [RDB_TYPE_ZSET_2] = {begin_counted, next_scored, BLOB_NONE, 1},
    [RDB_TYPE_HASH_ZIPMAP] = {begin_blob, next_zipmap_pair, BLOB_ZIPMAP, 1},
    [RDB_TYPE_LIST_ZIPLIST] = {begin_blob, next_packed_member, BLOB_ZIPLIST, 1},
    [RDB_TYPE_SET_INTSET] = {begin_blob, next_packed_member, BLOB_INTSET, 1},
    [RDB_TYPE_ZSET_ZIPLIST] = {begin_blob, next_packed_scored, BLOB_ZIPLIST, 2},
    [RDB_TYPE_HASH_ZIPLIST] = {begin_blob, next_packed_pair, BLOB_ZIPLIST, 2},
    [RDB_TYPE_LIST_QUICKLIST] = {begin_quicklist, next_quicklist, BLOB_ZIPLIST, 1},
    [RDB_TYPE_HASH_LISTPACK] = {begin_blob, next_packed_pair, BLOB_LISTPACK, 2},
    [RDB_TYPE_ZSET_LISTPACK] = {begin_blob, next_packed_scored, BLOB_LISTPACK, 2},
    [RDB_TYPE_LIST_QUICKLIST_2] = {begin_quicklist, next_quicklist, BLOB_LISTPACK, 1},
    [RDB_TYPE_SET_LISTPACK] = {begin_blob, next_packed_member, BLOB_LISTPACK, 1},
    [RDB_TYPE_HASH_METADATA_PRE_GA] = {begin_counted, next_metadata_pair, BLOB_NONE, 1},
    [RDB_TYPE_HASH_LISTPACK_EX_PRE_GA] = {begin_blob, next_packed_triple, BLOB_LISTPACK, 3},
    [RDB_TYPE_HASH_METADATA] = {begin_hash_metadata, next_metadata_pair, BLOB_NONE, 1},
    [RDB_TYPE_HASH_LISTPACK_EX] = {begin_hash_listpack_ex, next_packed_triple, BLOB_LISTPACK, 3},
    [RDB_TYPE_VALKEY_HASH] = {begin_counted, next_timed_pair, BLOB_NONE, 1},
    [RDB_TYPE_DF_HASH_WITH_EXPIRY] = {begin_counted, next_expiring_pair, BLOB_NONE, 1},
    [RDB_TYPE_DF_SET_WITH_EXPIRY] = {begin_counted, next_expiring_member, BLOB_NONE, 1},
};

static void trim(struct buf *b)
{
    buf_clear(b);
    buf_trim(b, SCRATCH_KEEP_BYTES);
}

int value_iter_reset(struct value_iter *it, unsigned type, struct bytes value, struct ft_err *err)
{
    if (type >= RDB_TYPE_COUNT || encodings[type].next == NULL)
        return err_set(err, FT_ERR_UNSUPPORTED, "values of type %u have no elements", type);
    for (int i = 0; i < 3; i++)
        trim(&it->scratch[i]);
    trim(&it->blob_scratch);
    it->type = type;
    it->encoding = &encodings[type];
    it->value = value;
    it->in = value;
    it->passed = value.p;
    it->left = 0;
    it->count = 0;
    it->base_expire_ms = 0;
    it->blob_at = 0;
    it->open = BLOB_NONE;
    return it->encoding->begin(it, err);
}

int value_iter_new(struct value_iter **ret, unsigned type, struct bytes value, struct ft_err *err)
{
    struct value_iter *it = calloc(1, sizeof(*it));

    if (it == NULL)
        return err_nomem(err, "a value iterator");
    for (int i = 0; i < 3; i++)
        it->scratch[i].limit_bytes = RDB_STRING_MAX_BYTES;
    it->blob_scratch.limit_bytes = RDB_STRING_MAX_BYTES;
    if (value_iter_reset(it, type, value, err) != 0) {
        value_iter_free(it);
        return -1;
    }
    *ret = it;
    return 0;
}

uint64_t value_iter_count(const struct value_iter *it)
{
    return it->count;
}

enum step value_iter_next(struct value_iter *it, struct value_element *ret, struct ft_err *err)
{
    struct value_element element = {.expire_ms = VALUE_NO_TTL};
    enum step step = it->encoding->next(it, &element, err);

    it->passed = memory_pass(it->passed, it->in.p);
    if (step == STEP_ITEM)
        *ret = element;
    return step;
}

void value_iter_free(struct value_iter *it)
{
    if (it == NULL)
        return;
    for (int i = 0; i < 3; i++)
        buf_release(&it->scratch[i]);
    buf_release(&it->blob_scratch);
    free(it);
}

int value_bare_node(struct bytes value, struct ft_err *err)
{
    struct value_iter it = {
        .type = RDB_TYPE_LIST_QUICKLIST,
        .encoding = &encodings[RDB_TYPE_LIST_QUICKLIST],
        .value = value,
        .in = value,
        .passed = value.p,
        .blob_scratch.limit_bytes = RDB_STRING_MAX_BYTES,
    };
    struct bytes node;
    struct bytes stored;
    bool bare = false;
    int rc = begin_quicklist(&it, err);

    while (rc == 0 && !bare && it.left > 0) {
        rc = take_node(&it, &node, &stored, &bare, err);
        it.passed = memory_pass(it.passed, it.in.p);
    }
    buf_release(&it.blob_scratch);
    return rc == 0 ? bare : -1;
}
