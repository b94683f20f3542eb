/*
 * pipe_command.h - one command as it goes out to a server.
 *
 * What it is   Arguments, the last of which may be in a spool, with what a server's reach.h changes of them, or does not let
 *              through, and their form as RESP. Which of them are in flight is redis_pipe.h's.
 * Errors       FT_ERR_NOMEM, FT_ERR_LIMIT, those of spool.h. After one, what was put so far stays.
 */
#ifndef FLOWTAPE_WIRE_PIPE_COMMAND_H
#define FLOWTAPE_WIRE_PIPE_COMMAND_H

#include "base/buf.h"
#include "base/spool.h"
#include "wire/reach.h"

struct pipe_command {
    const struct bytes *args;
    size_t count;
    size_t more_count; /* arguments after these, as RESP in `more` */
    const struct spool *more;
};

/* pipe_command_is_large - one that would occupy too much memory while it is in flight. */
bool pipe_command_is_large(const struct pipe_command *command);
int pipe_command_put(const struct pipe_command *command, struct buf *out, struct ft_err *err);
int pipe_command_spool(const struct pipe_command *command, struct spool *out, struct ft_err *err);
/* pipe_command_check_limit - FT_ERR_LIMIT for one that is larger than a request may be; server: its name. */
int pipe_command_check_limit(const struct pipe_command *command, const struct reach *reach,
                             const char *server, struct ft_err *err);
/* pipe_command_rename - args become what the server knows the command by. script: holds one of them, if it is changed. */
int pipe_command_rename(const struct reach *reach, struct bytes *args, size_t count,
                        struct buf *script, struct ft_err *err);

#endif
