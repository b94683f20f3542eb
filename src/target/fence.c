#include "target/fence.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "target/target_node.h"

#define NAME_PREFIX "flowtape-"

int fence_begin(struct fence *f, const char *owner, struct ft_err *err)
{
    uint64_t attempt;

    f->name[0] = '\0';
    if (owner == NULL)
        return 0;
    if (getrandom(&attempt, sizeof(attempt), 0) != sizeof(attempt))
        return err_errno(err, errno, "could not get random bytes");
    f->owner_size = strlen(NAME_PREFIX) + strlen(owner) + 1;
    (void)snprintf(f->name, sizeof(f->name), NAME_PREFIX "%s-%016llx", owner,
                   (unsigned long long)attempt); /* fits */
    return 0;
}

static int take_refusal(struct fence *f, const struct target_host *host, const char *server,
                        const char *error, struct ft_err *err)
{
    if (target_node_is_transient(error))
        return err_set(err, FT_ERR_NET, "%s answered: %s", server, error);
    if (strstr(error, "No such client") != NULL)
        return 0; /* it has gone by itself */
    if (!atomic_exchange(&f->noted, true)) {
        target_host_note(
            host,
            "%s does not let connections of an interrupted run be closed (%s): what they may "
            "still have in flight is not kept from arriving late",
            server, error);
    }
    return 0;
}

/* A command whose refusal is not a failure. *ret: NULL if it was refused. */
static int ask(struct fence *f, const struct target_host *host, struct redis_pipe *pipe,
               const char *server, const char *command, redisReply **ret, struct ft_err *err)
{
    redisReply *reply;
    int rc;

    *ret = NULL;
    if (redis_pipe_call_text(pipe, &reply, command, err) != 0)
        return -1;
    if (reply->type != REDIS_REPLY_ERROR) {
        *ret = reply;
        return 0;
    }
    rc = take_refusal(f, host, server, reply->str, err);
    reply_free(reply);
    return rc;
}

int fence_name(struct fence *f, const struct target_host *host, struct redis_pipe *pipe,
               const char *server, struct ft_err *err)
{
    char command[sizeof(f->name) + 32];
    redisReply *reply;

    if (f->name[0] == '\0')
        return 0;
    (void)snprintf(command, sizeof(command), "CLIENT SETNAME %s", f->name); /* fits */
    if (ask(f, host, pipe, server, command, &reply, err) != 0)
        return -1;
    reply_free(reply);
    return 0;
}

/* A line of CLIENT LIST, "id=7 addr=... name=...": is it of the same owner, but not of this attempt? */
static bool is_left_over(const struct fence *f, const char *line, size_t n)
{
    const size_t own = strlen(f->name);
    const char *name = memmem(line, n, " name=", 6);
    size_t left;

    if (name == NULL || strncmp(line, "id=", 3) != 0)
        return false;
    name += 6;
    left = (size_t)(line + n - name);
    return left >= own && memcmp(name, f->name, f->owner_size) == 0 &&
           memcmp(name, f->name, own) != 0;
}

static int close_client(struct fence *f, const struct target_host *host, struct redis_pipe *pipe,
                        const char *server, const char *line, struct ft_err *err)
{
    char command[64];
    redisReply *reply;

    (void)snprintf(command, sizeof(command), "CLIENT KILL ID %llu",
                   strtoull(line + 3, NULL, 10)); /* fits */
    if (ask(f, host, pipe, server, command, &reply, err) != 0)
        return -1;
    reply_free(reply);
    return 0;
}

int fence_close_others(struct fence *f, const struct target_host *host, struct redis_pipe *pipe,
                       const char *server, struct ft_err *err)
{
    redisReply *reply;
    const char *line;
    int rc;

    if (f->name[0] == '\0')
        return 0;
    rc = ask(f, host, pipe, server, "CLIENT LIST", &reply, err);
    line = rc == 0 && reply != NULL && reply->type == REDIS_REPLY_STRING ? reply->str : NULL;
    while (rc == 0 && line != NULL && *line != '\0') {
        size_t n = strcspn(line, "\n");

        if (is_left_over(f, line, n))
            rc = close_client(f, host, pipe, server, line, err);
        line += n + (line[n] == '\n');
    }
    reply_free(reply);
    return rc;
}
