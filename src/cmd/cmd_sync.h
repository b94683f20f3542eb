/* cmd_sync.h - migrate a live Dragonfly, Redis or Valkey into a running Redis. */
#ifndef FLOWTAPE_CMD_CMD_SYNC_H
#define FLOWTAPE_CMD_CMD_SYNC_H

/* cmd_sync - argv[0] is the command's own name; returns an exit status. */
int cmd_sync(int argc, char **argv);

#endif
