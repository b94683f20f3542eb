/* serve_print.h - what was served, for people and as JSON. */
#ifndef FLOWTAPE_CMD_SERVE_PRINT_H
#define FLOWTAPE_CMD_SERVE_PRINT_H

#include <jansson.h>

#include "cmd/progress.h"
#include "serve/serve_options.h"

/* serve_progress_add - to a line of progress. */
void serve_progress_add(struct progress *p, enum serve_as as, struct serve_progress *now);
void serve_print(const struct serve_options *o, const struct serve_result *r,
                 const struct serve_progress *p);
/* serve_to_json - NULL: out of memory. */
json_t *serve_to_json(const struct serve_options *o, const struct serve_result *r,
                      const struct serve_progress *p);

#endif
