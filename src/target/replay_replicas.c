#include <stdio.h>
#include <stdlib.h>

#include "replay/replay_impl.h"
#include "wire/reply_error.h"

#define CONFIRM_MS 10000u

/* Lines "slave0:ip=...,state=online,..." of INFO replication. */
static unsigned count_online(const char *info)
{
    unsigned count = 0;

    for (const char *line = info; line != NULL; line = strchr(line, '\n')) {
        const char *end;
        const char *state;

        line += *line == '\n';
        if (strncmp(line, "slave", 5) != 0)
            continue;
        end = strchr(line, '\n');
        state = strstr(line, "state=online");
        count += state != NULL && (end == NULL || state < end);
    }
    return count;
}

static int refused(const char *name, const redisReply *reply, struct ft_err *err)
{
    bool failed = reply->type == REDIS_REPLY_ERROR;

    return err_set(err, failed && replay_is_passing(reply->str) ? FT_ERR_NET : FT_ERR_PROTOCOL,
                   "%s, asked about its replicas, answered: %s", name,
                   failed ? reply->str : "something unknown");
}

static int find_online(struct redis_pipe *p, const char *name, unsigned *ret, struct ft_err *err)
{
    redisReply *reply;
    int rc = 0;

    if (redis_pipe_call_text(p, &reply, "INFO replication", err) != 0)
        return -1;
    if (reply->type != REDIS_REPLY_STRING)
        rc = refused(name, reply, err);
    else if (strstr(reply->str, "role:slave") != NULL)
        rc = err_set(err, FT_ERR_NET, "%s is no longer a master: what it had may be gone", name);
    else
        *ret = count_online(reply->str);
    freeReplyObject(reply);
    return rc;
}

int replay_await_replicas(struct replay *r, struct redis_pipe *p, const char *name,
                          struct ft_err *err)
{
    char command[64];
    unsigned wanted;
    redisReply *reply;
    int rc = 0;

    if (find_online(p, name, &wanted, err) != 0)
        return -1;
    if (wanted == 0)
        return 0;
    (void)snprintf(command, sizeof(command), "WAIT %u %u", wanted, CONFIRM_MS); /* fits */
    if (redis_pipe_call_text(p, &reply, command, err) != 0)
        return -1;
    if (reply->type != REDIS_REPLY_INTEGER)
        rc = refused(name, reply, err);
    else if (reply->integer < (long long)wanted)
        replay_note(r, "%lld of %u replicas of %s have confirmed what was written, within %u s",
                    reply->integer, wanted, name, CONFIRM_MS / 1000);
    freeReplyObject(reply);
    return rc;
}
