/*
 * entry_commands.h - a key with its value as commands.
 *
 * What it is   A snapshot entry rendered for a server of a given version: SET, RPUSH, SADD, HSET, ZADD
 *              with the value in pieces of a bounded size, HPEXPIREAT for field times, PEXPIREAT for
 *              the key; or one RESTORE. Streams go by RESTORE, as commands cannot say all that a
 *              stream holds; large ones in pieces (stream_commands.h).
 * Replacing    The commands build the key from nothing. `replace` puts a DEL in front where needed
 *              (SET and RESTORE ... REPLACE replace by themselves).
 * Over         A key whose time to live is 0 or below, which commands do not take, is only deleted.
 * Losses       As recode.h has them.
 * Threads      Not shared.
 */
#ifndef FLOWTAPE_ITEM_ENTRY_COMMANDS_H
#define FLOWTAPE_ITEM_ENTRY_COMMANDS_H

#include "item/command_fn.h"
#include "item/recode.h"

struct entry_commands_options {
    const struct target *target;
    enum json_as json_as;
    bool restore;       /* everything by RESTORE */
    bool plain_streams; /* what of a stream RESTORE would bring may be too large for it */
    bool no_restore;    /* nothing by RESTORE: values of modules are then a loss */
    size_t piece_bytes; /* of one command, about; 0: 64 KiB */
    uint64_t arg_max;   /* what would be a longer RESTORE goes in pieces; 0: no limit */
};

struct entry_commands;

int entry_commands_new(struct entry_commands **ret, const struct entry_commands_options *options,
                       struct ft_err *err);
/* now_ms: the moment of the state, see recode.h. */
enum recode_result entry_commands_run(struct entry_commands *e, const struct rdb_entry *entry,
                                      int64_t now_ms, bool replace, command_fn *put, void *context,
                                      enum loss_reason *ret_loss, struct ft_err *err);
void entry_commands_free(struct entry_commands *e);

#endif
