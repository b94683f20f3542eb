/* cmd_prune.h - "flowtape prune": which generations of a capture may go, and removing them. */
#ifndef FLOWTAPE_CMD_CMD_PRUNE_H
#define FLOWTAPE_CMD_CMD_PRUNE_H

#include "cmd/args.h"

int cmd_prune(int argc, char **argv);
int cmd_prune_help(struct arg_view *view);

#endif
