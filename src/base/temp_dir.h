/*
 * temp_dir.h - a directory of our own in $TMPDIR (/tmp), removed with all that is in it.
 *
 * Errors  FT_ERR_IO, FT_ERR_NOMEM.
 * Ends    temp_dir_release removes it; of a process that is killed it stays.
 */
#ifndef FLOWTAPE_BASE_TEMP_DIR_H
#define FLOWTAPE_BASE_TEMP_DIR_H

#include "base/err.h"

struct temp_dir {
    char *path; /* NULL: none was made */
    int fd;
};

int temp_dir_make(struct temp_dir *ret, struct ft_err *err);
/* temp_dir_release - also of a zeroed struct. */
void temp_dir_release(struct temp_dir *d);
/* temp_dir_remove_tree - a directory and all below it, as far as that can be done; links are not
 * followed. */
void temp_dir_remove_tree(const char *path);

#endif
