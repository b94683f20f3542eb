/*
 * aof_path.h - what a path means as an append-only file.
 *
 * Bid          How sure it is that the path is one, as source_kind.h has it: a manifest, a directory that holds one, a part
 *              that is named by a manifest beside it, a file that begins with commands, or an RDB with commands after it.
 * Files        Their paths in the order in which they are read.
 */
#ifndef FLOWTAPE_INPUT_AOF_PATH_H
#define FLOWTAPE_INPUT_AOF_PATH_H

#include "input/source_files.h"

enum source_bid aof_path_bid(const char *path, const struct stat *status);
/* aof_path_find - fills in the files. */
int aof_path_find(struct source_files *f, size_t *ret_count, struct ft_err *err);

#endif
