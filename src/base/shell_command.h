/*
 * shell_command.h - a command of the user's for /bin/sh.
 *
 * Ends         One that takes longer than it may, or is not wanted any more, is ended with all that it has started.
 * Errors       FT_ERR_CANCELLED, FT_ERR_TIMEOUT, FT_ERR_IO: it could not be started. A status is none.
 * Threads      Not shared; several may run at once.
 */
#ifndef FLOWTAPE_BASE_SHELL_COMMAND_H
#define FLOWTAPE_BASE_SHELL_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct shell_command {
    const char *text;
    bool silent;         /* what it prints is thrown away; else it goes to standard error */
    uint64_t timeout_ms; /* 0: none */
    bool (*cancelled)(void *context); /* asked all the time, from this thread */
    void *context;
};

/* shell_command_run - waits for it; *ret_status as of waitpid. */
int shell_command_run(const struct shell_command *c, int *ret_status, struct ft_err *err);

#endif
