/*
 * sharding.h - which flow owns a key, by the rule that the source uses.
 *
 * What it is   A Dragonfly spreads keys over its shards by one of three rules (item/owner.h). Which one
 *              it is shows itself in keys whose flow is known: each rule is tallied against them. The
 *              rule then guards against records that a flow brings for a key of another one.
 * Other rules  A source may have tags of other delimiters, or spread keys of a prefix in turns. Such a
 *              rule is not known here; all is applied then.
 * Ties         Without hash tags in the keys, two rules agree: SHARDING_KEY_OR_TAG lets a record pass
 *              that either of them allows.
 * Threads      Values; nothing shared.
 */
#ifndef FLOWTAPE_INPUT_SHARDING_H
#define FLOWTAPE_INPUT_SHARDING_H

#include <stdatomic.h>

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

struct source;

/*
 * sharding_learn - for a capture whose manifest does not tell the rule: from the keys of its snapshot
 * and of its journal. Looks at the first SHARDING_LEARN_RECORDS of each flow.
 */
#define SHARDING_LEARN_RECORDS 10000u
int sharding_learn(const struct source *source, enum sharding_rule *ret_rule, struct ft_err *err);

/* A tally of keys that may come more than once; zeroed at the beginning. */
struct sharding_learner {
    struct sharding_tally tally;
    uint8_t seen[4096]; /* a bit for each hash; two keys that share one count once */
};

void sharding_learner_key(struct sharding_learner *l, struct bytes key, uint32_t flow,
                          uint32_t flow_count);
/* sharding_learner_record - a record of one key tells where that belongs, unless it is a copy. */
void sharding_learner_record(struct sharding_learner *l, const struct bytes *words,
                             size_t word_count, const struct translation_key *keys,
                             size_t key_count, uint32_t flow, uint32_t flow_count);

/*
 * The owner guard: which records a flow brings for keys of another one, and are not to be applied.
 *
 * Of all records only the copies of a PFMERGE, "SET dest HYLL...", come on flows that do not own the
 * key. If any other does, the rule does not hold after all (a source started with other flags for lock
 * tags, or with a round-robin prefix, may do as a known rule says for some keys and not for others):
 * the guard is then off for all who read the same source.
 */
struct owner_guard {
    enum sharding_rule rule; /* SHARDING_UNKNOWN: everything is applied */
    uint32_t flow_count;
    bool is_capture;        /* else the streams have no records */
    atomic_bool *disproved; /* shared by all guards of a source; NULL: by nobody */
};

enum owner_verdict {
    OWNER_APPLIES,
    OWNER_FOREIGN,   /* a copy, not to be applied */
    OWNER_DISPROVES, /* to be applied; the guard has just been switched off */
};

/* owner_guard_of - by the source's rule; all is applied of sources that are no capture. */
struct owner_guard owner_guard_of(const struct source *source);
/* owner_guard_is_off - there is no rule, though there are flows between which it would decide. */
bool owner_guard_is_off(const struct owner_guard *g);
/* owner_guard_judge - a record with these keys. One owned key is enough. */
enum owner_verdict owner_guard_judge(const struct owner_guard *g, uint32_t flow,
                                     const struct bytes *words, size_t word_count,
                                     const struct translation_key *keys, size_t key_count);
/* owner_guard_owns - does this flow own the key, as far as is known? */
bool owner_guard_owns(const struct owner_guard *g, uint32_t flow, struct bytes key);

#endif
