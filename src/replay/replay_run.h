/*
 * replay_run.h - small strings on their way, gathered so that many go by one command.
 *
 * What it is   Keys with their values, put as MSETs. On a cluster, where the keys of a command have to
 *              be of one slot, as many are gathered as memory allows, and put slot by slot; else as
 *              many as one MSET is to hold.
 * Order        Of one key: kept. Whoever sends something else for a key asks replay_run_before first.
 * Errors       What the callback set; FT_ERR_NOMEM. The object then accepts only _free.
 * Threads      Not shared.
 */
#ifndef FLOWTAPE_REPLAY_REPLAY_RUN_H
#define FLOWTAPE_REPLAY_REPLAY_RUN_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/err.h"

/* Of a key, and of a value as it is stored; larger ones are no small strings. */
#define REPLAY_RUN_SMALL_BYTES 1024u

struct replay_run;

/* A SET or an MSET, whose keys are all of one slot if it was asked for. May not use the run. */
typedef int replay_run_fn(void *context, uint32_t db, const struct bytes *args, size_t count,
                          struct ft_err *err);

/* replay_run_new - by_slot: gather up to limit_bytes, below 1 GiB; 0: no gathering. */
int replay_run_new(struct replay_run **ret, bool by_slot, size_t limit_bytes, replay_run_fn *put,
                   void *context, struct ft_err *err);
/* replay_run_add - one more; puts what there is if it is enough. */
int replay_run_add(struct replay_run *run, uint32_t db, struct bytes key, struct bytes value,
                   struct ft_err *err);
/* replay_run_apart - from now on each by a command of its own. */
void replay_run_apart(struct replay_run *run);
/* replay_run_before - put everything if this key is among it. */
int replay_run_before(struct replay_run *run, uint32_t db, struct bytes key, struct ft_err *err);
/* replay_run_flush - put everything. */
int replay_run_flush(struct replay_run *run, struct ft_err *err);
void replay_run_free(struct replay_run *run);

#endif
