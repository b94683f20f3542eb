/* cmd_fixture_shrink.h - "flowtape fixture shrink". */
#ifndef FLOWTAPE_CMD_CMD_FIXTURE_SHRINK_H
#define FLOWTAPE_CMD_CMD_FIXTURE_SHRINK_H

#include "cmd/args.h"

int cmd_fixture_shrink(int argc, char **argv);
int cmd_fixture_shrink_help(struct arg_view *view);

#endif
