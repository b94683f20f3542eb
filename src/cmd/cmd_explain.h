/* cmd_explain.h - show what one journalled command becomes. */
#ifndef FLOWTAPE_CMD_CMD_EXPLAIN_H
#define FLOWTAPE_CMD_CMD_EXPLAIN_H

#include "cmd/args.h"

/* cmd_explain - argv[0] is the command's own name; returns an exit status. */
int cmd_explain(int argc, char **argv);
int cmd_explain_help(struct arg_view *view);

#endif
