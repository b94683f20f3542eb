/*
 * commands.h - the commands. Each takes its own name as argv[0] and returns an exit status.
 */
#ifndef FLOWTAPE_CMD_COMMANDS_H
#define FLOWTAPE_CMD_COMMANDS_H

int cmd_capture(int argc, char **argv);
int cmd_convert(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_sync(int argc, char **argv);
int cmd_cutover(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_explain(int argc, char **argv);

#endif
