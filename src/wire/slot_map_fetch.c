#include "wire/slot_map_fetch.h"

#include "wire/cluster_shards.h"
#include "wire/cluster_view.h"
#include "wire/redis_info.h"
#include "wire/reply_error.h"

/* A server that is loading, say, will answer later: worth another try, as with a lost connection. */
static int refused(const redisReply *reply, const char *command, struct ft_err *err)
{
    bool passing = reply_text_is_passing(bytes_of(reply->str, reply->len));

    return err_set(err, passing ? FT_ERR_NET : FT_ERR_PROTOCOL, "%s was answered: %s", command,
                   reply->str);
}

/* What CLUSTER INFO says; of a user who may not ask for it, nothing. */
struct cluster_info {
    bool known;
    bool ok;
    unsigned served;
    uint64_t epoch;
};

static void take_info(const redisReply *reply, struct cluster_info *ret)
{
    const char *state = redis_info_value(reply->str, "cluster_state");

    ret->known = true;
    ret->ok = state != NULL && strncmp(state, "ok", 2) == 0;
    ret->served = (unsigned)redis_info_number(reply->str, "cluster_slots_ok");
    ret->epoch = redis_info_number(reply->str, "cluster_current_epoch");
}

static bool is_passing(const redisReply *reply)
{
    return reply_text_is_passing(bytes_of(reply->str, reply->len));
}

/* Refused in whatever words: not a cluster, or not allowed. */
static int fetch_info(struct redis_pipe *p, struct cluster_info *ret, struct ft_err *err)
{
    redisReply *reply;
    int rc = 0;

    *ret = (struct cluster_info){.ok = true, .served = SLOT_COUNT};
    if (redis_pipe_call_text(p, &reply, "CLUSTER INFO", err) != 0)
        return -1;
    if (reply->type == REDIS_REPLY_STRING)
        take_info(reply, ret);
    else if (reply->type != REDIS_REPLY_ERROR)
        rc = err_set(err, FT_ERR_PROTOCOL, "the answer to CLUSTER INFO is not text");
    else if (is_passing(reply))
        rc = refused(reply, "CLUSTER INFO", err);
    reply_free(reply);
    return rc;
}

/* Refused because of the user's rights, or since the command has another name here or is not there: then another one
 * may tell. */
static bool may_ask_otherwise(const redisReply *reply)
{
    return strncmp(reply->str, "NOPERM", 6) == 0 || strcasestr(reply->str, "unknown") != NULL;
}

static int parse_nodes(struct slot_map **ret, const redisReply *reply, const char *asked_host,
                       struct ft_err *err)
{
    struct cluster_view *v;
    int rc;

    if (reply->type != REDIS_REPLY_STRING)
        return err_set(err, FT_ERR_PROTOCOL, "the answer to CLUSTER NODES is not text");
    if (cluster_view_parse(&v, reply->str, asked_host, err) != 0)
        return -1;
    rc = cluster_view_slot_map(v, ret, err);
    cluster_view_free(v);
    return rc;
}

/* By what tells the same as CLUSTER SLOTS. *ret NULL: nothing does. Whose the slots of a shard without its one master are
 * will show when a replica has taken its place: worth another try. */
static int fetch_otherwise(struct slot_map **ret, struct redis_pipe *p, const struct uri *asked,
                           const char *asked_host, struct ft_err *err)
{
    static const char *const commands[] = {"CLUSTER SHARDS", "CLUSTER NODES"};
    bool unsure = false;
    int rc = 0;

    for (size_t i = 0; rc == 0 && *ret == NULL && i < 2; i++) {
        redisReply *reply;

        if (redis_pipe_call_text(p, &reply, commands[i], err) != 0)
            return -1;
        if (reply->type == REDIS_REPLY_ERROR)
            rc = is_passing(reply) ? refused(reply, commands[i], err) : 0;
        else if (i == 0)
            rc = cluster_shards_parse(ret, reply, asked_host, asked->secure, err);
        else
            rc = parse_nodes(ret, reply, asked_host, err);
        unsure |= rc == 0 && *ret == NULL && reply->type != REDIS_REPLY_ERROR;
        reply_free(reply);
    }
    if (rc == 0 && *ret == NULL && unsure)
        return err_set(err, FT_ERR_NET,
                       "by CLUSTER SHARDS a shard of the cluster has no master, or several");
    return rc;
}

/* *ret NULL: it was refused, and nothing says that there is a cluster. */
static int fetch_slots(struct slot_map **ret, struct redis_pipe *p, const struct uri *asked,
                       bool is_cluster, struct ft_err *err)
{
    /* A unix socket belongs to this machine. */
    const char *asked_host = asked->scheme == URI_UNIX ? "127.0.0.1" : asked->host;
    redisReply *reply;
    int rc = 0;

    *ret = NULL;
    if (redis_pipe_call_text(p, &reply, "CLUSTER SLOTS", err) != 0)
        return -1;
    if (reply->type != REDIS_REPLY_ERROR)
        rc = slot_map_parse(ret, reply, asked_host, err);
    else if (is_passing(reply))
        rc = refused(reply, "CLUSTER SLOTS", err);
    else if (is_cluster || may_ask_otherwise(reply))
        rc = fetch_otherwise(ret, p, asked, asked_host, err);
    if (rc == 0 && *ret == NULL && is_cluster)
        rc = refused(reply, "CLUSTER SLOTS", err);
    reply_free(reply);
    if (rc == 0 && *ret != NULL && !is_cluster && (*ret)->covered == 0) {
        slot_map_free(*ret);
        *ret = NULL;
    }
    return rc;
}

int slot_map_fetch(struct slot_map **ret, struct redis_pipe *p, const struct uri *asked,
                   bool is_cluster, struct ft_err *err)
{
    struct cluster_info info;
    struct slot_map *m;

    if (fetch_info(p, &info, err) != 0 ||
        fetch_slots(&m, p, asked, is_cluster || info.known, err) != 0)
        return -1;
    if (m != NULL) {
        m->state_ok = info.ok;
        m->served = info.served < SLOT_COUNT ? info.served : SLOT_COUNT;
        m->epoch = info.epoch;
    }
    *ret = m;
    return 0;
}

/* The search of slot_map_refetch. */
struct search {
    const struct uri *first;
    int cancel_fd;
    uint64_t timeout_ms;
    struct slot_map *best;
};

static bool is_whole(const struct slot_map *m)
{
    return m->state_ok && m->covered == SLOT_COUNT;
}

/* ask - keeps the better map; an error is that of this node alone. */
static int ask(struct search *s, const struct uri *u, struct ft_err *err)
{
    struct redis_pipe *p;
    struct slot_map *m;
    int rc;

    if (redis_pipe_open_within(&p, u, s->cancel_fd, s->timeout_ms, NULL, NULL, err) != 0)
        return -1;
    rc = slot_map_fetch(&m, p, u, true, err);
    redis_pipe_free(p);
    if (rc != 0)
        return -1;
    if (m == NULL)
        return err_set(err, FT_ERR_PROTOCOL, "\"%s\" is no longer part of a cluster", u->host);
    if (s->best == NULL || is_whole(m) || (!is_whole(s->best) && m->epoch > s->best->epoch)) {
        slot_map_free(s->best);
        s->best = m;
    } else {
        slot_map_free(m);
    }
    return 0;
}

static int ask_address(struct search *s, const struct slot_map_address *a, struct ft_err *err)
{
    struct uri u;
    int rc;

    if (slot_map_node_uri(a, s->first, &u, err) != 0)
        return -1;
    rc = ask(s, &u, err);
    uri_release(&u);
    return rc;
}

/* is_over - a whole map was found, or there is no sense in going on. */
static bool is_over(const struct search *s, const struct ft_err *err)
{
    return (s->best != NULL && is_whole(s->best)) || err->kind == FT_ERR_CANCELLED ||
           err->kind == FT_ERR_NOMEM;
}

static void ask_all(struct search *s, const struct slot_map *old, struct ft_err *err)
{
    ask(s, s->first, err);
    for (size_t i = 0; i < old->node_count && !is_over(s, err); i++) {
        err_clear(err);
        ask_address(s, &old->nodes[i].address, err);
    }
    for (size_t i = 0; i < old->node_count; i++) {
        for (size_t j = 0; j < old->nodes[i].replica_count && !is_over(s, err); j++) {
            err_clear(err);
            ask_address(s, &old->nodes[i].replicas[j], err);
        }
    }
}

int slot_map_refetch(struct slot_map **ret, const struct slot_map *old, const struct uri *first,
                     int cancel_fd, uint64_t timeout_ms, struct ft_err *err)
{
    struct search s = {.first = first, .cancel_fd = cancel_fd, .timeout_ms = timeout_ms};
    struct ft_err failed = FT_ERR_INIT;

    ask_all(&s, old, &failed);
    if (s.best == NULL || failed.kind == FT_ERR_CANCELLED) {
        slot_map_free(s.best);
        *err = failed;
        return -1;
    }
    *ret = s.best;
    return 0;
}
