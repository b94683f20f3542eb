/*
 * source_dfs.h - the files of one Dragonfly snapshot as an INPUT: NAME-summary.dfs and NAME-0000.dfs and so on.
 *
 * What it is   Finds the files that belong together, named by any of them, and refuses what is not one
 *              snapshot: files that are missing, or that another save has left under the same name.
 * How it tells Releases from 1.32 write a snapshot id and the number of shards into every file; files
 *              beyond that number with another id are left out, as Dragonfly does. Before that: times of
 *              saving that are far apart, another release, a gap in the numbers, and keys that do not
 *              lie where that number of shards puts them (dfs_shards.h).
 * Streams      The shards' files, and then the summary: it has the scripts and no keys.
 */
#ifndef FLOWTAPE_INPUT_SOURCE_DFS_H
#define FLOWTAPE_INPUT_SOURCE_DFS_H

#include "input/source_kind.h"

extern const struct source_kind source_dfs_kind;

#endif
