/*
 * replay_multi_script.h - what the commands of a transaction are sent as, where the server runs scripts.
 *
 * What it is   Most go as they are. But
 *                EVAL of an own script    has its text where the transaction brings it first, and only its digest from
 *                                         then on: nobody can have the server forget it in between, but scripts of
 *                                         the source, after which the text is brought again
 *                FLUSHALL, FLUSHDB        with keys as arguments: a script that keeps these
 *                LPOP, RPOP               are an LTRIM: a record that pops is short, what it pops may be long, and would all come
 *                                         with the reply to EXEC
 *                others that answer so    are called by a script that keeps the answer to itself
 * Threads      Not shared.
 */
#ifndef FLOWTAPE_REPLAY_POSITION_REPLAY_MULTI_SCRIPT_H
#define FLOWTAPE_REPLAY_POSITION_REPLAY_MULTI_SCRIPT_H

#include "base/bytes.h"
#include "base/err.h"

struct reach;
struct replay_multi_scripts;

/* replay_multi_scripts_new - of a server that is reached so; reach may be NULL, and outlives it. */
int replay_multi_scripts_new(struct replay_multi_scripts **ret, const struct reach *reach,
                             struct ft_err *err);
void replay_multi_scripts_free(struct replay_multi_scripts *s);
/* replay_multi_scripts_begin - another transaction. */
void replay_multi_scripts_begin(struct replay_multi_scripts *s);
/* replay_multi_script_form - the next command of it: *args and *count become what is sent, which borrows what was there
 * and is valid until the next call. more_count: of arguments that follow, and stay as they are. */
int replay_multi_script_form(struct replay_multi_scripts *s, const struct bytes **args,
                             size_t *count, size_t more_count, struct ft_err *err);
/* replay_multi_script_is_trim - is that the LTRIM that a pop has become? args: as the last call left them. */
bool replay_multi_script_is_trim(const struct replay_multi_scripts *s, const struct bytes *args);
/* replay_multi_script_no_trim - one was refused: pops are called by the script from now on. */
void replay_multi_script_no_trim(struct replay_multi_scripts *s);

#endif
