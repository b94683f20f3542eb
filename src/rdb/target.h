/*
 * target.h - what each version of Redis and Valkey can read.
 *
 * Sources: src/rdb.h and the change history of redis 5.0, 6.2, 7.0, 7.2, 7.4, 8.0 and valkey 7.2,
 * 8.0 (RDB versions 9, 9, 10, 11, 12, 12, 11, 11).
 */
#ifndef FLOWTAPE_RDB_TARGET_H
#define FLOWTAPE_RDB_TARGET_H

#include <stdbool.h>

#include "base/err.h"
#include "rdb/rdb_types.h"

/* Modules whose values and commands a target has. */
enum target_module {
    TARGET_JSON = 1,
    TARGET_BLOOM = 2, /* Bloom and cuckoo filters, sketches, digests */
    TARGET_TIME_SERIES = 4,
    TARGET_VECTOR_SET = 8,
    TARGET_SEARCH = 16, /* commands only */
    TARGET_MODULES = 31,
};

struct target {
    const char *name;      /* "7.0", "valkey-8.0" */
    const char *redis_ver; /* for the redis-ver AUX field */
    unsigned version;      /* major * 100 + minor, of the Redis it is equal to: 502... 800 */
    unsigned rdb_version;
    unsigned highest_type; /* types it reads: 0..5, 7, 9..highest_type */
    bool member_ttl;       /* hash fields with a time to live (types 24 and 25) */
    bool functions;
    bool lua_aux;     /* loads scripts from AUX fields */
    unsigned modules; /* enum target_module: those that come with it */
};

/* target_parse - by name; FT_ERR_USAGE lists the choices. */
int target_parse(const char *text, const struct target **ret, struct ft_err *err);
/* target_default - 7.0. */
const struct target *target_default(void);
/* target_of_version - the newest Redis that a server of this version (see `version`) can stand for;
 * the oldest for older ones. */
const struct target *target_of_version(unsigned version);
/* target_of_server - the same, with the modules that the server names: " ReJSON bf ". */
struct target target_of_server(unsigned version, const char *modules);
/* target_reads - does it load this type byte as it is? */
bool target_reads(const struct target *t, unsigned type);
/* target_names - "5.0, 6.2, ...", for help texts. */
const char *target_names(void);

#endif
