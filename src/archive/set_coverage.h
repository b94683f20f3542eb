/*
 * set_coverage.h - how much of a set's description is true of captures of its nodes that hold only a part of what the nodes hold.
 *
 * What it is   A generation of the set is, as soon as each node has a complete one; a moment, as soon as each node's journal has come
 *              to the LSNs of it (store/capture_set.h). What lacks these is as if it had not been written down yet, and so is what
 *              comes after it: a set that was cut there (capture_set_cut) can be read like one whose recorder was killed
 *              at that time.
 */
#ifndef FLOWTAPE_ARCHIVE_SET_COVERAGE_H
#define FLOWTAPE_ARCHIVE_SET_COVERAGE_H

#include "store/capture_set.h"

struct set_coverage {
    size_t generations;
    size_t moments; /* of the last of them */
    bool whole;     /* that is all there is */
};

/*
 * set_coverage_of - there: what of each node is there, NULL: nothing. all: what each node has, opened after the description was
 * read: an idle node has no LSN in a moment, which stands for all it had; NULL: that is not asked for.
 */
struct set_coverage set_coverage_of(const struct capture_set *s, const struct capture *const *there,
                                    const struct capture *const *all);
/* set_coverage_has_idle - is there a moment of which all is asked? */
bool set_coverage_has_idle(const struct capture_set *s);

#endif
