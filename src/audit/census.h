/*
 * census.h - keys counted by database, type, time to live and size.
 *
 * Threads  One struct census per stream while counting; census_merge puts them together.
 */
#ifndef FLOWTAPE_AUDIT_CENSUS_H
#define FLOWTAPE_AUDIT_CENSUS_H

#include "input/source.h"
#include "rdb/value_walk.h"

/* Times to live, seen from when the key was received or saved. */
enum census_ttl {
    CENSUS_TTL_NONE,
    CENSUS_TTL_OVER,
    CENSUS_TTL_HOUR,
    CENSUS_TTL_DAY,
    CENSUS_TTL_MONTH, /* 30 days */
    CENSUS_TTL_LONGER,
};
#define CENSUS_TTL_COUNT 6

/* Sizes of the serialised value; each class goes up to 16 times the one before. */
#define CENSUS_SIZE_COUNT 6

/* census_ttl_name - "none", "over", "<1h"...; census_size_name - "<=64 B", ... */
const char *census_ttl_name(unsigned ttl);
const char *census_size_name(unsigned size_class);

struct census_db {
    uint32_t db;
    uint64_t keys[VALUE_CLASS_COUNT];
    uint64_t bytes[VALUE_CLASS_COUNT];
};

struct census {
    struct census_db *dbs; /* ascending */
    size_t db_count;
    uint64_t keys;
    uint64_t bytes;
    uint64_t types[RDB_TYPE_COUNT];
    uint64_t ttls[CENSUS_TTL_COUNT];
    uint64_t sizes[CENSUS_SIZE_COUNT];
    uint64_t largest_bytes;
    struct buf largest_key;
    uint32_t largest_db;
    uint64_t functions;
    uint64_t scripts;
    uint64_t records_in_snapshot; /* journal records inside the full sync */
    uint64_t records;             /* and after it */
};

/* census_of - of all streams of a source. */
int census_of(struct census *ret, const struct source *source, struct ft_err *err);
void census_release(struct census *c);

#endif
