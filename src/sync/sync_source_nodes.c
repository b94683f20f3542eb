#include "sync/sync_source_nodes.h"

#include <inttypes.h>
#include <stdlib.h>

#include "capture/cluster_nodes.h"

struct sync_nodes {
    const struct uri *uris;
    struct sync_source *nodes;
    uint32_t *flows; /* of each node, as it said last */
    uint32_t count;
    bool owners_known;
    uint16_t owner[SLOT_COUNT];
};

int sync_source_nodes_open(struct sync_source *s, const struct uri *nodes, uint32_t count,
                           struct ft_err *err)
{
    struct sync_nodes *n = calloc(1, sizeof(*n));

    if (n == NULL)
        return err_nomem(err, "the nodes of a source");
    s->several = n;
    n->uris = nodes;
    n->nodes = calloc(count, sizeof(*n->nodes));
    n->flows = calloc(count, sizeof(*n->flows));
    if (n->nodes == NULL || n->flows == NULL)
        return err_nomem(err, "the nodes of a source");
    n->count = count;
    for (uint32_t i = 0; i < count; i++)
        n->nodes[i] = (struct sync_source){.uri = &nodes[i],
                                           .cancel_fd = s->cancel_fd,
                                           .redis = s->redis,
                                           .blind_pause_ms = s->blind_pause_ms};
    return 0;
}

void sync_source_nodes_free(struct sync_source *s)
{
    struct sync_nodes *n = s->several;

    if (n == NULL)
        return;
    sync_source_nodes_close(s);
    free(n->nodes);
    free(n->flows);
    free(n);
    s->several = NULL;
}

void sync_source_nodes_close(struct sync_source *s)
{
    for (uint32_t i = 0; i < s->several->count; i++)
        sync_source_close(&s->several->nodes[i]);
}

int sync_source_nodes_offsets(struct sync_source *s, uint64_t *ret_lsn, uint32_t flow_count,
                              struct ft_err *err)
{
    struct sync_nodes *n = s->several;
    uint32_t done = 0;

    for (uint32_t i = 0; i < n->count; i++) {
        if (sync_source_ask_offsets(&n->nodes[i], ret_lsn + done, flow_count - done, &n->flows[i],
                                    err) != 0)
            return -1;
        done += n->flows[i];
    }
    if (done == flow_count)
        return 0;
    return err_set(err, FT_ERR_PROTOCOL,
                   "the nodes of the source have %" PRIu32 " flows together, not %" PRIu32, done,
                   flow_count);
}

/* As a node told it once; who asks a wrong one is told so, and the key is not read. */
static int find_owner(struct sync_source *s, struct bytes key, uint32_t *ret, struct ft_err *err)
{
    struct sync_nodes *n = s->several;
    uint16_t owner;

    if (!n->owners_known &&
        cluster_nodes_owners(n->uris, n->count, s->cancel_fd, n->owner, err) != 0)
        return -1;
    n->owners_known = true;
    owner = n->owner[slot_of(key)];
    *ret = owner == SLOT_OWNER_NONE ? 0 : owner;
    return 0;
}

int sync_source_nodes_read(struct sync_source *s, uint32_t db, struct bytes key,
                           struct sync_value *ret, uint64_t *ret_lsn, uint32_t flow_count,
                           struct ft_err *err)
{
    struct sync_nodes *n = s->several;
    uint32_t owner;
    uint32_t done = 0;

    if (find_owner(s, key, &owner, err) != 0)
        return -1;
    for (uint32_t i = 0; i < n->count; i++) {
        if (n->flows[i] > flow_count - done)
            return err_set(err, FT_ERR_PROTOCOL, "the nodes of the source have other flows by now");
        if ((i == owner
                 ? sync_source_read(&n->nodes[i], db, key, ret, ret_lsn + done, n->flows[i], err)
                 : sync_source_offsets(&n->nodes[i], ret_lsn + done, n->flows[i], err)) != 0)
            return -1;
        done += n->flows[i];
    }
    /* it may have moved */
    n->owners_known = n->owners_known && !ret->refused;
    return 0;
}

int sync_source_nodes_pops(struct sync_source *s, uint64_t *ret_calls, struct ft_err *err)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < s->several->count; i++) {
        uint64_t calls;

        if (sync_source_pops(&s->several->nodes[i], &calls, err) != 0)
            return -1;
        sum += calls;
    }
    *ret_calls = sum;
    return 0;
}

int sync_source_nodes_pause(struct sync_source *s, uint64_t ms, struct ft_err *err)
{
    for (uint32_t i = 0; i < s->several->count; i++) {
        struct ft_err ignored = FT_ERR_INIT;

        if (sync_source_pause(&s->several->nodes[i], ms, err) == 0)
            continue;
        while (i-- > 0)
            (void)sync_source_unpause(&s->several->nodes[i], &ignored); /* ends by itself else */
        return -1;
    }
    return 0;
}

int sync_source_nodes_unpause(struct sync_source *s, struct ft_err *err)
{
    int rc = 0;

    for (uint32_t i = 0; i < s->several->count; i++) {
        struct ft_err own = FT_ERR_INIT;

        if (sync_source_unpause(&s->several->nodes[i], &own) == 0)
            continue;
        if (rc == 0)
            *err = own;
        rc = -1;
    }
    return rc;
}

uint64_t sync_source_nodes_blind_ms(struct sync_source *s)
{
    uint64_t most = 0;

    for (uint32_t i = 0; i < s->several->count; i++) {
        uint64_t ms = sync_source_blind_ms(&s->several->nodes[i]);

        most = ms > most ? ms : most;
    }
    return most;
}
