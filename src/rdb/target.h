/*
 * target.h - what each version of Redis and Valkey can read.
 *
 * Sources: src/rdb.h and the change history of redis 5.0 to 8.6 and valkey 7.2 to 9.1; for redis 8.8 and 8.10
 * (RDB versions 14 and 15) the change history of librdb 2.3.
 */
#ifndef FLOWTAPE_RDB_TARGET_H
#define FLOWTAPE_RDB_TARGET_H

#include <stdbool.h>

#include "base/err.h"
#include "rdb/rdb_types.h"
#include "rdb/rdb_version.h"

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
    const char *name;       /* "7.0", "valkey-8.0" */
    const char *server_ver; /* for the AUX field redis-ver or valkey-ver */
    enum rdb_family family; /* who it is; target_header says what its files begin with */
    unsigned version;       /* major * 100 + minor, of the Redis it is equal to: 502... 810 */
    unsigned rdb_version;
    unsigned highest_type; /* types it reads: 0..5, 7, 9..highest_type */
    bool member_ttl;       /* hash fields with a time to live */
    bool functions;
    bool lua_aux;     /* loads scripts from AUX fields */
    unsigned modules; /* enum target_module: those that come with it */
};

/*
 * target_parse - "7.0", "redis-7.0", "valkey-8.0": the newest version that is known and not above the one that is
 * named, which target_is_named tells apart; so 7.0.15 is 7.0. FT_ERR_USAGE lists the choices.
 */
int target_parse(const char *text, const struct target **ret, struct ft_err *err);
/* target_is_named - is this the target's own name, and not one that stands for it? */
bool target_is_named(const struct target *t, const char *text);
/* target_title - of a target's name, for people: "Redis 7.0", "Valkey 8.0". Returns out. */
#define TARGET_TITLE_SIZE 40
char *target_title(const char *name, char out[TARGET_TITLE_SIZE]);
/* target_default - 7.0. */
const struct target *target_default(void);
/* target_of_server - the newest that a running server can stand for, the oldest for older ones; version: what it says
 * as a Redis; valkey_version: as a Valkey, or 0 (both major * 100 + minor); modules: as it names them, " ReJSON bf ". */
struct target target_of_server(unsigned version, unsigned valkey_version, const char *modules);
/* target_header - what its RDB files begin with. */
struct rdb_header target_header(const struct target *t);
/* target_reads - does it load this type byte as it is? */
bool target_reads(const struct target *t, unsigned type);
/* target_names - "5.0, 6.2, ...", for help texts. */
const char *target_names(void);

#endif
