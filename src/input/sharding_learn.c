#include "input/sharding_learn.h"

#include "command/translate.h"
#include "input/sharding.h"
#include "rdb/target.h"

struct learning {
    const struct source *source;
    struct translator *translator;
    struct sharding_learner learner;
};

static int learn_record(struct learning *l, const struct journal_record *record, uint32_t flow,
                        struct ft_err *err)
{
    const struct translation_key *keys;
    size_t count;

    if (translator_find_keys(l->translator, record->args, record->arg_count, record->dbid, &keys,
                             &count, err) != 0)
        return -1;
    sharding_learner_record(&l->learner, record->args, record->arg_count, keys, count, flow,
                            l->source->stream_count);
    return 0;
}

/* Of a snapshot the keys: its values are skipped, and with them the arguments of its records. */
static int learn_stream(struct learning *l, uint32_t flow,
                        const struct source_stream_options *options, struct ft_err *err)
{
    struct source_stream *stream;
    struct item item;
    int rc = 0;

    if (source_stream_open(&stream, l->source, flow, options, err) != 0)
        return -1;
    for (unsigned i = 0; rc == 0 && i < SHARDING_LEARN_RECORDS; i++) {
        enum step step = source_stream_next(stream, &item, err);

        if (step != STEP_ITEM) {
            rc = step == STEP_ERROR ? -1 : 0;
            break;
        }
        if (item_entry(&item) != NULL)
            sharding_learner_key(&l->learner, item.rdb.entry.key, flow, l->source->stream_count);
        else if (options->journal_only && item_command(&item) != NULL)
            rc = learn_record(l, &item.record, flow, err);
    }
    source_stream_free(stream);
    return rc;
}

int sharding_learn(const struct source *source, enum sharding_rule *ret_rule, struct ft_err *err)
{
    static const struct source_stream_options snapshot = {.snapshot_only = true,
                                                          .skip_values = true};
    static const struct source_stream_options journal = {.journal_only = true};
    const struct translator_options options = {.target = target_default()};
    struct learning l = {.source = source};
    int rc = 0;

    if (translator_new(&l.translator, &options, err) != 0)
        return -1;
    for (uint32_t i = 0; rc == 0 && i < source->stream_count; i++)
        rc = learn_stream(&l, i, &snapshot, err);
    for (uint32_t i = 0; rc == 0 && i < source->stream_count && !source->growing; i++)
        rc = learn_stream(&l, i, &journal, err);
    translator_free(l.translator);
    if (rc == 0)
        *ret_rule = sharding_tally_rule(&l.learner.tally, source->stream_count);
    return rc;
}
