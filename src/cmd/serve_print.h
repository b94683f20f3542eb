/* serve_print.h - what was served, for people and as JSON. */
#ifndef FLOWTAPE_CMD_SERVE_PRINT_H
#define FLOWTAPE_CMD_SERVE_PRINT_H

#include <jansson.h>

#include "cmd/serve_args.h"

void serve_print(const struct serve_args *a, const struct serve_result *r,
                 const struct serve_progress *p);
/* serve_to_json - NULL: out of memory. */
json_t *serve_to_json(const struct serve_args *a, const struct serve_result *r,
                      const struct serve_progress *p);

#endif
