#include "input/sharding.h"

#include <xxhash.h>

#include "item/owner.h"

/* That keys lie where a rule says by chance has to be less probable than one in so many. */
#define CHANCE 1e9

void sharding_tally_key(struct sharding_tally *t, struct bytes key, uint32_t flow,
                        uint32_t flow_count)
{
    t->keys++;
    t->mismatches[SHARDING_KEY] += owner_by_key(key, flow_count) != flow;
    t->mismatches[SHARDING_TAG] += owner_by_tag(key, flow_count) != flow;
    t->mismatches[SHARDING_SLOT] += owner_by_slot(key, flow_count) != flow;
}

void sharding_tally_add(struct sharding_tally *sum, const struct sharding_tally *part)
{
    sum->keys += part->keys;
    for (int rule = SHARDING_KEY; rule < SHARDING_TALLIED; rule++)
        sum->mismatches[rule] += part->mismatches[rule];
}

static bool is_chance(uint64_t keys, uint32_t flow_count)
{
    double odds = 1;

    for (uint64_t i = 0; i < keys && odds <= CHANCE; i++)
        odds *= flow_count;
    return odds <= CHANCE;
}

enum sharding_rule sharding_tally_rule(const struct sharding_tally *t, uint32_t flow_count)
{
    if (t->keys == 0 || (flow_count > 1 && is_chance(t->keys, flow_count)))
        return SHARDING_UNKNOWN;
    for (int rule = SHARDING_KEY; rule < SHARDING_TALLIED; rule++) {
        if (t->mismatches[rule] != 0)
            continue;
        return rule == SHARDING_KEY && t->mismatches[SHARDING_TAG] == 0 ? SHARDING_KEY_OR_TAG
                                                                        : (enum sharding_rule)rule;
    }
    return SHARDING_UNKNOWN;
}

void sharding_learner_key(struct sharding_learner *l, struct bytes key, uint32_t flow,
                          uint32_t flow_count)
{
    size_t bit = XXH3_64bits(key.p, key.n) % (8 * sizeof(l->seen));
    uint8_t mask = (uint8_t)(1u << bit % 8);

    if ((l->seen[bit / 8] & mask) != 0)
        return;
    l->seen[bit / 8] |= mask;
    sharding_tally_key(&l->tally, key, flow, flow_count);
}

bool sharding_may_be_copy(const struct bytes *args, size_t arg_count)
{
    return arg_count >= 3 && bytes_is_word(args[0], "SET") && args[2].n >= 4 &&
           memcmp(args[2].p, "HYLL", 4) == 0;
}

void sharding_learner_record(struct sharding_learner *l, const struct bytes *args, size_t arg_count,
                             const struct translation_key *keys, size_t key_count, uint32_t flow,
                             uint32_t flow_count)
{
    if (key_count == 1 && !sharding_may_be_copy(args, arg_count))
        sharding_learner_key(l, keys[0].key, flow, flow_count);
}
