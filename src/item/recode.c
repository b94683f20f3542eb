#include "item/recode.h"

#include <stdlib.h>

#include "item/recode_members.h"
#include "item/recode_module.h"
#include "item/recode_stream.h"
#include "rdb/intset.h"
#include "rdb/listpack.h"
#include "rdb/rdb_len.h"
#include "rdb/rdb_string.h"
#include "rdb/ziplist.h"
#include "rdb/zipmap.h"

/* Memory above this is given back between values. */
#define OUT_KEEP_BYTES ((size_t)1 << 20)

/* Where the number of elements of an encoding shows itself. */
enum count_place {
    COUNT_NONE = 0, /* cannot be empty, or may be */
    COUNT_AT_FRONT, /* a length; after 8 bytes of time where `skip` says so */
    COUNT_BY_SIZE,  /* a blob that is empty when it has `empty_size` bytes */
    COUNT_IN_NODES, /* a list of blobs */
};

struct rule {
    recode_fn *run; /* what becomes of it where the target does not read it */
    bool always;    /* run decides also where the target does */
    enum count_place place;
    uint8_t empty_size;
    uint8_t skip;
    enum loss_reason loss; /* no target reads it */
};

static const struct rule rules[RDB_TYPE_COUNT] = {
    [RDB_TYPE_STRING] = {0},
    [RDB_TYPE_LIST] = {.place = COUNT_AT_FRONT},
    [RDB_TYPE_SET] = {.place = COUNT_AT_FRONT},
    [RDB_TYPE_ZSET] = {.place = COUNT_AT_FRONT},
    [RDB_TYPE_HASH] = {.place = COUNT_AT_FRONT},
    [RDB_TYPE_ZSET_2] = {.place = COUNT_AT_FRONT},
    [RDB_TYPE_MODULE_PRE_GA] = {.loss = LOSS_MODULE},
    [RDB_TYPE_MODULE_2] = {recode_module, .always = true},
    [RDB_TYPE_HASH_ZIPMAP] = {.place = COUNT_BY_SIZE, .empty_size = ZIPMAP_EMPTY_SIZE},
    [RDB_TYPE_LIST_ZIPLIST] = {.place = COUNT_BY_SIZE, .empty_size = ZIPLIST_EMPTY_SIZE},
    [RDB_TYPE_SET_INTSET] = {.place = COUNT_BY_SIZE, .empty_size = INTSET_EMPTY_SIZE},
    [RDB_TYPE_ZSET_ZIPLIST] = {.place = COUNT_BY_SIZE, .empty_size = ZIPLIST_EMPTY_SIZE},
    [RDB_TYPE_HASH_ZIPLIST] = {.place = COUNT_BY_SIZE, .empty_size = ZIPLIST_EMPTY_SIZE},
    [RDB_TYPE_LIST_QUICKLIST] = {recode_list_with_bare_nodes, .always = true, COUNT_IN_NODES},
    [RDB_TYPE_STREAM_LISTPACKS] = {recode_first_stream, .always = true},
    [RDB_TYPE_HASH_LISTPACK] = {recode_hash, .place = COUNT_BY_SIZE,
                                .empty_size = LISTPACK_EMPTY_SIZE},
    [RDB_TYPE_ZSET_LISTPACK] = {recode_zset, .place = COUNT_BY_SIZE,
                                .empty_size = LISTPACK_EMPTY_SIZE},
    [RDB_TYPE_LIST_QUICKLIST_2] = {recode_list, .place = COUNT_IN_NODES},
    [RDB_TYPE_STREAM_LISTPACKS_2] = {recode_stream},
    [RDB_TYPE_SET_LISTPACK] = {recode_set, .place = COUNT_BY_SIZE,
                               .empty_size = LISTPACK_EMPTY_SIZE},
    [RDB_TYPE_STREAM_LISTPACKS_3] = {recode_stream},
    [RDB_TYPE_STREAM_LISTPACKS_4] = {recode_stream},
    [RDB_TYPE_STREAM_LISTPACKS_5] = {recode_stream},
    [RDB_TYPE_VALKEY_HASH] = {recode_hash, .place = COUNT_AT_FRONT},
    [RDB_TYPE_HASH_METADATA_PRE_GA] = {recode_hash, .place = COUNT_AT_FRONT},
    [RDB_TYPE_HASH_LISTPACK_EX_PRE_GA] = {recode_hash, .place = COUNT_BY_SIZE,
                                          .empty_size = LISTPACK_EMPTY_SIZE},
    [RDB_TYPE_HASH_METADATA] = {recode_hash, .place = COUNT_AT_FRONT, .skip = 8},
    [RDB_TYPE_HASH_LISTPACK_EX] = {recode_hash, .place = COUNT_BY_SIZE,
                                   .empty_size = LISTPACK_EMPTY_SIZE, .skip = 8},
    [RDB_TYPE_DF_JSON] = {recode_json},
    [RDB_TYPE_DF_HASH_WITH_EXPIRY] = {recode_hash, .place = COUNT_AT_FRONT},
    [RDB_TYPE_DF_SET_WITH_EXPIRY] = {recode_set, .place = COUNT_AT_FRONT},
    [RDB_TYPE_DF_SBF] = {.loss = LOSS_PROBABILISTIC},
    [RDB_TYPE_DF_SBF2] = {.loss = LOSS_PROBABILISTIC},
    [RDB_TYPE_DF_CMS] = {.loss = LOSS_PROBABILISTIC},
    [RDB_TYPE_DF_TOPK] = {.loss = LOSS_PROBABILISTIC},
    [RDB_TYPE_DF_CUCKOO] = {.loss = LOSS_PROBABILISTIC},
    [RDB_TYPE_KEYDB_CRON] = {.loss = LOSS_CRON},
};

/* A blob without elements is too short to be compressed. */
static bool blob_is_empty(struct bytes stored, size_t empty_size)
{
    struct rdb_string_head head;

    return rdb_string_head_get(stored.p, stored.n, &head) == STEP_ITEM &&
           head.kind == RDB_STRING_RAW && head.payload_size == empty_size;
}

/* Lists whose nodes are all empty are short, unless someone is playing tricks. */
#define EMPTY_LIST_MAX_BYTES 256

static int list_is_empty(struct recoder *r, const struct rdb_entry *entry, struct ft_err *err)
{
    struct value_element e;
    enum step step;

    if (entry->value.n > EMPTY_LIST_MAX_BYTES)
        return 0;
    if (value_iter_reset(r->it, entry->type, entry->value, err) != 0)
        return -1;
    step = value_iter_next(r->it, &e, err);
    return step == STEP_ERROR ? -1 : step == STEP_END;
}

/* Redis refuses or passes over keys without elements. */
static int is_empty(struct recoder *r, const struct rule *rule, const struct rdb_entry *entry,
                    struct ft_err *err)
{
    struct bytes in = entry->value;
    uint64_t count;

    if (rule->place == COUNT_NONE || in.n < rule->skip)
        return 0;
    if (rule->place == COUNT_IN_NODES)
        return list_is_empty(r, entry, err);
    in = bytes_of(in.p + rule->skip, in.n - rule->skip);
    if (rule->place == COUNT_BY_SIZE)
        return blob_is_empty(in, rule->empty_size);
    return rdb_len_get(in.p, in.n, &count) > 0 && count == 0;
}

int recoder_new(struct recoder **ret, const struct target *target, enum json_as json_as,
                struct ft_err *err)
{
    static const uint8_t empty_string[1] = {0};
    struct recoder *r = calloc(1, sizeof(*r));

    if (r == NULL)
        return err_nomem(err, "a recoder");
    r->target = target;
    r->json_as = json_as;
    if (value_iter_new(&r->it, RDB_TYPE_STRING, bytes_of(empty_string, 1), err) != 0) {
        recoder_free(r);
        return -1;
    }
    *ret = r;
    return 0;
}

enum recode_result recoder_run(struct recoder *r, const struct rdb_entry *entry, int64_t now_ms,
                               uint8_t *ret_type, struct bytes *ret_value,
                               enum loss_reason *ret_loss, struct ft_err *err)
{
    struct recoded out;
    enum recode_result result;
    const struct rule *rule;
    int empty;

    if (entry->type >= RDB_TYPE_COUNT)
        return err_set(err, FT_ERR_UNSUPPORTED, "unknown type of value %u", entry->type);
    if (value_check_run(&r->check, entry->type, entry->value, err) != 0)
        return RECODE_ERROR;
    rule = &rules[entry->type];
    empty = is_empty(r, rule, entry, err);
    if (empty != 0)
        return empty < 0 ? RECODE_ERROR : RECODE_EMPTY;
    if (rule->loss != LOSS_NONE) {
        *ret_loss = rule->loss;
        return RECODE_LOST;
    }
    if (!rule->always && target_reads(r->target, entry->type)) {
        *ret_type = entry->type;
        *ret_value = entry->value;
        *ret_loss = LOSS_NONE;
        return RECODE_OK;
    }
    if (rule->run == NULL)
        return err_set(err, FT_ERR_UNSUPPORTED, "unknown type of value %u", entry->type);
    buf_clear(&r->out);
    buf_trim(&r->out, OUT_KEEP_BYTES);
    r->now_ms = now_ms;
    out = (struct recoded){entry->type, entry->value, LOSS_NONE};
    result = rule->run(r, entry, &out, err);
    if (result == RECODE_ERROR)
        return result;
    *ret_type = out.type;
    *ret_value = out.value;
    *ret_loss = out.loss;
    return result;
}

enum loss_reason recoder_always_loses(uint8_t type)
{
    return type < RDB_TYPE_COUNT ? rules[type].loss : LOSS_NONE;
}

bool recoder_may_lose(const struct target *target, uint8_t type)
{
    switch (type) {
    case RDB_TYPE_HASH_METADATA_PRE_GA:
    case RDB_TYPE_HASH_LISTPACK_EX_PRE_GA:
    case RDB_TYPE_HASH_METADATA:
    case RDB_TYPE_HASH_LISTPACK_EX:
    case RDB_TYPE_DF_HASH_WITH_EXPIRY:
    case RDB_TYPE_DF_SET_WITH_EXPIRY:
    case RDB_TYPE_STREAM_LISTPACKS:
    case RDB_TYPE_STREAM_LISTPACKS_2:
    case RDB_TYPE_STREAM_LISTPACKS_3:
    case RDB_TYPE_STREAM_LISTPACKS_4:
    case RDB_TYPE_STREAM_LISTPACKS_5:
    case RDB_TYPE_VALKEY_HASH:
        return !target_reads(target, type);
    case RDB_TYPE_MODULE_2:
    case RDB_TYPE_DF_JSON:
        return true;
    default:
        return recoder_always_loses(type) != LOSS_NONE;
    }
}

void recoder_free(struct recoder *r)
{
    if (r == NULL)
        return;
    value_iter_free(r->it);
    value_check_release(&r->check);
    buf_release(&r->out);
    free(r);
}
