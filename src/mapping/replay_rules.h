/*
 * replay_rules.h - what decides which commands a replay sends.
 *
 * What it is   The options that select, rename and move in time, and what the target is. It does not
 *              change while a target is connected, and outlives all that is made with it.
 */
#ifndef FLOWTAPE_MAPPING_REPLAY_RULES_H
#define FLOWTAPE_MAPPING_REPLAY_RULES_H

#include "command/translate.h"
#include "item/filter.h"
#include "item/key_set.h"
#include "item/recode.h"
#include "mapping/replay_map.h"

struct source;

enum replay_ttl {
    REPLAY_TTL_KEEP,
    REPLAY_TTL_SHIFT, /* what was left at the snapshot is left again when the replay begins */
    REPLAY_TTL_DROP,  /* times of keys; those of hash fields stay */
};

struct replay_rules {
    const struct filter *filter;
    const struct replay_map *map;
    const struct key_set *kept; /* keys of the target, by its names, that are left alone */
    const struct source *source;
    const char *id; /* of the replay: part of the names of keys that are there for a moment */
    enum replay_ttl ttl;
    int64_t shift_ms; /* of REPLAY_TTL_SHIFT */
    enum json_as json_as;
    const struct target *kind;
    unsigned version; /* of the target: major * 100 + minor */
    bool cluster;
    bool no_restore; /* the target does not let RESTORE be used */
    /* A key of the input is left out, as it would be called like one of the replay's own. Any thread. */
    void (*on_own_key)(void *context, struct bytes key);
    void *context;
};

/* replay_translator_new - of records into commands for such a target. */
int replay_translator_new(struct translator **ret, const struct replay_rules *rules,
                          struct ft_err *err);

#endif
