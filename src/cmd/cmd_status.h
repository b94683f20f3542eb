/* cmd_status.h - flowtape status: what is at work in a directory, or was. */
#ifndef FLOWTAPE_CMD_CMD_STATUS_H
#define FLOWTAPE_CMD_CMD_STATUS_H

#include "cmd/args.h"

/* cmd_status - argv[0] is the command's own name; returns an exit status. */
int cmd_status(int argc, char **argv);
int cmd_status_help(struct arg_view *view);

#endif
