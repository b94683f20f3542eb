/* diff_examples.h - some of the differences that a comparison finds, to be shown. */
#ifndef FLOWTAPE_DIFF_DIFF_EXAMPLES_H
#define FLOWTAPE_DIFF_DIFF_EXAMPLES_H

#include "diff/diff.h"

/* One difference of those that are shown. */
struct diff_example {
    struct diff_found found; /* key and c point into what follows */
    struct buf key;
    struct comparison comparison;
};

/* The first ones of each kind. */
struct diff_examples {
    struct diff_example **list; /* owned, as are its elements */
    size_t count;
    size_t capacity;
    size_t max;                      /* of each kind */
    size_t counts[DIFFERENCE_COUNT]; /* of each kind */
    size_t places[DIFFERENCE_COUNT]; /* of which the place is known */
    size_t functions;
};

/* diff_examples_add - unless there are enough. */
int diff_examples_add(struct diff_examples *e, const struct diff_found *found, struct ft_err *err);
void diff_examples_release(struct diff_examples *e);

#endif
