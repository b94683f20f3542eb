/* cmd_convert.h - make a file that Redis loads. */
#ifndef FLOWTAPE_CMD_CMD_CONVERT_H
#define FLOWTAPE_CMD_CMD_CONVERT_H

/* cmd_convert - argv[0] is the command's own name; returns an exit status. */
int cmd_convert(int argc, char **argv);

#endif
