#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "pipe/replay_scan.h"

/* Databases of the source that a FLUSHALL is taken to be about where names were changed. */
#define SOURCE_DBS 64u

struct flush_run {
    struct replay *r;
    struct replay_node *node;
    const struct item *item;
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

/* Has the node had the flush? Of some slots only, if it got these from a node that has. */
static bool is_done(const struct flush_run *f)
{
    return f->node->position.lsn[f->item->flow] > f->item->lsn;
}

static bool is_done_for(const struct flush_run *f, struct bytes key)
{
    return f->node->position.lane_count != 0 &&
           replay_position_of(&f->node->position, f->item->flow, slot_of(key)) > f->item->lsn;
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
    if (replay_kept_has(&f->r->kept, f->target_db, key) || is_done_for(f, key))
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

static int delete_flushed(void *context, struct replay_node *node, uint32_t db,
                          const struct bytes *keys, size_t count, struct ft_err *err)
{
    struct flush_run *f = context;

    f->target_db = db;
    for (size_t i = 0; i < count; i++) {
        const struct bytes words[] = {bytes_str("UNLINK"), keys[i]};
        bool flushed;

        if (is_flushed(f, keys[i], &flushed, err) != 0 ||
            (flushed && redis_pipe_put(node->pipe, 0, words, 2, err) != 0))
            return -1;
    }
    return 0;
}

/* A key of this database has the name that it has at the source, and so its slot. */
static bool keeps_names(const struct replay_map *m, uint32_t db)
{
    const struct replay_db_rule *rule = replay_map_db_rule(m, db);

    return m->name_count == 0 && (rule == NULL || rule->fate == REPLAY_DB_TO);
}

/* Nothing but the source's keys is there, under their own names. */
static bool is_plain(const struct replay *r)
{
    return replay_map_is_identity(&r->o->map) && filter_is_empty(&r->o->filter) &&
           r->kept.count == 0;
}

/* Within the batch; what the replay has written down about itself stays. */
static int flush_plain(struct flush_run *f, struct ft_err *err)
{
    struct replay_node *node = f->node;
    bool all = f->flush->kind == FLUSH_ALL;
    uint32_t db = f->item->record.dbid;
    struct bytes words[] = {bytes_str(all ? "FLUSHALL" : "FLUSHDB"), bytes_str(node->position.key),
                            bytes_str(REPLAY_STATE_KEY)};
    size_t count = 1;
    char tag[REPLAY_TAG_TEXT];

    if (all || db == 0)
        count = replay_node_of(f->r, words[2]) == node ? 3 : 2;
    (void)snprintf(tag, sizeof(tag), "%" PRIu32 ":%" PRIu64 ":0", f->item->flow, f->item->lsn);
    return replay_node_put(node, db, tag, words, count, err);
}

/* All keys of the node that are images of what was flushed. */
static int scan_node(struct flush_run *f, struct ft_err *err)
{
    uint32_t to;

    if (f->flush->kind == FLUSH_ALL)
        return replay_scan(f->node, delete_flushed, f, err);
    if (f->flush->kind == FLUSH_SLOTS)
        f->source_db = 0;
    if (!filter_db(&f->r->o->filter, f->source_db) ||
        !replay_map_db(&f->r->o->map, f->source_db, &to))
        return 0;
    if (is_merged(&f->r->o->map, f->source_db, to) ||
        (f->flush->kind == FLUSH_SLOTS && !keeps_names(&f->r->o->map, f->source_db))) {
        return err_set(err, FT_ERR_UNSUPPORTED,
                       "a flush of database %" PRIu32
                       ", whose keys --db-map puts among others without a prefix",
                       f->source_db);
    }
    return replay_scan_db(f->node, to, delete_flushed, f, err);
}

/* Only where the node is the flush as a whole to be done, and can be. */
static bool can_flush_plain(const struct flush_run *f)
{
    return f->flush->kind != FLUSH_SLOTS && f->node->position.lane_count == 0 && is_plain(f->r);
}

/* A key that goes to another node meanwhile could be missed on both. */
static int scan_nodes(struct flush_run *f, struct ft_err *err)
{
    struct replay *r = f->r;
    uint64_t before;
    uint64_t after;

    if (replay_drain(r, err) != 0 || replay_check_settled(r, &before, err) != 0)
        return -1;
    for (size_t i = 0; i < r->target.node_count; i++) {
        f->node = &r->target.nodes[i];
        if (!is_done(f) && !can_flush_plain(f) && scan_node(f, err) != 0)
            return -1;
    }
    if (replay_drain(r, err) != 0 || replay_check_settled(r, &after, err) != 0)
        return -1;
    if (before == after)
        return 0;
    atomic_store(&r->redirected, true);
    return err_set(err, FT_ERR_NET, "slots have moved during a flush");
}

int replay_flush(struct replay *r, const struct item *item, const struct translation_flush *flush,
                 struct ft_err *err)
{
    struct flush_run f = {.r = r, .item = item, .flush = flush, .source_db = item->record.dbid};
    bool scans = false;

    for (size_t i = 0; i < r->target.node_count; i++) {
        f.node = &r->target.nodes[i];
        if (is_done(&f))
            continue;
        if (!can_flush_plain(&f))
            scans = true;
        else if (flush_plain(&f, err) != 0)
            return -1;
    }
    return scans ? scan_nodes(&f, err) : 0;
}
