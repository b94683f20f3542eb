/*
 * fetch.h - a capture directory of what an archiver (archiver.h) has handed over.
 *
 * What it is   A command is run for the manifest and for each segment, and has to write it where %p says. If DIR is
 *              a capture already, only the segments that are missing in it are fetched; else DIR appears whole
 *              (work_dir.h). Every file is checked before it gets its name.
 * Sets         Of a set's archive the description is brought first, then the manifests of its nodes, which were archived before it. Each
 *              node's directory is one within that of the set.
 * Errors       FT_ERR_NET: the command failed; FT_ERR_STATE: DIR is something else; FT_ERR_CORRUPT: what it has brought is not
 *              the segment; FT_ERR_CANCELLED.
 */
#ifndef FLOWTAPE_ARCHIVE_FETCH_H
#define FLOWTAPE_ARCHIVE_FETCH_H

#include "archive/unpack.h"

/* fetch_run - o->input is the command (archive_command.h). result->resumed: segments that were there. */
int fetch_run(const struct unpack_options *o, struct unpack_result *ret, struct ft_err *err);

#endif
