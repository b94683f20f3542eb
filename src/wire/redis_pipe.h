/*
 * redis_pipe.h - commands to a Redis, pipelined.
 *
 * What it is   Commands are collected and sent in large pieces; replies are read with each piece and
 *              whenever more than the allowed amount is in flight, many at a time, so that neither
 *              side can block the other or wakes it up for little. Each reply goes to a callback, in
 *              order.
 * Replies      Valid during the callback. Error replies are replies: the callback classifies them, and may
 *              look at the command again. It may not use the pipe otherwise. One of another kind than the
 *              command has (reply_kind.h) is not a reply: FT_ERR_PROTOCOL.
 * Borrowing    A command's arguments are copied before any callback runs, so they may lie in memory that
 *              the callback changes. Nothing else that it changes may be held across a call that can
 *              run it: _put, _keep_up, _work, _drain, _call. Only _append runs none: who has to note
 *              something about the command before its reply can come, appends it, notes that, and
 *              then keeps up.
 * Memory       About 1 MiB of commands in flight; one of more than 4 MiB is in a file (spool.h). Replies are bounded
 *              (reply_reader.h): a server that answers a write with more than 32 MiB is refused.
 * Time         A server that neither answers nor takes or sends a fair amount within
 *              REDIS_PIPE_TIMEOUT_MS is FT_ERR_TIMEOUT, however often it sends a byte.
 * Errors       FT_ERR_NET, FT_ERR_TIMEOUT, FT_ERR_PROTOCOL, or what the callback set. After one
 *              the object accepts only _free.
 * Threads      Belongs to one thread at a time.
 */
#ifndef FLOWTAPE_WIRE_REDIS_PIPE_H
#define FLOWTAPE_WIRE_REDIS_PIPE_H

#include <hiredis/hiredis.h>

#include "base/spool.h"
#include "wire/conn.h"
#include "wire/reply_free.h"

#define REDIS_PIPE_TIMEOUT_MS 60000u

struct redis_pipe;

/* tag: what was given with the command. 0, or -1 with err set. */
typedef int redis_reply_fn(void *context, uint64_t tag, const redisReply *reply,
                           struct ft_err *err);

typedef int redis_others_fn(void *context, struct ft_err *err);

/* redis_pipe_open - connect and, if the URI has a password, authenticate. on_reply may be NULL: every
 * error reply is then FT_ERR_PROTOCOL. */
int redis_pipe_open(struct redis_pipe **ret, const struct uri *u, int cancel_fd,
                    redis_reply_fn *on_reply, void *context, struct ft_err *err);
/* redis_pipe_open_within - it may be silent for so long, at most for REDIS_PIPE_TIMEOUT_MS: when it is
 * connected to, and whenever an answer is awaited. */
int redis_pipe_open_within(struct redis_pipe **ret, const struct uri *u, int cancel_fd,
                           uint64_t timeout_ms, redis_reply_fn *on_reply, void *context,
                           struct ft_err *err);
/* redis_pipe_on_reply - replies to what is put from here on go to this callback; nothing may be in flight. */
void redis_pipe_on_reply(struct redis_pipe *p, redis_reply_fn *on_reply, void *context);
/* redis_pipe_on_others - runs before each command that comes by _put or _call, until it is set to NULL: who has a transaction of
 * its own on the way, and appends to that, ends it there. It may use the pipe by _append, _keep_up and _drain. */
void redis_pipe_on_others(struct redis_pipe *p, redis_others_fn *on_others, void *context);
/* redis_pipe_put - one more command: _append, then _keep_up. */
int redis_pipe_put(struct redis_pipe *p, uint64_t tag, const struct bytes *args, size_t count,
                   struct ft_err *err);
/* redis_pipe_append - one more command, which is only copied. */
int redis_pipe_append(struct redis_pipe *p, uint64_t tag, const struct bytes *args, size_t count,
                      struct ft_err *err);
/* redis_pipe_append_more - after the arguments come more_count others, which `more` holds as RESP. */
int redis_pipe_append_more(struct redis_pipe *p, uint64_t tag, const struct bytes *args,
                           size_t count, size_t more_count, const struct spool *more,
                           struct ft_err *err);
/* redis_pipe_keep_up - after each append: sends and reads until no more than allowed is in flight. */
int redis_pipe_keep_up(struct redis_pipe *p, struct ft_err *err);
/* redis_pipe_has_room - so many more commands, of so many bytes in all, may be appended without having to keep up. */
bool redis_pipe_has_room(const struct redis_pipe *p, size_t commands, size_t bytes);
/* redis_pipe_limit - no more than about so many bytes of commands in flight; less where the server
 * answers late (pipe_depth.h). */
void redis_pipe_limit(struct redis_pipe *p, size_t in_flight_bytes);
/* redis_pipe_answered - during the callback: the command as it was put. */
struct bytes redis_pipe_answered(struct redis_pipe *p);
/* redis_pipe_push - what was put is sent as far as that goes without waiting, so that the server is at work on it. */
int redis_pipe_push(struct redis_pipe *p, struct ft_err *err);
/* redis_pipe_drain - send everything and wait for every reply. */
int redis_pipe_drain(struct redis_pipe *p, struct ft_err *err);
/* redis_pipe_await - the same until no more than so many of the newest commands are without a reply. */
int redis_pipe_await(struct redis_pipe *p, size_t in_flight, struct ft_err *err);
/*
 * For a caller that waits for several things at once: poll redis_pipe_fd for redis_pipe_events, then
 * redis_pipe_work sends and reads what it can without waiting.
 */
int redis_pipe_fd(const struct redis_pipe *p);
short redis_pipe_events(const struct redis_pipe *p);
int redis_pipe_work(struct redis_pipe *p, struct ft_err *err);
/* redis_pipe_watch_ends - counts what was put of EXEC, DISCARD and UNWATCH: whoever WATCHes something knows by it that
 * others that use the connection have ended that. */
uint64_t redis_pipe_watch_ends(const struct redis_pipe *p);
/* redis_pipe_in_flight - commands without a reply yet. */
size_t redis_pipe_in_flight(const struct redis_pipe *p);
/* redis_pipe_call - drain, then one command whose reply the caller gets (reply_free). */
int redis_pipe_call(struct redis_pipe *p, redisReply **ret_reply, const struct bytes *args,
                    size_t count, struct ft_err *err);
/* redis_pipe_call_last - the same, and nothing that comes after its reply is looked at: after it the
 * object accepts only _free. */
int redis_pipe_call_last(struct redis_pipe *p, redisReply **ret_reply, const struct bytes *args,
                         size_t count, struct ft_err *err);
/* redis_pipe_call_text - as redis_pipe_call with the arguments of a text, separated by single blanks. */
int redis_pipe_call_text(struct redis_pipe *p, redisReply **ret_reply, const char *command,
                         struct ft_err *err);
void redis_pipe_free(struct redis_pipe *p);

#endif
