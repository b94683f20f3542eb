#include "target/rights.h"

#include <stdio.h>
#include <stdlib.h>

#include "wire/reply_error.h"

/* Nobody's key; of this program's own names, as these have to be allowed in any case. */
#define PROBE  "flowtape:probe"
#define NO_SHA "0000000000000000000000000000000000000000"

enum need {
    NEED_ALWAYS,
    NEED_JOURNAL, /* records follow the snapshot */
    NEED_SET,     /* from here on: only if the input has such values */
    NEED_RESTORE,
    NEED_MSET,
    NEED_UNLINK,
};

#define PROBE_ARGS 5
/* Of any command, at least. */
#define COMMAND_ARGS 12

/* What a server says to a command. */
struct verdict {
    bool denied;
    char why[200];
};

typedef int verdict_fn(struct target_node *node, const struct bytes *args, size_t count,
                       struct verdict *ret, struct ft_err *err);

/* Arguments up to the first NULL. */
static const struct probe {
    enum need need;
    const char *args[PROBE_ARGS];
} probes[] = {
    {NEED_ALWAYS, {"HGETALL", PROBE}},        {NEED_ALWAYS, {"HSET", PROBE, "f", "v", "f"}},
    {NEED_ALWAYS, {"HDEL", PROBE, "f"}},      {NEED_ALWAYS, {"DEL", PROBE}},
    {NEED_ALWAYS, {"EXISTS", PROBE}},         {NEED_ALWAYS, {"EVAL", "return 1", "0"}},
    {NEED_JOURNAL, {"EVALSHA", NO_SHA, "0"}}, {NEED_JOURNAL, {"SELECT", "0"}}, /* by the script */
    {NEED_SET, {"SET", PROBE, "v", "XX"}},    {NEED_RESTORE, {"RESTORE", PROBE, "0", ""}},
    {NEED_MSET, {"MSET", PROBE, "v", PROBE}}, {NEED_UNLINK, {"UNLINK", PROBE}},
};

/* In whatever words a user is refused, or a command has been taken away. */
static bool is_denied(const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ERROR)
        return false;
    return reply_error_kind_of(bytes_str(reply->str)) == REPLY_ERROR_DENIED ||
           strcasestr(reply->str, "unknown command") != NULL ||
           strcasestr(reply->str, "not allowed") != NULL ||
           strcasestr(reply->str, "permission") != NULL;
}

static size_t probe_args(const struct probe *p, struct bytes args[PROBE_ARGS])
{
    size_t count = 0;

    while (count < PROBE_ARGS && p->args[count] != NULL) {
        args[count] = bytes_str(p->args[count]);
        count++;
    }
    return count;
}

static void take_answer(struct verdict *ret, const redisReply *reply)
{
    ret->denied = is_denied(reply);
    if (ret->denied)
        (void)snprintf(ret->why, sizeof(ret->why), "%s", reply->str); /* a longer one is cut */
}

static int try_args(struct target_node *node, const struct bytes *args, size_t count,
                    struct verdict *ret, struct ft_err *err)
{
    redisReply *reply;

    if (redis_pipe_call(node->pipe, &reply, args, count, err) != 0)
        return -1;
    take_answer(ret, reply);
    freeReplyObject(reply);
    return 0;
}

/* A transaction that is not executed: the server says whether it would be when a command is queued. */
static int queue_args(struct target_node *node, const struct bytes *args, size_t count,
                      struct verdict *ret, struct ft_err *err)
{
    redisReply *reply;
    bool begun;

    if (redis_pipe_call_text(node->pipe, &reply, "MULTI", err) != 0)
        return -1;
    begun = reply->type == REDIS_REPLY_STATUS;
    freeReplyObject(reply);
    if (!begun) /* outside of a transaction it would be executed: not known */
        return 0;
    if (try_args(node, args, count, ret, err) != 0 ||
        redis_pipe_call_text(node->pipe, &reply, "DISCARD", err) != 0)
        return -1;
    freeReplyObject(reply);
    return 0;
}

/* ACL DRYRUN answers OK, or says in a string what is missing. false: it is not there, or not allowed. */
static bool take_dry_run(struct verdict *ret, const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_STATUS)
        return true;
    if (reply->type != REDIS_REPLY_STRING)
        return false;
    ret->denied = true;
    (void)snprintf(ret->why, sizeof(ret->why), "%s", reply->str); /* a longer one is cut */
    return true;
}

static int ask_args(struct target_node *node, const struct bytes *args, size_t count,
                    struct verdict *ret, struct ft_err *err)
{
    struct bytes dry[COMMAND_ARGS + 3] = {bytes_str("ACL"), bytes_str("DRYRUN")};
    redisReply *who;
    redisReply *reply = NULL;
    bool known = false;

    if (redis_pipe_call_text(node->pipe, &who, "ACL WHOAMI", err) != 0)
        return -1;
    if (who->type == REDIS_REPLY_STRING) {
        dry[2] = bytes_of(who->str, who->len);
        memcpy(dry + 3, args, count * sizeof(*args));
        if (redis_pipe_call(node->pipe, &reply, dry, count + 3, err) != 0) {
            freeReplyObject(who);
            return -1;
        }
        known = take_dry_run(ret, reply);
        freeReplyObject(reply);
    }
    freeReplyObject(who);
    return known ? 0 : queue_args(node, args, count, ret, err);
}

static void take_denied(struct rights *rights, bool journal, const struct probe *p, const char *why)
{
    size_t n = strlen(rights->missing);

    rights->no_set |= p->need == NEED_SET;
    rights->no_restore |= p->need == NEED_RESTORE;
    rights->no_mset |= p->need == NEED_MSET;
    rights->no_unlink |= p->need == NEED_UNLINK;
    if (p->need > NEED_JOURNAL || (p->need == NEED_JOURNAL && !journal) ||
        strstr(rights->missing, p->args[0]) != NULL)
        return;
    if (n == 0)
        (void)snprintf(rights->why, sizeof(rights->why), "%s", why); /* a longer one is cut */
    (void)snprintf(rights->missing + n, sizeof(rights->missing) - n, "%s%s", n == 0 ? "" : ", ",
                   p->args[0]); /* fits */
}

/* A transaction that is not executed: no server, of whatever kind, is to empty itself for a probe. */
static int probe_flush(struct rights *rights, struct target_node *node, struct ft_err *err)
{
    static const char *const commands[] = {"MULTI", "FLUSHALL", "DISCARD"};
    static const char *const wanted[] = {"OK", "QUEUED", "OK"};

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        redisReply *reply;
        bool as_wanted;

        if (redis_pipe_call_text(node->pipe, &reply, commands[i], err) != 0)
            return -1;
        as_wanted = reply->type == REDIS_REPLY_STATUS && strcmp(reply->str, wanted[i]) == 0;
        freeReplyObject(reply);
        rights->no_flush |= !as_wanted;
        if (i == 0 && !as_wanted)
            return 0;
    }
    return 0;
}

static int find_rights(struct rights *ret, const struct target_client *t, bool journal,
                       verdict_fn *look, struct ft_err *err)
{
    struct rights rights = {0};

    for (size_t n = 0; n < t->node_count; n++) {
        for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
            struct bytes args[PROBE_ARGS];
            struct verdict verdict = {0};
            size_t count = probe_args(&probes[i], args);

            if (look(&t->nodes[n], args, count, &verdict, err) != 0)
                return -1;
            if (verdict.denied)
                take_denied(&rights, journal, &probes[i], verdict.why);
        }
        if (probe_flush(&rights, &t->nodes[n], err) != 0)
            return -1;
    }
    rights.known = true;
    *ret = rights;
    return 0;
}

const char *rights_delete_name(const struct rights *rights)
{
    return rights->no_unlink ? "DEL" : "UNLINK";
}

int rights_probe(struct rights *ret, const struct target_client *t, bool journal,
                 struct ft_err *err)
{
    return find_rights(ret, t, journal, try_args, err);
}

int rights_ask(struct rights *ret, const struct target_client *t, bool journal, struct ft_err *err)
{
    return find_rights(ret, t, journal, ask_args, err);
}

/* COMMAND INFO: {name, arity, ...}; how many arguments it has at least. 0: the server has no such command, or
 * does not say. */
static int ask_arg_count(struct target_node *node, const char *name, size_t *ret,
                         struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("COMMAND"), bytes_str("INFO"), bytes_str(name)};
    const redisReply *row;
    redisReply *reply;

    *ret = 0;
    if (redis_pipe_call(node->pipe, &reply, args, 3, err) != 0)
        return -1;
    row = reply->type == REDIS_REPLY_ARRAY && reply->elements == 1 ? reply->element[0] : NULL;
    if (row != NULL && row->type == REDIS_REPLY_ARRAY && row->elements > 1 &&
        row->element[1]->type == REDIS_REPLY_INTEGER)
        *ret = (size_t)llabs(row->element[1]->integer);
    freeReplyObject(reply);
    return 0;
}

int rights_ask_command(const struct target_client *t, const char *name, bool *ret_allowed,
                       struct ft_err *err)
{
    *ret_allowed = true;
    for (size_t n = 0; *ret_allowed && n < t->node_count; n++) {
        struct bytes args[COMMAND_ARGS] = {bytes_str(name)};
        struct verdict verdict = {0};
        size_t count;

        if (ask_arg_count(&t->nodes[n], name, &count, err) != 0)
            return -1;
        if (count == 0 || count > COMMAND_ARGS)
            count = COMMAND_ARGS;
        for (size_t i = 1; i < count; i++)
            args[i] = bytes_str(PROBE);
        if (ask_args(&t->nodes[n], args, count, &verdict, err) != 0)
            return -1;
        *ret_allowed = !verdict.denied;
    }
    return 0;
}

int rights_check(const struct rights *rights, struct ft_err *err)
{
    if (rights->missing[0] == '\0')
        return 0;
    return err_set(err, FT_ERR_PROTOCOL, "the target does not allow %s, which is needed: %s",
                   rights->missing, rights->why);
}
