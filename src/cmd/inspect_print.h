/* inspect_print.h - the structure and census of an input, for people on stdout. */
#ifndef FLOWTAPE_CMD_INSPECT_PRINT_H
#define FLOWTAPE_CMD_INSPECT_PRINT_H

#include "audit/census.h"

/*
 * Any of the three may be NULL; what is missing is not shown. all_segments: each one has its line,
 * else many of a kind share one.
 */
void inspect_print(const struct source *source, const struct capture *capture,
                   const struct census *census, bool all_segments);

#endif
