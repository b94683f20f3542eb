/*
 * item_print.h - one item of a stream as a line, like a packet dump does, or as a JSON object.
 *
 *   flow     offset  received                         LSN   db  item
 *      0        232  2026-08-20T12:34:56.789Z           1    0  COMMAND SET k v
 *
 * Long arguments are shortened in lines, never in JSON.
 */
#ifndef FLOWTAPE_CMD_ITEM_PRINT_H
#define FLOWTAPE_CMD_ITEM_PRINT_H

#include <jansson.h>
#include <stdio.h>

#include "item/item.h"

void item_print_header(FILE *out);
/* item_print - the line without its end, so that something can be added to it. */
void item_print(FILE *out, const struct item *item);
/* item_to_json - NULL: out of memory. */
json_t *item_to_json(const struct item *item);

#endif
