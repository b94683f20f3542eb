/* replay_journal.h - the journal, record by record, into batches. */
#ifndef FLOWTAPE_REPLAY_REPLAY_JOURNAL_H
#define FLOWTAPE_REPLAY_REPLAY_JOURNAL_H

#include "base/err.h"

struct replay;

/* replay_journal - from the positions on the target up to the cut. */
int replay_journal(struct replay *r, struct ft_err *err);

#endif
