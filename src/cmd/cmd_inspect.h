/* cmd_inspect.h - show what is in a capture or file. */
#ifndef FLOWTAPE_CMD_CMD_INSPECT_H
#define FLOWTAPE_CMD_CMD_INSPECT_H

/* cmd_inspect - argv[0] is the command's own name; returns an exit status. */
int cmd_inspect(int argc, char **argv);

#endif
