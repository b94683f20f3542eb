/* cmd_unpack.h - make a capture directory of an archive. */
#ifndef FLOWTAPE_CMD_CMD_UNPACK_H
#define FLOWTAPE_CMD_CMD_UNPACK_H

#include "cmd/args.h"

/* cmd_unpack - argv[0] is the command's own name; returns an exit status. */
int cmd_unpack(int argc, char **argv);
int cmd_unpack_help(struct arg_view *view);

#endif
