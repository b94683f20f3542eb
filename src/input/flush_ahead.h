/*
 * flush_ahead.h - does a node delete again what it has got of a slot? Looks ahead in one of its journals.
 *
 * What it is   A Dragonfly that is given a slot journals its keys before the slot is its own. If that is given up, it deletes them, and
 *              journals so (DFLYCLUSTER FLUSHSLOTS). So who waits until the node has the slot would wait for ever: what came
 *              before such a flush, of a slot that the node did not have, is to be dropped.
 * Cost         A second reader of the flow's journal, from the record that waits; it continues where it was.
 * Threads      Belongs to one thread.
 */
#ifndef FLOWTAPE_INPUT_FLUSH_AHEAD_H
#define FLOWTAPE_INPUT_FLUSH_AHEAD_H

#include "command/translate.h"
#include "input/source.h"

struct flush_ahead;

/* flush_ahead_new - from this LSN on. follow: more may come. */
int flush_ahead_new(struct flush_ahead **ret, const struct source *source, uint32_t stream,
                    uint64_t lsn, bool follow, struct ft_err *err);
void flush_ahead_free(struct flush_ahead *a);
/* flush_ahead_read - up to a flush of the slot, or to the end of what is there before `limit`. */
int flush_ahead_read(struct flush_ahead *a, struct translator *translator, uint16_t slot,
                     uint64_t limit, struct ft_err *err);
/* flush_ahead_covers - has a flush of the slot been read that comes after this LSN? a may be NULL. */
bool flush_ahead_covers(const struct flush_ahead *a, uint16_t slot, uint64_t lsn);

#endif
