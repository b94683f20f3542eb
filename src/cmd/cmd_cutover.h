/* cmd_cutover.h - tell a running sync to cut over. */
#ifndef FLOWTAPE_CMD_CMD_CUTOVER_H
#define FLOWTAPE_CMD_CMD_CUTOVER_H

#include "cmd/args.h"

/* cmd_cutover - argv[0] is the command's own name; returns an exit status. */
int cmd_cutover(int argc, char **argv);
int cmd_cutover_help(struct arg_view *view);

#endif
