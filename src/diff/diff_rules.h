/*
 * diff_rules.h - which keys of the two sides of a comparison belong together, and how much alike they have to be.
 *
 * What it is   What a copy from A to B would have done: filters and --rename, --db-map, --ttl apply to the names and times
 *              of A, and B's version says what it can hold. A key is called as B calls it from here on.
 * B's keys     One of B is looked at if some key of A that passes the filters would be called like it; if
 *              nothing is renamed, that is the key itself.
 * Types        --type is asked of both sides, as a key may have changed its type: see diff_rules_type.
 * Threads      Constant while anything is compared.
 */
#ifndef FLOWTAPE_DIFF_DIFF_RULES_H
#define FLOWTAPE_DIFF_DIFF_RULES_H

#include "audit/comparison.h"
#include "item/filter.h"
#include "mapping/replay_map.h"
#include "mapping/replay_rules.h"

/* The two sides of a comparison. */
enum diff_of {
    DIFF_A,
    DIFF_B,
};
#define DIFF_SIDES 2

struct diff_rules {
    const struct filter *filter; /* of A's names */
    const struct replay_map *map;
    enum replay_ttl ttl;
    int64_t shift_ms; /* with REPLAY_TTL_SHIFT */
    int64_t
        copied_ms; /* when the replay that wrote B began: what had ended by then was left out; 0 */
    enum json_as json_as;
    const struct target *target; /* what B can hold; NULL: everything */
    uint64_t slack_ms;
    bool live; /* a side goes on living: what has ended by now is not there */
};

/* A key by its names. */
struct diff_key {
    uint32_t db[DIFF_SIDES];
    struct bytes name[DIFF_SIDES];
};

/* diff_rules_name - ret: by A's name; B's may point into scratch. 1, 0: it is left out, -1. */
int diff_rules_name(const struct diff_rules *r, uint32_t db, struct bytes name, struct buf *scratch,
                    struct diff_key *ret, struct ft_err *err);
/* diff_rules_takes_b - 1: a key of B is to be looked at, 0, -1. A's name is set to B's. */
int diff_rules_takes_b(const struct diff_rules *r, uint32_t db, struct bytes name,
                       struct diff_key *ret, struct ft_err *err);
/* diff_rules_expiry - when B's key is to end. */
int64_t diff_rules_expiry(const struct diff_rules *r, int64_t expire_ms);
/* diff_rules_type - is a key with these classes of interest? -1: a side does not have it. */
bool diff_rules_type(const struct diff_rules *r, int class_a, int class_b);

#endif
