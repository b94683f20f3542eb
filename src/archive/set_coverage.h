/*
 * set_coverage.h - how much of a set's description is true of captures of its nodes that hold only a part of what the nodes hold.
 *
 * What it is   A generation of the set is, as soon as each node has a complete one; a moment, as soon as each node's journal has come
 *              to the LSNs of it (store/capture_set.h). What lacks these is as if it had not been written down yet, and so is what
 *              comes after it: a set that was cut there (capture_set_cut) can be read like one whose recorder was killed
 *              at that time.
 * Growing      While slots are at rest a description of a Redis Cluster says nothing of that, and the journals, which are archived before
 *              the next description, may already have moved some. So it notes how far they were when it was written.
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
/*
 * set_coverage_note - in the newest generation, how far the nodes' journals are of which it knows that slots were at rest. set_coverage_check,
 * where that was fetched: in journals that are longer now slots may be on their way (`moving`). The note goes. True if there was
 * one.
 */
int set_coverage_note(struct capture_set *s, const struct capture *const *there,
                      struct ft_err *err);
bool set_coverage_check(struct capture_set *s, const struct capture *const *there);
/* set_coverage_has_idle - is there a moment of which all is asked? */
bool set_coverage_has_idle(const struct capture_set *s);

#endif
