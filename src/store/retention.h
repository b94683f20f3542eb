/*
 * retention.h - which generations of a capture are kept, and removing the others.
 *
 * What it is   A generation is of use as a whole: without its snapshot its journal is of none. So whole ones are removed, and
 *              never the newest, nor the newest complete one. A generation that was removed is an abandoned one in the
 *              manifest, ended by RETENTION_ENDED_BY. In a capture with an archive (archived_list.h) only its files are
 *              removed, which the archive has.
 * In use       Who reads a generation holds it (capture_hold); it is kept then.
 * Order        The manifest first: what it names is never missing. What a kill leaves of the files is removed when
 *              the capture is opened to write.
 */
#ifndef FLOWTAPE_STORE_RETENTION_H
#define FLOWTAPE_STORE_RETENTION_H

#include "store/capture.h"

#define RETENTION_ENDED_BY "pruned"

/* Both 0: all are kept. */
struct retention {
    uint32_t generations;   /* so many complete ones, the newest */
    uint64_t span_us;       /* those with something that was received in this time */
    bool archives;          /* there is an archive, also where the list of it is not there yet */
    const uint32_t *of_set; /* of a node of a set: those that generations of the set need */
    size_t of_set_count;
};

enum retention_verdict {
    RETENTION_GONE, /* nothing of it is here */
    RETENTION_NEWEST,
    RETENTION_NEWEST_COMPLETE,
    RETENTION_WANTED, /* the rule keeps it */
    RETENTION_OF_SET,
    RETENTION_IN_USE,
    RETENTION_NOT_ARCHIVED,
    RETENTION_MAY_GO,
};

struct retention_sum {
    uint32_t removed; /* generations */
    uint64_t bytes;
};

/* retention_parse - "3" generations, or a time with its unit: "7d". FT_ERR_USAGE. */
int retention_parse(const char *text, struct retention *ret, struct ft_err *err);
/* retention_reason - for people: why it is kept, or that it may go. */
const char *retention_reason(enum retention_verdict v);
/* retention_classify - now_us: the present. */
int retention_classify(const struct capture *c, const struct generation *g,
                       const struct retention *rule, uint64_t now_us, enum retention_verdict *ret,
                       struct ft_err *err);
/* retention_bytes - of its segments, as the manifest has them. */
uint64_t retention_bytes(const struct generation *g);
/* retention_apply - removes what may go; c is opened to write. What is there is added to *ret. */
int retention_apply(struct capture *c, const struct retention *rule, uint64_t now_us,
                    struct retention_sum *ret, struct ft_err *err);

#endif
