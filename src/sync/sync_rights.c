#include "sync/sync_rights.h"

#include <stdio.h>
#include <string.h>

#include "target/rights.h"

struct need {
    const char *name;
    const char *harmless; /* NULL: there is no such form of it */
};

static const struct need of_redis[] = {{"PSYNC", NULL}, {"REPLCONF", "REPLCONF capa eof"}};
static const struct need of_dragonfly[] = {{"DFLY", "DFLY REPLICAOFFSET"},
                                           {"REPLCONF", "REPLCONF capa eof"}};
static const struct need of_pause[] = {{"CLIENT PAUSE", NULL}, {"CLIENT UNPAUSE", NULL}};
#define NEEDS 2

static int try_harmless(struct rights *missing, const struct need *need, struct redis_pipe *pipe,
                        struct ft_err *err)
{
    redisReply *reply;

    if (redis_pipe_call_text(pipe, &reply, need->harmless, err) != 0)
        return -1;
    if (reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "NOPERM", 6) == 0)
        rights_add_missing(missing, need->name, reply->str);
    reply_free(reply);
    return 0;
}

static int try_all(struct rights *missing, const struct need needs[NEEDS], const struct uri *u,
                   const struct sync_options *o, struct ft_err *err)
{
    struct redis_pipe *pipe;
    int rc = 0;

    if (redis_pipe_open_within(&pipe, u, o->cancel_fd, sync_ask_ms(o), NULL, NULL, err) != 0)
        return -1;
    for (size_t i = 0; rc == 0 && i < NEEDS; i++) {
        if (needs[i].harmless != NULL)
            rc = try_harmless(missing, &needs[i], pipe, err);
    }
    redis_pipe_free(pipe);
    return rc;
}

/* What nobody may run there, or what has another name, is not counted: it is found out when it matters. */
static int ask_all(struct rights *missing, const struct need needs[NEEDS], const struct uri *u,
                   const struct sync_options *o, struct ft_err *err)
{
    enum rights_answer answers[NEEDS];
    char why[RIGHTS_WHY] = "";
    const char *names[NEEDS];
    size_t count = 0;

    for (size_t i = 0; i < NEEDS; i++) {
        if (needs[i].harmless == NULL)
            names[count++] = needs[i].name;
    }
    if (rights_ask_server(u, o->cancel_fd, sync_ask_ms(o), names, count, answers, why, err) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (answers[i] == RIGHTS_DENIED)
            rights_add_missing(missing, names[i], why);
    }
    return 0;
}

static int check_server(const struct sync_options *o, const struct uri *u, struct ft_err *err)
{
    bool replicates;
    bool redis = u->scheme != URI_DRAGONFLY;
    const struct need *needs = redis ? of_redis : of_dragonfly;
    struct rights missing = {.known = true};
    struct ft_err away = FT_ERR_INIT;
    struct ft_err lack = FT_ERR_INIT;
    char name[URI_ADDRESS_SIZE];
    char whom[URI_ADDRESS_SIZE + 16];
    int rc = try_all(&missing, needs, u, o, &away);

    if (rc == 0 && redis)
        rc = ask_all(&missing, needs, u, o, &away);
    replicates = missing.missing_count == 0;
    if (rc == 0 && o->cutover == CUTOVER_PAUSE)
        rc = ask_all(&missing, of_pause, u, o, &away);
    if (rc != 0 && away.kind == FT_ERR_CANCELLED) {
        *err = away;
        return -1;
    }
    (void)snprintf(whom, sizeof(whom), "the source %s", uri_address(u, name)); /* fits */
    if (rights_check(&missing, whom, &lack) == 0)
        return 0;
    if (replicates)
        *err = lack;
    else /* of PSYNC the server may have told nothing */
        (void)err_set(err, FT_ERR_PROTOCOL, "%s (it has to allow %s and %s)", lack.msg,
                      needs[0].name, needs[1].name);
    return -1;
}

int sync_check_rights(const struct sync_options *o, struct ft_err *err)
{
    if (o->node_count == 0)
        return check_server(o, o->capture.source, err);
    for (size_t i = 0; i < o->node_count; i++) {
        if (check_server(o, &o->nodes[i], err) != 0)
            return -1;
    }
    return 0;
}
