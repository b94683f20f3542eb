/* cmd_pack.h - make one archive of a capture. */
#ifndef FLOWTAPE_CMD_CMD_PACK_H
#define FLOWTAPE_CMD_CMD_PACK_H

#include "cmd/args.h"

/* cmd_pack - argv[0] is the command's own name; returns an exit status. */
int cmd_pack(int argc, char **argv);
int cmd_pack_help(struct arg_view *view);

#endif
