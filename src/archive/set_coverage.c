#include "archive/set_coverage.h"

#include <stdlib.h>

#include "item/slot.h"
#include "item/slot_set.h"

static bool is_idle(const struct set_moment *m, uint32_t node)
{
    return m->lsn[node] == CAPTURE_SET_IDLE_LSN;
}

/* NULL: not as a generation of the set needs it. One that was removed, but is still named, is not there in the node either. */
static const struct generation *find_complete(const struct capture *c, uint32_t id)
{
    const struct generation *g = c == NULL ? NULL : capture_find(c, id);

    return g != NULL && g->state != GENERATION_SNAPSHOT ? g : NULL;
}

static bool has_nodes(const struct capture_set *s, const struct set_generation *g,
                      const struct capture *const *there)
{
    for (uint32_t i = 0; i < s->node_count; i++) {
        if (g->nodes[i] != 0 && find_complete(there[i], g->nodes[i]) == NULL)
            return false;
    }
    return true;
}

static bool has_moment(const struct capture_set *s, const struct set_generation *g,
                       const struct set_moment *m, const struct capture *const *there,
                       const struct capture *const *all)
{
    for (uint32_t i = 0; i < s->node_count; i++) {
        const struct generation *here = find_complete(there[i], g->nodes[i]);
        const struct generation *of_node;
        uint64_t needed = m->lsn[i];

        if (g->nodes[i] == 0 || here->state == GENERATION_ABANDONED)
            continue;
        if (is_idle(m, i)) {
            of_node = all == NULL ? NULL : find_complete(all[i], g->nodes[i]);
            needed = of_node == NULL ? 0 : of_node->flows[0].next_lsn;
        }
        if (here->flows[0].next_lsn < needed)
            return false;
    }
    return true;
}

/* The first moments of a generation say together whose the slots are at its beginning. */
static bool names_all_slots(const struct set_generation *g, size_t moments)
{
    uint8_t named[SLOT_SET_BYTES] = {0};

    for (size_t m = 0; m < moments; m++) {
        for (size_t i = 0; i < g->moments[m].slots_count; i++) {
            for (uint32_t slot = g->moments[m].slots[i].first; slot <= g->moments[m].slots[i].last;
                 slot++)
                slot_set_add(named, (uint16_t)slot);
        }
    }
    for (size_t i = 0; i < g->slots_count; i++) {
        for (uint32_t slot = g->slots[i].first; slot <= g->slots[i].last; slot++) {
            if (!slot_set_has(named, (uint16_t)slot))
                return false;
        }
    }
    return true;
}

struct set_coverage set_coverage_of(const struct capture_set *s, const struct capture *const *there,
                                    const struct capture *const *all)
{
    struct set_coverage ret = {0};

    for (size_t i = 0; i < s->generation_count; i++) {
        const struct set_generation *g = &s->generations[i];
        size_t moments = 0;

        if (!has_nodes(s, g, there))
            return ret;
        while (moments < g->moment_count && has_moment(s, g, &g->moments[moments], there, all))
            moments++;
        if (moments < g->moment_count && (moments == 0 || !names_all_slots(g, moments)))
            return ret;
        ret.generations = i + 1;
        ret.moments = moments;
        if (moments < g->moment_count)
            return ret;
    }
    ret.whole = true;
    return ret;
}

/* The next LSN that is there; of a node that is not in the generation none. */
static uint64_t next_lsn(const struct set_generation *g, const struct capture *const *there,
                         uint32_t node)
{
    const struct generation *here =
        g->nodes[node] == 0 ? NULL : find_complete(there[node], g->nodes[node]);

    return here == NULL ? 0 : here->flows[0].next_lsn;
}

int set_coverage_note(struct capture_set *s, const struct capture *const *there, struct ft_err *err)
{
    struct set_generation *g =
        s->generation_count == 0 ? NULL : &s->generations[s->generation_count - 1];

    if (g == NULL || g->moment_count == 0 || g->moving != NULL)
        return 0;
    free(g->archived);
    g->archived = calloc(s->node_count, sizeof(*g->archived));
    if (g->archived == NULL)
        return err_nomem(err, "the LSNs of a set");
    for (uint32_t i = 0; i < s->node_count; i++)
        g->archived[i] = next_lsn(g, there, i);
    return 0;
}

bool set_coverage_check(struct capture_set *s, const struct capture *const *there)
{
    struct set_generation *g =
        s->generation_count == 0 ? NULL : &s->generations[s->generation_count - 1];
    bool longer = false;

    if (g == NULL || g->archived == NULL)
        return false;
    for (uint32_t i = 0; i < s->node_count; i++)
        longer = longer || next_lsn(g, there, i) > g->archived[i];
    if (longer && g->moving == NULL) {
        g->moving = g->archived;
        g->archived = NULL;
    }
    free(g->archived);
    g->archived = NULL;
    return true;
}

bool set_coverage_has_idle(const struct capture_set *s)
{
    for (size_t i = 0; i < s->generation_count; i++) {
        const struct set_generation *g = &s->generations[i];

        for (size_t m = 0; m < g->moment_count; m++) {
            for (uint32_t node = 0; node < s->node_count; node++) {
                if (is_idle(&g->moments[m], node))
                    return true;
            }
        }
    }
    return false;
}
