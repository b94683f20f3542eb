/* cmd_diff.h - flowtape diff. */
#ifndef FLOWTAPE_CMD_CMD_DIFF_H
#define FLOWTAPE_CMD_CMD_DIFF_H

int cmd_diff(int argc, char **argv);

#endif
