/* check_print.h - what `--check` has found (diff/copy_check.h): for people, and in reports. */
#ifndef FLOWTAPE_CMD_CHECK_PRINT_H
#define FLOWTAPE_CMD_CHECK_PRINT_H

#include <jansson.h>

#include "cmd/progress.h"
#include "diff/copy_check.h"

/* check_show - how far it is. what: "check" or the like. */
void check_show(struct progress *p, const struct diff_progress *d);
/* check_print - on standard output; nothing if it was not made. */
void check_print(const struct copy_checked *c, const char *input);
/* check_to_json - NULL: out of memory; null: it was not made. */
json_t *check_to_json(const struct copy_checked *c, const char *input);

#endif
