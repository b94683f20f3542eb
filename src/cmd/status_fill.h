/* status_fill.h - what the numbers of a capture, replay or sync are in a status. */
#ifndef FLOWTAPE_CMD_STATUS_FILL_H
#define FLOWTAPE_CMD_STATUS_FILL_H

#include "capture/capture_options.h"
#include "cmd/status_args.h"
#include "item/loss.h"
#include "replay/report/replay_result.h"
#include "serve/serve_options.h"
#include "status/status_service.h"
#include "store/live_flows.h"

/* status_start - the service that options ask for, and that of `flowtape status`. It reports trouble, and where the page
 * is, by notes. service: file_name, fill, control and context are the caller's. */
int status_start(struct status_service **ret, const char *command, const struct status_args *a,
                 const struct status_service_options *service, bool quiet, struct ft_err *err);

/* status_fill_phases - which ones there are, with NULL at the end, and the one that it is in. */
void status_fill_phases(struct status *s, const char *const *phases, size_t phase);
void status_fill_directory(struct status *s, const char *dir);
void status_fill_capture(struct status *s, const struct capture_progress *p);
void status_fill_serve(struct status *s, const struct serve_progress *p);
void status_fill_replay(struct status *s, const struct replay_progress *p);
/* status_fill_read - how far the reading of the input is. */
void status_fill_read(struct status *s, const struct read_progress *r);
/* status_fill_flows - stage: the last one that this run has, which its lag is that of. */
void status_fill_flows(struct status *s, struct live_flows *live, enum live_stage stage);
/* status_fill_losses - of a report that may be growing. */
void status_fill_losses(struct status *s, struct loss_report *r);

#endif
