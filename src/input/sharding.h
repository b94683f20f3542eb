/*
 * sharding.h - which flow owns a key, by the rule that the source uses.
 *
 * What it is   A Dragonfly spreads keys over its shards by one of three rules (item/owner.h). Which one
 *              it is shows itself in keys whose flow is known: each rule is tallied against them. The
 *              rule then guards against records that a flow brings for a key of another one
 *              (owner_guard.h).
 * Other rules  A source may have tags of other delimiters, or spread keys of a prefix in turns. Such a
 *              rule is not known here.
 * Ties         Without hash tags in the keys, two rules agree: SHARDING_KEY_OR_TAG.
 * Threads      Values; nothing shared.
 */
#ifndef FLOWTAPE_INPUT_SHARDING_H
#define FLOWTAPE_INPUT_SHARDING_H

#include "command/translation.h"
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
 * sharding_tally_rule - the rule that no key contradicts, if there are so many keys that this is no
 * chance: any rule holds for n keys of N flows with a probability of 1/N^n. Else SHARDING_UNKNOWN. The
 * keys have to be different ones.
 */
enum sharding_rule sharding_tally_rule(const struct sharding_tally *t, uint32_t flow_count);

/* So many records of each flow are looked at. */
#define SHARDING_LEARN_RECORDS 10000u

/* A tally of keys that may come more than once; zeroed at the beginning. */
struct sharding_learner {
    struct sharding_tally tally;
    uint8_t seen[4096]; /* a bit for each hash; two keys that share one count once */
};

void sharding_learner_key(struct sharding_learner *l, struct bytes key, uint32_t flow,
                          uint32_t flow_count);
/* sharding_learner_record - a record of one key tells where that belongs, unless it is a copy. */
void sharding_learner_record(struct sharding_learner *l, const struct bytes *args, size_t arg_count,
                             const struct translation_key *keys, size_t key_count, uint32_t flow,
                             uint32_t flow_count);
/* sharding_may_be_copy - "SET dest HYLL...": what PFMERGE becomes, on every flow that took part. */
bool sharding_may_be_copy(const struct bytes *args, size_t arg_count);

#endif
