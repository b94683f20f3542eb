/*
 * owner_guard.h - which records a flow brings for keys of another one, and are not to be applied.
 *
 * What it is   Of all records only the copies of a PFMERGE, "SET dest HYLL...", come on flows that do not
 *              own the key. Who owns it, the rule says by which the source spreads its keys (sharding.h).
 * Ties         With SHARDING_KEY_OR_TAG a record passes that either rule allows.
 * Disproof     If any other record comes for a key that its flow does not own, the rule does not hold
 *              after all (a source started with other flags for lock tags, or with a round-robin prefix,
 *              may do as a known rule says for some keys and not for others): the guard is then off for
 *              all who read the same source.
 * Nodes        The guard of a set of captures has one guard for each node, and asks that of the flow's.
 * Threads      A guard is copied from its source's and constant; the disproof is shared and atomic.
 */
#ifndef FLOWTAPE_INPUT_OWNER_GUARD_H
#define FLOWTAPE_INPUT_OWNER_GUARD_H

#include <stdatomic.h>

#include "command/translation.h"
#include "store/capture.h"

struct owner_guard;

/* The flows of one node: from `first` to that of the next node. */
struct owner_guard_node {
    uint32_t first;
    const struct owner_guard *guard;
};

struct owner_guard {
    enum sharding_rule rule; /* SHARDING_UNKNOWN: everything is applied */
    uint32_t flow_count;
    bool has_records;                     /* else there is nothing to guard */
    atomic_bool *disproved;               /* shared by all guards of a source; NULL: by nobody */
    const struct owner_guard_node *nodes; /* of a set; borrowed, and the rest is not used */
    uint32_t node_count;
};

enum owner_verdict {
    OWNER_APPLIES,
    OWNER_FOREIGN,   /* a copy, not to be applied */
    OWNER_DISPROVES, /* to be applied; the guard has just been switched off */
};

/* owner_guard_init - the source's own, which the others are copies of. */
int owner_guard_init(struct owner_guard *g, enum sharding_rule rule, uint32_t flow_count,
                     struct ft_err *err);
/* owner_guard_release - of what was initialised or zeroed. */
void owner_guard_release(struct owner_guard *g);
/* owner_guard_is_off - there is no rule, though there are flows between which it would decide. */
bool owner_guard_is_off(const struct owner_guard *g);
/* owner_guard_classify - a record with these keys. One owned key is enough. */
enum owner_verdict owner_guard_classify(const struct owner_guard *guard, uint32_t flow,
                                        const struct bytes *args, size_t arg_count,
                                        const struct translation_key *keys, size_t key_count);
/* owner_guard_own_flow - the flow's number within its node. */
uint32_t owner_guard_own_flow(const struct owner_guard *g, uint32_t flow);
/* owner_guard_owns - does this flow own the key, as far as is known? */
bool owner_guard_owns(const struct owner_guard *guard, uint32_t flow, struct bytes key);

#endif
