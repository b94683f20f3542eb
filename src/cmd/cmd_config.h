/* cmd_config.h - "flowtape config": which options are in effect, and from where. */
#ifndef FLOWTAPE_CMD_CMD_CONFIG_H
#define FLOWTAPE_CMD_CMD_CONFIG_H

#include "cmd/args.h"

int cmd_config(int argc, char **argv);
int cmd_config_help(struct arg_view *view);

#endif
