/* replay_print.h - the report of flowtape replay, for people and as JSON. */
#ifndef FLOWTAPE_CMD_REPLAY_PRINT_H
#define FLOWTAPE_CMD_REPLAY_PRINT_H

#include <jansson.h>

#include "cmd/progress.h"
#include "replay/replay.h"
#include "replay/report/replay_counters.h"

/* replay_progress_add - "120 keys, 40 records": what is not 0. lag: also what is to be applied. */
void replay_progress_add(struct progress *p, const struct replay_progress *now, bool lag);
/* replay_print - on standard error. */
void replay_print(const struct replay_result *r, const struct loss_report *losses);
/* replay_to_json - NULL: out of memory. */
json_t *replay_to_json(const struct replay_result *r, const struct loss_report *losses);

#endif
