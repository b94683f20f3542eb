/* cmd_capture.h - record a live Dragonfly, Redis or Valkey into a capture directory. */
#ifndef FLOWTAPE_CMD_CMD_CAPTURE_H
#define FLOWTAPE_CMD_CMD_CAPTURE_H

/* cmd_capture - argv[0] is the command's own name; returns an exit status. */
int cmd_capture(int argc, char **argv);

#endif
