/* quoting.h - arguments of commands as text: written by people, and shown to them. */
#ifndef FLOWTAPE_CMD_QUOTING_H
#define FLOWTAPE_CMD_QUOTING_H

#include <stdio.h>

#include "base/bytes.h"

/* quoting_unescape - \xNN, \n, \r, \t, \\ and \" become the bytes they mean. In place: the result is
 * never longer than the text. */
struct bytes quoting_unescape(char *text);
/*
 * quoting_print - quoted as redis-cli does: only where a blank, a quote or a byte that is not printable
 * needs it. Of an argument longer than max_bytes (0: no limit) the beginning and "...(N bytes)".
 */
void quoting_print(FILE *out, struct bytes arg, size_t max_bytes);

#endif
