/*
 * pack_set.h - a set of captures as one archive per node, and back.
 *
 * What it is   A packed set is a directory with the set's description, in which each node is the archive of its capture
 *              (pack.h) instead of a directory, under the same name. So whoever reads a set reads this one.
 * Whole        The description comes last: a directory without it is not a set. A packed set gets its name when it is
 *              complete; one that is unpacked resumes with the first node that is not there.
 * Errors       As of pack.h and unpack.h.
 */
#ifndef FLOWTAPE_ARCHIVE_PACK_SET_H
#define FLOWTAPE_ARCHIVE_PACK_SET_H

#include "archive/pack.h"
#include "archive/unpack.h"

/* pack_set_run - o->generation is one of the set, of which 0: all; there is no stop_lsn. Results are added up. */
int pack_set_run(const char *directory, const struct pack_options *o, struct pack_result *ret,
                 struct ft_err *err);
/* unpack_set_run - of the packed set o->input. */
int unpack_set_run(const struct unpack_options *o, struct unpack_result *ret, struct ft_err *err);

#endif
