/*
 * json_value.h - values that several reports have, as JSON.
 *
 * JSON holds UTF-8 only. Whatever comes from outside (keys, arguments, paths, texts of errors) goes
 * through json_from_bytes and its kin, so that a report is valid whatever the input held.
 * The values are new references, or NULL: out of memory.
 */
#ifndef FLOWTAPE_CMD_JSON_VALUE_H
#define FLOWTAPE_CMD_JSON_VALUE_H

#include <jansson.h>

#include "command/suspect.h"

/* json_from_bytes - text as it is, bytes that are not UTF-8 as {"base64": ...}. */
json_t *json_from_bytes(struct bytes b);
/* json_from_text - likewise; NULL becomes null. */
json_t *json_from_text(const char *text);
/* json_from_message - a sentence for people, what is not UTF-8 in it escaped; NULL becomes null. */
json_t *json_from_message(const char *text);
/* json_from_suspect - {"db", "key", "command", "flow", "lsn"}. */
json_t *json_from_suspect(const struct suspect *s);
/* json_from_suspects - {"count": n, "keys": [...]}, of which report.h writes those beyond the first
 * SUSPECTS_SHOWN. */
json_t *json_from_suspects(const struct suspect_report *r);

/* json_print - a line or more on standard output. json is released; NULL: it could not be made. */
int json_print(json_t *json, struct ft_err *err);

#endif
