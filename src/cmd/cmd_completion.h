/* cmd_completion.h - "flowtape completion": what a shell needs to complete the command line. */
#ifndef FLOWTAPE_CMD_CMD_COMPLETION_H
#define FLOWTAPE_CMD_CMD_COMPLETION_H

#include "cmd/args.h"

int cmd_completion(int argc, char **argv);
int cmd_completion_help(struct arg_view *view);

#endif
