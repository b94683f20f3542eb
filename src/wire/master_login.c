#include "wire/master_login.h"

#include <string.h>

#include "base/clock.h"
#include "wire/redis_info.h"
#include "wire/reply_error.h"

#define LOADING_PAUSE_MS 500u

/* Refusals that have a known reason, by a part of their text; the prefixes vary. */
static const struct {
    const char *part;
    const char *meaning;
} refusals[] = {
    {"NOAUTH", "it wants a password: put it in the address, in a password file or in "
               "FLOWTAPE_SOURCE_PASSWORD"},
    {"WRONGPASS", "it does not accept the password (on an admin port, give it without a user)"},
    {"invalid password", "it does not accept the password"},
    {"admin only", "it allows replication on its admin port only: connect to that port"},
    {"restricted command", "it allows replication on its admin port only: connect to that port"},
    {"Replicating a replica", "it is itself a replica: capture from its master"},
};

/* Those that are over at some time, as a part of their text. */
static const char *const transient[] = {
    "LOADING", "NOMASTERLINK", "MASTERDOWN", "BUSY", "BGSAVE failed", "Can't SYNC while",
};

int master_refused_text(const struct resp_client *client, const char *what, const char *needs,
                        const char *text, struct ft_err *err)
{
    char shown[200];

    if (strstr(text, "LOADING") != NULL)
        return err_set(err, FT_ERR_NET, "%s is loading its data set", client->conn.name);
    if (strstr(text, "NOPERM") != NULL)
        return err_set(
            err, FT_ERR_PROTOCOL,
            "%s refused %s: the user lacks permission: it needs the commands REPLCONF and %s, "
            "and should have PING and INFO",
            client->conn.name, what, needs);
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        if (strstr(text, refusals[i].part) != NULL) {
            return err_set(err, FT_ERR_PROTOCOL, "%s refused %s: %s", client->conn.name, what,
                           refusals[i].meaning);
        }
    }
    (void)bytes_escape(bytes_str(text), shown, sizeof(shown));
    for (size_t i = 0; i < sizeof(transient) / sizeof(transient[0]); i++) {
        if (strstr(text, transient[i]) != NULL)
            return err_set(err, FT_ERR_NET, "%s refused %s for now: \"%s\"", client->conn.name,
                           what, shown);
    }
    return err_set(err, FT_ERR_PROTOCOL, "%s refused %s: \"%s\"", client->conn.name, what, shown);
}

int master_refused(const struct resp_client *client, const char *what, const char *needs,
                   const redisReply *reply, struct ft_err *err)
{
    if (reply->type != REDIS_REPLY_ERROR) {
        return err_set(err, FT_ERR_PROTOCOL, "%s answered %s with something unexpected",
                       client->conn.name, what);
    }
    return master_refused_text(client, what, needs, reply->str, err);
}

bool master_is_status(const redisReply *reply, const char *text)
{
    return reply->type == REDIS_REPLY_STATUS && strcmp(reply->str, text) == 0;
}

int master_expect_ok(struct resp_client *client, const char *what, const char *needs,
                     const char *const *args, uint64_t timeout_ms, struct ft_err *err)
{
    redisReply *reply;
    int rc = 0;

    if (resp_client_call(client, &reply, args, timeout_ms, err) != 0)
        return -1;
    if (!master_is_status(reply, "OK"))
        rc = master_refused(client, what, needs, reply, err);
    reply_free(reply);
    return rc;
}

/* A server without a password answers AUTH with an error, which is no reason to give up. */
int master_authenticate(struct resp_client *client, const struct uri *u, const char *needs,
                        uint64_t timeout_ms, struct ft_err *err)
{
    redisReply *reply;
    int rc;

    if (u->password == NULL)
        return 0;
    if (u->user != NULL)
        rc = resp_client_call(client, &reply, RESP_ARGS("AUTH", u->user, u->password), timeout_ms,
                              err);
    else
        rc = resp_client_call(client, &reply, RESP_ARGS("AUTH", u->password), timeout_ms, err);
    if (rc != 0)
        return -1;
    if (!master_is_status(reply, "OK") &&
        (reply->type != REDIS_REPLY_ERROR || (strstr(reply->str, "without any password") == NULL &&
                                              strstr(reply->str, "no password is set") == NULL)))
        rc = master_refused(client, "AUTH", needs, reply, err);
    reply_free(reply);
    return rc;
}

int master_wait_until_loaded(struct resp_client *client, const char *needs, uint64_t timeout_ms,
                             uint64_t loading_ms, master_note_fn *note, void *context,
                             struct ft_err *err)
{
    uint64_t began_ms = clock_mono_ms();
    bool noted = false;

    for (;;) {
        redisReply *reply;
        bool loading;
        int rc = 0;

        if (resp_client_call(client, &reply, RESP_ARGS("PING"), timeout_ms, err) != 0)
            return -1;
        loading = reply->type == REDIS_REPLY_ERROR && strstr(reply->str, "LOADING") != NULL;
        /* who may not ask is answered when it matters */
        if (!loading && !master_is_status(reply, "PONG") &&
            (reply->type != REDIS_REPLY_ERROR || !reply_error_denies_command(reply->str) ||
             strstr(reply->str, "NOAUTH") != NULL))
            rc = master_refused(client, "PING", needs, reply, err);
        reply_free(reply);
        if (!loading)
            return rc;
        if (clock_mono_ms() - began_ms > loading_ms)
            return err_set(err, FT_ERR_TIMEOUT, "%s is still loading its data set",
                           client->conn.name);
        if (!noted && note != NULL)
            note(context, "the source is loading its data set: waiting");
        noted = true;
        if (conn_sleep(&client->conn, LOADING_PAUSE_MS, err) != 0)
            return -1;
    }
}

int master_count_keys(struct resp_client *client, uint64_t timeout_ms, uint64_t *ret_keys,
                      struct ft_err *err)
{
    redisReply *reply;
    const char *at;
    uint64_t sum = 0;
    uint64_t keys;
    uint32_t db;

    if (resp_client_call(client, &reply, RESP_ARGS("INFO", "keyspace"), timeout_ms, err) != 0)
        return -1;
    at = reply->type == REDIS_REPLY_STRING ? reply->str : "";
    while (redis_info_next_db(&at, &db, &keys))
        sum += keys;
    reply_free(reply);
    *ret_keys = sum;
    return 0;
}
