/*
 * stream_commands.h - a large stream as commands.
 *
 * What it is   RESTORE of the stream without its entries, which brings what no command can say (pending
 *              entries of deleted messages, times of consumers, counters); XADD for each entry; XSETID
 *              where the last id is not that of the last entry. So neither side holds the stream a
 *              second time, nor does the server stand still for as long.
 * Threads      Not shared.
 */
#ifndef FLOWTAPE_ITEM_STREAM_COMMANDS_H
#define FLOWTAPE_ITEM_STREAM_COMMANDS_H

#include "item/command_fn.h"
#include "item/recode.h"

/*
 * stream_commands_run_plain - the same for a server without RESTORE: XGROUP for groups and consumers, XCLAIM for what is
 * pending; when a consumer was seen last is not brought. LOSS_STREAM_PENDING: entries are pending without a consumer.
 */
enum recode_result stream_commands_run_plain(const struct target *target,
                                             const struct rdb_entry *entry, command_fn *put,
                                             void *context, enum loss_reason *ret_loss,
                                             struct ft_err *err);
/* stream_commands_run - without the key's time to live. The key is replaced. */
enum recode_result stream_commands_run(const struct target *target, const struct rdb_entry *entry,
                                       command_fn *put, void *context, enum loss_reason *ret_loss,
                                       struct ft_err *err);

#endif
