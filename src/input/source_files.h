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
uint64_t source_files_bytes(const struct source *s, uint32_t index);
int source_files_identify(const struct source *s, int cancel_fd, uint8_t ret[SOURCE_ID_SIZE],
                          struct ft_err *err);
/* source_files_open_one - of a kind that is one file. */
int source_files_open_one(struct source *s, uint32_t generation, struct ft_err *err);
bool source_files_contain(const struct source *s, const char *path, const char *directory);
/* source_files_saved_us - when the state of a stream was. source_files_place - of struct source_feed. */
uint64_t source_files_saved_us(const struct source *s, uint32_t index);
void source_files_place(const struct source_stream *st, bool reading, struct ft_err *err);
/* source_files_same - are two names those of one file? */
bool source_files_same(const char *a, const char *b);
/* source_files_have - is one of them, under whatever name, this file? */
bool source_files_have(const struct source *s, const char *path);

#endif
