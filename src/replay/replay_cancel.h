/* replay_cancel.h - a descriptor that is readable when the run is to stop; -1: never. */
#ifndef FLOWTAPE_REPLAY_REPLAY_CANCEL_H
#define FLOWTAPE_REPLAY_REPLAY_CANCEL_H

#include <stdint.h>

#include "base/err.h"

/* replay_cancelled - the error of a run that was stopped. Returns -1. */
int replay_cancelled(struct ft_err *err);
/* replay_cancel_check, replay_cancel_sleep - FT_ERR_CANCELLED if, or as soon as, the run is to stop. */
int replay_cancel_check(int fd, struct ft_err *err);
int replay_cancel_sleep(int fd, uint64_t ms, struct ft_err *err);

#endif
