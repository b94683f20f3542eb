#include "sync/sync_source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "sync/sync_source_nodes.h"
#include "wire/psync_master.h"
#include "wire/redis_info.h"

#define COMMAND_SIZE 96

/* What a reply of sync_source_read answers. */
enum read_tag {
    TAG_SELECT,
    TAG_DUMP,
    TAG_EXPIRETIME,
    TAG_LEFT,
    TAG_OFFSETS,
};

void sync_source_close(struct sync_source *s)
{
    if (s->several != NULL)
        sync_source_nodes_close(s);
    redis_pipe_free(s->pipe);
    s->pipe = NULL;
}

/* How many there are; 0: it is not the answer, or there are more than `room`. */
static uint32_t take_some_offsets(const struct sync_source *s, const redisReply *reply,
                                  uint64_t *ret_lsn, uint32_t room)
{
    bool fits = reply->type == REDIS_REPLY_ARRAY && reply->elements <= room;

    if (s->redis)
        return room > 0 && psync_offset_of(reply, ret_lsn) ? 1 : 0;
    for (size_t i = 0; fits && i < reply->elements; i++)
        fits = reply->element[i]->type == REDIS_REPLY_INTEGER && reply->element[i]->integer > 0;
    for (size_t i = 0; fits && i < reply->elements; i++)
        ret_lsn[i] = (uint64_t)reply->element[i]->integer;
    return fits ? (uint32_t)reply->elements : 0;
}

static bool take_offsets(const struct sync_source *s, const redisReply *reply, uint64_t *ret_lsn,
                         uint32_t flow_count)
{
    return (s->redis || reply->elements == flow_count) &&
           take_some_offsets(s, reply, ret_lsn, flow_count) == flow_count;
}

/* What a Redis is asked for its offset with. */
static const char *offset_question(const struct sync_source *s)
{
    if (!s->redis)
        return "DFLY REPLICAOFFSET";
    return s->no_info ? "ROLE" : "INFO replication";
}

static int bad_offsets(const struct sync_source *s, uint32_t flow_count, struct ft_err *err)
{
    if (s->redis)
        return err_set(err, FT_ERR_PROTOCOL,
                       "the source does not answer INFO replication with its offset");
    return err_set(err, FT_ERR_PROTOCOL,
                   "the source does not answer DFLY REPLICAOFFSET with the LSNs of %" PRIu32
                   " flows",
                   flow_count);
}

static void refuse(struct sync_value *v, const char *command, const redisReply *reply)
{
    v->refused = true;
    (void)snprintf(v->why, sizeof(v->why), "the source answered %s: %.140s", command,
                   reply->type == REDIS_REPLY_ERROR ? reply->str : "something else"); /* fits */
}

static int take_dump(struct sync_value *v, const redisReply *reply, struct ft_err *err)
{
    if (reply->type == REDIS_REPLY_NIL)
        v->gone = true;
    else if (reply->type != REDIS_REPLY_STRING)
        refuse(v, "DUMP", reply);
    else
        return buf_append(&v->payload, reply->str, reply->len, err);
    return 0;
}

/* -2: it has gone since. */
static void take_expiry(struct sync_value *v, const redisReply *reply, bool exact)
{
    if (reply->type != REDIS_REPLY_INTEGER) {
        refuse(v, exact ? "PEXPIRETIME" : "PTTL", reply);
        return;
    }
    v->gone |= reply->integer == -2;
    v->expire_exact = exact;
    v->expire_ms = reply->integer < 0 ? -1
                   : exact            ? reply->integer
                                      : (int64_t)(clock_wall_us() / 1000) + reply->integer;
}

static int take_reply(void *context, uint64_t tag, const redisReply *reply, struct ft_err *err)
{
    struct sync_source *s = context;

    switch ((enum read_tag)tag) {
    case TAG_SELECT:
        if (reply->type == REDIS_REPLY_ERROR)
            refuse(s->value, "SELECT", reply);
        return 0;
    case TAG_DUMP:
        return s->value->refused ? 0 : take_dump(s->value, reply, err);
    case TAG_EXPIRETIME:
        s->no_expiretime = reply->type == REDIS_REPLY_ERROR;
        if (!s->value->refused && !s->no_expiretime)
            take_expiry(s->value, reply, true);
        return 0;
    case TAG_LEFT:
        if (!s->value->refused)
            take_expiry(s->value, reply, false);
        return 0;
    case TAG_OFFSETS:
        break;
    }
    return take_offsets(s, reply, s->lsn, s->flow_count) ? 0 : bad_offsets(s, s->flow_count, err);
}

static int open_pipe(struct sync_source *s, bool surely, struct ft_err *err)
{
    if (s->pipe != NULL && s->surely != surely)
        sync_source_close(s);
    s->surely = surely;
    if (s->pipe != NULL)
        return 0;
    return redis_pipe_open_within(&s->pipe, s->uri, surely ? -1 : s->cancel_fd,
                                  surely ? REDIS_PIPE_TIMEOUT_MS : s->give_up_ms, take_reply, s,
                                  err);
}

static int refused(const struct sync_source *s, const char *command, const redisReply *reply,
                   struct ft_err *err)
{
    char name[URI_ADDRESS_SIZE];

    if (reply->type == REDIS_REPLY_ERROR)
        return err_set(err, FT_ERR_PROTOCOL, "%s refused %s: %s", uri_address(s->uri, name),
                       command, reply->str);
    return err_set(err, FT_ERR_PROTOCOL, "%s answered %s with something unexpected",
                   uri_address(s->uri, name), command);
}

static int call(struct sync_source *s, bool surely, redisReply **ret, const char *command,
                struct ft_err *err)
{
    redisReply *reply;

    if (open_pipe(s, surely, err) != 0)
        return -1;
    if (redis_pipe_call_text(s->pipe, &reply, command, err) != 0) {
        sync_source_close(s);
        return -1;
    }
    if (reply->type == REDIS_REPLY_ERROR) {
        (void)refused(s, command, reply, err);
        reply_free(reply);
        return -1;
    }
    *ret = reply;
    return 0;
}

static bool is_ok(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STATUS && strcmp(reply->str, "OK") == 0;
}

static int call_ok(struct sync_source *s, bool surely, const char *command, struct ft_err *err)
{
    redisReply *reply;
    int rc;

    if (call(s, surely, &reply, command, err) != 0)
        return -1;
    rc = is_ok(reply) ? 0 : refused(s, command, reply, err);
    reply_free(reply);
    return rc;
}

/* What was said in front of a pause in which it says nothing. */
static bool is_blind(struct sync_source *s)
{
    if (s->blind_until_ms != 0 && clock_mono_ms() >= s->blind_until_ms)
        s->blind_until_ms = 0;
    return s->blind_until_ms != 0;
}

/* Who may not ask for INFO may ask for ROLE. */
static int find_question(struct sync_source *s, struct ft_err *err)
{
    struct ft_err own = FT_ERR_INIT;
    redisReply *reply;

    if (!s->redis || s->asked)
        return 0;
    if (call(s, false, &reply, "INFO replication", &own) == 0) {
        reply_free(reply);
    } else if (own.kind != FT_ERR_PROTOCOL) {
        *err = own;
        return -1;
    } else {
        s->no_info = true;
    }
    s->asked = true;
    return 0;
}

int sync_source_ask_offsets(struct sync_source *s, uint64_t *ret_lsn, uint32_t room,
                            uint32_t *ret_count, struct ft_err *err)
{
    redisReply *reply;
    uint32_t count = 1;

    if (is_blind(s) && room > 0) {
        *ret_lsn = s->blind_lsn;
    } else {
        if (find_question(s, err) != 0 || call(s, false, &reply, offset_question(s), err) != 0)
            return -1;
        count = take_some_offsets(s, reply, ret_lsn, room);
        reply_free(reply);
    }
    if (count == 0)
        return bad_offsets(s, room, err);
    *ret_count = count;
    return 0;
}

int sync_source_offsets(struct sync_source *s, uint64_t *ret_lsn, uint32_t flow_count,
                        struct ft_err *err)
{
    uint32_t count;

    if (s->several != NULL)
        return sync_source_nodes_offsets(s, ret_lsn, flow_count, err);
    if (sync_source_ask_offsets(s, ret_lsn, flow_count, &count, err) != 0)
        return -1;
    return count == flow_count ? 0 : bad_offsets(s, flow_count, err);
}

int sync_source_pops(struct sync_source *s, uint64_t *ret_calls, struct ft_err *err)
{
    redisReply *reply;
    int rc = 0;

    if (s->several != NULL)
        return sync_source_nodes_pops(s, ret_calls, err);
    *ret_calls = 0; /* a Redis replicates what they have done */
    if (s->redis)
        return 0;
    if (call(s, false, &reply, "INFO COMMANDSTATS", err) != 0)
        return -1;
    if (reply->type == REDIS_REPLY_STRING)
        *ret_calls = redis_info_calls(reply->str, "lmpop") + redis_info_calls(reply->str, "blmpop");
    else
        rc = refused(s, "INFO COMMANDSTATS", reply, err);
    reply_free(reply);
    return rc;
}

bool sync_source_clock(struct sync_source *s, int64_t *ret_ahead_ms)
{
    int64_t before_us = (int64_t)clock_wall_us();
    struct ft_err ignored = FT_ERR_INIT;
    redisReply *reply;
    int64_t seconds;
    int64_t us;
    bool known;

    if (call(s, false, &reply, "TIME", &ignored) != 0)
        return false;
    known = reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
            reply->element[0]->type == REDIS_REPLY_STRING &&
            reply->element[1]->type == REDIS_REPLY_STRING &&
            bytes_to_i64(bytes_str(reply->element[0]->str), &seconds) &&
            bytes_to_i64(bytes_str(reply->element[1]->str), &us) &&
            seconds < INT64_MAX / 1000000 - 1 && seconds >= 0 && us >= 0 && us < 1000000;
    if (known)
        *ret_ahead_ms =
            (seconds * 1000000 + us - (before_us + (int64_t)clock_wall_us()) / 2) / 1000;
    reply_free(reply);
    return known;
}

static int put_read(struct sync_source *s, uint32_t db, struct bytes key, struct ft_err *err)
{
    char number[I64_TEXT_SIZE];
    const struct bytes select[] = {bytes_str("SELECT"), bytes_of(number, i64_to_text(db, number))};
    const struct bytes dump[] = {bytes_str("DUMP"), key};
    const struct bytes expiry[] = {bytes_str(s->no_expiretime ? "PTTL" : "PEXPIRETIME"), key};
    const struct bytes offsets[] = {
        bytes_str(!s->redis    ? "DFLY"
                  : s->no_info ? "ROLE"
                               : "INFO"),
        bytes_str(s->redis ? "replication" : "REPLICAOFFSET"),
    };

    if (redis_pipe_put(s->pipe, TAG_SELECT, select, 2, err) != 0 ||
        redis_pipe_put(s->pipe, TAG_DUMP, dump, 2, err) != 0 ||
        redis_pipe_put(s->pipe, s->no_expiretime ? TAG_LEFT : TAG_EXPIRETIME, expiry, 2, err) != 0)
        return -1;
    return redis_pipe_put(s->pipe, TAG_OFFSETS, offsets, s->redis && s->no_info ? 1 : 2, err);
}

static int read_once(struct sync_source *s, uint32_t db, struct bytes key, struct ft_err *err)
{
    s->value->refused = false;
    s->value->gone = false;
    s->value->expire_ms = -1;
    s->value->why[0] = '\0';
    buf_clear(&s->value->payload);
    if (find_question(s, err) != 0 || open_pipe(s, false, err) != 0)
        return -1;
    if (put_read(s, db, key, err) == 0 && redis_pipe_drain(s->pipe, err) == 0)
        return 0;
    sync_source_close(s);
    return -1;
}

int sync_source_read(struct sync_source *s, uint32_t db, struct bytes key, struct sync_value *ret,
                     uint64_t *ret_lsn, uint32_t flow_count, struct ft_err *err)
{
    bool knew = s->no_expiretime;

    if (s->several != NULL)
        return sync_source_nodes_read(s, db, key, ret, ret_lsn, flow_count, err);
    s->value = ret;
    s->lsn = ret_lsn;
    s->flow_count = flow_count;
    if (read_once(s, db, key, err) != 0)
        return -1;
    return s->no_expiretime == knew ? 0 : read_once(s, db, key, err);
}

/* A replica that is paused goes on as its master does. */
static int check_role(struct sync_source *s, struct ft_err *err)
{
    redisReply *reply;
    char role[16] = "";

    if (find_question(s, err) != 0 || call(s, false, &reply, offset_question(s), err) != 0)
        return -1;
    if (reply->type == REDIS_REPLY_STRING)
        redis_info_copy(reply->str, "role", role, sizeof(role));
    else if (reply->type == REDIS_REPLY_ARRAY && reply->elements > 0 &&
             reply->element[0]->type == REDIS_REPLY_STRING)
        (void)snprintf(role, sizeof(role), "%s", reply->element[0]->str); /* fits, or is no role */
    reply_free(reply);
    if (strcmp(role, "master") == 0)
        return 0;
    return err_set(err, FT_ERR_PROTOCOL,
                   "the source is a replica, whose writes cannot be paused: name its master");
}

uint64_t sync_source_blind_ms(struct sync_source *s)
{
    if (s->several != NULL)
        return sync_source_nodes_blind_ms(s);
    return is_blind(s) ? s->blind_until_ms - clock_mono_ms() : 0;
}

static bool is_syntax_error(const struct ft_err *err)
{
    return err->kind == FT_ERR_PROTOCOL && (strcasestr(err->msg, "syntax error") != NULL ||
                                            strcasestr(err->msg, "wrong number") != NULL ||
                                            strcasestr(err->msg, "unknown subcommand") != NULL);
}

/*
 * Before 6.2 a pause is for all clients, this one among them: how far the source is has to be asked in one step with it.
 * While it lasts nothing is written, and nothing expires. But the step itself is propagated, as an empty transaction: the
 * offset lies within that.
 */
static int pause_blindly(struct sync_source *s, struct ft_err *err)
{
    char pause[COMMAND_SIZE];
    redisReply *reply;
    bool fits;

    (void)snprintf(pause, sizeof(pause), "CLIENT PAUSE %" PRIu64, s->blind_pause_ms); /* fits */
    if (call_ok(s, false, "MULTI", err) != 0)
        return -1;
    for (int i = 0; i < 2; i++) {
        if (call(s, false, &reply, i == 0 ? pause : offset_question(s), err) != 0)
            return -1;
        reply_free(reply);
    }
    if (call(s, false, &reply, "EXEC", err) != 0)
        return -1;
    fits = reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 && is_ok(reply->element[0]) &&
           psync_offset_of(reply->element[1], &s->blind_lsn);
    s->blind_settled = false;
    if (fits)
        s->blind_until_ms = clock_mono_ms() + s->blind_pause_ms;
    else
        (void)refused(s, "CLIENT PAUSE", reply, err);
    reply_free(reply);
    return fits ? 0 : -1;
}

int sync_source_pause(struct sync_source *s, uint64_t ms, struct ft_err *err)
{
    struct ft_err own = FT_ERR_INIT;
    char command[COMMAND_SIZE];

    if (s->several != NULL)
        return sync_source_nodes_pause(s, ms, err);
    if (is_blind(s))
        return 0;
    if (s->redis && check_role(s, err) != 0)
        return -1;
    (void)snprintf(command, sizeof(command), "CLIENT PAUSE %" PRIu64 " WRITE", ms); /* fits */
    if (call_ok(s, false, command, &own) == 0)
        return 0;
    if (s->redis && is_syntax_error(&own))
        return pause_blindly(s, err);
    *err = own;
    return -1;
}

int sync_source_unpause(struct sync_source *s, struct ft_err *err)
{
    if (s->several != NULL)
        return sync_source_nodes_unpause(s, err);
    if (is_blind(s)) {
        sync_source_close(s);
        return err_set(err, FT_ERR_PROTOCOL,
                       "a Redis before 6.2 cannot be told to end a pause, which lasts for another "
                       "%" PRIu64 " s",
                       (s->blind_until_ms - clock_mono_ms()) / 1000 + 1);
    }
    return call_ok(s, true, "CLIENT UNPAUSE", err);
}

int sync_source_takeover(struct sync_source *s, const char *sync_id, unsigned timeout_s,
                         bool *ret_unanswered, struct ft_err *err)
{
    char seconds[I64_TEXT_SIZE];
    const struct bytes args[] = {
        bytes_str("DFLY"),
        bytes_str("TAKEOVER"),
        bytes_of(seconds, i64_to_text(timeout_s, seconds)),
        bytes_str(sync_id),
    };
    redisReply *reply;
    int rc;

    *ret_unanswered = false;
    if (open_pipe(s, true, err) != 0)
        return -1;
    rc = redis_pipe_call_last(s->pipe, &reply, args, 4, err);
    sync_source_close(s);
    if (rc != 0) {
        *ret_unanswered = err->kind == FT_ERR_NET || err->kind == FT_ERR_TIMEOUT;
        return -1;
    }
    rc = is_ok(reply) ? 0 : refused(s, "DFLY TAKEOVER", reply, err);
    reply_free(reply);
    return rc;
}

bool sync_source_is_there(struct sync_source *s)
{
    struct ft_err ignored = FT_ERR_INIT;
    redisReply *reply;
    bool there;

    sync_source_close(s); /* what was open may end only now */
    there = open_pipe(s, true, &ignored) == 0 &&
            redis_pipe_call_text(s->pipe, &reply, "PING", &ignored) == 0;
    if (there)
        reply_free(reply);
    sync_source_close(s);
    return there || ignored.kind == FT_ERR_PROTOCOL;
}
