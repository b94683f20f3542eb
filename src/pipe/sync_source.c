#include "pipe/sync_source.h"

#include <inttypes.h>
#include <stdio.h>

#define COMMAND_SIZE 96

void sync_source_close(struct sync_source *s)
{
    redis_pipe_free(s->pipe);
    s->pipe = NULL;
}

static int call(struct sync_source *s, redisReply **ret, const char *command, struct ft_err *err)
{
    char name[URI_ADDRESS_SIZE];
    redisReply *reply;

    if (s->pipe == NULL && redis_pipe_open(&s->pipe, s->uri, s->cancel_fd, NULL, NULL, err) != 0)
        return -1;
    if (redis_pipe_call_text(s->pipe, &reply, command, err) != 0) {
        sync_source_close(s);
        return -1;
    }
    if (reply->type == REDIS_REPLY_ERROR) {
        (void)err_set(err, FT_ERR_PROTOCOL, "%s refused %s: %s", uri_address(s->uri, name), command,
                      reply->str);
        freeReplyObject(reply);
        return -1;
    }
    *ret = reply;
    return 0;
}

static int call_ok(struct sync_source *s, const char *command, struct ft_err *err)
{
    redisReply *reply;

    if (call(s, &reply, command, err) != 0)
        return -1;
    freeReplyObject(reply);
    return 0;
}

int sync_source_offsets(struct sync_source *s, uint64_t *ret_lsn, uint32_t flow_count,
                        struct ft_err *err)
{
    redisReply *reply;
    bool fits;

    if (call(s, &reply, "DFLY REPLICAOFFSET", err) != 0)
        return -1;
    fits = reply->type == REDIS_REPLY_ARRAY && reply->elements == flow_count;
    for (size_t i = 0; fits && i < flow_count; i++)
        fits = reply->element[i]->type == REDIS_REPLY_INTEGER && reply->element[i]->integer > 0;
    for (size_t i = 0; fits && i < flow_count; i++)
        ret_lsn[i] = (uint64_t)reply->element[i]->integer;
    freeReplyObject(reply);
    if (fits)
        return 0;
    return err_set(err, FT_ERR_PROTOCOL,
                   "the source does not answer DFLY REPLICAOFFSET with the LSNs of %" PRIu32
                   " flows",
                   flow_count);
}

int sync_source_pause(struct sync_source *s, uint64_t ms, struct ft_err *err)
{
    char command[COMMAND_SIZE];

    (void)snprintf(command, sizeof(command), "CLIENT PAUSE %" PRIu64 " WRITE", ms); /* fits */
    return call_ok(s, command, err);
}

int sync_source_unpause(struct sync_source *s, struct ft_err *err)
{
    return call_ok(s, "CLIENT UNPAUSE", err);
}

int sync_source_takeover(struct sync_source *s, const char *sync_id, unsigned timeout_s,
                         struct ft_err *err)
{
    char command[COMMAND_SIZE];

    (void)snprintf(command, sizeof(command), "DFLY TAKEOVER %u %s", timeout_s, sync_id); /* fits */
    return call_ok(s, command, err);
}
