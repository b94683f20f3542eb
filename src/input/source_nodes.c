#include "input/source_nodes.h"

#include "input/source.h"

uint32_t source_node_count(const struct source *s)
{
    return s->nodes == NULL ? 1 : s->nodes->count;
}

uint32_t source_node_first(const struct source *s, uint32_t node)
{
    if (s->nodes == NULL)
        return node == 0 ? 0 : s->stream_count;
    return s->nodes->first[node];
}

uint32_t source_node_of(const struct source *s, uint32_t stream)
{
    uint32_t node = source_node_count(s) - 1;

    while (node > 0 && source_node_first(s, node) > stream)
        node--;
    return node;
}

bool source_is_foreign(const struct source *s, uint32_t stream, struct bytes key)
{
    uint16_t owner;

    if (s == NULL || s->nodes == NULL)
        return false;
    owner = s->nodes->owner[slot_of(key)];
    return owner != SLOT_OWNER_NONE && owner != source_node_of(s, stream);
}
