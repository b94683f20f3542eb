/*
 * replay_refused.h - what the target refused in a sync is read again from the source.
 *
 * What it is   In a sync the source is at hand: a key on which a command was refused differs from then on, until it is
 *              read again (suspects, see replay.h). Keys are noted when the refusal is classified, which may be
 *              within a reply, and listed on the target before anything else forgets of it: before a batch
 *              that removes the e: field, and before a flow's snapshot counts as done.
 * Names        A refused command has the target's names, the list has the source's. Where these differ, the
 *              capture is read again at the record, or in the flow's snapshot.
 * Letters      Of a key that was read again a letter would be executed upon its own effect: it is taken out of
 *              the file. The other keys of such a letter are listed as it was.
 * Threads      _add and _save: any.
 */
#ifndef FLOWTAPE_REPLAY_REPLAY_REFUSED_H
#define FLOWTAPE_REPLAY_REPLAY_REFUSED_H

#include "base/buf.h"
#include "command/translate.h"
#include "item/key_set.h"

struct replay;
struct replay_letter;

/* Takes a key of a command as the target has it. */
typedef int replay_refused_key_fn(void *context, struct bytes key, struct ft_err *err);
/* replay_refused_each_key - of a command that was sent; those of the replay's own for a moment among them. */
int replay_refused_each_key(struct translator *finder, uint32_t db, const struct bytes *args,
                            size_t count, replay_refused_key_fn *take, void *context,
                            struct ft_err *err);

/* replay_refused_add - in a sync: its keys are noted. lsn 0: of the flow's snapshot. */
int replay_refused_add(struct replay *r, uint32_t flow, uint64_t lsn, uint32_t db,
                       const struct bytes *args, size_t count, struct ft_err *err);
/* replay_refused_save - those that were noted are listed. Replies may come meanwhile, but when it returns none has
 * noted any that are not. */
int replay_refused_save(struct replay *r, struct ft_err *err);

/* replay_refused_resolve - hashes of keys, as the target has them, that were read again: letters that name one of
 * them are done. *ret: how many. */
int replay_refused_resolve(struct replay *r, const struct key_set *keys, uint64_t *ret,
                           struct ft_err *err);

#endif
