/* inspect_json.h - the structure and census of an input, as JSON. */
#ifndef FLOWTAPE_CMD_INSPECT_JSON_H
#define FLOWTAPE_CMD_INSPECT_JSON_H

#include <jansson.h>

#include "audit/census.h"

/* inspect_to_json - all there is, as a new reference; NULL: out of memory. */
json_t *inspect_to_json(const struct source *source, const struct capture *capture,
                        const struct census *census);

#endif
