/*
 * sharding_learn.h - the rule by which a source spread its keys, from a recording that does not tell it.
 */
#ifndef FLOWTAPE_INPUT_SHARDING_LEARN_H
#define FLOWTAPE_INPUT_SHARDING_LEARN_H

#include "input/source.h"

/* sharding_learn - from the keys of the snapshot and of the journal: the first SHARDING_LEARN_RECORDS of
 * each flow. SHARDING_UNKNOWN: they do not tell either. */
int sharding_learn(const struct source *source, enum sharding_rule *ret_rule, struct ft_err *err);

#endif
