#include "input/slot_owners.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "input/source.h"
#include "store/capture_set.h"

/*
 * Moments
 */

static int add_rest(struct slot_owners *o, uint32_t slot, uint16_t node, struct ft_err *err)
{
    uint32_t number;

    if (ARRAY_ADD_ROOM(&o->rests, o->rest_count, "the owners of slots", err) != 0)
        return -1;
    o->rests[o->rest_count] = (struct slot_rest){.moment = (uint32_t)o->moment_count, .node = node};
    number = (uint32_t)++o->rest_count;
    if (o->first[slot] == 0) {
        o->first[slot] = o->now[slot] = number;
        o->owner[slot] = node;
    } else {
        o->rests[o->last[slot] - 1].next = number;
    }
    o->last[slot] = number;
    return 0;
}

static int add_moment(struct slot_owners *o, const struct set_moment *moment, struct ft_err *err)
{
    uint64_t *lsns = reallocarray(o->lsns, (o->moment_count + 1) * o->node_count, sizeof(*o->lsns));

    if (lsns == NULL)
        return err_nomem(err, "the owners of slots");
    o->lsns = lsns;
    memcpy(lsns + o->moment_count * o->node_count, moment->lsn, o->node_count * sizeof(*lsns));
    for (size_t i = 0; i < moment->slots_count; i++) {
        for (uint32_t slot = moment->slots[i].first; slot <= moment->slots[i].last; slot++) {
            if (add_rest(o, slot, moment->slots[i].node, err) != 0)
                return -1;
        }
    }
    o->moment_count++;
    return 0;
}

static int add_all(struct slot_owners *o, const struct set_generation *g, struct ft_err *err)
{
    for (size_t i = o->moment_count; i < g->moment_count; i++) {
        if (add_moment(o, &g->moments[i], err) != 0)
            return -1;
    }
    return 0;
}

int slot_owners_update(struct slot_owners *o, const struct source *source, struct ft_err *err)
{
    const struct set_generation *g;
    size_t before = o->moment_count;
    struct capture_set *set;
    int rc = 0;

    if (before == 0)
        return 0;
    if (capture_set_open_read(&set, source->path, err) != 0)
        return -1;
    g = capture_set_find(set, source->generation);
    if (g != NULL)
        rc = add_all(o, g, err);
    capture_set_free(set);
    return rc != 0 ? -1 : o->moment_count != before;
}

int slot_owners_new(struct slot_owners **ret, const struct source *source, struct ft_err *err)
{
    struct slot_owners *o;

    *ret = NULL;
    if (source->nodes == NULL)
        return 0;
    o = calloc(1, sizeof(*o));
    if (o == NULL)
        return err_nomem(err, "the owners of slots");
    memcpy(o->owner, source->nodes->owner, sizeof(o->owner));
    o->node_count = source->nodes->count;
    o->ranges = calloc(SLOT_COUNT / 2 + 1, sizeof(*o->ranges));
    if (o->ranges == NULL) {
        err_nomem(err, "the owners of slots");
    } else if (source->nodes->moments == NULL || add_all(o, source->nodes->moments, err) == 0) {
        *ret = o;
        return 0;
    }
    slot_owners_free(o);
    return -1;
}

void slot_owners_free(struct slot_owners *o)
{
    if (o == NULL)
        return;
    free(o->ranges);
    free(o->lsns);
    free(o->rests);
    free(o);
}

/*
 * Claims
 */

static uint64_t lsn_at(const struct slot_owners *o, const struct slot_rest *r, uint32_t node)
{
    return o->lsns[(size_t)r->moment * o->node_count + node];
}

/* The slot goes over as soon as all that its owner had written has been taken. */
static void hand_over(struct slot_owners *o, uint32_t slot, const uint64_t *passed)
{
    const struct slot_rest *now = &o->rests[o->now[slot] - 1];

    while (now->next != 0) {
        const struct slot_rest *next = &o->rests[now->next - 1];

        if (next->node != now->node && passed[now->node] < lsn_at(o, next, now->node))
            break;
        o->now[slot] = now->next;
        now = next;
    }
    o->owner[slot] = now->node;
}

static enum slot_claim claim_by_moments(struct slot_owners *o, const struct slot_claimant *c,
                                        uint32_t slot)
{
    const struct slot_rest *before = NULL;
    const struct slot_rest *after;
    uint32_t number = o->first[slot];

    if (number == 0)
        return SLOT_WAIT;
    hand_over(o, slot, c->passed);
    for (after = &o->rests[number - 1]; c->lsn >= lsn_at(o, after, c->node);
         after = &o->rests[after->next - 1]) {
        before = after;
        if (after->next == 0) { /* nothing is settled of what comes from here on */
            if (before->node == c->node)
                return o->owner[slot] == c->node ? SLOT_TAKE : SLOT_WAIT;
            return c->deletes ? SLOT_DROP : SLOT_WAIT;
        }
    }
    if (before == NULL)
        return after->node == c->node ? SLOT_TAKE : SLOT_DROP;
    if (before->node != c->node && after->node != c->node)
        return SLOT_DROP;
    return o->owner[slot] == c->node ? SLOT_TAKE : SLOT_WAIT;
}

static enum slot_claim claim_slot(struct slot_owners *o, const struct slot_claimant *c,
                                  uint32_t slot)
{
    if (slot_owners_has_moments(o))
        return claim_by_moments(o, c, slot);
    return o->owner[slot] == SLOT_OWNER_NONE || o->owner[slot] == c->node ? SLOT_TAKE : SLOT_WAIT;
}

enum slot_claim slot_owners_claim(struct slot_owners *o, const struct slot_claimant *c,
                                  const struct translation_key *keys, size_t count)
{
    enum slot_claim all = SLOT_TAKE;

    for (size_t i = 0; i < count; i++) {
        enum slot_claim one = claim_slot(o, c, slot_of(keys[i].key));

        all = one > all ? one : all;
    }
    for (size_t i = 0; all == SLOT_TAKE && i < count; i++)
        o->owner[slot_of(keys[i].key)] = (uint16_t)c->node;
    return all;
}

static bool is_flushed(const struct translation_flush *flush, uint32_t db, uint32_t slot)
{
    if (flush->kind == FLUSH_DB)
        return db == 0; /* a cluster has no other */
    if (flush->kind == FLUSH_ALL)
        return true;
    for (size_t i = 0; i < flush->range_count; i++) {
        if (slot >= flush->ranges[i].first && slot <= flush->ranges[i].last)
            return true;
    }
    return false;
}

/* Has the node the slot, so that what it flushes is gone? */
static bool has(struct slot_owners *o, const struct slot_claimant *c, uint32_t slot)
{
    if (slot_owners_has_moments(o))
        return claim_by_moments(o, c, slot) == SLOT_TAKE;
    return o->owner[slot] == c->node;
}

bool slot_owners_flush(struct slot_owners *o, const struct slot_claimant *c, uint32_t db,
                       struct translation *t)
{
    bool gives_up = t->flush.kind == FLUSH_SLOTS;
    size_t count = 0;

    for (uint32_t slot = 0; slot < SLOT_COUNT; slot++) {
        if (!is_flushed(&t->flush, db, slot) || !has(o, c, slot))
            continue;
        if (count == 0 || o->ranges[count - 1].last + 1u != slot)
            o->ranges[count++].first = (uint16_t)slot;
        o->ranges[count - 1].last = (uint16_t)slot;
        if (gives_up)
            o->owner[slot] = SLOT_OWNER_NONE;
    }
    t->flush =
        (struct translation_flush){.kind = FLUSH_SLOTS, .ranges = o->ranges, .range_count = count};
    t->command_count = 0;
    return count != 0;
}
