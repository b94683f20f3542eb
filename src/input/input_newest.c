#include "input/input_newest.h"

#include <stdlib.h>
#include <string.h>

#include "store/capture_set.h"

static int add_flows(struct input_newest *n, const struct generation *g, struct ft_err *err)
{
    uint64_t *next = reallocarray(n->next_lsn, n->flow_count + g->flow_count + 1u, sizeof(*next));

    if (next == NULL)
        return err_nomem(err, "the flows");
    n->next_lsn = next;
    for (uint32_t i = 0; i < g->flow_count; i++)
        next[n->flow_count++] = g->flows[i].next_lsn;
    return 0;
}

/* A set's generation is not there before those of its nodes are. */
static int look_at_capture(struct input_newest *n, const char *path, uint32_t generation,
                           struct ft_err *err)
{
    const struct generation *g;
    struct capture *capture;
    int rc;

    if (capture_open_read(&capture, path, err) != 0)
        return -1;
    g = capture_find(capture, generation);
    rc = g == NULL ? 0 : add_flows(n, g, err);
    if (g != NULL)
        n->generation = g->id;
    capture_free(capture);
    return rc;
}

static int look_at_set(struct input_newest *n, const char *path, uint32_t generation,
                       struct ft_err *err)
{
    const struct set_generation *g;
    struct capture_set *set;
    int rc = 0;

    if (capture_set_open_read(&set, path, err) != 0)
        return -1;
    g = capture_set_find(set, generation);
    for (uint32_t i = 0; rc == 0 && g != NULL && i < set->node_count; i++) {
        char *node;

        if (!capture_set_has(set, g, i))
            continue;
        node = capture_set_node_path(set, i);
        rc = node == NULL ? err_nomem(err, "a path") : look_at_capture(n, node, g->nodes[i], err);
        free(node);
    }
    n->generation = g == NULL ? 0 : g->id;
    capture_set_free(set);
    return rc;
}

int input_newest_of(const char *path, uint32_t generation, struct input_newest *ret,
                    struct ft_err *err)
{
    struct input_newest n = {0};
    int rc = capture_set_is_dir(path) ? look_at_set(&n, path, generation, err)
                                      : look_at_capture(&n, path, generation, err);

    if (rc != 0) {
        input_newest_release(&n);
        return -1;
    }
    *ret = n;
    return 0;
}

void input_newest_release(struct input_newest *n)
{
    free(n->next_lsn);
    *n = (struct input_newest){0};
}
