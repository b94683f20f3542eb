#include "replay/replay_servers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/parse.h"
#include "replay/position/replay_state_store.h"
#include "replay/replay_impl.h"
#include "wire/redis_info.h"

static int forget_snapshots(struct replay *r, struct ft_err *err)
{
    for (uint32_t i = 0; i < r->source->stream_count; i++) {
        if (replay_state_forget_stream(&r->set, i, err) != 0)
            return -1;
    }
    return 0;
}

/*
 * What others have emptied
 */

static const char *node_id(const struct replay *r, size_t n)
{
    return r->target.cluster ? r->target.map->nodes[n].address.id : "single";
}

/* How often this process of the server was told to drop keys wholesale, by whomever: "run_id count". */
static int count_flushes(struct target_node *node, char ret[REPLAY_FLUSHES_SIZE],
                         struct ft_err *err)
{
    static const char *const commands[] = {"flushall", "flushdb", "swapdb", "sflush"};
    const struct bytes args[] = {bytes_str("INFO"), bytes_str("commandstats")};
    uint64_t count = 0;
    redisReply *reply;

    /* whoever may not ask counts none, always */
    if (target_node_ask(node, &reply, args, 2, err) != 0)
        return -1;
    for (size_t i = 0; reply->type == REDIS_REPLY_STRING && i < 4; i++)
        count += redis_info_calls(reply->str, commands[i]);
    reply_free(reply);
    (void)snprintf(ret, REPLAY_FLUSHES_SIZE, "%s %" PRIu64, node->run_id, count); /* fits */
    return 0;
}

/* On a cluster every flush drops keys of the replay. On a single server one of database 0 drops the state,
 * which is found by itself; any other may be of a database that is none of ours. */
static bool concerns_us(struct replay *r)
{
    return r->target.cluster || replay_report_is_resumed(&r->report) ||
           r->o->early_generation != 0 || atomic_load(&r->uses_dbs);
}

int replay_check_flushes(struct replay *r, struct ft_err *err)
{
    bool more = false;

    for (size_t n = 0; n < r->target.node_count; n++) {
        struct target_node *node = &r->target.nodes[n];
        const struct replay_server *s = replay_state_server(&r->set.state, node_id(r, n));
        char field[REPLAY_TAG_TEXT];
        char now[REPLAY_FLUSHES_SIZE];

        if (count_flushes(node, now, err) != 0)
            return -1;
        if (s != NULL && strcmp(s->flushes, now) == 0)
            continue;
        if (s != NULL && s->flushes[0] != '\0' &&
            strncmp(s->flushes, now, strlen(node->run_id)) == 0 && concerns_us(r)) {
            more = true;
            replay_report_note(&r->report,
                               "somebody has emptied %s, or a database of it: the snapshots are "
                               "brought again",
                               node->name);
        }
        (void)snprintf(field, sizeof(field), "flushes:%s", node_id(r, n)); /* fits */
        if (replay_state_set(&r->set, field, now, err) != 0)
            return -1;
    }
    if (atomic_load(&r->uses_dbs) && !r->set.state.has_dbs &&
        replay_state_set(&r->set, "dbs", "1", err) != 0)
        return -1;
    return more ? forget_snapshots(r, err) == 0 ? 1 : -1 : 0;
}

static int check_restarts(struct replay *r, struct ft_err *err)
{
    for (size_t n = 0; n < r->target.node_count; n++) {
        const struct target_node *node = &r->target.nodes[n];
        const char *id = r->target.map->nodes[n].address.id;
        const struct replay_server *s = replay_state_server(&r->set.state, id);
        const char *known = s == NULL || s->run[0] == '\0' ? NULL : s->run;
        char field[REPLAY_TAG_TEXT];

        if (known != NULL && strcmp(known, node->run_id) == 0)
            continue;
        if (known != NULL) {
            replay_report_note(&r->report, "%s was restarted: the snapshots are brought again",
                               node->name);
            if (forget_snapshots(r, err) != 0)
                return -1;
        }
        (void)snprintf(field, sizeof(field), "run:%s", id); /* fits */
        if (replay_state_set(&r->set, field, node->run_id, err) != 0)
            return -1;
    }
    return 0;
}

int replay_check_servers(struct replay *r, struct ft_err *err)
{
    if ((r->target.cluster && check_restarts(r, err) != 0) || replay_check_flushes(r, err) < 0)
        return -1;
    return replay_state_load(&r->set, err);
}

int replay_watch_flushes(struct replay *r, struct ft_err *err)
{
    if (r->target.cluster || r->flushes[0] != '\0')
        return 0;
    return count_flushes(&r->target.nodes[0], r->flushes, err);
}

/* Has it been emptied since replay_watch_flushes? */
static int was_emptied(struct replay *r, bool *ret, struct ft_err *err)
{
    struct target_node *node = &r->target.nodes[0];
    char now[REPLAY_FLUSHES_SIZE];

    *ret = false;
    if (r->target.cluster || replay_report_flushes(&r->report) != 0 || !concerns_us(r))
        return 0;
    if (count_flushes(node, now, err) != 0)
        return -1;
    *ret = strncmp(r->flushes, now, strlen(node->run_id)) == 0 && strcmp(r->flushes, now) != 0;
    return 0;
}

/* Which database it was the server does not tell, so whoever knows has to say that it was none of the source's. */
int replay_prove_flushes(struct replay *r, struct ft_err *err)
{
    bool emptied;

    if (was_emptied(r, &emptied, err) != 0)
        return -1;
    if (r->o->accept_errors)
        return r->set.state.emptied ? replay_state_remove(&r->set, "emptied", err) : 0;
    if (!emptied && !r->set.state.emptied)
        return 0;
    if (!r->set.state.emptied && !r->set.state.has_dbs && !atomic_load(&r->uses_dbs)) {
        replay_report_note(
            &r->report,
            "somebody has emptied a database of %s during this replay: if it was one that "
            "the source has keys in, these are missing, and --from-start brings them again",
            r->target.nodes[0].name);
        return 0;
    }
    if (emptied && replay_state_set(&r->set, "emptied", "1", err) != 0)
        return -1;
    return err_set(
        err, FT_ERR_STATE,
        "somebody has emptied a database of %s during the replay: if it was one that the source "
        "has keys in, these are missing, and --from-start brings them again; if it was not, "
        "--accept-errors says so",
        r->target.nodes[0].name);
}

/*
 * What the target has evicted
 */

/* By all masters, as far as they say so. */
static int count_evictions(struct replay *r, uint64_t *ret, struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("INFO"), bytes_str("stats")};
    uint64_t count = 0;

    for (size_t n = 0; n < r->target.node_count; n++) {
        redisReply *reply;

        if (target_node_ask(&r->target.nodes[n], &reply, args, 2, err) != 0)
            return -1;
        if (reply->type == REDIS_REPLY_STRING)
            count += redis_info_number(reply->str, "evicted_keys");
        reply_free(reply);
    }
    *ret = count;
    return 0;
}

int replay_watch_evictions(struct replay *r, struct ft_err *err)
{
    if (r->evictions_known)
        return 0;
    if (count_evictions(r, &r->evictions, err) != 0)
        return -1;
    r->evictions_known = true;
    return 0;
}

int replay_report_evictions(struct replay *r, struct ft_err *err)
{
    uint64_t now;

    if (count_evictions(r, &now, err) != 0)
        return -1;
    if (now > r->evictions) /* else none, or a server was restarted */
        replay_report_note(
            &r->report,
            "the target has evicted %" PRIu64
            " key%s during the replay (maxmemory, maxmemory-policy): those of the input among "
            "them are missing",
            now - r->evictions, plural(now - r->evictions));
    return 0;
}
