#include "input/sharding.h"

#include <xxhash.h>

#include "command/translate.h"
#include "input/source.h"
#include "item/owner.h"
#include "rdb/target.h"

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

/* "SET dest HYLL...": what PFMERGE becomes, on every flow that took part. */
static bool may_be_copy(const struct bytes *words, size_t word_count)
{
    return word_count >= 3 && bytes_is_word(words[0], "SET") && words[2].n >= 4 &&
           memcmp(words[2].p, "HYLL", 4) == 0;
}

void sharding_learner_record(struct sharding_learner *l, const struct bytes *words,
                             size_t word_count, const struct translation_key *keys,
                             size_t key_count, uint32_t flow, uint32_t flow_count)
{
    if (key_count == 1 && !may_be_copy(words, word_count))
        sharding_learner_key(l, keys[0].key, flow, flow_count);
}

static int learn_snapshot(const struct source *source, uint32_t flow, struct sharding_learner *l,
                          struct ft_err *err)
{
    const struct source_stream_options options = {.snapshot_only = true, .skip_values = true};
    struct source_stream *stream;
    enum step step = STEP_END;
    struct item item;

    if (source_stream_open(&stream, source, flow, &options, err) != 0)
        return -1;
    for (unsigned i = 0; i < SHARDING_LEARN_RECORDS; i++) {
        step = source_stream_next(stream, &item, err);
        if (step != STEP_ITEM)
            break;
        if (item_entry(&item) != NULL)
            sharding_learner_key(l, item.rdb.entry.key, flow, source->stream_count);
    }
    source_stream_free(stream);
    return step == STEP_ERROR ? -1 : 0;
}

static int learn_journal(const struct source *source, struct translator *translator, uint32_t flow,
                         struct sharding_learner *l, struct ft_err *err)
{
    const struct source_stream_options options = {.journal_only = true};
    struct source_stream *stream;
    enum step step = STEP_END;
    struct item item;

    if (source_stream_open(&stream, source, flow, &options, err) != 0)
        return -1;
    for (unsigned i = 0; i < SHARDING_LEARN_RECORDS; i++) {
        const struct translation_key *keys;
        size_t count;

        step = source_stream_next(stream, &item, err);
        if (step != STEP_ITEM)
            break;
        if (item_command(&item) == NULL)
            continue;
        if (translator_find_keys(translator, item.record.words, item.record.word_count,
                                 item.record.dbid, &keys, &count, err) != 0) {
            step = STEP_ERROR;
            break;
        }
        sharding_learner_record(l, item.record.words, item.record.word_count, keys, count, flow,
                                source->stream_count);
    }
    source_stream_free(stream);
    return step == STEP_ERROR ? -1 : 0;
}

int sharding_learn(const struct source *source, enum sharding_rule *ret_rule, struct ft_err *err)
{
    const struct translator_options options = {.target = target_default()};
    struct sharding_learner learner = {0};
    struct translator *translator;
    int rc = 0;

    if (translator_new(&translator, &options, err) != 0)
        return -1;
    for (uint32_t i = 0; rc == 0 && i < source->stream_count; i++)
        rc = learn_snapshot(source, i, &learner, err);
    for (uint32_t i = 0; rc == 0 && i < source->stream_count; i++)
        rc = learn_journal(source, translator, i, &learner, err);
    translator_free(translator);
    if (rc == 0)
        *ret_rule = sharding_tally_rule(&learner.tally, source->stream_count);
    return rc;
}

struct owner_guard owner_guard_of(const struct source *source)
{
    struct owner_guard g = {.rule = SHARDING_UNKNOWN, .flow_count = source->stream_count};

    if (source->kind != SOURCE_CAPTURE)
        return g;
    g.is_capture = true;
    g.rule = source->sharding;
    g.disproved = source->disproved;
    return g;
}

static bool is_disproved(const struct owner_guard *g)
{
    return g->disproved != NULL && atomic_load(g->disproved);
}

bool owner_guard_is_off(const struct owner_guard *g)
{
    return g->is_capture && g->flow_count > 1 && (g->rule == SHARDING_UNKNOWN || is_disproved(g));
}

bool owner_guard_owns(const struct owner_guard *g, uint32_t flow, struct bytes key)
{
    if (is_disproved(g))
        return true;
    switch (g->rule) {
    case SHARDING_UNKNOWN:
        return true;
    case SHARDING_KEY:
        return owner_by_key(key, g->flow_count) == flow;
    case SHARDING_TAG:
        return owner_by_tag(key, g->flow_count) == flow;
    case SHARDING_SLOT:
        return owner_by_slot(key, g->flow_count) == flow;
    case SHARDING_KEY_OR_TAG:
        break;
    }
    return owner_by_key(key, g->flow_count) == flow || owner_by_tag(key, g->flow_count) == flow;
}

enum owner_verdict owner_guard_judge(const struct owner_guard *g, uint32_t flow,
                                     const struct bytes *words, size_t word_count,
                                     const struct translation_key *keys, size_t key_count)
{
    if (key_count == 0)
        return OWNER_APPLIES;
    for (size_t i = 0; i < key_count; i++) {
        if (owner_guard_owns(g, flow, keys[i].key))
            return OWNER_APPLIES;
    }
    if (may_be_copy(words, word_count))
        return OWNER_FOREIGN;
    if (g->disproved == NULL || atomic_exchange(g->disproved, true))
        return OWNER_APPLIES;
    return OWNER_DISPROVES;
}
