/*
 * aof_manifest.h - which files an append-only file of several parts consists of.
 *
 * Format       redis src/aof.c (7.0 to 8.2), aofLoadManifestFromFile: a line for each file, of pairs of a word and a value,
 *              "file NAME seq N type b|h|i"; a value may be quoted; # begins a remark. Pairs of other words are passed
 *              over: later versions add some. One base (b) at most, then increments (i) with rising numbers; files of
 *              the history (h) are no part of it. Names are those of files beside the manifest.
 */
#ifndef FLOWTAPE_INPUT_AOF_MANIFEST_H
#define FLOWTAPE_INPUT_AOF_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/err.h"

#define AOF_MANIFEST_SUFFIX ".manifest"

/* Zeroed at first. */
struct aof_manifest {
    char **names; /* the base, if there is one, and the increments in their order */
    size_t count;
    bool has_base;
};

/* aof_manifest_parse - FT_ERR_CORRUPT says in which line. */
int aof_manifest_parse(struct aof_manifest *ret, struct bytes text, struct ft_err *err);
/* aof_manifest_read - of a file. Errors name it. */
int aof_manifest_read(struct aof_manifest *ret, const char *path, struct ft_err *err);
void aof_manifest_release(struct aof_manifest *m);

#endif
