/*
 * replay_restore.h - a RESTORE as other commands.
 *
 * What it is   For targets that do not let it be used: the value of the payload, which replaces the key, by the commands
 *              that make it (entry_commands.h).
 * Losses       What no command makes, a module's value, is LOSS_...; nothing is put then.
 * Threads      Not shared.
 */
#ifndef FLOWTAPE_MAPPING_REPLAY_RESTORE_H
#define FLOWTAPE_MAPPING_REPLAY_RESTORE_H

#include "item/entry_commands.h"

struct replay_restorer;

int replay_restorer_new(struct replay_restorer **ret, const struct target *target,
                        enum json_as json_as, struct ft_err *err);
/* replay_restorer_run - args: RESTORE key expire-ms payload REPLACE ABSTTL, as a translation has it; 0: no time to live. */
int replay_restorer_run(struct replay_restorer *x, const struct bytes *args, size_t count,
                        command_fn *put, void *context, enum loss_reason *ret_loss,
                        struct ft_err *err);
void replay_restorer_free(struct replay_restorer *x);

#endif
