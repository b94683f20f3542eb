/* words.h - words of commands as text: written by people, and shown to them. */
#ifndef FLOWTAPE_CMD_WORDS_H
#define FLOWTAPE_CMD_WORDS_H

#include <stdio.h>

#include "base/bytes.h"

/* words_unescape - \xNN, \n, \r, \t, \\ and \" become the bytes they mean. In place: the result is
 * never longer than the text. */
struct bytes words_unescape(char *text);
/*
 * word_print - quoted as redis-cli does: only where a blank, a quote or a byte that is not printable
 * needs it. Of a word longer than max_bytes (0: no limit) the beginning and "...(N bytes)".
 */
void word_print(FILE *out, struct bytes word, size_t max_bytes);

#endif
