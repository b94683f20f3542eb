#include "target/key_scan.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "wire/redis_info.h"

struct scan {
    struct target_node *node;
    uint32_t db;
    key_scan_fn *take;
    void *context;
    struct bytes *keys;
    size_t capacity;
};

int key_scan_select(struct target_node *node, uint32_t db, struct ft_err *err)
{
    char number[I64_TEXT_SIZE];
    const struct bytes args[] = {bytes_str("SELECT"), bytes_of(number, i64_to_text(db, number))};

    return target_node_call(node, NULL, args, 2, err);
}

static int take_keys(struct scan *s, const redisReply *keys, struct ft_err *err)
{
    if (ARRAY_RESERVE(&s->keys, &s->capacity, keys->elements, "names of keys", err) != 0)
        return -1;
    for (size_t i = 0; i < keys->elements; i++)
        s->keys[i] = bytes_of(keys->element[i]->str, keys->element[i]->len);
    return keys->elements == 0 ? 0
                               : s->take(s->context, s->node, s->db, s->keys, keys->elements, err);
}

bool key_scan_is_portion(const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        reply->element[0]->type != REDIS_REPLY_STRING ||
        reply->element[0]->len >= KEY_SCAN_CURSOR_SIZE ||
        reply->element[1]->type != REDIS_REPLY_ARRAY)
        return false;
    for (size_t i = 0; i < reply->element[1]->elements; i++) {
        if (reply->element[1]->element[i]->type != REDIS_REPLY_STRING)
            return false;
    }
    return true;
}

/* arguments: SCAN or SSCAN, with the cursor, which becomes the next one. */
static int ask(struct target_node *node, const struct bytes *args, size_t count,
               char cursor[KEY_SCAN_CURSOR_SIZE], redisReply **ret, struct ft_err *err)
{
    redisReply *reply;

    if (target_node_call(node, &reply, args, count, err) != 0)
        return -1;
    if (!key_scan_is_portion(reply)) {
        reply_free(reply);
        return err_set(err, FT_ERR_PROTOCOL, "%s does not answer %s as Redis does", node->name,
                       (const char *)args[0].p);
    }
    (void)snprintf(cursor, KEY_SCAN_CURSOR_SIZE, "%s", reply->element[0]->str); /* it was checked */
    *ret = reply;
    return 0;
}

int key_scan_some(struct target_node *node, char cursor[KEY_SCAN_CURSOR_SIZE], redisReply **ret,
                  struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("SCAN"), bytes_str(cursor), bytes_str("COUNT"),
                                 bytes_str("1000")};

    return ask(node, args, 4, cursor, ret, err);
}

int key_scan_set(struct target_node *node, const char *name, unsigned portion,
                 char cursor[KEY_SCAN_CURSOR_SIZE], redisReply **ret, struct ft_err *err)
{
    char count[I64_TEXT_SIZE];
    const struct bytes args[] = {bytes_str("SSCAN"), bytes_str(name), bytes_str(cursor),
                                 bytes_str("COUNT"), bytes_of(count, i64_to_text(portion, count))};

    return ask(node, args, 5, cursor, ret, err);
}

static int scan_selected(struct scan *s, struct ft_err *err)
{
    char cursor[KEY_SCAN_CURSOR_SIZE] = "0";
    int rc;

    do {
        redisReply *reply;

        if (key_scan_some(s->node, cursor, &reply, err) != 0)
            return -1;
        rc = take_keys(s, reply->element[1], err);
        reply_free(reply);
    } while (rc == 0 && strcmp(cursor, "0") != 0);
    return rc;
}

static int scan_db(struct target_node *node, uint32_t db, key_scan_fn *take, void *context,
                   struct ft_err *err)
{
    struct scan s = {.node = node, .db = db, .take = take, .context = context};
    int rc = key_scan_select(node, db, err);

    if (rc == 0)
        rc = scan_selected(&s, err);
    free(s.keys);
    return rc == 0 ? key_scan_select(node, 0, err) : -1;
}

#define DATABASES_MAX 1024u

/* Of a server that does not say which hold anything: all that it has. A cluster has one, and so has who may not SELECT. */
static int list_databases(struct target_node *node, uint32_t **dbs, size_t *count,
                          struct ft_err *err)
{
    bool there = true;

    for (uint32_t db = 0; there && db < DATABASES_MAX; db++) {
        if (db > 0 && node->slots.n != 0)
            return 0;
        if (db > 0 && target_node_has_db(node, db, &there, err) != 0) {
            if (err->kind != FT_ERR_PROTOCOL)
                return -1;
            err_clear(err);
            there = false;
        }
        if (there && ARRAY_ADD_ROOM(dbs, *count, "databases", err) != 0)
            return -1;
        if (there)
            (*dbs)[(*count)++] = db;
    }
    return 0;
}

int key_scan_dbs(struct target_node *node, uint32_t **ret, size_t *ret_count, struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("INFO"), bytes_str("keyspace")};
    uint32_t *dbs = NULL;
    size_t count = 0;
    redisReply *reply;
    uint64_t keys;
    uint32_t db;
    int rc = 0;

    if (target_node_ask(node, &reply, args, 2, err) != 0)
        return -1;
    if (reply->type == REDIS_REPLY_ERROR)
        rc = list_databases(node, &dbs, &count, err);
    for (const char *at = reply->type == REDIS_REPLY_STRING ? reply->str : "";
         rc == 0 && redis_info_next_db(&at, &db, &keys);) {
        rc = ARRAY_ADD_ROOM(&dbs, count, "databases", err);
        if (rc == 0)
            dbs[count++] = db;
    }
    reply_free(reply);
    if (rc != 0) {
        free(dbs);
        return -1;
    }
    *ret = dbs;
    *ret_count = count;
    return 0;
}

int key_scan(struct target_node *node, key_scan_fn *take, void *context, struct ft_err *err)
{
    uint32_t *dbs;
    size_t count;
    int rc = 0;

    if (key_scan_dbs(node, &dbs, &count, err) != 0)
        return -1;
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = scan_db(node, dbs[i], take, context, err);
    free(dbs);
    return rc;
}
