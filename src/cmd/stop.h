/* stop.h - signals that end a run, and running one beside the thread that shows its progress. */
#ifndef FLOWTAPE_CMD_STOP_H
#define FLOWTAPE_CMD_STOP_H

#include "cmd/progress.h"
#include "cmd/ui.h"

/*
 * stop_catch_signals - the first SIGINT, SIGTERM or, unless it is ignored, SIGHUP makes *ret_fd readable; another one, a
 * second later or more, ends the process at once. A file-size limit becomes an error like a full disk, a broken pipe
 * one of the connection.
 */
int stop_catch_signals(int *ret_fd, struct ft_err *err);

/* stop_catch_told - *ret_fd, of wake_open, is set by SIGUSR1. */
int stop_catch_told(int *ret_fd, struct ft_err *err);

/*
 * work_run - `work` in a thread of its own, while `show` is called as often as progress is due. Both
 * get `context`. Returns what `work` does, or -1 if no thread could be started.
 */
int work_run(const char *command, bool quiet, int (*work)(void *context, struct ft_err *err),
             void (*show)(struct progress *progress, void *context), void *context,
             struct ft_err *err);

#endif
