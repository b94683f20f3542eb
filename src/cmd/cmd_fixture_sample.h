/* cmd_fixture_sample.h - "flowtape fixture sample". */
#ifndef FLOWTAPE_CMD_CMD_FIXTURE_SAMPLE_H
#define FLOWTAPE_CMD_CMD_FIXTURE_SAMPLE_H

#include "cmd/args.h"

int cmd_fixture_sample(int argc, char **argv);
int cmd_fixture_sample_help(struct arg_view *view);

#endif
