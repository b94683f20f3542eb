/* capture_nodes.h - flowtape capture of a cluster: its nodes, into a set of captures. */
#ifndef FLOWTAPE_CMD_CAPTURE_NODES_H
#define FLOWTAPE_CMD_CAPTURE_NODES_H

#include "cmd/capture_args.h"
#include "cmd/exit_status.h"
#include "cmd/progress.h"

/* capture_nodes_find - of the one node that was named, all that it knows. */
int capture_nodes_find(struct server_args *source, int cancel_fd, struct ft_err *err);
/* capture_nodes - cancel_fd and callbacks of a->run are set. Ends the progress, and prints how the run ended. */
int capture_nodes(struct capture_args *a, struct progress *progress, enum capture_ended *ret_ended,
                  enum exit_status *ret_status, struct ft_err *err);

#endif
