/*
 * report.h - a run's report as JSON, to a file and to standard output.
 *
 * Suspect keys may be more than memory should hold twice: beyond the first SUSPECTS_SHOWN they are written
 * from where they are kept (command/suspect.h), not made part of the tree.
 */
#ifndef FLOWTAPE_CMD_REPORT_H
#define FLOWTAPE_CMD_REPORT_H

#include <jansson.h>

#include "cmd/exit_status.h"
#include "command/suspect.h"

/*
 * report_write - into `file` (NULL: none) and on standard output as wanted. json is released; NULL: it could
 * not be made. suspects are those of which json has the first, at "suspects" or within "replay"; NULL: none.
 * Returns `status`, or that of a failure.
 */
enum exit_status report_write(const char *command, json_t *json,
                              const struct suspect_report *suspects, const char *file,
                              bool to_stdout, enum exit_status status);
/* report_print - only on standard output. */
int report_print(json_t *json, const struct suspect_report *suspects, struct ft_err *err);

#endif
