/*
 * source_files.h - what kinds share whose streams are files: reading them, and what stands for them.
 *
 * What it is   One file per stream, NULL-terminated list; a kind fills it in. The identity of such an input
 *              is a digest of all of it.
 */
#ifndef FLOWTAPE_INPUT_SOURCE_FILES_H
#define FLOWTAPE_INPUT_SOURCE_FILES_H

#include "input/source_kind.h"

struct source_files {
    struct source base; /* must be first */
    char **files;
};

extern const struct source_feed source_files_feed;

/* source_files_of - of a source whose kind is made of this. */
struct source_files *source_files_of(struct source *s);
const struct source_files *source_files_in(const struct source *s);
/* source_files_add - takes the name, also on failure; NULL: there was no memory for it. */
int source_files_add(struct source_files *f, size_t *count, char *file, struct ft_err *err);
/* Of struct source_kind. */
void source_files_release(struct source *s);
const char *source_files_name(const struct source *s, uint32_t index);
int source_files_identify(const struct source *s, int cancel_fd, uint8_t ret[SOURCE_ID_SIZE],
                          struct ft_err *err);
/* source_files_have - is one of them, under whatever name, this file? */
bool source_files_have(const struct source *s, const char *path);

#endif
