/*
 * left_out.h - what of the inputs of this process was not taken, for the user.
 *
 * What it is   Sentences, each once: an input may be opened more than once, and deep below who reports.
 * Threads      Any.
 */
#ifndef FLOWTAPE_INPUT_LEFT_OUT_H
#define FLOWTAPE_INPUT_LEFT_OUT_H

#include <stddef.h>

#include "base/err.h"

int left_out_add(const char *text, struct ft_err *err);
/* left_out_get - the i-th, as long as the process; NULL: there are no more. */
const char *left_out_get(size_t i);

#endif
