/* replay_flush.h - a flush of the source, once, on all nodes. */
#ifndef FLOWTAPE_REPLAY_REPLAY_FLUSH_H
#define FLOWTAPE_REPLAY_REPLAY_FLUSH_H

#include "base/err.h"
#include "command/translation.h"

struct item;
struct replay;

/* replay_flush - a flush of the source, which is at lsn[i] in flow i; the position after it is the
 * caller's to set. */
int replay_flush(struct replay *r, const struct item *item, const struct translation_flush *flush,
                 const uint64_t *lsn, struct ft_err *err);

#endif
