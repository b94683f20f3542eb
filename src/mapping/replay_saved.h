/*
 * replay_saved.h - the options of a replay that decide what the target gets, as a text that is kept on the target.
 *
 * What it is   A JSON array: the names of options and their arguments in turn: ["rename","a:*=strip:a:"].
 *              Who compares the target with the input later does so by the same rules.
 */
#ifndef FLOWTAPE_MAPPING_REPLAY_SAVED_H
#define FLOWTAPE_MAPPING_REPLAY_SAVED_H

#include "mapping/replay_rules.h"

/* replay_saved_put - appended to out. Of the rules filter, map, ttl and json_as are looked at. */
int replay_saved_put(struct buf *out, const struct replay_rules *rules, struct ft_err *err);
/* replay_saved_take - added to filter and map, which are empty. FT_ERR_UNSUPPORTED: a later version wrote it. */
int replay_saved_take(struct bytes text, struct filter *filter, struct replay_map *map,
                      enum replay_ttl *ret_ttl, enum json_as *ret_json_as, struct ft_err *err);

#endif
