#include "input/source_nodes.h"

#include "input/cut.h"
#include "input/source.h"
#include "store/capture_set.h"

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

/*
 * While a slot is on its way its keys are in two journals, in parts. At a moment within that, what had moved may be gone from
 * the one, and not be there yet in the other.
 */
int source_nodes_check_rest(const struct source *s, struct cut *cut, struct ft_err *err)
{
    const struct set_generation *g = s->nodes == NULL ? NULL : s->nodes->moments;

    cut->at_rest = cut->at_rest || !cut->is_end;
    for (size_t i = 0; g != NULL && !cut->is_end && i < g->moment_count; i++) {
        const struct set_moment *one = &g->moments[i];
        bool after = false;
        bool before = false;

        /* a node has one stream where there are moments; what one has that was idle then is before that */
        for (uint32_t stream = 0; one->from != NULL && stream < s->stream_count; stream++) {
            uint32_t n = source_node_of(s, stream);

            if (one->lsn[n] == CAPTURE_SET_IDLE_LSN)
                continue;
            after = after || cut->stop_lsn[stream] > one->from[n];
            before = before || cut->stop_lsn[stream] < one->lsn[n];
        }
        if (after && before)
            return err_set(err, FT_ERR_STATE,
                           "slots such as %u were on their way between nodes at that moment, "
                           "which is not a state of the cluster",
                           one->slots[0].first);
    }
    return 0;
}

int source_nodes_check_end(const struct source *s, struct cut *cut, struct ft_err *err)
{
    const struct set_generation *g = s->nodes == NULL ? NULL : s->nodes->moments;
    char lsns[400] = "";
    size_t n = 0;

    cut->at_rest = true;
    if (g == NULL || g->moving == NULL || !cut->is_end)
        return 0;
    for (uint32_t i = 0; i < s->stream_count && n + I64_TEXT_SIZE + 1 < sizeof(lsns); i++) {
        uint64_t lsn = g->moving[source_node_of(s, i)];

        if (i > 0)
            lsns[n++] = ',';
        if (lsn == 0 || lsn == CAPTURE_SET_IDLE_LSN) /* it was idle: all that it has */
            lsn = source_lsns(s, i).next;
        n += i64_to_text((int64_t)lsn - 1, lsns + n);
        lsns[n] = '\0';
    }
    return err_set(err, FT_ERR_STATE,
                   "slots were on their way between nodes where \"%s\" ends, which is not a state "
                   "of the cluster: run capture again until they are at rest, or take the moment "
                   "before, --at %s",
                   s->path, lsns);
}

bool source_has_foreign(const struct source *s)
{
    return s != NULL && s->nodes != NULL;
}

bool source_is_foreign(const struct source *s, uint32_t stream, struct bytes key)
{
    uint16_t owner;

    if (!source_has_foreign(s))
        return false;
    owner = s->nodes->owner[slot_of(key)];
    return owner != SLOT_OWNER_NONE && owner != source_node_of(s, stream);
}
