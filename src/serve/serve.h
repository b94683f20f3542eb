/*
 * serve.h - an INPUT as a master that replicas attach to.
 *
 * What it is   As a Redis master: a full sync is the state of the input at a cut, as an RDB; what follows is the
 *              journal from there, translated (doc/serve.md). A replica that comes back resumes at its offset.
 * Growing      With `follow` the input is read on as another process adds to it, and a new generation takes the
 *              place of the one served so far: under another replication id, so that each replica gets all of it.
 * Ending       It ends when cancel_fd becomes readable (FT_ERR_CANCELLED is not an error then), or with the first error
 *              that is not a single replica's.
 * Threads      serve_run has threads of its own and has joined them on return; it may be called once at a time
 *              for an input. on_note may come from any of them.
 */
#ifndef FLOWTAPE_SERVE_SERVE_H
#define FLOWTAPE_SERVE_SERVE_H

#include "serve/serve_options.h"

/* serve_run - result: zeroed; filled in any case, then serve_result_release. */
int serve_run(const struct serve_options *options, struct serve_progress *progress,
              struct serve_result *result, struct ft_err *err);
void serve_result_release(struct serve_result *result);

#endif
