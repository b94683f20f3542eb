/* status_json.h - a status as JSON; flowtape-status(1) lists its fields. */
#ifndef FLOWTAPE_STATUS_STATUS_JSON_H
#define FLOWTAPE_STATUS_STATUS_JSON_H

#include <jansson.h>

#include "status/status.h"

/* status_to_json - a new reference; NULL: out of memory. Numbers that do not apply are left out. */
json_t *status_to_json(const struct status *s);

#endif
