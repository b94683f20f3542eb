/* rehearsal_print.h - what a dry run has found, on a page or as JSON. */
#ifndef FLOWTAPE_CMD_REHEARSAL_PRINT_H
#define FLOWTAPE_CMD_REHEARSAL_PRINT_H

#include "cmd/common_args.h"
#include "cmd/exit_status.h"
#include "replay/replay_rehearsal.h"

/* rehearsal_status - EXIT_DONE: it may begin; EXIT_FINDINGS: it would lose; EXIT_PEER: it would fail. */
enum exit_status rehearsal_status(const struct replay_rehearsal *r);
/*
 * rehearsal_show - on standard output, and into the report's file, as the options want it. what: of a page's first
 * line, "LIVE into redis://...". Returns rehearsal_status, or that of a failure.
 */
enum exit_status rehearsal_show(const char *command, const char *what,
                                const struct replay_rehearsal *r, const struct loss_report *losses,
                                const struct output_args *output);

#endif
