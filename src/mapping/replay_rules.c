#include "mapping/replay_rules.h"

#include "input/source.h"

int replay_translator_new(struct translator **ret, const struct replay_rules *rules,
                          struct ft_err *err)
{
    const struct translator_options options = {
        .target = rules->kind,
        .cluster = rules->cluster,
        .keeps_others = true,
        .json_as = rules->json_as,
        .source_release = rules->source->release,
        .moment_ms = TRANSLATE_NOW,
    };

    return translator_new(ret, &options, err);
}
