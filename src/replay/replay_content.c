#include "replay/replay_content.h"

#include "replay/position/replay_state_store.h"
#include "replay/replay_impl.h"
#include "target/key_scan.h"
#include "wire/redis_info.h"

#define FLUSHES_MAX 5u

/* INFO keyspace; own: one key in database 0 is that which holds the lease. */
static bool has_no_keys(const char *info, bool own)
{
    uint64_t keys;
    uint32_t db;

    while (redis_info_next_db(&info, &db, &keys)) {
        if (!own || db != 0 || keys != 1)
            return false;
    }
    return true;
}

static int see_others(void *context, struct target_node *node, uint32_t db,
                      const struct bytes *keys, size_t count, struct ft_err *err)
{
    bool *any = context;

    (void)node;
    (void)db;
    (void)err;
    for (size_t i = 0; i < count; i++)
        *any = *any || !replay_is_own_key(keys[i]);
    return 0;
}

/* RANDOMKEY has found one of ours: are there others? A key of a server that is not nearly empty would hardly have been
 * ours, so this does not look at many. */
static int has_none_but_own(struct target_node *node, bool *ret, struct ft_err *err)
{
    struct ft_err why = FT_ERR_INIT;
    bool any = false;

    *ret = false; /* to be on the safe side, where SCAN is not allowed */
    if (key_scan(node, see_others, &any, &why) == 0) {
        *ret = !any;
        return 0;
    }
    if (why.kind == FT_ERR_PROTOCOL)
        return 0;
    *err = why;
    return -1;
}

/* Of whoever may not ask for INFO; this database is the one that everybody has. own: the lease is
 * here. */
static int node_is_empty(struct target_node *node, bool own, bool *ret, struct ft_err *err)
{
    static const char *const commands[] = {"INFO", "DBSIZE", "RANDOMKEY"};
    const struct bytes keyspace[] = {bytes_str("INFO"), bytes_str("keyspace")};

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        const struct bytes arg = bytes_str(commands[i]);
        redisReply *reply;
        bool known = true;
        bool found_own;

        if (target_node_ask(node, &reply, i == 0 ? keyspace : &arg, i == 0 ? 2 : 1, err) != 0)
            return -1;
        if (i == 0 && reply->type == REDIS_REPLY_STRING)
            *ret = has_no_keys(reply->str, own);
        else if (reply->type == REDIS_REPLY_INTEGER)
            *ret = reply->integer <= own;
        else if (i == 2 && reply->type != REDIS_REPLY_ERROR)
            *ret = reply->type == REDIS_REPLY_NIL;
        else
            known = false;
        found_own = own && reply->type == REDIS_REPLY_STRING && i == 2 &&
                    replay_is_own_key(bytes_of(reply->str, reply->len));
        reply_free(reply);
        if (found_own)
            return has_none_but_own(node, ret, err);
        if (known)
            return 0;
    }
    *ret = false; /* to be on the safe side */
    return 0;
}

/* The state, if it is nothing but a lease, is not content. */
static int has_state_key(struct replay *r, bool *ret, struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("EXISTS"), bytes_str(r->set.state_key)};
    redisReply *reply;

    if (target_node_call(replay_state_node(&r->set), &reply, args, 2, err) != 0)
        return -1;
    *ret = reply->type == REDIS_REPLY_INTEGER && reply->integer == 1;
    reply_free(reply);
    return 0;
}

struct claimed {
    const struct key_claim *claim;
    bool any;
};

static int see_claimed(void *context, struct target_node *node, uint32_t db,
                       const struct bytes *keys, size_t count, struct ft_err *err)
{
    struct claimed *c = context;

    (void)node;
    (void)db;
    (void)err;
    for (size_t i = 0; i < count; i++)
        c->any = c->any || (key_claim_has(c->claim, keys[i]) && !replay_is_own_key(keys[i]));
    return 0;
}

/* Others' keys come and go. */
static int share_is_empty(struct replay *r, bool *ret, struct ft_err *err)
{
    struct claimed c = {.claim = &r->o->map.claim};

    for (size_t i = 0; !c.any && i < r->target.node_count; i++) {
        if (key_scan(&r->target.nodes[i], see_claimed, &c, err) != 0)
            return -1;
    }
    *ret = !c.any;
    return 0;
}

int replay_content_refuse(const struct replay *r, struct ft_err *err)
{
    return err_set(err, FT_ERR_STATE,
                   r->set.shared
                       ? "the target has keys among those that --shared-target claims: what "
                         "a growing capture will touch is not known yet; delete them first"
                       : "the target is not empty: what a growing capture will touch is not "
                         "known yet; --flush empties it");
}

int replay_content_is_empty(struct replay *r, bool *ret, struct ft_err *err)
{
    bool empty = true;
    bool own;

    if (r->set.shared)
        return share_is_empty(r, ret, err);
    if (has_state_key(r, &own, err) != 0)
        return -1;
    for (size_t i = 0; empty && i < r->target.node_count; i++) {
        struct target_node *node = &r->target.nodes[i];

        if (node_is_empty(node, own && node == replay_state_node(&r->set), &empty, err) != 0)
            return -1;
    }
    *ret = empty;
    return 0;
}

static int delete_keys(void *context, struct target_node *node, uint32_t db,
                       const struct bytes *keys, size_t count, struct ft_err *err)
{
    const struct replay *r = context;

    (void)db;
    for (size_t i = 0; i < count; i++) {
        const struct bytes args[] = {bytes_str(rights_delete_name(&r->rights)), keys[i]};

        if (redis_pipe_put(node->pipe, 0, args, 2, err) != 0)
            return -1;
    }
    return redis_pipe_drain(node->pipe, err);
}

/* ASYNC frees the memory while the server goes on; what it calls empty is empty at once. Without it where a server
 * does not know the word, key by key where it may not be done at once. */
static int flush_node(struct replay *r, struct target_node *node, struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("FLUSHALL"), bytes_str("ASYNC")};

    for (size_t count = (r->o->without & RIGHTS_FLUSH) != 0 ? 0 : 2; count > 0; count--) {
        redisReply *reply;
        bool refused;

        if (target_node_ask(node, &reply, args, count, err) != 0)
            return -1;
        refused = reply->type == REDIS_REPLY_ERROR;
        reply_free(reply);
        if (!refused)
            return 0;
    }
    return key_scan(node, delete_keys, r, err);
}

/* The node with the state comes last: whoever is interrupted finds there what was to be emptied. */
static int flush_nodes(struct replay *r, struct ft_err *err)
{
    struct target_node *last = replay_state_node(&r->set);

    for (size_t i = 0; i < r->target.node_count; i++) {
        if (&r->target.nodes[i] != last && flush_node(r, &r->target.nodes[i], err) != 0)
            return -1;
    }
    return flush_node(r, last, err);
}

/* Keys of slots on their way can be missed; keys that others write are not ours to wait for. */
int replay_content_flush(struct replay *r, struct ft_err *err)
{
    bool empty = false;

    if (r->set.shared)
        return err_set(err, FT_ERR_BUG, "a target that others share was to be emptied");
    for (unsigned tries = 0; !empty && tries < FLUSHES_MAX; tries++) {
        if (flush_nodes(r, err) != 0 || replay_content_is_empty(r, &empty, err) != 0)
            return -1;
    }
    return 0;
}

/* A server that does not know the command has none. */
static bool lists_none(const redisReply *reply)
{
    return (reply->type == REDIS_REPLY_ARRAY && reply->elements == 0) ||
           (reply->type == REDIS_REPLY_ERROR && strstr(reply->str, "unknown command") != NULL);
}

static int node_has_functions(struct target_node *node, bool *ret, struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("FUNCTION"), bytes_str("LIST")};
    redisReply *reply;

    if (target_node_ask(node, &reply, args, 2, err) != 0)
        return -1;
    *ret = !lists_none(reply);
    reply_free(reply);
    return 0;
}

int replay_content_has_functions(struct replay *r, bool *ret, struct ft_err *err)
{
    bool has = false;

    for (size_t i = 0; !has && i < r->target.node_count; i++) {
        if (node_has_functions(&r->target.nodes[i], &has, err) != 0)
            return -1;
    }
    *ret = has;
    return 0;
}

int replay_content_drop_functions(struct replay *r, struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("FUNCTION"), bytes_str("FLUSH")};

    for (size_t i = 0; i < r->target.node_count; i++) {
        struct target_node *node = &r->target.nodes[i];
        bool has;

        if (node_has_functions(node, &has, err) != 0 ||
            (has && target_node_call(node, NULL, args, 2, err) != 0))
            return -1;
    }
    return 0;
}
