/*
 * dfs_shards.h - is each file of a .dfs set where its keys say?
 *
 * What it is   Key K of a Dragonfly with N shards is in file hash(K) mod N (item/owner.h has the rules). So
 *              the keys of a file tell how many shards there were when it was saved: the highest N that
 *              puts all of them where they are, once chance is excluded. All files have to agree, and
 *              to be as many. A file with too few keys, or of a source with a rule of its own, tells
 *              nothing.
 * Cost         The first keys of each file are looked at, values are passed over.
 */
#ifndef FLOWTAPE_INPUT_DFS_SHARDS_H
#define FLOWTAPE_INPUT_DFS_SHARDS_H

#include "input/source.h"

/* dfs_shards_count - by the first keys of a file: how many shards there were, or 0: it does not tell. */
int dfs_shards_count(const struct source *s, uint32_t index, uint32_t *ret, struct ft_err *err);
/* dfs_shards_check - of a source whose streams are the shards' files. FT_ERR_CORRUPT: some do not
 * belong to the others, or some are missing. */
int dfs_shards_check(const struct source *s, struct ft_err *err);

#endif
