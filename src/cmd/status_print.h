/* status_print.h - the statuses of a directory, for people. */
#ifndef FLOWTAPE_CMD_STATUS_PRINT_H
#define FLOWTAPE_CMD_STATUS_PRINT_H

#include <jansson.h>

#include "store/capture.h"

/* status_print - a status as status_json.h makes it, on standard output. Of what another program may have written. */
void status_print(const json_t *status);
/* status_print_capture - of a directory that no run has left a status in. */
void status_print_capture(const struct capture *c);
json_t *status_capture_to_json(const struct capture *c);

#endif
