/* cmd_fixture_mask.h - "flowtape fixture mask". */
#ifndef FLOWTAPE_CMD_CMD_FIXTURE_MASK_H
#define FLOWTAPE_CMD_CMD_FIXTURE_MASK_H

#include "cmd/args.h"

int cmd_fixture_mask(int argc, char **argv);
int cmd_fixture_mask_help(struct arg_view *view);

#endif
