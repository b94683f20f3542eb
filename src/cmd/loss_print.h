/* loss_print.h - a loss report for people, and as JSON. */
#ifndef FLOWTAPE_CMD_LOSS_PRINT_H
#define FLOWTAPE_CMD_LOSS_PRINT_H

#include <jansson.h>
#include <stdio.h>

#include "item/loss.h"

/* loss_print - per reason a sentence and a line for each class of value, with up to three keys.
 * Nothing for no losses. */
void loss_print(FILE *out, const struct loss_report *r);
/* loss_to_json - {"losses": n, "notes": n, "lines": [...]}; NULL: out of memory. */
json_t *loss_to_json(const struct loss_report *r);

#endif
