/*
 * local_script.h - a script for EVAL, run here.
 *
 * What it is   For servers that run no scripts. What the script reads is asked of the server at once; what it
 *              would write is only collected, so that the caller can execute it as one transaction, and know by
 *              WATCH that what was read still holds.
 * Whose        Only scripts of the program: those of a source may use what is not here, and are nobody's to trust.
 *              local_script_is_own tells them; an own one that is not in the program any more counts as another's.
 * Limits       A script that reads a key after it has written it would not see what it wrote: it fails. So scripts
 *              read first, and use no reply of a command that writes (which is the status QUEUED here).
 * Source       redis "EVAL", "Lua API reference": redis.call, redis.pcall, redis.error_reply, and how replies and values
 *              of Lua become each other. Lua 5.1, as on the servers.
 * Errors       Those of `ask`. What the script itself gives, raises or gets as an error is an error reply.
 * Threads      Not shared.
 */
#ifndef FLOWTAPE_TARGET_LOCAL_SCRIPT_H
#define FLOWTAPE_TARGET_LOCAL_SCRIPT_H

#include <hiredis/hiredis.h>

#include "base/bytes.h"
#include "base/err.h"

struct local_script;

/* A command of a database of the server that reads; an error reply is a reply. */
typedef int local_script_ask_fn(void *context, uint32_t db, redisReply **ret,
                                const struct bytes *args, size_t count, struct ft_err *err);

/* What a script would write. */
struct local_script_write {
    uint32_t db;
    const struct bytes *args;
    size_t count;
};

bool local_script_is_own(struct bytes script);
/* local_script_own - the script of the program that has this text, the same one each time; NULL: another's. */
const char *local_script_own(struct bytes script);
int local_script_new(struct local_script **ret, local_script_ask_fn *ask, void *context,
                     struct ft_err *err);
/* local_script_run - args as EVAL has them, from that name on; db is selected. *ret is what the script answers, of the
 * caller. */
int local_script_run(struct local_script *s, redisReply **ret, uint32_t db,
                     const struct bytes *args, size_t count, struct ft_err *err);
/* local_script_writes - of the last run, until the next one. */
const struct local_script_write *local_script_writes(const struct local_script *s,
                                                     size_t *ret_count);
void local_script_free(struct local_script *s);

#endif
