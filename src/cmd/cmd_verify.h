/* cmd_verify.h - check a capture or file for damage. */
#ifndef FLOWTAPE_CMD_CMD_VERIFY_H
#define FLOWTAPE_CMD_CMD_VERIFY_H

/* cmd_verify - argv[0] is the command's own name; returns an exit status. */
int cmd_verify(int argc, char **argv);

#endif
