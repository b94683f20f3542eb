#include "item/recode_module.h"

#include "rdb/module_value.h"
#include "rdb/rdb_len.h"
#include "rdb/rdb_writer.h"

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
    if (rdb_put_len(&r->out, module_id_encode(JSON_MODULE, JSON_MODULE_VERSION), err) != 0 ||
        rdb_put_len(&r->out, RDB_MODULE_OP_STRING, err) != 0 ||
        buf_append(&r->out, entry->value.p, entry->value.n, err) != 0 ||
        rdb_put_len(&r->out, RDB_MODULE_OP_EOF, err) != 0)
        return RECODE_ERROR;
    ret->type = RDB_TYPE_MODULE_2;
    ret->value = buf_bytes(&r->out);
    return RECODE_OK;
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
    bool text_only;

    if (module_id_take(&in, &id, err) != 0)
        return RECODE_ERROR;
    text_only = module_is_json(&id);
    if (text_only && r->json_as == JSON_AS_STRING) {
        ret->type = RDB_TYPE_STRING;
        return module_json_take(in, &ret->value, err) == 0 ? RECODE_OK : RECODE_ERROR;
    }
    if (target_has_module(r, id.name))
        return RECODE_OK;
    ret->loss = text_only ? LOSS_JSON : LOSS_MODULE;
    return RECODE_LOST;
}
