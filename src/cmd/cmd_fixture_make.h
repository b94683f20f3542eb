/* cmd_fixture_make.h - "flowtape fixture make". */
#ifndef FLOWTAPE_CMD_CMD_FIXTURE_MAKE_H
#define FLOWTAPE_CMD_CMD_FIXTURE_MAKE_H

#include "cmd/args.h"

int cmd_fixture_make(int argc, char **argv);
int cmd_fixture_make_help(struct arg_view *view);

#endif
