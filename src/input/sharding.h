/*
 * sharding.h - which flow owns a key, by the rule that the source uses.
 *
 * What it is   A Dragonfly spreads keys over its shards by one of three rules (item/owner.h). Which one
 *              it is shows itself in keys whose flow is known: each rule is tallied against them. The
 *              rule then guards against records that a flow brings for a key of another one.
 * Ties         Without hash tags in the keys, two rules agree: SHARDING_KEY_OR_TAG lets a record pass
 *              that either of them allows.
 * Threads      Values; nothing shared.
 */
#ifndef FLOWTAPE_INPUT_SHARDING_H
#define FLOWTAPE_INPUT_SHARDING_H

#include "command/translate.h"
#include "store/capture.h"

/* The rules that are tallied: SHARDING_KEY to SHARDING_SLOT. */
#define SHARDING_TALLIED (SHARDING_SLOT + 1)

struct sharding_tally {
    uint64_t keys;
    uint64_t mismatches[SHARDING_TALLIED];
};

void sharding_tally_key(struct sharding_tally *t, struct bytes key, uint32_t flow,
                        uint32_t flow_count);
void sharding_tally_add(struct sharding_tally *sum, const struct sharding_tally *part);
/*
 * sharding_tally_rule - the rule that at most one key in `tolerance` contradicts (0: none may).
 * SHARDING_UNKNOWN without keys, or when no rule fits.
 */
enum sharding_rule sharding_tally_rule(const struct sharding_tally *t, uint64_t tolerance);

/* sharding_tally_learnt - of keys of journal records: nearly all of them are their own flow's. */
enum sharding_rule sharding_tally_learnt(const struct sharding_tally *t);

struct source;

/*
 * sharding_learn - for a capture whose manifest does not tell the rule: from the snapshot if it has
 * keys, else from the journal, where nearly all records name keys of their own flow. Looks at the
 * first SHARDING_LEARN_RECORDS of each flow.
 */
#define SHARDING_LEARN_RECORDS 10000u
int sharding_learn(const struct source *source, enum sharding_rule *ret_rule, struct ft_err *err);

struct owner_guard {
    enum sharding_rule rule; /* SHARDING_UNKNOWN: everything passes */
    uint32_t flow_count;
};

/* owner_guard_of - by the source's rule; everything passes for sources that are no capture. */
struct owner_guard owner_guard_of(const struct source *source);
/* owner_guard_passes - may this flow apply a record with these keys? One owned key is enough. */
bool owner_guard_passes(const struct owner_guard *g, uint32_t flow,
                        const struct translation_key *keys, size_t key_count);

#endif
