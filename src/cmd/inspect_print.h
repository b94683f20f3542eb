/* inspect_print.h - the structure and census of an input, for people on stdout, or as JSON. */
#ifndef FLOWTAPE_CMD_INSPECT_PRINT_H
#define FLOWTAPE_CMD_INSPECT_PRINT_H

#include <jansson.h>

#include "audit/census.h"

/*
 * Any of the three may be NULL; what is missing is not shown. all_segments: each one has its line,
 * else many of a kind share one.
 */
void inspect_print(const struct source *source, const struct capture *capture,
                   const struct census *census, bool all_segments);
/* inspect_to_json - all there is, as a new reference; NULL: out of memory. */
json_t *inspect_to_json(const struct source *source, const struct capture *capture,
                        const struct census *census);

#endif
