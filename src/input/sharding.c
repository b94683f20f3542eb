#include "input/sharding.h"

#include "input/source.h"
#include "item/owner.h"
#include "rdb/target.h"

/* A journal brings some records for keys of other flows; few beside the rest. */
#define LEARN_TOLERANCE 5
#define LEARN_KEYS_MIN  8

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

enum sharding_rule sharding_tally_rule(const struct sharding_tally *t, uint64_t tolerance)
{
    uint64_t allowed = tolerance == 0 ? 0 : t->keys / tolerance;
    enum sharding_rule best = SHARDING_UNKNOWN;

    if (t->keys == 0)
        return SHARDING_UNKNOWN;
    for (int rule = SHARDING_KEY; rule < SHARDING_TALLIED; rule++) {
        if (t->mismatches[rule] <= allowed &&
            (best == SHARDING_UNKNOWN || t->mismatches[rule] < t->mismatches[best]))
            best = (enum sharding_rule)rule;
    }
    if (best == SHARDING_KEY && t->mismatches[SHARDING_TAG] == t->mismatches[SHARDING_KEY])
        return SHARDING_KEY_OR_TAG;
    return best;
}

enum sharding_rule sharding_tally_learnt(const struct sharding_tally *t)
{
    return t->keys < LEARN_KEYS_MIN ? SHARDING_UNKNOWN : sharding_tally_rule(t, LEARN_TOLERANCE);
}

/* A recorder that died before it could say so may have had a snapshot full of keys. */
static int tally_snapshot(const struct source *source, uint32_t flow, struct sharding_tally *tally,
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
        if (item.kind == ITEM_ENTRY)
            sharding_tally_key(tally, item.rdb.entry.key, flow, source->stream_count);
    }
    source_stream_free(stream);
    return step == STEP_ERROR ? -1 : 0;
}

static int tally_flow(const struct source *source, struct translator *translator, uint32_t flow,
                      struct sharding_tally *tally, struct ft_err *err)
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
        if (item.kind != ITEM_COMMAND)
            continue;
        if (translator_find_keys(translator, item.record.words, item.record.word_count,
                                 item.record.dbid, &keys, &count, err) != 0) {
            step = STEP_ERROR;
            break;
        }
        if (count == 1)
            sharding_tally_key(tally, keys[0].key, flow, source->stream_count);
    }
    source_stream_free(stream);
    return step == STEP_ERROR ? -1 : 0;
}

int sharding_learn(const struct source *source, enum sharding_rule *ret_rule, struct ft_err *err)
{
    const struct translator_options options = {.target = target_default()};
    bool described = source->generation->snapshot_records != SNAPSHOT_RECORDS_UNKNOWN;
    struct sharding_tally tally = {0};
    struct translator *translator;
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && !described && i < source->stream_count; i++)
        rc = tally_snapshot(source, i, &tally, err);
    *ret_rule = sharding_tally_rule(&tally, 0);
    if (rc != 0 || *ret_rule != SHARDING_UNKNOWN)
        return rc;
    tally = (struct sharding_tally){0};
    if (translator_new(&translator, &options, err) != 0)
        return -1;
    for (uint32_t i = 0; rc == 0 && i < source->stream_count; i++)
        rc = tally_flow(source, translator, i, &tally, err);
    translator_free(translator);
    if (rc != 0)
        return -1;
    *ret_rule = sharding_tally_learnt(&tally);
    return 0;
}

struct owner_guard owner_guard_of(const struct source *source)
{
    struct owner_guard g = {.rule = SHARDING_UNKNOWN, .flow_count = source->stream_count};

    if (source->kind == SOURCE_CAPTURE)
        g.rule = source->sharding;
    return g;
}

static bool owns(const struct owner_guard *g, uint32_t flow, struct bytes key)
{
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

bool owner_guard_passes(const struct owner_guard *g, uint32_t flow,
                        const struct translation_key *keys, size_t key_count)
{
    if (key_count == 0)
        return true;
    for (size_t i = 0; i < key_count; i++) {
        if (owns(g, flow, keys[i].key))
            return true;
    }
    return false;
}
