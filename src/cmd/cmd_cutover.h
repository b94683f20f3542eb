/* cmd_cutover.h - tell a running sync to cut over. */
#ifndef FLOWTAPE_CMD_CMD_CUTOVER_H
#define FLOWTAPE_CMD_CMD_CUTOVER_H

/* cmd_cutover - argv[0] is the command's own name; returns an exit status. */
int cmd_cutover(int argc, char **argv);

#endif
