#include "target/rights.h"

#include <stdio.h>
#include <stdlib.h>

#include "wire/reply_error.h"

/* Nobody's key; of this program's own names, as these have to be allowed in any case. */
#define PROBE    "flowtape:probe"
#define OWN_KEYS "keys flowtape:*"
#define NO_SHA   "0000000000000000000000000000000000000000"

enum need {
    NEED_ALWAYS,
    NEED_SET, /* from here on: only if the input has such values */
    NEED_RESTORE,
    NEED_MSET,
    NEED_UNLINK,
    NEED_EVAL,   /* else scripts are run here */
    NEED_SCRIPT, /* likewise, for batches of the journal */
    NEED_WATCH,  /* of transactions: only where there are no scripts, or else batches go by these */
};

#define PROBE_ARGS 5

/* What a server says to a command. */
struct verdict {
    bool denied;
    bool of_keys; /* the command is allowed, on other keys */
    char why[RIGHTS_WHY];
};

typedef int verdict_fn(struct target_node *node, const struct bytes *args, size_t count,
                       struct verdict *ret, struct ft_err *err);

/* Arguments up to the first NULL. Those that only the scripts of the lease and the state call are among them. */
static const struct probe {
    enum need need;
    const char *args[PROBE_ARGS];
} probes[] = {
    {NEED_ALWAYS, {"HGETALL", PROBE}},
    {NEED_ALWAYS, {"HSET", PROBE, "f", "v", "f"}},
    {NEED_ALWAYS, {"HDEL", PROBE, "f"}},
    {NEED_ALWAYS, {"HGET", PROBE, "f"}},
    {NEED_ALWAYS, {"HEXISTS", PROBE, "f"}},
    {NEED_ALWAYS, {"SSCAN", PROBE, "0"}},
    {NEED_ALWAYS, {"DEL", PROBE}},
    {NEED_ALWAYS, {"EXISTS", PROBE}},
    {NEED_ALWAYS, {"TIME"}},
    {NEED_EVAL, {"EVAL", "return 1", "0"}},
    {NEED_SCRIPT, {"EVALSHA", NO_SHA, "0"}},
    {NEED_SET, {"SET", PROBE, "v", "XX"}},
    {NEED_RESTORE, {"RESTORE", PROBE, "0", ""}},
    {NEED_MSET, {"MSET", PROBE, "v", PROBE}},
    {NEED_UNLINK, {"UNLINK", PROBE}},
    {NEED_WATCH, {"WATCH", PROBE}},
    {NEED_WATCH, {"UNWATCH"}},
};

/* What --without names. */
static const struct choice {
    const char *name;
    unsigned bit;
    enum need needs[2];
} choices[] = {
    {"eval", RIGHTS_EVAL, {NEED_EVAL, NEED_SCRIPT}},
    {"restore", RIGHTS_RESTORE, {NEED_RESTORE, NEED_RESTORE}},
    {"mset", RIGHTS_MSET, {NEED_MSET, NEED_MSET}},
    {"unlink", RIGHTS_UNLINK, {NEED_UNLINK, NEED_UNLINK}},
    {"flushall", RIGHTS_FLUSH, {NEED_ALWAYS, NEED_ALWAYS}}, /* see probe_flush */
};
#define CHOICE_COUNT (sizeof(choices) / sizeof(choices[0]))

int rights_take_without(unsigned *ret, const char *text, struct ft_err *err)
{
    while (*text != '\0') {
        size_t n = strcspn(text, ",");
        size_t i = 0;

        while (i < CHOICE_COUNT &&
               (strlen(choices[i].name) != n || strncasecmp(choices[i].name, text, n) != 0))
            i++;
        if (i == CHOICE_COUNT)
            return err_set(err, FT_ERR_USAGE,
                           "--without takes eval, restore, mset, unlink and flushall, not \"%.*s\"",
                           (int)n, text);
        *ret |= choices[i].bit;
        text += n + (text[n] == ',');
    }
    return 0;
}

static bool is_left_out(unsigned without, enum need need)
{
    for (size_t i = 0; need > NEED_ALWAYS && i < CHOICE_COUNT; i++) {
        if ((without & choices[i].bit) != 0 &&
            (choices[i].needs[0] == need || choices[i].needs[1] == need))
            return true;
    }
    return false;
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

static void take_text(struct verdict *ret, const char *text)
{
    ret->of_keys = reply_error_denies_key(text);
    ret->denied = ret->of_keys || reply_error_denies_command(text);
    if (ret->denied)
        (void)snprintf(ret->why, sizeof(ret->why), "%s", text); /* a longer one is cut */
}

static int try_args(struct target_node *node, const struct bytes *args, size_t count,
                    struct verdict *ret, struct ft_err *err)
{
    redisReply *reply;

    if (redis_pipe_call(node->pipe, &reply, args, count, err) != 0)
        return -1;
    if (reply->type == REDIS_REPLY_ERROR)
        take_text(ret, reply->str);
    reply_free(reply);
    return 0;
}

/* Sends a command that has no arguments; *ret: the answer was this status. */
static int expect_status(struct redis_pipe *pipe, const char *command, const char *status,
                         bool *ret, struct ft_err *err)
{
    redisReply *reply;

    if (redis_pipe_call_text(pipe, &reply, command, err) != 0)
        return -1;
    *ret = reply->type == REDIS_REPLY_STATUS && strcmp(reply->str, status) == 0;
    reply_free(reply);
    return 0;
}

/* Begins a transaction, if one could also be left again without executing it. */
static int begin_discarded(struct redis_pipe *pipe, bool *ret_begun, struct ft_err *err)
{
    redisReply *reply;
    bool may_leave;

    *ret_begun = false;
    if (redis_pipe_call_text(pipe, &reply, "DISCARD", err) != 0)
        return -1;
    /* "ERR DISCARD without MULTI" */
    may_leave = reply->type == REDIS_REPLY_ERROR && strcasestr(reply->str, "without") != NULL;
    reply_free(reply);
    return may_leave ? expect_status(pipe, "MULTI", "OK", ret_begun, err) : 0;
}

static int discard(struct redis_pipe *pipe, struct ft_err *err)
{
    bool ignored;

    return expect_status(pipe, "DISCARD", "OK", &ignored, err);
}

/* A transaction that is not executed: the server says whether it would be when a command is queued. */
static int queue_args(struct target_node *node, const struct bytes *args, size_t count,
                      struct verdict *ret, struct ft_err *err)
{
    bool begun;

    if (begin_discarded(node->pipe, &begun, err) != 0)
        return -1;
    if (!begun) /* outside of a transaction it would be executed: not known */
        return 0;
    return try_args(node, args, count, ret, err) == 0 ? discard(node->pipe, err) : -1;
}

/* ACL DRYRUN answers OK, or says in a string what is missing. false: it is not there, or not allowed. */
static bool take_dry_run(struct verdict *ret, const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_STATUS)
        return true;
    if (reply->type != REDIS_REPLY_STRING)
        return false;
    ret->denied = true;
    ret->of_keys = reply_error_denies_key(reply->str);
    (void)snprintf(ret->why, sizeof(ret->why), "%s", reply->str); /* a longer one is cut */
    return true;
}

static int ask_args(struct target_node *node, const struct bytes *args, size_t count,
                    struct verdict *ret, struct ft_err *err)
{
    struct bytes dry[PROBE_ARGS + 3] = {bytes_str("ACL"), bytes_str("DRYRUN")};
    redisReply *who;
    redisReply *reply = NULL;
    bool known = false;

    if (redis_pipe_call_text(node->pipe, &who, "ACL WHOAMI", err) != 0)
        return -1;
    if (who->type == REDIS_REPLY_STRING) {
        dry[2] = bytes_of(who->str, who->len);
        memcpy(dry + 3, args, count * sizeof(*args));
        if (redis_pipe_call(node->pipe, &reply, dry, count + 3, err) != 0) {
            reply_free(who);
            return -1;
        }
        known = take_dry_run(ret, reply);
        reply_free(reply);
    }
    reply_free(who);
    return known ? 0 : queue_args(node, args, count, ret, err);
}

void rights_add_missing(struct rights *rights, const char *name, const char *why)
{
    for (size_t i = 0; i < rights->missing_count; i++) {
        if (strcmp(rights->missing[i], name) == 0)
            return;
    }
    if (rights->missing_count == 0)
        (void)snprintf(rights->why, sizeof(rights->why), "%s", why); /* a longer one is cut */
    if (rights->missing_count < RIGHTS_MAX)
        (void)snprintf(rights->missing[rights->missing_count++], RIGHTS_NAME, "%s",
                       name); /* likewise */
}

static void take_denied(struct rights *rights, bool journal, const struct probe *p,
                        const struct verdict *v)
{
    if (v->of_keys) {
        rights_add_missing(rights, OWN_KEYS, v->why);
        return;
    }
    rights->no_set |= p->need == NEED_SET;
    rights->no_restore |= p->need == NEED_RESTORE;
    rights->no_mset |= p->need == NEED_MSET;
    rights->no_unlink |= p->need == NEED_UNLINK;
    rights->no_eval |= p->need == NEED_EVAL || (p->need == NEED_SCRIPT && journal);
    rights->transactions &= p->need != NEED_WATCH;
    if (p->need == NEED_ALWAYS || (p->need == NEED_WATCH && rights->no_eval))
        rights_add_missing(rights, p->args[0], v->why);
}

/* A transaction that is not executed: no server, of whatever kind, is to empty itself for a probe. */
static int probe_flush(struct rights *rights, struct target_node *node, struct ft_err *err)
{
    bool begun;
    bool queued;

    if (begin_discarded(node->pipe, &begun, err) != 0)
        return -1;
    if (!begun) {
        rights->no_flush = true;
        return 0;
    }
    if (expect_status(node->pipe, "FLUSHALL", "QUEUED", &queued, err) != 0)
        return -1;
    rights->no_flush |= !queued;
    return discard(node->pipe, err);
}

/* MULTI cannot be tried by itself: what follows would be part of it. */
static int probe_multi(struct rights *rights, struct target_node *node, struct ft_err *err)
{
    bool begun;

    if (begin_discarded(node->pipe, &begun, err) != 0)
        return -1;
    if (begun)
        return discard(node->pipe, err);
    rights->transactions = false;
    if (rights->no_eval)
        rights_add_missing(rights, "MULTI", "no transaction can be begun");
    return 0;
}

static int find_node_rights(struct rights *rights, struct target_node *node,
                            const struct rights_wanted *wanted, verdict_fn *look,
                            struct ft_err *err)
{
    for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
        struct bytes args[PROBE_ARGS];
        struct verdict verdict = {.denied = is_left_out(wanted->without, probes[i].need)};
        size_t count = probe_args(&probes[i], args);

        if (probes[i].need == NEED_WATCH && !rights->no_eval && !wanted->transactions)
            continue;
        if (!verdict.denied && look(node, args, count, &verdict, err) != 0)
            return -1;
        if (verdict.denied)
            take_denied(rights, wanted->journal, &probes[i], &verdict);
    }
    if ((rights->no_eval || wanted->transactions) && probe_multi(rights, node, err) != 0)
        return -1;
    rights->no_flush |= (wanted->without & RIGHTS_FLUSH) != 0;
    return rights->no_flush ? 0 : probe_flush(rights, node, err);
}

static int find_rights(struct rights *ret, const struct target_client *t,
                       const struct rights_wanted *wanted, verdict_fn *look, struct ft_err *err)
{
    struct rights rights = {.transactions = wanted->transactions};

    for (size_t n = 0; n < t->node_count; n++) {
        if (find_node_rights(&rights, &t->nodes[n], wanted, look, err) != 0)
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

int rights_probe(struct rights *ret, const struct target_client *t,
                 const struct rights_wanted *wanted, struct ft_err *err)
{
    return find_rights(ret, t, wanted, try_args, err);
}

int rights_ask(struct rights *ret, const struct target_client *t,
               const struct rights_wanted *wanted, struct ft_err *err)
{
    return find_rights(ret, t, wanted, ask_args, err);
}

/*
 * Any commands
 */

/* How many arguments they are asked for with where a server does not say how many they take: it looks at that before it
 * looks at the user. All are the same key, so that no cluster finds them to be in different slots. */
static const size_t arg_counts[] = {1, 2, 3, 4, 5, 6, 12};
#define ARG_COUNTS (sizeof(arg_counts) / sizeof(arg_counts[0]))
#define ARGS_MOST  12
/* In one COMMAND INFO. */
#define INFO_NAMES 30u

/* Of one master. */
struct asking {
    const char *const *names;
    size_t count;
    size_t *arg_counts; /* 0: not known */
    bool dry;           /* the question is put to ACL DRYRUN, or else queued in a transaction */
    enum rights_answer *answers;
    char *why;
};

static int take_verdict(void *context, uint64_t tag, const redisReply *reply, struct ft_err *err)
{
    struct asking *a = context;
    struct verdict v = {0};

    (void)err;
    if (reply->type == REDIS_REPLY_ERROR && !a->dry)
        take_text(&v, reply->str);
    else if (a->dry && reply->type == REDIS_REPLY_STRING)
        (void)take_dry_run(&v, reply);
    else if (reply->type == REDIS_REPLY_ERROR && strstr(reply->str, "not found") != NULL)
        take_text(&v, "unknown command");
    if (!v.denied || v.of_keys || a->answers[tag] == RIGHTS_DENIED)
        return 0;
    a->answers[tag] = strcasestr(v.why, "permission") != NULL ? RIGHTS_DENIED : RIGHTS_NO_SUCH;
    if (a->why != NULL && a->why[0] == '\0')
        (void)snprintf(a->why, RIGHTS_WHY, "%s", v.why); /* fits */
    return 0;
}

/* args: room for what stands in front, and the command with all its arguments. */
static int put_all(struct redis_pipe *pipe, const struct asking *a, struct bytes *args,
                   size_t before, struct ft_err *err)
{
    for (size_t i = 0; i < a->count; i++) {
        const size_t *counts = a->arg_counts[i] != 0 ? &a->arg_counts[i] : arg_counts;
        size_t tries = a->arg_counts[i] != 0 ? 1 : ARG_COUNTS;
        const char *blank = strchr(a->names[i], ' ');

        for (size_t k = before; k < before + ARGS_MOST; k++)
            args[k] = bytes_str(PROBE);
        args[before] = bytes_str(a->names[i]);
        if (blank != NULL) {
            args[before].n = (size_t)(blank - a->names[i]);
            args[before + 1] = bytes_str(blank + 1);
        }
        for (size_t k = 0; k < tries; k++) {
            if (redis_pipe_put(pipe, i, args, before + counts[k], err) != 0)
                return -1;
        }
    }
    return redis_pipe_drain(pipe, err);
}

/* COMMAND INFO: {name, arity, ...} of each, or nothing of one that is not there. */
static int ask_some_arg_counts(struct redis_pipe *pipe, const struct asking *a, size_t first,
                               size_t count, struct ft_err *err)
{
    struct bytes args[INFO_NAMES + 2] = {bytes_str("COMMAND"), bytes_str("INFO")};
    redisReply *reply;

    for (size_t i = 0; i < count; i++)
        args[i + 2] = bytes_str(a->names[first + i]);
    if (redis_pipe_call(pipe, &reply, args, count + 2, err) != 0)
        return -1;
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && reply->elements == count && i < count;
         i++) {
        const redisReply *row = reply->element[i];
        long long arity = 0;

        if (row->type == REDIS_REPLY_ARRAY && row->elements > 1 &&
            row->element[1]->type == REDIS_REPLY_INTEGER)
            arity = llabs(row->element[1]->integer);
        a->arg_counts[first + i] = arity <= ARGS_MOST ? (size_t)arity : 0;
    }
    reply_free(reply);
    return 0;
}

/* A few at a time, as requests may have to be short. */
static int ask_arg_counts(struct redis_pipe *pipe, const struct asking *a, struct ft_err *err)
{
    for (size_t at = 0; at < a->count; at += INFO_NAMES) {
        size_t left = a->count - at;

        if (ask_some_arg_counts(pipe, a, at, left < INFO_NAMES ? left : INFO_NAMES, err) != 0)
            return -1;
    }
    return 0;
}

/* It is there since Redis 7.0, and may be refused itself. */
static int ask_dry(struct redis_pipe *pipe, struct asking *a, struct ft_err *err)
{
    struct bytes args[ARGS_MOST + 3] = {bytes_str("ACL"), bytes_str("DRYRUN")};
    redisReply *who;
    redisReply *reply;
    int rc = 0;

    if (redis_pipe_call_text(pipe, &who, "ACL WHOAMI", err) != 0)
        return -1;
    if (who->type == REDIS_REPLY_STRING) {
        args[2] = bytes_of(who->str, who->len);
        args[3] = bytes_str("PING");
        rc = redis_pipe_call(pipe, &reply, args, 4, err);
        if (rc == 0) {
            a->dry = reply->type != REDIS_REPLY_ERROR;
            reply_free(reply);
        }
        if (rc == 0 && a->dry)
            rc = put_all(pipe, a, args, 3, err);
    }
    reply_free(who);
    return rc;
}

static int ask_node(struct asking *a, struct redis_pipe *pipe, struct ft_err *err)
{
    struct bytes args[ARGS_MOST];
    bool begun;

    a->dry = false;
    if (ask_arg_counts(pipe, a, err) != 0 || ask_dry(pipe, a, err) != 0)
        return -1;
    if (a->dry)
        return 0;
    if (begin_discarded(pipe, &begun, err) != 0)
        return -1;
    if (!begun)
        return 0;
    return put_all(pipe, a, args, 0, err) == 0 ? discard(pipe, err) : -1;
}

static int ask_server(struct asking *a, const struct uri *u, int cancel_fd, uint64_t timeout_ms,
                      struct ft_err *err)
{
    struct redis_pipe *pipe;
    int rc;

    if (redis_pipe_open_within(&pipe, u, cancel_fd, timeout_ms, take_verdict, a, err) != 0)
        return -1;
    rc = ask_node(a, pipe, err);
    redis_pipe_free(pipe);
    return rc;
}

static int begin_asking(struct asking *ret, const char *const *names, size_t count,
                        enum rights_answer *answers, char why[RIGHTS_WHY], struct ft_err *err)
{
    *ret = (struct asking){.names = names, .count = count, .answers = answers, .why = why};
    ret->arg_counts = calloc(count + 1, sizeof(*ret->arg_counts));
    if (ret->arg_counts == NULL)
        return err_nomem(err, "names of commands");
    memset(answers, 0, count * sizeof(*answers));
    return 0;
}

int rights_ask_commands(const struct target_client *t, const char *const *names, size_t count,
                        enum rights_answer *ret, char why[RIGHTS_WHY], struct ft_err *err)
{
    struct asking a;
    int rc = 0;

    if (begin_asking(&a, names, count, ret, why, err) != 0)
        return -1;
    for (size_t n = 0; rc == 0 && count != 0 && n < t->node_count; n++)
        rc = ask_server(&a, &t->nodes[n].uri, t->host.cancel_fd, t->host.give_up_ms, err);
    free(a.arg_counts);
    return rc;
}

int rights_ask_server(const struct uri *u, int cancel_fd, uint64_t timeout_ms,
                      const char *const *names, size_t count, enum rights_answer *ret,
                      char why[RIGHTS_WHY], struct ft_err *err)
{
    struct asking a;
    int rc;

    if (begin_asking(&a, names, count, ret, why, err) != 0)
        return -1;
    rc = ask_server(&a, u, cancel_fd, timeout_ms, err);
    free(a.arg_counts);
    return rc;
}

int rights_ask_command(const struct target_client *t, const char *name, bool *ret_allowed,
                       struct ft_err *err)
{
    enum rights_answer answer;

    if (rights_ask_commands(t, &name, 1, &answer, NULL, err) != 0)
        return -1;
    *ret_allowed = answer == RIGHTS_ALLOWED;
    return 0;
}

int rights_check(const struct rights *rights, const char *whom, struct ft_err *err)
{
    char names[400] = "";
    size_t n = 0;

    if (rights->missing_count == 0)
        return 0;
    for (size_t i = 0; i < rights->missing_count; i++) {
        size_t left = sizeof(names) - n;
        int more = snprintf(names + n, left, "%s%s", i == 0 ? "" : ", ", rights->missing[i]);

        if ((size_t)more >= left - sizeof(" and 64 more")) {
            (void)snprintf(names + n, left, " and %zu more", rights->missing_count - i); /* fits */
            break;
        }
        n += (size_t)more;
    }
    return err_set(err, FT_ERR_PROTOCOL, "%s does not allow %s, which is needed: %s", whom, names,
                   rights->why);
}
