/* remake_print.h - what commands that make a capture of another input say of it (fixture/remake.h). */
#ifndef FLOWTAPE_CMD_REMAKE_PRINT_H
#define FLOWTAPE_CMD_REMAKE_PRINT_H

#include <jansson.h>

#include "cmd/progress.h"
#include "fixture/remake.h"

/* remake_show_bytes - the line of progress: how much of the input was read. */
void remake_show_bytes(struct progress *p, const atomic_uint_fast64_t *bytes);
/* remake_to_json - an object of the caller's, which may be added to. NULL: no memory. */
json_t *remake_to_json(const char *input, const char *directory, const struct remake_result *r);

#endif
