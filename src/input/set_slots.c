#include "input/set_slots.h"

#include <stdlib.h>

#include "input/source.h"

static int read_stream(const struct source *source, uint32_t index, uint32_t node,
                       uint16_t owner[SLOT_COUNT], struct set_slots_clash *clash,
                       struct ft_err *err)
{
    const struct source_stream_options options = {.skip_values = true, .snapshot_only = true};
    struct source_stream *stream;
    struct item item;
    enum step step = STEP_END;

    if (source_stream_open(&stream, source, index, &options, err) != 0)
        return -1;
    while (!clash->found && (step = source_stream_next(stream, &item, err)) == STEP_ITEM) {
        uint16_t slot;

        if (item_entry(&item) == NULL)
            continue;
        slot = slot_of(item.rdb.entry.key);
        if (owner[slot] == SLOT_OWNER_NONE)
            owner[slot] = (uint16_t)node;
        else if (owner[slot] != node)
            *clash = (struct set_slots_clash){
                .found = true, .slot = slot, .node = node, .other = owner[slot]};
    }
    source_stream_free(stream);
    return step == STEP_ERROR ? -1 : 0;
}

static int read_node(const struct capture_set *set, uint32_t node, uint32_t generation,
                     uint16_t owner[SLOT_COUNT], struct set_slots_clash *clash, struct ft_err *err)
{
    char *path = capture_set_node_path(set, node);
    struct source *source;
    int rc;

    if (path == NULL)
        return err_nomem(err, "a path");
    rc = source_open(&source, path, generation, err);
    free(path);
    if (rc != 0)
        return -1;
    for (uint32_t i = 0; rc == 0 && !clash->found && i < source->stream_count; i++)
        rc = read_stream(source, i, node, owner, clash, err);
    source_free(source);
    return rc;
}

int set_slots_read(const struct capture_set *set, const uint32_t *generations,
                   uint16_t owner[SLOT_COUNT], struct set_slots_clash *ret, struct ft_err *err)
{
    struct set_slots_clash clash = {0};

    for (uint32_t i = 0; !clash.found && i < set->node_count; i++) {
        if (generations[i] != 0 && read_node(set, i, generations[i], owner, &clash, err) != 0)
            return -1;
    }
    *ret = clash;
    return 0;
}

int set_slots_ranges(const uint16_t owner[SLOT_COUNT], struct set_slots **ret, size_t *ret_count,
                     struct ft_err *err)
{
    struct set_slots *ranges = calloc(SLOT_COUNT, sizeof(*ranges));
    size_t count = 0;

    if (ranges == NULL)
        return err_nomem(err, "the slots of a set");
    for (uint32_t slot = 0; slot < SLOT_COUNT; slot++) {
        if (owner[slot] == SLOT_OWNER_NONE)
            continue;
        if (count == 0 || ranges[count - 1].node != owner[slot] ||
            ranges[count - 1].last + 1u != slot)
            ranges[count++] = (struct set_slots){.first = (uint16_t)slot, .node = owner[slot]};
        ranges[count - 1].last = (uint16_t)slot;
    }
    *ret = ranges;
    *ret_count = count;
    return 0;
}
