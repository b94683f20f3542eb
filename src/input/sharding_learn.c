#include "input/sharding_learn.h"

#include "command/translate.h"
#include "input/sharding.h"
#include "rdb/target.h"

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
