#include "input/given_up.h"

#include <stdlib.h>

#include "base/parse.h"
#include "input/source_nodes.h"
#include "store/capture_set.h"

/* Of the LSNs in a text; a set with more flows has only the first of them in it. */
#define LSNS_TEXT 400

struct given_up {
    const struct source *source;
    const struct cut *cut;
    bool follow;
    uint32_t nodes;
    uint64_t *settled; /* per flow: what was given up before is at rest at the end */
    uint64_t *first;   /* per flow: the first that is not; 0: all is */
    uint64_t *last;    /* per flow: the last of all; 0: none */
};

int given_up_new(struct given_up **ret, const struct source *source, const struct cut *cut,
                 bool follow, struct ft_err *err)
{
    const struct set_settled *settled = source->nodes == NULL ? NULL : source->nodes->settled;
    struct given_up *g;

    *ret = NULL;
    if (settled == NULL || cut->flow_count == 0)
        return 0;
    g = calloc(1, sizeof(*g));
    if (g == NULL)
        return err_nomem(err, "the slots of a set");
    g->source = source;
    g->cut = cut;
    g->follow = follow;
    g->settled = calloc(cut->flow_count, sizeof(*g->settled));
    g->first = calloc(cut->flow_count, sizeof(*g->first));
    g->last = calloc(cut->flow_count, sizeof(*g->last));
    if (g->settled == NULL || g->first == NULL || g->last == NULL) {
        given_up_free(g);
        return err_nomem(err, "the slots of a set");
    }
    set_settled_before(settled, cut->stop_lsn, g->settled, cut->flow_count);
    *ret = g;
    return 0;
}

void given_up_free(struct given_up *g)
{
    if (g == NULL)
        return;
    free(g->settled);
    free(g->first);
    free(g->last);
    free(g);
}

void given_up_note(struct given_up *g, uint32_t flow, uint64_t lsn)
{
    if (g == NULL)
        return;
    g->last[flow] = lsn;
    if (g->first[flow] == 0 && lsn >= g->settled[flow])
        g->first[flow] = lsn;
}

/* What has been written down by now. */
static int read_again(struct given_up *g, const uint64_t *next_lsn, struct ft_err *err)
{
    const struct set_generation *of_set;
    struct capture_set *set;

    if (capture_set_open_read(&set, g->source->path, err) != 0)
        return -1;
    of_set = capture_set_find(set, g->source->generation);
    if (of_set != NULL &&
        (of_set->settled.flow_count == 0 || of_set->settled.flow_count == g->cut->flow_count))
        set_settled_before(&of_set->settled, next_lsn, g->settled, g->cut->flow_count);
    capture_set_free(set);
    return 0;
}

int given_up_count(struct given_up *g, const uint64_t *next_lsn, uint64_t *ret, struct ft_err *err)
{
    uint32_t node = UINT32_MAX;
    bool any = false;

    *ret = 0;
    for (uint32_t i = 0; g != NULL && i < g->cut->flow_count; i++)
        any = any || g->last[i] != 0;
    if (!any)
        return 0;
    if (g->follow && read_again(g, next_lsn, err) != 0)
        return -1;
    for (uint32_t i = 0; i < g->cut->flow_count; i++) {
        if (g->last[i] == 0 || g->last[i] < g->settled[i] || source_node_of(g->source, i) == node)
            continue;
        node = source_node_of(g->source, i);
        ++*ret;
    }
    g->nodes = *ret;
    return 0;
}

/* Where the nodes had not given them up yet: then all that counts of these slots is what they had themselves. */
static void put_lsns(const struct given_up *g, char text[LSNS_TEXT])
{
    size_t n = 0;

    for (uint32_t i = 0; i < g->cut->flow_count && n + I64_TEXT_SIZE + 1 < LSNS_TEXT; i++) {
        uint64_t stop = g->first[i] != 0 ? g->first[i] : g->cut->stop_lsn[i];

        if (i > 0)
            text[n++] = ',';
        n += i64_to_text((int64_t)stop - 1, text + n);
    }
    text[n] = '\0';
}

int given_up_check(const struct given_up *g, struct ft_err *err)
{
    char lsns[LSNS_TEXT];

    if (g == NULL || g->nodes == 0 || g->follow || !g->cut->at_rest)
        return 0;
    put_lsns(g, lsns);
    if (!g->cut->is_end)
        return err_set(err, FT_ERR_STATE,
                       "slots were on their way between nodes at that moment, which is not a state "
                       "of the cluster: take a later one, or the moment before, --at %s",
                       lsns);
    return err_set(err, FT_ERR_STATE,
                   "slots were on their way between nodes where \"%s\" ends, which is not a state "
                   "of the cluster: run capture again until they are at rest, or take the moment "
                   "before, --at %s",
                   g->source->path, lsns);
}
