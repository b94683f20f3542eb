#include "command/command_table.h"

#include <pthread.h>
#include <stdio.h>

#include "command/command_keys.h"
#include "command/rewrite_float.h"
#include "command/rewrite_hash.h"
#include "command/rewrite_json.h"
#include "command/rewrite_key.h"
#include "command/rewrite_list.h"
#include "command/rewrite_other.h"
#include "command/rewrite_redis.h"
#include "command/rewrite_stream.h"
#include "command/rewrite_string.h"

/* clang-format off */
/* Name, arity, where the keys are; the rest by name where it is not 0. */
#define ROW(row_name, row_arity, ...) {.name = row_name, .arity = row_arity, __VA_ARGS__}
#define KEYS(first, last, step)       .key_first = first, .key_last = last, .key_step = step
#define ONE_KEY  KEYS(1, 1, 1)
#define ALL_KEYS KEYS(1, -1, 1)
#define TWO_KEYS KEYS(1, 2, 1)
#define NO_KEYS  KEYS(0, 0, 0)

#define PROBABILISTIC .rewrite = rewrite_probabilistic, .of_redis = rewrite_redis_probabilistic

#define JSON_ERRORS \
    "does not exist|new objects must be created|Path|wrong static type|not an integer"

static const struct command_row rows[] = {
    ROW("APPEND", 3, ONE_KEY),
    ROW("BF.ADD", 3, ONE_KEY, PROBABILISTIC),
    ROW("BF.LOADCHUNK", 4, ONE_KEY, PROBABILISTIC),
    ROW("BF.MADD", -3, ONE_KEY, PROBABILISTIC),
    ROW("BF.RESERVE", -4, ONE_KEY, PROBABILISTIC),
    ROW("BITFIELD", -2, ONE_KEY, .rewrite = rewrite_bitfield),
    ROW("BITOP", -4, KEYS(2, -1, 1), .plan = PLAN_STORE),
    ROW("BRPOPLPUSH", 4, TWO_KEYS, .plan = PLAN_LMOVE, .rewrite = rewrite_brpoplpush),
    ROW("CF.ADD", 3, ONE_KEY, PROBABILISTIC),
    ROW("CF.ADDNX", 3, ONE_KEY, PROBABILISTIC),
    ROW("CF.COMPACT", 2, ONE_KEY, PROBABILISTIC),
    ROW("CF.DEL", 3, ONE_KEY, PROBABILISTIC),
    ROW("CF.INSERT", -4, ONE_KEY, PROBABILISTIC),
    ROW("CF.INSERTNX", -4, ONE_KEY, PROBABILISTIC),
    ROW("CF.RESERVE", -3, ONE_KEY, PROBABILISTIC),
    ROW("CL.THROTTLE", -5, ONE_KEY, .rewrite = rewrite_throttle),
    ROW("CLUSTER", -2, NO_KEYS, .rewrite = rewrite_cluster),
    ROW("CMS.INCRBY", -4, ONE_KEY, PROBABILISTIC),
    ROW("CMS.INITBYDIM", 4, ONE_KEY, PROBABILISTIC),
    ROW("CMS.INITBYPROB", 4, ONE_KEY, PROBABILISTIC),
    ROW("CMS.MERGE", -2, ONE_KEY, .flags = COMMAND_SLICED, PROBABILISTIC),
    ROW("COPY", -3, TWO_KEYS, .since = 602, .plan = PLAN_COPY, .find_keys = keys_copy,
        .rewrite = rewrite_copy),
    ROW("DECR", 2, ONE_KEY),
    ROW("DECRBY", 3, ONE_KEY),
    ROW("DEL", -2, ALL_KEYS, .flags = COMMAND_SPLIT),
    ROW("DELEX", -2, ONE_KEY, .plan = PLAN_DELETE_DIGEST, .rewrite = rewrite_delex),
    ROW("DELIFEQ", 3, ONE_KEY, .rewrite = rewrite_deleted),
    ROW("DFLYCLUSTER", -2, NO_KEYS, .flags = COMMAND_FLUSH, .rewrite = rewrite_dflycluster),
    ROW("EVAL", -3, NO_KEYS, .find_keys = keys_eval, .rewrite = rewrite_eval),
    ROW("EVALSHA", -3, NO_KEYS, .find_keys = keys_eval, .rewrite = rewrite_eval),
    ROW("EXPIRE", -3, ONE_KEY, .rewrite = rewrite_expire, .of_redis = rewrite_redis_expire),
    ROW("EXPIREAT", -3, ONE_KEY, .rewrite = rewrite_expire, .of_redis = rewrite_redis_expire),
    ROW("EXPIREMEMBER", -4, ONE_KEY, .rewrite = rewrite_expire_member),
    ROW("EXPIREMEMBERAT", 4, ONE_KEY, .rewrite = rewrite_expire_member),
    ROW("FIELDEXPIRE", -4, ONE_KEY, .rewrite = rewrite_field_expire,
        .expected_errors = "WRONGTYPE"),
    ROW("FLUSHALL", -1, NO_KEYS, .flags = COMMAND_FLUSH | COMMAND_EVERY_NODE,
        .rewrite = rewrite_flush),
    ROW("FLUSHDB", -1, NO_KEYS, .flags = COMMAND_FLUSH | COMMAND_EVERY_NODE,
        .rewrite = rewrite_flush),
    ROW("FT.ALTER", -3, NO_KEYS, .flags = COMMAND_ALL_FLOWS, .rewrite = rewrite_search,
        .expected_errors = "Duplicate field|Unknown index name|Unknown Index name|no such index"),
    ROW("FT.CREATE", -2, NO_KEYS, .flags = COMMAND_ALL_FLOWS, .rewrite = rewrite_search,
        .expected_errors = "Index already exists"),
    ROW("FT.DROPINDEX", -2, NO_KEYS, .flags = COMMAND_ALL_FLOWS, .rewrite = rewrite_search,
        .expected_errors = "Unknown index name|Unknown Index name|no such index"),
    ROW("FT.SYNUPDATE", -4, NO_KEYS, .flags = COMMAND_ALL_FLOWS, .rewrite = rewrite_search,
        .expected_errors = "Unknown index name|Unknown Index name|no such index"),
    ROW("FUNCTION", -2, NO_KEYS, .flags = COMMAND_EVERY_NODE, .rewrite = rewrite_function),
    ROW("GEOADD", -5, ONE_KEY),
    ROW("GEORADIUS", -2, NO_KEYS, .flags = COMMAND_SLICED, .plan = PLAN_STORE,
        .find_keys = keys_georadius, .rewrite = rewrite_store),
    ROW("GEORADIUSBYMEMBER", -2, NO_KEYS, .flags = COMMAND_SLICED, .plan = PLAN_STORE,
        .find_keys = keys_georadiusbymember, .rewrite = rewrite_store),
    ROW("GEOSEARCHSTORE", -8, TWO_KEYS, .since = 602, .plan = PLAN_STORE),
    ROW("GETDEL", 2, ONE_KEY, .rewrite = rewrite_getdel),
    ROW("GETEX", -2, ONE_KEY, .rewrite = rewrite_getex),
    ROW("GETSET", 3, ONE_KEY),
    ROW("HDEL", -3, ONE_KEY),
    ROW("HEXPIRE", -5, ONE_KEY, .rewrite = rewrite_hexpire),
    ROW("HEXPIREAT", -6, ONE_KEY, .rewrite = rewrite_hash_times),
    ROW("HGETDEL", -5, ONE_KEY, .rewrite = rewrite_hgetdel),
    ROW("HGETEX", -4, ONE_KEY, .rewrite = rewrite_hgetex),
    ROW("HINCRBY", 4, ONE_KEY, .rewrite = rewrite_hincrby),
    ROW("HINCRBYFLOAT", 4, ONE_KEY, .rewrite = rewrite_hincrbyfloat, .of_redis = rewrite_as_is),
    ROW("HMSET", -4, ONE_KEY),
    ROW("HPERSIST", -5, ONE_KEY, .rewrite = rewrite_hpersist),
    ROW("HPEXPIRE", -6, ONE_KEY, .rewrite = rewrite_hash_times),
    ROW("HPEXPIREAT", -6, ONE_KEY, .rewrite = rewrite_hash_times),
    ROW("HSET", -4, ONE_KEY),
    ROW("HSETEX", -5, ONE_KEY, .rewrite = rewrite_hsetex),
    ROW("HSETNX", 4, ONE_KEY),
    ROW("INCR", 2, ONE_KEY),
    ROW("INCRBY", 3, ONE_KEY),
    ROW("INCRBYFLOAT", 3, ONE_KEY, .rewrite = rewrite_incrbyfloat, .of_redis = rewrite_as_is),
    ROW("JSON.ARRAPPEND", -4, ONE_KEY, .rewrite = rewrite_json_change,
        .expected_errors = JSON_ERRORS),
    ROW("JSON.ARRINSERT", -5, ONE_KEY, .rewrite = rewrite_json_change,
        .expected_errors = JSON_ERRORS),
    ROW("JSON.ARRPOP", -2, ONE_KEY, .rewrite = rewrite_json_change, .expected_errors = JSON_ERRORS),
    ROW("JSON.ARRTRIM", 5, ONE_KEY, .rewrite = rewrite_json_change, .expected_errors = JSON_ERRORS),
    ROW("JSON.CLEAR", -2, ONE_KEY, .rewrite = rewrite_json_change, .expected_errors = JSON_ERRORS),
    ROW("JSON.DEL", -2, ONE_KEY, .rewrite = rewrite_json_del, .expected_errors = JSON_ERRORS),
    ROW("JSON.FORGET", -2, ONE_KEY, .rewrite = rewrite_json_del, .expected_errors = JSON_ERRORS),
    ROW("JSON.MERGE", 4, ONE_KEY, .rewrite = rewrite_json_change, .expected_errors = JSON_ERRORS),
    ROW("JSON.MSET", -4, KEYS(1, -3, 3), .rewrite = rewrite_json_mset,
        .expected_errors = JSON_ERRORS),
    ROW("JSON.NUMINCRBY", 4, ONE_KEY, .rewrite = rewrite_json_change,
        .expected_errors = JSON_ERRORS),
    ROW("JSON.NUMMULTBY", 4, ONE_KEY, .rewrite = rewrite_json_change,
        .expected_errors = JSON_ERRORS),
    ROW("JSON.SET", -4, ONE_KEY, .rewrite = rewrite_json_set, .expected_errors = JSON_ERRORS),
    ROW("JSON.STRAPPEND", -3, ONE_KEY, .rewrite = rewrite_json_change,
        .expected_errors = JSON_ERRORS),
    ROW("JSON.TOGGLE", 3, ONE_KEY, .rewrite = rewrite_json_change, .expected_errors = JSON_ERRORS),
    ROW("KEYDB.CRON", -5, ONE_KEY, .rewrite = rewrite_cron),
    ROW("LINSERT", 5, ONE_KEY),
    ROW("LMOVE", 5, TWO_KEYS, .plan = PLAN_LMOVE, .rewrite = rewrite_lmove),
    ROW("LMPOP", -2, NO_KEYS, .flags = COMMAND_SLICED, .plan = PLAN_POP,
        .find_keys = keys_numkeys, .rewrite = rewrite_mpop),
    ROW("LPOP", -2, ONE_KEY, .rewrite = rewrite_pop),
    ROW("LPUSH", -3, ONE_KEY),
    ROW("LPUSHX", -3, ONE_KEY),
    ROW("LREM", 4, ONE_KEY),
    ROW("LSET", 4, ONE_KEY),
    ROW("LTRIM", 4, ONE_KEY),
    ROW("MOVE", 3, ONE_KEY, .plan = PLAN_MOVE, .find_keys = keys_move, .rewrite = rewrite_move),
    ROW("MSET", -3, KEYS(1, -2, 2), .flags = COMMAND_SPLIT),
    ROW("MSETEX", -4, NO_KEYS, .find_keys = keys_msetex, .rewrite = rewrite_msetex),
    ROW("MSETNX", -3, KEYS(1, -2, 2), .flags = COMMAND_SPLIT, .rewrite = rewrite_msetnx),
    ROW("PERSIST", 2, ONE_KEY),
    ROW("PEXPIRE", -3, ONE_KEY, .rewrite = rewrite_expire, .of_redis = rewrite_redis_expire),
    ROW("PEXPIREAT", -3, ONE_KEY, .rewrite = rewrite_expire, .of_redis = rewrite_redis_expire),
    ROW("PEXPIREMEMBERAT", 4, ONE_KEY, .rewrite = rewrite_expire_member),
    ROW("PFADD", -2, ONE_KEY),
    ROW("PFCOUNT", -2, ALL_KEYS, .flags = COMMAND_READ_ONLY, .of_redis = rewrite_redis_pfcount),
    ROW("PFMERGE", -2, ALL_KEYS, .plan = PLAN_STORE),
    ROW("PING", -1, NO_KEYS, .rewrite = rewrite_ping),
    ROW("PREPEND", 3, ONE_KEY, .rewrite = rewrite_prepend),
    ROW("PSETEX", 4, ONE_KEY, .rewrite = rewrite_setex),
    ROW("PUBLISH", 3, NO_KEYS, .rewrite = rewrite_message),
    ROW("RENAME", 3, TWO_KEYS, .plan = PLAN_RENAME, .rewrite = rewrite_rename),
    ROW("RENAMENX", 3, TWO_KEYS, .plan = PLAN_RENAME, .rewrite = rewrite_rename),
    ROW("RESTORE", -4, ONE_KEY, .rewrite = rewrite_restore),
    ROW("RESTORE-ASKING", -4, ONE_KEY, .rewrite = rewrite_restore),
    ROW("RPOP", -2, ONE_KEY, .rewrite = rewrite_pop),
    ROW("RPOPLPUSH", 3, TWO_KEYS, .plan = PLAN_LMOVE, .rewrite = rewrite_rpoplpush),
    ROW("RPUSH", -3, ONE_KEY),
    ROW("RPUSHX", -3, ONE_KEY),
    ROW("SADD", -3, ONE_KEY),
    ROW("SADDEX", -4, ONE_KEY, .rewrite = rewrite_saddex),
    ROW("SCRIPT", -2, NO_KEYS, .flags = COMMAND_EVERY_NODE, .rewrite = rewrite_script_command, .of_redis = rewrite_redis_script),
    ROW("SDIFFSTORE", -2, ALL_KEYS, .flags = COMMAND_SLICED, .plan = PLAN_STORE,
        .find_keys = keys_setstore, .rewrite = rewrite_store),
    ROW("SET", -3, ONE_KEY, .rewrite = rewrite_set),
    ROW("SETBIT", 4, ONE_KEY),
    ROW("SETEX", 4, ONE_KEY, .rewrite = rewrite_setex),
    ROW("SETNX", 3, ONE_KEY),
    ROW("SETRANGE", 4, ONE_KEY),
    ROW("SHRINK", 2, ONE_KEY, .rewrite = rewrite_shrink),
    ROW("SINTERSTORE", -2, ALL_KEYS, .flags = COMMAND_SLICED, .plan = PLAN_STORE,
        .find_keys = keys_setstore, .rewrite = rewrite_store),
    ROW("SMOVE", 4, TWO_KEYS, .plan = PLAN_SMOVE, .rewrite = rewrite_smove),
    ROW("SORT", -2, ONE_KEY, .flags = COMMAND_SLICED, .plan = PLAN_SORT_STORE,
        .find_keys = keys_sort, .rewrite = rewrite_sort, .of_redis = rewrite_redis_sort,
        .expected_errors = "can't be converted into double"),
    ROW("SPUBLISH", 3, NO_KEYS, .rewrite = rewrite_message),
    ROW("SREM", -3, ONE_KEY),
    ROW("STICK", -2, ALL_KEYS, .rewrite = rewrite_stick),
    ROW("SUNIONSTORE", -2, ALL_KEYS, .flags = COMMAND_SLICED, .plan = PLAN_STORE,
        .find_keys = keys_setstore, .rewrite = rewrite_store),
    ROW("SWAPDB", 3, NO_KEYS, .rewrite = rewrite_swapdb),
    ROW("TOPK.ADD", -3, ONE_KEY, PROBABILISTIC),
    ROW("TOPK.INCRBY", -4, ONE_KEY, PROBABILISTIC),
    ROW("TOPK.RESERVE", -3, ONE_KEY, PROBABILISTIC),
    ROW("UNLINK", -2, ALL_KEYS, .flags = COMMAND_SPLIT),
    ROW("XACK", -4, ONE_KEY),
    ROW("XADD", -5, ONE_KEY, .rewrite = rewrite_xadd),
    ROW("XAUTOCLAIM", -6, ONE_KEY, .rewrite = rewrite_xautoclaim),
    ROW("XCLAIM", -6, ONE_KEY, .rewrite = rewrite_xclaim, .of_redis = rewrite_as_is),
    ROW("XDEL", -3, ONE_KEY),
    ROW("XGROUP", -3, KEYS(2, 2, 1), .rewrite = rewrite_xgroup),
    ROW("XREADGROUP", -7, NO_KEYS, .find_keys = keys_xreadgroup, .rewrite = rewrite_xreadgroup),
    ROW("XSETID", -3, ONE_KEY, .of_redis = rewrite_redis_xsetid,
        .expected_errors = "no such key|smaller than|requires the key to exist"),
    ROW("XTRIM", -4, ONE_KEY, .rewrite = rewrite_xtrim),
    ROW("ZADD", -4, ONE_KEY, .rewrite = rewrite_zadd),
    ROW("ZDIFFSTORE", -2, NO_KEYS, .flags = COMMAND_SLICED, .since = 602, .plan = PLAN_STORE,
        .find_keys = keys_zstore, .rewrite = rewrite_store),
    ROW("ZINCRBY", 4, ONE_KEY),
    ROW("ZINTER", -2, NO_KEYS, .flags = COMMAND_READ_ONLY),
    ROW("ZINTERSTORE", -2, NO_KEYS, .flags = COMMAND_SLICED, .plan = PLAN_STORE,
        .find_keys = keys_zstore, .rewrite = rewrite_store),
    ROW("ZMPOP", -2, NO_KEYS, .flags = COMMAND_SLICED, .plan = PLAN_POP,
        .find_keys = keys_numkeys, .rewrite = rewrite_mpop),
    ROW("ZPOPMAX", -2, ONE_KEY),
    ROW("ZPOPMIN", -2, ONE_KEY),
    ROW("ZRANGESTORE", -2, TWO_KEYS, .flags = COMMAND_SLICED, .since = 602, .plan = PLAN_STORE,
        .find_keys = keys_zrangestore, .rewrite = rewrite_store),
    ROW("ZREM", -3, ONE_KEY),
    ROW("ZREMRANGEBYLEX", 4, ONE_KEY),
    ROW("ZREMRANGEBYRANK", 4, ONE_KEY),
    ROW("ZREMRANGEBYSCORE", 4, ONE_KEY),
    ROW("ZUNION", -2, NO_KEYS, .flags = COMMAND_READ_ONLY),
    ROW("ZUNIONSTORE", -2, NO_KEYS, .flags = COMMAND_SLICED, .plan = PLAN_STORE,
        .find_keys = keys_zstore, .rewrite = rewrite_store),
};
/* clang-format on */
#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

/*
 * Each record asks for its command, so names are hashed. A place holds the number of a row, from 1 on; 0: free.
 */
#define PLACE_BITS 10
#define PLACES     (1u << PLACE_BITS)
_Static_assert(ROW_COUNT < PLACES / 2, "most names are found at once");

static uint16_t places[PLACES];
static size_t name_max;
static pthread_once_t places_once = PTHREAD_ONCE_INIT;

static inline size_t first_place(struct bytes name)
{
    uint32_t hash = 0;

    for (size_t i = 0; i < name.n; i++)
        hash = (hash ^ byte_lower(name.p[i])) * 0x9e3779b1u;
    return hash >> (32 - PLACE_BITS);
}

static void fill_places(void)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        size_t at = first_place(bytes_str(rows[i].name));

        while (places[at] != 0)
            at = (at + 1) % PLACES;
        places[at] = (uint16_t)(i + 1);
        if (strlen(rows[i].name) > name_max)
            name_max = strlen(rows[i].name);
    }
}

static inline bool has_name(const struct command_row *row, struct bytes name)
{
    for (size_t i = 0; i < name.n; i++) {
        if (byte_lower(name.p[i]) != byte_lower((uint8_t)row->name[i]) || row->name[i] == '\0')
            return false;
    }
    return row->name[name.n] == '\0';
}

const struct command_row *command_find(struct bytes name)
{
    (void)pthread_once(&places_once, fill_places); /* cannot fail */
    if (name.n > name_max)
        return NULL;
    for (size_t at = first_place(name); places[at] != 0; at = (at + 1) % PLACES) {
        if (has_name(&rows[places[at] - 1], name))
            return &rows[places[at] - 1];
    }
    return NULL;
}

const struct command_row *command_rows(size_t *ret_count)
{
    *ret_count = ROW_COUNT;
    return rows;
}

bool command_arity_ok(const struct command_row *row, size_t arg_count)
{
    if (row->arity >= 0)
        return arg_count == (size_t)row->arity;
    return arg_count >= (size_t)-row->arity;
}

bool command_error_expected(const struct command_row *row, const char *error)
{
    const char *part = row == NULL ? NULL : row->expected_errors;
    char text[64];

    while (part != NULL && *part != '\0') {
        size_t n = strcspn(part, "|");

        snprintf(text, sizeof(text), "%.*s", (int)n, part);
        if (strstr(error, text) != NULL)
            return true;
        part += n + (part[n] == '|');
    }
    return false;
}
