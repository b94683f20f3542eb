/* sync_print.h - how a migration goes and went, for people and as JSON. */
#ifndef FLOWTAPE_CMD_SYNC_PRINT_H
#define FLOWTAPE_CMD_SYNC_PRINT_H

#include <jansson.h>

#include "base/parse.h"
#include "cmd/progress.h"
#include "cmd/replay_print.h"
#include "sync/sync.h"

#define SYNC_LAG_TEXT (FORMAT_COUNT + sizeof(" records"))

/* sync_lag_text - "1,234 records", or by_offset (live_flows.h) "1.2 KiB". Returns out. */
char *sync_lag_text(uint64_t lag, bool by_offset, char out[SYNC_LAG_TEXT]);

/* sync_show - a progress line, serves: about replicas,not on a terminal also one per flow. */
void sync_show(struct progress *p, struct sync_progress *progress, struct live_flows *live,
               bool serves);
void sync_print(const struct sync_result *r, const struct loss_report *losses);
/* sync_flows_to_json - how far each flow is at the source's socket, on disk, and on the target. */
json_t *sync_flows_to_json(struct live_flows *live);
/* sync_to_json - why: the error, or NULL. NULL: out of memory. */
json_t *sync_to_json(const struct sync_result *r, const struct loss_report *losses, const char *why,
                     int status);

#endif
