/* cmd_fixture_shrink.h - "flowtape fixture shrink". */
#ifndef FLOWTAPE_CMD_CMD_FIXTURE_SHRINK_H
#define FLOWTAPE_CMD_CMD_FIXTURE_SHRINK_H

#include <stdio.h>

int cmd_fixture_shrink(int argc, char **argv);
int cmd_fixture_shrink_help(FILE *out);

#endif
