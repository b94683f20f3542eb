/*
 * dfs_set.h - the files of one Dragonfly snapshot: NAME-summary.dfs and NAME-0000.dfs and so on.
 *
 * What it is   Finds the files that belong together, named by any of them, and refuses what is not one
 *              snapshot: files that are missing, or that another save has left under the same name.
 * How it tells Releases from 1.32 write a snapshot id and the number of shards into every file; files
 *              beyond that number with another id are left out, as Dragonfly does. Before that: times of
 *              saving that are far apart, another release, a gap in the numbers, and keys that do not
 *              lie where that number of shards puts them (dfs_shards.h).
 */
#ifndef FLOWTAPE_INPUT_DFS_SET_H
#define FLOWTAPE_INPUT_DFS_SET_H

#include "input/source.h"

/* dfs_set_has_name - could this be a file of a set? */
bool dfs_set_has_name(const char *path);
/* dfs_set_is_of - would two names in one directory, whether there or not, be of one set? */
bool dfs_set_is_of(const char *member, const char *path);
/* dfs_set_open - fills in files, stream_count and info. The summary is the last stream: it has the
 * scripts and no keys. FT_ERR_CORRUPT: not a whole snapshot; the text names a file. */
int dfs_set_open(struct source *s, struct ft_err *err);

#endif
