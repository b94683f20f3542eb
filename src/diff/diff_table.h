/*
 * diff_table.h - the keys in which two sides differ, or may do so.
 *
 * What it is   A table by hashes of names (entry_digest.key), with what both sides have of each key. Names and some values
 *              are added when they are read again.
 * Memory       300 bytes for a key that differs, and its names; in files when it is much (base/table_memory.h, spool.h).
 * Threads      None of its own.
 */
#ifndef FLOWTAPE_DIFF_DIFF_TABLE_H
#define FLOWTAPE_DIFF_DIFF_TABLE_H

#include "base/spool.h"
#include "diff/diff_rules.h"

struct diff_suspect {
    uint8_t key
        [KEY_SET_HASH_SIZE]; /* its hash; set by diff_table_add, and read without a lock after that */
    struct entry_digest digest[DIFF_SIDES];
    bool has[DIFF_SIDES];  /* as last seen */
    bool seen[DIFF_SIDES]; /* in the pass that is being made */
    bool used;             /* the slot */
    bool unstable;         /* one side has shown it in two ways at once */
    bool unknown;          /* it was changing while it was read, and could not be read again */
    bool unread;           /* a side does not give its value */
    bool valued;           /* values are to be kept, so that they can be compared */
    bool named;
    bool has_value;  /* of the side that was read first */
    uint8_t kind;    /* enum difference; NONE: not any more */
    uint8_t changes; /* readings that found something else than the one before */
    uint8_t value_type;
    uint32_t db[DIFF_SIDES];
    uint32_t name_size[DIFF_SIDES];
    uint64_t name_at[DIFF_SIDES]; /* in names */
    uint64_t value_at;            /* in values */
    uint64_t value_size;
    uint32_t place; /* 1 + index of its comparison; 0: it has none */
};

struct diff_table {
    struct table_memory memory;
    struct diff_suspect *slots; /* open addressing */
    size_t capacity;            /* a power of two, or 0 */
    size_t count;
    struct spool names;
    struct spool values;
    struct comparison *comparisons;
    size_t comparison_count;
    size_t comparison_capacity;
};

/* diff_table_is_due - it differs as far as is known, or nothing is known of it. */
static inline bool diff_table_is_due(const struct diff_suspect *s)
{
    return s->used && (s->kind != DIFFERENCE_NONE || s->unstable || s->unknown);
}

/* diff_table_find - NULL: it is not there. Valid until something is added. */
struct diff_suspect *diff_table_find(const struct diff_table *t,
                                     const uint8_t key[KEY_SET_HASH_SIZE]);
/* diff_table_add - a key that is not there yet. */
int diff_table_add(struct diff_table *t, const struct diff_suspect *suspect, struct ft_err *err);
/* diff_table_name - remember both names. */
int diff_table_name(struct diff_table *t, struct diff_suspect *s, const struct diff_key *key,
                    struct ft_err *err);
/* diff_table_read_name - appended to out. */
int diff_table_read_name(const struct diff_table *t, const struct diff_suspect *s, enum diff_of of,
                         struct buf *out, struct ft_err *err);
int diff_table_put_value(struct diff_table *t, struct diff_suspect *s, unsigned type,
                         struct bytes value, struct ft_err *err);
/* diff_table_drop_values - before they are read anew. */
void diff_table_drop_values(struct diff_table *t);
/* diff_table_place - where the two differ. */
int diff_table_place(struct diff_table *t, struct diff_suspect *s, const struct comparison *c,
                     struct ft_err *err);
void diff_table_release(struct diff_table *t);

#endif
