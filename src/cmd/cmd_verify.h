/* cmd_verify.h - check a capture or file for damage. */
#ifndef FLOWTAPE_CMD_CMD_VERIFY_H
#define FLOWTAPE_CMD_CMD_VERIFY_H

#include "cmd/args.h"

/* cmd_verify - argv[0] is the command's own name; returns an exit status. */
int cmd_verify(int argc, char **argv);
int cmd_verify_help(struct arg_view *view);

#endif
