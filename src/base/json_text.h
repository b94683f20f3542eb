/*
 * json_text.h - JSON written by hand, where there is too much of it for a tree of objects.
 *
 * Bytes        JSON strings are Unicode; bytes that are not UTF-8 are written as
 *              {"base64":"..."} everywhere in this program.
 */
#ifndef FLOWTAPE_BASE_JSON_TEXT_H
#define FLOWTAPE_BASE_JSON_TEXT_H

#include <stdbool.h>

#include "base/buf.h"

/* json_put_escaped - what goes between the quotes of a string: UTF-8 with its control characters,
 * quotes and backslashes escaped. May be called for pieces of a string one after the other. */
int json_put_escaped(struct buf *out, struct bytes text, struct ft_err *err);
/* base64_put - pieces of a whole may follow each other if all but the last have a size that 3
 * divides. */
int base64_put(struct buf *out, struct bytes b, struct ft_err *err);
/* base64_take - appends what the text stands for; *ret_ok false: it is not base64. */
int base64_take(struct buf *out, const char *text, bool *ret_ok, struct ft_err *err);
/* json_put_bytes - a whole string, or {"base64": ...}. */
int json_put_bytes(struct buf *out, struct bytes b, struct ft_err *err);

#endif
