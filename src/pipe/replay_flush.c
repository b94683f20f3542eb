#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "pipe/replay_impl.h"

/* Databases of the source that a FLUSHALL is taken to be about where names were changed. */
#define SOURCE_DBS 64u

struct flush_run {
    struct replay *r;
    struct replay_node *node;
    const struct translation_flush *flush;
    uint32_t source_db; /* of FLUSH_DB and FLUSH_SLOTS */
    uint32_t target_db; /* being scanned */
};

/* Do other keys than those of this database lie where it goes? */
static bool is_merged(const struct replay_map *m, uint32_t db, uint32_t to)
{
    const struct replay_db_rule *own = replay_map_db_rule(m, db);
    bool target_has_rule = replay_map_db_rule(m, to) != NULL;

    if (own != NULL && own->fate == REPLAY_DB_PREFIX)
        return false;
    for (size_t i = 0; i < m->db_count; i++) {
        uint32_t goes_to = m->dbs[i].fate == REPLAY_DB_TO ? m->dbs[i].to : 0;

        if (&m->dbs[i] != own && m->dbs[i].fate != REPLAY_DB_DROP && goes_to == to)
            return true;
    }
    return (own != NULL && own->any) || (to != db && !target_has_rule);
}

static bool in_ranges(const struct translation_flush *flush, uint16_t slot)
{
    for (size_t i = 0; i < flush->range_count; i++) {
        if (slot >= flush->ranges[i].first && slot <= flush->ranges[i].last)
            return true;
    }
    return false;
}

/* Is this key of the target one that the flush removed at the source? */
static int is_flushed(struct flush_run *f, struct bytes key, bool *ret, struct ft_err *err)
{
    const struct replay_options *o = f->r->o;
    bool all = f->flush->kind == FLUSH_ALL;
    uint32_t first = all ? 0 : f->source_db;
    uint32_t last = all ? SOURCE_DBS - 1 : f->source_db;

    *ret = false;
    if (key.n >= strlen(REPLAY_KEY_PREFIX) &&
        memcmp(key.p, REPLAY_KEY_PREFIX, strlen(REPLAY_KEY_PREFIX)) == 0)
        return 0;
    if (replay_kept_has(&f->r->kept, f->target_db, key))
        return 0;
    if (f->flush->kind == FLUSH_SLOTS && !in_ranges(f->flush, slot_of(key)))
        return 0;
    for (uint32_t db = first; db <= last && !*ret; db++) {
        uint32_t to;

        if (!filter_db(&o->filter, db) || !replay_map_db(&o->map, db, &to) || to != f->target_db)
            continue;
        if (replay_map_may_hold(&o->map, &o->filter, db, key, ret, err) != 0)
            return -1;
    }
    return 0;
}

static int delete_flushed(struct flush_run *f, const redisReply *keys, struct ft_err *err)
{
    for (size_t i = 0; i < keys->elements; i++) {
        const struct bytes words[] = {bytes_str("UNLINK"),
                                      bytes_of(keys->element[i]->str, keys->element[i]->len)};
        bool flushed;

        if (is_flushed(f, words[1], &flushed, err) != 0 ||
            (flushed && redis_pipe_put(f->node->pipe, 0, words, 2, err) != 0))
            return -1;
    }
    return 0;
}

static int select_db(struct flush_run *f, uint32_t db, struct ft_err *err)
{
    char number[I64_TEXT_SIZE];
    const struct bytes words[] = {bytes_str("SELECT"), bytes_of(number, i64_to_text(db, number))};

    return replay_call(f->node, NULL, words, 2, err);
}

static int scan_selected(struct flush_run *f, struct ft_err *err)
{
    char cursor[32] = "0";

    do {
        const struct bytes words[] = {bytes_str("SCAN"), bytes_str(cursor), bytes_str("COUNT"),
                                      bytes_str("1000")};
        redisReply *reply;
        int rc;

        if (replay_call(f->node, &reply, words, 4, err) != 0)
            return -1;
        if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2) {
            freeReplyObject(reply);
            return err_set(err, FT_ERR_PROTOCOL, "%s does not answer SCAN as Redis does",
                           f->node->name);
        }
        (void)snprintf(cursor, sizeof(cursor), "%s", reply->element[0]->str);
        rc = delete_flushed(f, reply->element[1], err);
        freeReplyObject(reply);
        if (rc != 0)
            return -1;
    } while (strcmp(cursor, "0") != 0);
    return 0;
}

static int scan_db(struct flush_run *f, uint32_t db, struct ft_err *err)
{
    int rc;

    f->target_db = db;
    if (select_db(f, db, err) != 0)
        return -1;
    rc = scan_selected(f, err);
    return rc == 0 ? select_db(f, 0, err) : -1;
}

/* The databases of the target that hold anything: lines "db0:keys=..." */
static int scan_all(struct flush_run *f, struct ft_err *err)
{
    const struct bytes words[] = {bytes_str("INFO"), bytes_str("keyspace")};
    redisReply *reply;
    const char *at;
    int rc = 0;

    if (replay_call(f->node, &reply, words, 2, err) != 0)
        return -1;
    at = reply->type == REDIS_REPLY_STRING ? reply->str : NULL;
    while (rc == 0 && at != NULL && (at = strstr(at, "\ndb")) != NULL) {
        at += 3;
        rc = scan_db(f, (uint32_t)strtoul(at, NULL, 10), err);
    }
    freeReplyObject(reply);
    return rc;
}

/* Nothing but the source's keys is there, under their own names. */
static bool is_plain(const struct replay *r)
{
    return replay_map_is_identity(&r->o->map) && filter_is_empty(&r->o->filter) &&
           r->kept.count == 0;
}

/* Within the batch; what the replay has written down about itself stays. */
static int flush_plain(struct replay *r, uint32_t db, bool all, const char *tag, struct ft_err *err)
{
    struct replay_node *node = &r->target.nodes[0];
    const struct bytes words[] = {bytes_str(all ? "FLUSHALL" : "FLUSHDB"),
                                  bytes_str(REPLAY_STATE_KEY), bytes_str(node->position.key)};

    return replay_node_put(node, db, tag, words, all || db == 0 ? 3 : 1, err);
}

int replay_flush(struct replay *r, const struct translation_flush *flush, uint32_t db,
                 const char *tag, struct ft_err *err)
{
    struct flush_run f = {.r = r, .node = &r->target.nodes[0], .flush = flush, .source_db = db};
    uint32_t to;

    if (flush->kind != FLUSH_SLOTS && is_plain(r))
        return flush_plain(r, db, flush->kind == FLUSH_ALL, tag, err);
    if (replay_drain(r, err) != 0)
        return -1;
    if (flush->kind == FLUSH_ALL)
        return scan_all(&f, err) == 0 ? replay_drain(r, err) : -1;
    if (flush->kind == FLUSH_SLOTS)
        f.source_db = 0;
    if (!filter_db(&r->o->filter, f.source_db) || !replay_map_db(&r->o->map, f.source_db, &to))
        return 0;
    if (is_merged(&r->o->map, f.source_db, to) ||
        (flush->kind == FLUSH_SLOTS && !replay_map_is_identity(&r->o->map))) {
        return err_set(err, FT_ERR_UNSUPPORTED,
                       "a flush of database %" PRIu32
                       ", whose keys --db-map puts among others without a prefix",
                       f.source_db);
    }
    return scan_db(&f, to, err) == 0 ? replay_drain(r, err) : -1;
}
