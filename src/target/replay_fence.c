#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "replay/replay_impl.h"

/* "flowtape-<capture>-<attempt>" */
#define NAME_PREFIX "flowtape-"

int replay_fence_begin(struct replay *r, struct ft_err *err)
{
    uint64_t attempt;

    if (r->beside || r->o->forget || r->o->retry_dead_letters != NULL)
        return 0;
    if (getrandom(&attempt, sizeof(attempt), 0) != sizeof(attempt))
        return err_errno(err, errno, "could not get random bytes");
    (void)snprintf(r->client_name, sizeof(r->client_name), NAME_PREFIX "%s-%016llx", r->id,
                   (unsigned long long)attempt); /* fits */
    return 0;
}

/* Not every target lets its connections be named and closed. */
static int take_refusal(struct replay *r, const char *name, const char *error, struct ft_err *err)
{
    if (replay_is_passing(error))
        return err_set(err, FT_ERR_NET, "%s answered: %s", name, error);
    if (strstr(error, "No such client") != NULL)
        return 0; /* it has gone by itself */
    pthread_mutex_lock(&r->mu);
    if (!r->unfenced) {
        replay_note(
            r,
            "%s does not let connections of an interrupted run be closed (%s): what they may "
            "still have under way is not kept from arriving late",
            name, error);
    }
    r->unfenced = true;
    pthread_mutex_unlock(&r->mu);
    return 0;
}

/* A command whose refusal is no failure. *ret: NULL if it was refused. */
static int ask(struct replay *r, struct redis_pipe *pipe, const char *name, const char *command,
               redisReply **ret, struct ft_err *err)
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
    rc = take_refusal(r, name, reply->str, err);
    freeReplyObject(reply);
    return rc;
}

int replay_fence_name(struct replay *r, struct redis_pipe *pipe, const char *name,
                      struct ft_err *err)
{
    char command[sizeof(r->client_name) + 32];
    redisReply *reply;

    if (r->client_name[0] == '\0')
        return 0;
    (void)snprintf(command, sizeof(command), "CLIENT SETNAME %s", r->client_name); /* fits */
    if (ask(r, pipe, name, command, &reply, err) != 0)
        return -1;
    if (reply != NULL)
        freeReplyObject(reply);
    return 0;
}

/* A line of CLIENT LIST, "id=7 addr=... name=...": is it one of ours, but not of this attempt? */
static bool is_left_over(const struct replay *r, const char *line, size_t n)
{
    const size_t own = strlen(r->client_name);
    const size_t prefix = strlen(NAME_PREFIX) + strlen(r->id) + 1;
    const char *name = memmem(line, n, " name=", 6);
    size_t left;

    if (name == NULL || strncmp(line, "id=", 3) != 0)
        return false;
    name += 6;
    left = (size_t)(line + n - name);
    return left >= own && memcmp(name, r->client_name, prefix) == 0 &&
           memcmp(name, r->client_name, own) != 0;
}

static int close_client(struct replay *r, struct redis_pipe *pipe, const char *name,
                        const char *line, struct ft_err *err)
{
    char command[64];
    redisReply *reply;

    (void)snprintf(command, sizeof(command), "CLIENT KILL ID %llu",
                   strtoull(line + 3, NULL, 10)); /* fits */
    if (ask(r, pipe, name, command, &reply, err) != 0)
        return -1;
    if (reply != NULL)
        freeReplyObject(reply);
    return 0;
}

int replay_fence_close_others(struct replay *r, struct redis_pipe *pipe, const char *name,
                              struct ft_err *err)
{
    redisReply *reply;
    const char *line;
    int rc;

    if (r->client_name[0] == '\0')
        return 0;
    rc = ask(r, pipe, name, "CLIENT LIST", &reply, err);
    line = rc == 0 && reply != NULL && reply->type == REDIS_REPLY_STRING ? reply->str : NULL;
    while (rc == 0 && line != NULL && *line != '\0') {
        size_t n = strcspn(line, "\n");

        if (is_left_over(r, line, n))
            rc = close_client(r, pipe, name, line, err);
        line += n + (line[n] == '\n');
    }
    if (reply != NULL)
        freeReplyObject(reply);
    return rc;
}
