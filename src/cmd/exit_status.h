/* exit_status.h - the statuses the program ends with; flowtape(1) lists them. */
#ifndef FLOWTAPE_CMD_EXIT_STATUS_H
#define FLOWTAPE_CMD_EXIT_STATUS_H

#include "base/err.h"

enum exit_status {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_FINDINGS = 3,   /* input corrupt, something lost, verification found differences */
    EXIT_PEER = 4,       /* peer or network */
    EXIT_EARLY = 5,      /* stopped early, but what was stored is valid */
    EXIT_INCOMPLETE = 6, /* verification found no damage, but an end is missing */
};

enum exit_status exit_status_of(const struct ft_err *err);

#endif
