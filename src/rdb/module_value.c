#include "rdb/module_value.h"

#include "rdb/rdb_len.h"
#include "rdb/rdb_string.h"
#include "rdb/rdb_types.h"

#define MODULE_VERSION_BITS 10

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "abcdefghijklmnopqrstuvwxyz"
                               "0123456789-_";

uint64_t module_id_encode(const char *name, unsigned version)
{
    uint64_t id = 0;

    for (int i = 0; i < MODULE_NAME_LEN; i++)
        id = id << 6 | (uint64_t)(strchr(alphabet, name[i]) - alphabet);
    return id << MODULE_VERSION_BITS | version;
}

static int take_len(struct bytes *in, uint64_t *ret, struct ft_err *err)
{
    int used = rdb_len_get(in->p, in->n, ret);

    if (used <= 0)
        return err_set(err, FT_ERR_CORRUPT, "module value: ends early or has a bad number");
    *in = bytes_of(in->p + used, in->n - (size_t)used);
    return 0;
}

int module_id_take(struct bytes *in, struct module_id *ret, struct ft_err *err)
{
    struct module_id id = {.name = ""};
    uint64_t number;

    if (take_len(in, &number, err) != 0)
        return -1;
    id.version = number & ((1u << MODULE_VERSION_BITS) - 1);
    number >>= MODULE_VERSION_BITS;
    for (int i = MODULE_NAME_LEN; i-- > 0; number >>= 6)
        id.name[i] = alphabet[number & 63];
    *ret = id;
    return 0;
}

bool module_is_json(const struct module_id *id)
{
    return strcmp(id->name, JSON_MODULE) == 0 && id->version == JSON_MODULE_VERSION;
}

int module_json_take(struct bytes in, struct bytes *ret, struct ft_err *err)
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
