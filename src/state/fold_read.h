/* fold_read.h - the values of the touched keys, out of the private server. */
#ifndef FLOWTAPE_STATE_FOLD_READ_H
#define FLOWTAPE_STATE_FOLD_READ_H

#include "state/fold_stream.h"

/* Takes one key as it is at the cut; the entry is valid during the call. */
typedef int fold_entry_fn(void *context, const struct rdb_entry *entry, struct ft_err *err);

/* fold_read_out - all keys of the server, when everything was put. */
int fold_read_out(struct fold_stream *s, fold_entry_fn *take, void *context, struct ft_err *err);

#endif
