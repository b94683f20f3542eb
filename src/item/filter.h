/*
 * filter.h - which keys a run is about.
 *
 * A key passes when its database is listed (or none is), at least one --key pattern fits (or none is
 * given), no --no-key pattern fits, and its class is listed (or none is).
 */
#ifndef FLOWTAPE_ITEM_FILTER_H
#define FLOWTAPE_ITEM_FILTER_H

#include "base/bytes.h"
#include "base/err.h"
#include "rdb/value_walk.h"

struct filter {
    uint32_t *dbs;
    size_t db_count;
    char **keys; /* patterns of base/glob.h */
    size_t key_count;
    char **no_keys;
    size_t no_key_count;
    unsigned classes; /* bit per enum value_class; 0: all */
};

/* The setters take one command-line argument each; lists are separated by commas (--db, --type). */
int filter_add_db(struct filter *f, const char *text, struct ft_err *err);
int filter_add_key(struct filter *f, const char *pattern, struct ft_err *err);
int filter_add_no_key(struct filter *f, const char *pattern, struct ft_err *err);
int filter_add_type(struct filter *f, const char *text, struct ft_err *err);
/* filter_is_empty - everything passes. */
static inline bool filter_is_empty(const struct filter *f)
{
    return f->db_count == 0 && f->key_count == 0 && f->no_key_count == 0 && f->classes == 0;
}
bool filter_db(const struct filter *f, uint32_t db);
bool filter_key(const struct filter *f, struct bytes key);
bool filter_class(const struct filter *f, enum value_class c);
void filter_release(struct filter *f);

#endif
