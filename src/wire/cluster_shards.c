#include "wire/cluster_shards.h"

#include <stdlib.h>

#include "base/array.h"

/* Of names and values; NULL: there is none of this type. */
static const redisReply *find(const redisReply *list, const char *name, int type)
{
    for (size_t i = 0; list->type == REDIS_REPLY_ARRAY && i + 1 < list->elements; i += 2) {
        const redisReply *key = list->element[i];

        if ((key->type == REDIS_REPLY_STRING || key->type == REDIS_REPLY_STATUS) &&
            strcmp(key->str, name) == 0)
            return list->element[i + 1]->type == type ? list->element[i + 1] : NULL;
    }
    return NULL;
}

static bool take_text(const redisReply *node, const char *name, char *ret, size_t size)
{
    const redisReply *text = find(node, name, REDIS_REPLY_STRING);

    if (text == NULL || text->len == 0 || text->len >= size || strcmp(text->str, "?") == 0 ||
        strlen(text->str) != text->len)
        return false;
    memcpy(ret, text->str, text->len + 1);
    return true;
}

static bool has_text(const redisReply *node, const char *name, const char *value)
{
    const redisReply *text = find(node, name, REDIS_REPLY_STRING);

    return text != NULL && strcmp(text->str, value) == 0;
}

/* False: it has no port. */
static bool take_address(const redisReply *node, const char *asked_host, bool secure,
                         struct slot_map_address *ret)
{
    const redisReply *port = find(node, secure ? "tls-port" : "port", REDIS_REPLY_INTEGER);

    if (port == NULL) /* a Dragonfly has one for both */
        port = find(node, "port", REDIS_REPLY_INTEGER);
    if (port == NULL || port->integer < 1 || port->integer > UINT16_MAX)
        return false;
    memset(ret, 0, sizeof(*ret));
    ret->port = (uint16_t)port->integer;
    if (!take_text(node, "endpoint", ret->host, sizeof(ret->host)) &&
        !take_text(node, "ip", ret->host, sizeof(ret->host)))
        memcpy(ret->host, asked_host, strnlen(asked_host, sizeof(ret->host) - 1));
    (void)take_text(node, "hostname", ret->hostname, sizeof(ret->hostname));
    if (!take_text(node, "id", ret->id, sizeof(ret->id)) || strlen(ret->id) + 1 < sizeof(ret->id))
        ret->id[0] = '\0';
    return true;
}

static int take_slots(const redisReply *slots, uint16_t shard, uint16_t *owner, struct ft_err *err)
{
    for (size_t i = 0; i < slots->elements; i += 2) {
        const redisReply *first = slots->element[i];
        const redisReply *last = i + 1 < slots->elements ? slots->element[i + 1] : first;

        if (first->type != REDIS_REPLY_INTEGER || last->type != REDIS_REPLY_INTEGER ||
            first->integer < 0 || first->integer > last->integer || last->integer >= SLOT_COUNT ||
            i + 1 == slots->elements)
            return err_set(err, FT_ERR_PROTOCOL,
                           "the answer to CLUSTER SHARDS has a slot out of range");
        for (long long slot = first->integer; slot <= last->integer; slot++) {
            if (owner[slot] != SLOT_MAP_NONE)
                return err_set(err, FT_ERR_PROTOCOL,
                               "the answer to CLUSTER SHARDS gives slot %lld to two shards", slot);
            owner[slot] = shard;
        }
    }
    return 0;
}

/* *ret_masters: how many of the shard call themselves that, and have not failed. */
static int take_nodes(const redisReply *nodes, const char *asked_host, bool secure,
                      struct slot_map_node *ret, size_t *ret_masters, struct ft_err *err)
{
    *ret_masters = 0;
    for (size_t i = 0; i < nodes->elements; i++) {
        const redisReply *node = nodes->element[i];
        struct slot_map_address address;

        if (has_text(node, "health", "fail") || !take_address(node, asked_host, secure, &address))
            continue;
        if (has_text(node, "role", "master")) {
            ret->address = address;
            (*ret_masters)++;
            continue;
        }
        if (ARRAY_ADD_ROOM(&ret->replicas, ret->replica_count, "the nodes of a cluster", err) != 0)
            return -1;
        ret->replicas[ret->replica_count++] = address;
    }
    return 0;
}

/* *ret_sure: each shard with slots has one master. */
static int take_shards(const redisReply *reply, const char *asked_host, bool secure,
                       struct slot_map_node *shards, uint16_t *owner, bool *ret_sure,
                       struct ft_err *err)
{
    *ret_sure = true;
    for (size_t i = 0; i < reply->elements; i++) {
        const redisReply *slots = find(reply->element[i], "slots", REDIS_REPLY_ARRAY);
        const redisReply *nodes = find(reply->element[i], "nodes", REDIS_REPLY_ARRAY);
        size_t masters;

        if (slots == NULL || nodes == NULL)
            return err_set(err, FT_ERR_PROTOCOL,
                           "the answer to CLUSTER SHARDS has a shard without slots or nodes");
        if (take_slots(slots, (uint16_t)i, owner, err) != 0 ||
            take_nodes(nodes, asked_host, secure, &shards[i], &masters, err) != 0)
            return -1;
        *ret_sure = *ret_sure && (slots->elements == 0 || masters == 1);
    }
    return 0;
}

int cluster_shards_parse(struct slot_map **ret, const redisReply *reply, const char *asked_host,
                         bool secure, struct ft_err *err)
{
    uint16_t owner[SLOT_COUNT];
    struct slot_map_node *shards;
    bool sure;
    int rc;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements >= SLOT_MAP_NONE)
        return err_set(err, FT_ERR_PROTOCOL,
                       "the answer to CLUSTER SHARDS is not a list of shards");
    shards = calloc(reply->elements + 1, sizeof(*shards));
    if (shards == NULL)
        return err_nomem(err, "the shards of a cluster");
    memset(owner, 0xff, sizeof(owner));
    rc = take_shards(reply, asked_host, secure, shards, owner, &sure, err);
    if (rc == 0 && sure)
        rc = slot_map_make(ret, shards, reply->elements, owner, err);
    for (size_t i = 0; i < reply->elements; i++)
        free(shards[i].replicas);
    free(shards);
    return rc;
}
