#include "target/wait_replicas.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/parse.h"
#include "wire/redis_info.h"

#define CONFIRM_MS 10000u

/* What INFO replication says of a master's replicas. */
struct replicas {
    unsigned listed;
    unsigned online; /* of these */
};

/* One that is not there yet gets everything when it is; until then nothing is safe with it. */
static void note_absent(const struct target_host *host, const char *name, uint32_t number,
                        struct bytes line)
{
    target_host_note(
        host, "a replica of %s is not online and has not got everything: slave%" PRIu32 ":%.*s",
        name, number, (int)line.n, (const char *)line.p);
}

/* Lines "slave0:ip=...,state=online,..." */
static void count_replicas(const struct target_host *host, const char *name, const char *info,
                           bool tell, struct replicas *ret)
{
    struct bytes line;
    uint32_t number;

    *ret = (struct replicas){0};
    while (redis_info_next(&info, "slave", &number, &line)) {
        ret->listed++;
        if (memmem(line.p, line.n, "state=online", 12) != NULL)
            ret->online++;
        else if (tell)
            note_absent(host, name, number, line);
    }
}

static int refused(const char *name, const redisReply *reply, struct ft_err *err)
{
    bool failed = reply->type == REDIS_REPLY_ERROR;

    return err_set(err,
                   failed && target_node_is_transient(reply->str) ? FT_ERR_NET : FT_ERR_PROTOCOL,
                   "%s, asked about its replicas, answered: %s", name,
                   failed ? reply->str : "something unknown");
}

/* In whatever words: what a user of a hosted server may not run. */
static bool is_denied(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_ERROR && !target_node_is_transient(reply->str);
}

static bool is_replica(const char *info)
{
    char role[16];

    redis_info_copy(info, "role", role, sizeof(role));
    return strcmp(role, "slave") == 0;
}

static int find_replicas(const struct target_host *host, struct redis_pipe *p, const char *name,
                         bool tell, struct replicas *ret, struct ft_err *err)
{
    redisReply *reply;
    int rc = 0;

    *ret = (struct replicas){0};
    if (redis_pipe_call_text(p, &reply, "INFO replication", err) != 0)
        return -1;
    if (is_denied(reply) && tell)
        target_host_note(host, "whether %s has replicas, and what these have, cannot be asked: %s",
                         name, reply->str);
    else if (reply->type != REDIS_REPLY_STRING && !is_denied(reply))
        rc = refused(name, reply, err);
    else if (reply->type != REDIS_REPLY_STRING)
        rc = 0;
    else if (is_replica(reply->str))
        rc = err_set(err, FT_ERR_NET, "%s is no longer a master: what it had may be gone", name);
    else
        count_replicas(host, name, reply->str, tell, ret);
    reply_free(reply);
    return rc;
}

/* *ret_confirmed: as far as is known. */
static int await(const struct target_host *host, struct redis_pipe *p, const char *name,
                 unsigned wanted, unsigned *ret_confirmed, struct ft_err *err)
{
    char command[64];
    redisReply *reply;
    int rc = 0;

    *ret_confirmed = 0;
    if (wanted == 0)
        return 0;
    (void)snprintf(command, sizeof(command), "WAIT %u %u", wanted, CONFIRM_MS); /* fits */
    if (redis_pipe_call_text(p, &reply, command, err) != 0)
        return -1;
    if (is_denied(reply))
        target_host_note(host,
                         "whether %u replica%s of %s got what was written cannot be asked: %s",
                         wanted, plural(wanted), name, reply->str);
    else if (reply->type != REDIS_REPLY_INTEGER)
        rc = refused(name, reply, err);
    else if (reply->integer >= (long long)wanted)
        *ret_confirmed = wanted;
    else
        target_host_note(
            host,
            "%lld of %u replica%s of %s confirmed what was written, within %u s; a failover to "
            "another one loses the rest",
            reply->integer, wanted, plural(wanted), name, CONFIRM_MS / 1000);
    if (reply->type == REDIS_REPLY_INTEGER && reply->integer > 0 && *ret_confirmed == 0)
        *ret_confirmed = (unsigned)reply->integer;
    reply_free(reply);
    return rc;
}

int wait_replicas(const struct target_host *host, struct redis_pipe *pipe, const char *name,
                  struct ft_err *err)
{
    struct replicas found;
    unsigned confirmed;

    if (find_replicas(host, pipe, name, false, &found, err) != 0)
        return -1;
    return await(host, pipe, name, found.online, &confirmed, err);
}

int wait_replicas_node(const struct target_client *t, const struct target_node *node,
                       struct ft_err *err)
{
    return wait_replicas(&t->host, node->pipe, node->name, err);
}

int wait_replicas_all(const struct target_client *t, uint64_t *ret_missing, struct ft_err *err)
{
    uint64_t missing = 0;

    for (size_t i = 0; i < t->node_count; i++) {
        const struct target_node *node = &t->nodes[i];
        struct replicas found;
        unsigned confirmed;

        if (find_replicas(&t->host, node->pipe, node->name, true, &found, err) != 0 ||
            await(&t->host, node->pipe, node->name, found.online, &confirmed, err) != 0)
            return -1;
        missing +=
            (found.listed > node->replica_count ? found.listed : node->replica_count) - confirmed;
        if (found.listed < node->replica_count)
            target_host_note(
                &t->host,
                "%zu of the %zu replica%s that the cluster knows of %s: not connected to it, and "
                "without some of what was written",
                node->replica_count - found.listed, node->replica_count,
                plural(node->replica_count), node->name);
    }
    *ret_missing = missing;
    return 0;
}
