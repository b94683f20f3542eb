/* replay_clean.h - what is deleted before the snapshot. */
#ifndef FLOWTAPE_REPLAY_REPLAY_CLEAN_H
#define FLOWTAPE_REPLAY_REPLAY_CLEAN_H

#include "base/err.h"

struct replay;

/* replay_clean - delete what entries would not replace: keys of the journal, of old generations. */
int replay_clean(struct replay *r, struct ft_err *err);

#endif
