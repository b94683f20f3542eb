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

/* Words up to the first NULL. */
static const struct probe {
    enum need need;
    const char *words[5];
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

static int send_probe(struct target_node *node, const struct probe *p, redisReply **ret,
                      struct ft_err *err)
{
    struct bytes words[sizeof(p->words) / sizeof(p->words[0])];
    size_t count = 0;

    while (count < sizeof(p->words) / sizeof(p->words[0]) && p->words[count] != NULL) {
        words[count] = bytes_str(p->words[count]);
        count++;
    }
    return redis_pipe_call(node->pipe, ret, words, count, err);
}

static void take_denied(struct rights *rights, bool journal, const struct probe *p, const char *why)
{
    size_t n = strlen(rights->missing);

    rights->no_set |= p->need == NEED_SET;
    rights->no_restore |= p->need == NEED_RESTORE;
    rights->no_mset |= p->need == NEED_MSET;
    rights->no_unlink |= p->need == NEED_UNLINK;
    if (p->need > NEED_JOURNAL || (p->need == NEED_JOURNAL && !journal) ||
        strstr(rights->missing, p->words[0]) != NULL)
        return;
    if (n == 0)
        (void)snprintf(rights->why, sizeof(rights->why), "%s", why); /* a longer one is cut */
    (void)snprintf(rights->missing + n, sizeof(rights->missing) - n, "%s%s", n == 0 ? "" : ", ",
                   p->words[0]); /* fits */
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

int rights_probe(struct rights *ret, const struct target_client *t, bool journal,
                 struct ft_err *err)
{
    struct rights rights = {0};

    for (size_t n = 0; n < t->node_count; n++) {
        for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
            redisReply *reply;

            if (send_probe(&t->nodes[n], &probes[i], &reply, err) != 0)
                return -1;
            if (is_denied(reply))
                take_denied(&rights, journal, &probes[i], reply->str);
            freeReplyObject(reply);
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

int rights_check(const struct rights *rights, struct ft_err *err)
{
    if (rights->missing[0] == '\0')
        return 0;
    return err_set(err, FT_ERR_PROTOCOL, "the target does not allow %s, which is needed: %s",
                   rights->missing, rights->why);
}
