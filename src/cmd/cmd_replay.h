/* cmd_replay.h - write a capture or file into a running Redis. */
#ifndef FLOWTAPE_CMD_CMD_REPLAY_H
#define FLOWTAPE_CMD_CMD_REPLAY_H

/* cmd_replay - argv[0] is the command's own name; returns an exit status. */
int cmd_replay(int argc, char **argv);

#endif
