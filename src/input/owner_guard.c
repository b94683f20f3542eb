#include "input/owner_guard.h"

#include <stdlib.h>

#include "input/sharding.h"
#include "item/owner.h"

int owner_guard_init(struct owner_guard *g, enum sharding_rule rule, uint32_t flow_count,
                     struct ft_err *err)
{
    g->disproved = calloc(1, sizeof(*g->disproved));
    if (g->disproved == NULL)
        return err_nomem(err, "an owner guard");
    g->has_records = true;
    g->rule = rule;
    g->flow_count = flow_count;
    return 0;
}

void owner_guard_release(struct owner_guard *g)
{
    free(g->disproved);
    *g = (struct owner_guard){0};
}

static bool is_disproved(const struct owner_guard *g)
{
    return g->disproved != NULL && atomic_load(g->disproved);
}

/* The guard that knows the flow, which becomes its number there. */
static const struct owner_guard *guard_of(const struct owner_guard *g, uint32_t *flow)
{
    uint32_t i = g->node_count;

    while (i > 1 && g->nodes[i - 1].first > *flow)
        i--;
    if (i == 0)
        return g;
    *flow -= g->nodes[i - 1].first;
    return g->nodes[i - 1].guard;
}

uint32_t owner_guard_own_flow(const struct owner_guard *g, uint32_t flow)
{
    (void)guard_of(g, &flow); /* for the number alone */
    return flow;
}

bool owner_guard_is_off(const struct owner_guard *g)
{
    for (uint32_t i = 0; i < g->node_count; i++) {
        if (owner_guard_is_off(g->nodes[i].guard))
            return true;
    }
    return g->has_records && g->flow_count > 1 && (g->rule == SHARDING_UNKNOWN || is_disproved(g));
}

bool owner_guard_owns(const struct owner_guard *guard, uint32_t flow, struct bytes key)
{
    const struct owner_guard *g = guard_of(guard, &flow);

    if (is_disproved(g))
        return true;
    switch (g->rule) {
    case SHARDING_UNKNOWN:
        return true;
    case SHARDING_KEY:
        return owner_by_key(key, g->flow_count) == flow;
    case SHARDING_TAG:
        return owner_by_tag(key, g->flow_count) == flow;
    case SHARDING_SLOT:
        return owner_by_slot(key, g->flow_count) == flow;
    case SHARDING_KEY_OR_TAG:
        break;
    }
    return owner_by_key(key, g->flow_count) == flow || owner_by_tag(key, g->flow_count) == flow;
}

enum owner_verdict owner_guard_classify(const struct owner_guard *guard, uint32_t flow,
                                        const struct bytes *args, size_t arg_count,
                                        const struct translation_key *keys, size_t key_count)
{
    const struct owner_guard *g = guard_of(guard, &flow);

    if (key_count == 0)
        return OWNER_APPLIES;
    for (size_t i = 0; i < key_count; i++) {
        if (owner_guard_owns(g, flow, keys[i].key))
            return OWNER_APPLIES;
    }
    if (sharding_may_be_copy(args, arg_count))
        return OWNER_FOREIGN;
    if (g->disproved == NULL || atomic_exchange(g->disproved, true))
        return OWNER_APPLIES;
    return OWNER_DISPROVES;
}
