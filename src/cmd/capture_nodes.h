/* capture_nodes.h - flowtape capture of a cluster: its nodes, into a set of captures. */
#ifndef FLOWTAPE_CMD_CAPTURE_NODES_H
#define FLOWTAPE_CMD_CAPTURE_NODES_H

#include "capture/capture_set_run.h"
#include "cmd/capture_args.h"
#include "cmd/exit_status.h"

/* capture_nodes_find - of the one node that was named, all that it knows. */
int capture_nodes_find(struct server_args *source, int cancel_fd, struct ft_err *err);
/* capture_nodes - cancel_fd and callbacks of a->run are set. *ret is filled always; then capture_set_result_release. */
int capture_nodes(struct capture_args *a, struct capture_set_result *ret, struct ft_err *err);
/* capture_nodes_report - prints how it ended. archive: NULL: there is none; why: NULL, or what it failed for. Returns
 * status, unless the report could not be printed. */
enum exit_status capture_nodes_report(const struct capture_args *a,
                                      const struct capture_set_result *result,
                                      const struct archiver_result *archive,
                                      const struct ft_err *why, enum exit_status status);

#endif
