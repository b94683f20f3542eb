#include "input/slot_owners.h"

#include <stdlib.h>
#include <string.h>

#include "input/source.h"

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
    o->ranges = calloc(SLOT_COUNT / 2 + 1, sizeof(*o->ranges));
    if (o->ranges == NULL) {
        slot_owners_free(o);
        return err_nomem(err, "the owners of slots");
    }
    *ret = o;
    return 0;
}

void slot_owners_free(struct slot_owners *o)
{
    if (o == NULL)
        return;
    free(o->ranges);
    free(o);
}

bool slot_owners_take(struct slot_owners *o, uint32_t node, const struct translation_key *keys,
                      size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint16_t owner = o->owner[slot_of(keys[i].key)];

        if (owner != SLOT_OWNER_NONE && owner != node)
            return false;
    }
    for (size_t i = 0; i < count; i++)
        o->owner[slot_of(keys[i].key)] = (uint16_t)node;
    return true;
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

bool slot_owners_flush(struct slot_owners *o, uint32_t node, uint32_t db, struct translation *t)
{
    bool gives_up = t->flush.kind == FLUSH_SLOTS;
    size_t count = 0;

    for (uint32_t slot = 0; slot < SLOT_COUNT; slot++) {
        if (o->owner[slot] != node || !is_flushed(&t->flush, db, slot))
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
