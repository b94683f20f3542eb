/* cmd_serve.h - an input as a master that replicas attach to. */
#ifndef FLOWTAPE_CMD_CMD_SERVE_H
#define FLOWTAPE_CMD_CMD_SERVE_H

/* cmd_serve - argv[0] is the command's own name; returns an exit status. */
int cmd_serve(int argc, char **argv);

#endif
