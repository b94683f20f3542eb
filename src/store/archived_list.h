/*
 * archived_list.h - which files of a capture are kept elsewhere too: "capture.archived" beside the manifest.
 *
 * What it is   A text to which a line is added for each file that was archived, "xxh3:DIGEST  NAME", with the
 *              digest that the manifest has for it. A segment that is on the list may be missing in the directory.
 * Writer       One at a time: the file is locked. A line counts when it is whole, and is durable when _add returns.
 * Errors       FT_ERR_IO, FT_ERR_NOMEM.
 * Threads      Not shared.
 */
#ifndef FLOWTAPE_STORE_ARCHIVED_LIST_H
#define FLOWTAPE_STORE_ARCHIVED_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* For who needs such a segment; its name. */
#define ARCHIVED_AND_GONE \
    "segment \"%s\" was archived and is not here any more; \"flowtape unpack --from\" fetches it"

#define ARCHIVED_LIST_NAME "capture.archived"

struct archived_list {
    int fd;            /* -1: only read */
    uint64_t *entries; /* hashes of name and digest, sorted */
    size_t count;
};

/* archived_list_read - a list that is not there is empty. */
int archived_list_read(struct archived_list *ret, int dirfd, struct ft_err *err);
/* archived_list_open - to add to it. *ret_held: another process does so; then -1 without an error. */
int archived_list_open(struct archived_list *ret, int dirfd, bool *ret_held, struct ft_err *err);
bool archived_list_has(const struct archived_list *l, const char *name, uint64_t digest);
int archived_list_add(struct archived_list *l, const char *name, uint64_t digest,
                      struct ft_err *err);
/* archived_list_release - also of a zeroed struct that was never opened. */
void archived_list_release(struct archived_list *l);

/* archived_list_names - is the file of this directory on the list? A failure counts as "no". */
bool archived_list_names(int dirfd, const char *name, uint64_t digest);

#endif
