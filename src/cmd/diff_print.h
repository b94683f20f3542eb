/* diff_print.h - what a comparison has found: for people, as JSON, and as a file of keys. */
#ifndef FLOWTAPE_CMD_DIFF_PRINT_H
#define FLOWTAPE_CMD_DIFF_PRINT_H

#include <jansson.h>

#include "cmd/diff_args.h"

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

/* diff_print - the summary and examples, on standard output. */
void diff_print(const struct diff_args *a, const struct diff_result *r,
                const struct diff_examples *examples, const struct loss_report *losses);
/* diff_to_json - the same; NULL: out of memory. */
json_t *diff_to_json(const struct diff_args *a, const struct diff_result *r,
                     const struct diff_examples *examples, const struct loss_report *losses);
/* diff_key_line - {"db":0,"key":"...","kind":"value"} and a line end, appended. */
int diff_key_line(struct buf *out, const struct diff_found *found, struct ft_err *err);

#endif
