/*
 * module_value.h - what a value of a module says of itself, and the JSON of RedisJSON.
 *
 * What it is   A MODULE_2 value is the module's id, parts of an opcode and a number or string each, and
 *              the opcode EOF. The id has nine characters of six bits and ten bits of encoding version.
 *              RedisJSON's values of version 3 are one string, the JSON text.
 * Errors       FT_ERR_CORRUPT.
 * Source       redis src/module.c moduleTypeEncodeId (7.2); RedisJSON redis_json/src/redisjson.rs (2.6 to 8.0).
 */
#ifndef FLOWTAPE_RDB_MODULE_VALUE_H
#define FLOWTAPE_RDB_MODULE_VALUE_H

#include "base/bytes.h"
#include "base/err.h"

#define MODULE_NAME_LEN 9

#define JSON_MODULE         "ReJSON-RL"
#define JSON_MODULE_VERSION 3

struct module_id {
    char name[MODULE_NAME_LEN + 1];
    unsigned version;
};

uint64_t module_id_encode(const char *name, unsigned version);
/* module_id_take - the id at the front of *in, which is advanced. */
int module_id_take(struct bytes *in, struct module_id *ret, struct ft_err *err);
/* module_is_json - is what follows the id one string of JSON? */
bool module_is_json(const struct module_id *id);
/* module_json_take - that string as it lies in what follows the id (rdb_string.h). */
int module_json_take(struct bytes in, struct bytes *ret, struct ft_err *err);

#endif
