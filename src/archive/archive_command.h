/*
 * archive_command.h - a command of the user's that takes a file away, or brings one.
 *
 * What it is   A text for /bin/sh in which %p stands for the path of the file here, %f for its name there and %%
 *              for a percent sign, as in archive_command of PostgreSQL. What it prints goes to standard error.
 *              Exit status 0: it is done.
 * Ends         One that takes longer than it may, or is not wanted any more, is ended with all that it has started.
 * Threads      Not shared; several may run at once.
 */
#ifndef FLOWTAPE_ARCHIVE_ARCHIVE_COMMAND_H
#define FLOWTAPE_ARCHIVE_ARCHIVE_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* archive_command_check - FT_ERR_USAGE: another % than these, or none of them. */
int archive_command_check(const char *command, struct ft_err *err);
/*
 * archive_command_run - waits for it. timeout_ms: 0: none. cancelled: asked all the time, from this thread.
 * FT_ERR_NET: another exit status, since it will be a network that it uses; FT_ERR_TIMEOUT; FT_ERR_CANCELLED.
 */
int archive_command_run(const char *command, const char *path, const char *name,
                        uint64_t timeout_ms, bool (*cancelled)(void *context), void *context,
                        struct ft_err *err);

#endif
