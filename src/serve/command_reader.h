/*
 * command_reader.h - the commands of a client, as a server gets them.
 *
 * What it is   Takes bytes as they come, and gives the arguments of one command after the other: RESP arrays, and lines
 *              of arguments between blanks, in which an argument may stand in double quotes. An empty line, by which a
 *              replica that loads says that it is there, is a command of no arguments.
 * Limits       A command of more than COMMAND_BYTES_MAX bytes, or COMMAND_ARGS_MAX arguments, is FT_ERR_PROTOCOL: nobody
 *              who attaches as a replica sends one.
 * Threads      Not shared. A zeroed struct is ready.
 */
#ifndef FLOWTAPE_SERVE_COMMAND_READER_H
#define FLOWTAPE_SERVE_COMMAND_READER_H

#include "base/buf.h"

#define COMMAND_ARGS_MAX  64u
#define COMMAND_BYTES_MAX (64u << 10)

struct command_reader {
    struct buf in;
    size_t pos; /* of what has not been given out */
    struct bytes args[COMMAND_ARGS_MAX];
    size_t count;
};

int command_reader_push(struct command_reader *r, struct bytes bytes, struct ft_err *err);
/* command_reader_next - STEP_ITEM: arguments and count, valid until the next push. */
enum step command_reader_next(struct command_reader *r, struct ft_err *err);
void command_reader_release(struct command_reader *r);

#endif
