/* diff_print.h - what a comparison has found: for people, as JSON, and as a file of keys. */
#ifndef FLOWTAPE_CMD_DIFF_PRINT_H
#define FLOWTAPE_CMD_DIFF_PRINT_H

#include <jansson.h>

#include "cmd/diff_args.h"
#include "diff/diff_examples.h"

/* Of the options the names of the inputs are looked at. */

/* diff_print - the summary and examples, on standard output. */
void diff_print(const struct diff_options *o, const struct diff_result *r,
                const struct diff_examples *examples, const struct loss_report *losses);
/* diff_to_json - the same; NULL: out of memory. */
json_t *diff_to_json(const struct diff_options *o, const struct diff_result *r,
                     const struct diff_examples *examples, const struct loss_report *losses);
/* diff_key_line - {"db":0,"key":"...","kind":"value"} and a line end, appended. */
int diff_key_line(struct buf *out, const struct diff_found *found, struct ft_err *err);

#endif
