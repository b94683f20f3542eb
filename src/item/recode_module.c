/*
 * Module values and JSON. A MODULE_2 value is the module's id, parts of an opcode and a number or
 * string each, and the opcode EOF. The id has nine characters of six bits and ten bits of encoding
 * version. RedisJSON's values of version 3 are one string, the JSON text. Sources: redis
 * src/module.c moduleTypeEncodeId (7.2); RedisJSON redis_json/src/redisjson.rs (2.6 to 8.0).
 */
#include "item/recode_module.h"

#include "rdb/rdb_len.h"
#include "rdb/rdb_string.h"
#include "rdb/rdb_writer.h"

#define MODULE_NAME_LEN     9
#define MODULE_VERSION_BITS 10

static const char module_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "abcdefghijklmnopqrstuvwxyz"
                                      "0123456789-_";

#define JSON_MODULE         "ReJSON-RL"
#define JSON_MODULE_VERSION 3

/* Types of modules that a target may have. */
static const struct {
    const char *name;
    enum target_module module;
} types[] = {
    {JSON_MODULE, TARGET_JSON},        {"MBbloom--", TARGET_BLOOM},
    {"MBbloomCF", TARGET_BLOOM},       {"CMSk-TYPE", TARGET_BLOOM},
    {"TopK-TYPE", TARGET_BLOOM},       {"TDIS-TYPE", TARGET_BLOOM},
    {"TSDB-TYPE", TARGET_TIME_SERIES}, {"vectorset", TARGET_VECTOR_SET},
};
#define TYPE_COUNT (sizeof(types) / sizeof(types[0]))

struct module_id {
    char name[MODULE_NAME_LEN + 1];
    unsigned version;
};

static uint64_t encode_id(const char *name, unsigned version)
{
    uint64_t id = 0;

    for (int i = 0; i < MODULE_NAME_LEN; i++)
        id = id << 6 | (uint64_t)(strchr(module_alphabet, name[i]) - module_alphabet);
    return id << MODULE_VERSION_BITS | version;
}

static struct module_id decode_id(uint64_t id)
{
    struct module_id ret = {.version = id & ((1u << MODULE_VERSION_BITS) - 1)};

    id >>= MODULE_VERSION_BITS;
    for (int i = MODULE_NAME_LEN; i-- > 0; id >>= 6)
        ret.name[i] = module_alphabet[id & 63];
    return ret;
}

static bool writes_json_module(const struct recoder *r)
{
    return r->json_as == JSON_AS_MODULE ||
           (r->json_as == JSON_AS_DEFAULT && (r->target->modules & TARGET_JSON) != 0);
}

enum recode_result recode_json(struct recoder *r, const struct rdb_entry *entry,
                               struct recoded *ret, struct ft_err *err)
{
    if (r->json_as == JSON_AS_STRING) {
        ret->type = RDB_TYPE_STRING; /* the value is one string already */
        return RECODE_OK;
    }
    if (!writes_json_module(r)) {
        ret->loss = LOSS_JSON;
        return RECODE_LOST;
    }
    if (rdb_put_len(&r->out, encode_id(JSON_MODULE, JSON_MODULE_VERSION), err) != 0 ||
        rdb_put_len(&r->out, RDB_MODULE_OP_STRING, err) != 0 ||
        buf_append(&r->out, entry->value.p, entry->value.n, err) != 0 ||
        rdb_put_len(&r->out, RDB_MODULE_OP_EOF, err) != 0)
        return RECODE_ERROR;
    ret->type = RDB_TYPE_MODULE_2;
    ret->value = buf_bytes(&r->out);
    return RECODE_OK;
}

static int take_len(struct bytes *in, uint64_t *ret, struct ft_err *err)
{
    int used = rdb_len_get(in->p, in->n, ret);

    if (used <= 0)
        return err_set(err, FT_ERR_CORRUPT, "module value: ends early or has a bad number");
    *in = bytes_of(in->p + used, in->n - (size_t)used);
    return 0;
}

/* The one string of a value of RedisJSON, as it lies there. */
static int take_json_text(struct bytes in, struct bytes *ret, struct ft_err *err)
{
    const uint8_t *text;
    uint64_t opcode;

    if (take_len(&in, &opcode, err) != 0)
        return -1;
    if (opcode != RDB_MODULE_OP_STRING)
        return err_set(err, FT_ERR_CORRUPT, "module value: JSON does not begin with a string");
    text = in.p;
    if (rdb_string_skip(&in, err) != 0)
        return err_wrap(err, "module value");
    *ret = bytes_of(text, (size_t)(in.p - text));
    if (take_len(&in, &opcode, err) != 0)
        return -1;
    if (opcode != RDB_MODULE_OP_EOF || in.n != 0)
        return err_set(err, FT_ERR_CORRUPT, "module value: JSON does not end after its string");
    return 0;
}

static bool target_has_module(const struct recoder *r, const char *name)
{
    if (r->json_as == JSON_AS_MODULE && strcmp(name, JSON_MODULE) == 0)
        return true;
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (strcmp(name, types[i].name) == 0)
            return (r->target->modules & (unsigned)types[i].module) != 0;
    }
    return false;
}

enum recode_result recode_module(struct recoder *r, const struct rdb_entry *entry,
                                 struct recoded *ret, struct ft_err *err)
{
    struct bytes in = entry->value;
    struct module_id id;
    uint64_t number;
    bool text_only;

    if (take_len(&in, &number, err) != 0)
        return RECODE_ERROR;
    id = decode_id(number);
    text_only = strcmp(id.name, JSON_MODULE) == 0 && id.version == JSON_MODULE_VERSION;
    if (text_only && r->json_as == JSON_AS_STRING) {
        ret->type = RDB_TYPE_STRING;
        return take_json_text(in, &ret->value, err) == 0 ? RECODE_OK : RECODE_ERROR;
    }
    if (target_has_module(r, id.name))
        return RECODE_OK;
    ret->loss = text_only ? LOSS_JSON : LOSS_MODULE;
    return RECODE_LOST;
}
