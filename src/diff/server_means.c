#include "diff/server_means.h"

#include <stdio.h>

#include "base/clock.h"
#include "item/times_shift.h"
#include "mapping/replay_own_key.h"
#include "replay/position/replay_claims.h"
#include "wire/reply_error.h"

/* Nobody's key. */
#define PROBE REPLAY_KEY_PREFIX "probe"

#define EXPIRETIME_VERSION   700u
#define FULL_STREAMS_VERSION 600u

#define PROBE_ARGS   6
#define MISSING_SIZE 160

/* Which commands the values of a type need where DUMP is refused. Arguments up to the first NULL. */
static const struct probe {
    enum value_class class_;
    bool full_streams, apart_streams; /* only with, or only without XINFO STREAM FULL */
    bool member_times;                /* only where fields have times */
    const char *args[PROBE_ARGS];
} probes[] = {
    {VALUE_STRING, .args = {"GET", PROBE}},
    {VALUE_LIST, .args = {"LRANGE", PROBE, "0", "0"}},
    {VALUE_SET, .args = {"SSCAN", PROBE, "0"}},
    {VALUE_ZSET, .args = {"ZRANGE", PROBE, "0", "0", "WITHSCORES"}},
    {VALUE_HASH, .args = {"HSCAN", PROBE, "0"}},
    {VALUE_HASH, .member_times = true, .args = {"HPEXPIRETIME", PROBE, "FIELDS", "1", "f"}},
    {VALUE_STREAM, .full_streams = true, .args = {"XINFO", "STREAM", PROBE, "FULL"}},
    {VALUE_STREAM, .apart_streams = true, .args = {"XINFO", "STREAM", PROBE}},
    {VALUE_STREAM, .args = {"XRANGE", PROBE, "-", "+"}},
    {VALUE_STREAM, .args = {"XPENDING", PROBE, "g"}},
};

/* On all masters. */
static int ask_allowed(struct target_client *t, const char *const probe[], bool *ret,
                       struct ft_err *err)
{
    struct bytes args[PROBE_ARGS];
    size_t count = 0;

    for (; count < PROBE_ARGS && probe[count] != NULL; count++)
        args[count] = bytes_str(probe[count]);
    *ret = true;
    for (size_t i = 0; *ret && i < t->node_count; i++) {
        redisReply *reply;

        if (redis_pipe_call(t->nodes[i].pipe, &reply, args, count, err) != 0)
            return -1;
        *ret = reply->type != REDIS_REPLY_ERROR || !reply_error_denies_command(reply->str);
        reply_free(reply);
    }
    return 0;
}

static int ask_key_command(struct target_client *t, const char *name, bool *ret, struct ft_err *err)
{
    const char *const args[PROBE_ARGS] = {name, PROBE};

    return ask_allowed(t, args, ret, err);
}

static void add_missing(char missing[MISSING_SIZE], const char *name)
{
    size_t n = strlen(missing);

    if (strstr(missing, name) == NULL)
        (void)snprintf(missing + n, MISSING_SIZE - n, "%s%s", n == 0 ? "" : ", ", name); /* fits */
}

static bool is_needed(const struct probe *p, const struct target_client *t,
                      const struct diff_rules *rules, const struct server_means *m)
{
    return filter_class(rules->filter, p->class_) && (!p->full_streams || m->full_streams) &&
           (!p->apart_streams || !m->full_streams) && (!p->member_times || t->kind->member_ttl);
}

static int find_typed(struct target_client *t, const struct diff_rules *rules,
                      struct server_means *m, char missing[MISSING_SIZE], struct ft_err *err)
{
    static const char *const json[PROBE_ARGS] = {"JSON.GET", PROBE, "."};

    if (ask_allowed(t, json, &m->json, err) != 0)
        return -1;
    for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
        bool allowed;

        if (!is_needed(&probes[i], t, rules, m))
            continue;
        if (ask_allowed(t, probes[i].args, &allowed, err) != 0)
            return -1;
        if (!allowed)
            add_missing(missing, probes[i].args[0]);
    }
    return 0;
}

/* Who may not ask is told of no replay. */
static int find_deferred(struct target_client *t, const char *state, bool *ret, struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("HGET"), bytes_str(state), bytes_str("overdue")};
    redisReply *reply;

    if (target_node_ask(target_client_node(t, args[1]), &reply, args, 3, err) != 0)
        return -1;
    *ret = reply->type == REDIS_REPLY_STRING &&
           reply->len != 0; /* some keys still are when most are released */
    reply_free(reply);
    return 0;
}

int server_means_find(struct target_client *t, const struct diff_side *side,
                      const struct diff_rules *rules, struct server_means *ret, struct ft_err *err)
{
    struct server_means m = {.version = t->version,
                             .field_times = t->kind->member_ttl,
                             .full_streams = t->version >= FULL_STREAMS_VERSION};
    char typed[MISSING_SIZE] = "";
    bool times;

    if (replay_claims_state(t, &rules->map->claim, m.state, err) != 0 ||
        find_deferred(t, m.state, &m.deferred, err) != 0 ||
        ask_key_command(t, "PEXPIRETIME", &m.absolute_times, err) != 0 ||
        ask_key_command(t, "PTTL", &times, err) != 0 ||
        ask_key_command(t, "DUMP", &m.dump, err) != 0 ||
        ask_key_command(t, "TYPE", &m.types, err) != 0 ||
        ask_key_command(t, "MGET", &m.many_strings, err) != 0)
        return -1;
    m.absolute_times &= t->version >= EXPIRETIME_VERSION;
    m.many_strings &= !t->cluster && filter_class(rules->filter, VALUE_STRING);
    if (!m.absolute_times && !times)
        return err_set(err, FT_ERR_PROTOCOL, "%s does not allow PTTL, which is needed", side->name);
    if (!m.types)
        add_missing(typed, "TYPE");
    if (find_typed(t, rules, &m, typed, err) != 0)
        return -1;
    m.types = typed[0] == '\0';
    m.many_strings &= m.types;
    if (!m.types && !m.dump)
        return err_set(err, FT_ERR_PROTOCOL,
                       "%s does not allow DUMP, nor what values could be read with instead: %s; "
                       "allow one of both, or leave types out by --type",
                       side->name, typed);
    *ret = m;
    return 0;
}

int server_means_class(const char *type)
{
    static const struct {
        const char *name;
        int class_;
    } names[] = {
        {"none", -1},
        {"string", VALUE_STRING},
        {"list", VALUE_LIST},
        {"set", VALUE_SET},
        {"zset", VALUE_ZSET},
        {"hash", VALUE_HASH},
        {"stream", VALUE_STREAM},
        {"ReJSON-RL", VALUE_JSON},
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i].name, type) == 0)
            return names[i].class_;
    }
    return VALUE_MODULE;
}

const char *server_means_time_command(const struct server_means *m)
{
    return m->absolute_times ? "PEXPIRETIME" : "PTTL";
}

bool server_means_take_time(const struct server_means *m, const redisReply *reply, int64_t *ret_ms)
{
    *ret_ms = RDB_NO_EXPIRY;
    if (reply->type != REDIS_REPLY_INTEGER || reply->integer == -2)
        return false;
    if (reply->integer >= 0)
        *ret_ms = reply->integer + (m->absolute_times ? 0 : (int64_t)(clock_wall_us() / 1000));
    if (m->deferred && *ret_ms >= TIMES_MOVED_MS)
        *ret_ms -= TIMES_SHIFT_MS;
    return true;
}
