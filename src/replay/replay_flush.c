#include "replay/replay_flush.h"

#include <inttypes.h>
#include <stdio.h>

#include "input/source_nodes.h"
#include "replay/position/replay_node.h"
#include "replay/position/replay_pair.h"
#include "replay/position/replay_suspect.h"
#include "replay/replay_connect.h"
#include "replay/replay_impl.h"
#include "replay/replay_record.h"
#include "replay/replay_walk.h"

struct flush_run {
    struct replay *r;
    const struct item *item;
    const struct translation_flush *flush;
    unsigned part;
};

/* Has the node had the flush? */
static bool is_done(const struct flush_run *f, const struct replay_node *node)
{
    return node->position.lsn[f->item->flow] > f->item->lsn;
}

/* There is nothing on the target but the source's keys, under their own names. */
static bool is_plain(const struct replay *r)
{
    return replay_map_is_identity(&r->o->map) && filter_is_empty(&r->o->filter) &&
           r->kept.count == 0 && !r->set.state.dirty && !r->set.shared && !r->rights.no_flush &&
           !r->rights.no_eval && !r->rights.no_restore;
}

/* Only where the node is the flush as a whole to be done: slots that came from others may have had it. Nor where slots have
 * marks: it would take all of them along. */
static bool goes_plain(const struct flush_run *f, const struct replay_node *node)
{
    return f->flush->kind != FLUSH_SLOTS && node->position.lane_count == 0 &&
           !f->r->set.state.by_slot && is_plain(f->r);
}

/* What the replay has written down about itself stays. */
static int flush_plain(struct flush_run *f, struct replay_node *node, struct ft_err *err)
{
    bool all = f->flush->kind == FLUSH_ALL;
    uint32_t db = f->item->record.dbid;
    char suspects[REPLAY_KEY_SIZE];
    char lost[REPLAY_KEY_SIZE];
    struct bytes own[] = {
        bytes_str(node->position.key), bytes_str(f->r->set.state_key), {NULL, 0}, {NULL, 0}};
    struct bytes args[5] = {bytes_str(all ? "FLUSHALL" : "FLUSHDB")};
    size_t count = 1;
    char tag[REPLAY_TAG_TEXT];

    replay_suspects_name(f->r->set.id, suspects);
    replay_lost_name(f->r->set.id, lost);
    own[2] = bytes_str(suspects);
    own[3] = bytes_str(lost);
    for (size_t i = 0; (all || db == 0) && i < 4; i++) {
        if (i == 0 || replay_node_of(&f->r->set, own[i]) == node)
            args[count++] = own[i];
    }
    replay_tag(f->item, f->part++, false, tag);
    return replay_node_put(node, all ? 0 : db, tag, args, count, err);
}

/*
 * Key by key
 */

static bool in_ranges(const struct translation_flush *flush, uint16_t slot)
{
    for (size_t i = 0; i < flush->range_count; i++) {
        if (slot >= flush->ranges[i].first && slot <= flush->ranges[i].last)
            return true;
    }
    return false;
}

static bool is_flushed(const struct flush_run *f, uint32_t db, struct bytes key)
{
    switch (f->flush->kind) {
    case FLUSH_ALL:
        return true;
    case FLUSH_DB:
        return db == f->item->record.dbid;
    case FLUSH_SLOTS:
        break;
    }
    return db == 0 && in_ranges(f->flush, slot_of(key));
}

static int delete_key(void *context, const struct replay_walked *key, struct ft_err *err)
{
    struct flush_run *f = context;
    const struct bytes args[] = {bytes_str(rights_delete_name(&f->r->rights)), key->target_key};
    char tag[REPLAY_TAG_TEXT];
    struct replay_node *node;

    if (!is_flushed(f, key->db, key->key))
        return 0;
    node = replay_node_of(&f->r->set, key->target_key);
    if (goes_plain(f, node) || replay_is_past(&f->r->set, f->item, key->target_key))
        return 0;
    replay_tag(f->item, f->part++, false, tag);
    if (replay_node_put(node, key->target_db, tag, args, 2, err) != 0)
        return -1;
    return replay_node_flush(node, false, err);
}

/* Nothing from before the last FLUSHALL is left, if this is a later one. */
static bool had_flush(const struct replay *r, const uint64_t *lsn)
{
    for (uint32_t i = 0; i < r->source->stream_count; i++) {
        if (r->flushed[i] == 0 || r->flushed[i] >= lsn[i])
            return false;
    }
    return true;
}

/* All keys that the capture has named so far: other keys of the target cannot be meant. */
static int delete_keys(struct flush_run *f, const uint64_t *lsn, struct ft_err *err)
{
    struct replay *r = f->r;
    struct replay_walk w;
    int rc = replay_walk_init(&w, r, r->source, delete_key, f, err);

    w.entries = true;
    w.follow = r->follow != NULL;
    w.up_to_now =
        source_node_count(r->source) > 1; /* flows of other nodes are at their next record */
    w.to_lsn = lsn;
    if (had_flush(r, lsn))
        w.from_lsn = r->flushed;
    if (rc == 0)
        rc = replay_walk_all(&w, err);
    replay_walk_release(&w);
    return rc == 0 ? replay_drain(&r->set, err) : -1;
}

int replay_flush(struct replay *r, const struct item *item, const struct translation_flush *flush,
                 const uint64_t *lsn, struct ft_err *err)
{
    struct flush_run f = {.r = r, .item = item, .flush = flush};
    bool by_key = false;

    for (size_t i = 0; i < r->target.node_count; i++) {
        struct replay_node *node = &r->set.nodes[i];

        if (is_done(&f, node))
            continue;
        if (!goes_plain(&f, node))
            by_key = true;
        else if (flush_plain(&f, node, err) != 0)
            return -1;
    }
    if (by_key && delete_keys(&f, lsn, err) != 0)
        return -1;
    for (uint32_t i = 0; flush->kind == FLUSH_ALL && i < r->source->stream_count; i++)
        r->flushed[i] = lsn[i];
    return 0;
}
