#include "sync/sync_source_nodes.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/parse.h"
#include "capture/cluster_nodes.h"

#define REST_MS      8000u
#define REST_STEP_MS 10

struct sync_nodes {
    struct uri *uris;
    unsigned *moves; /* of the masters that the uris are of */
    bool *idle;
    struct cluster_watch *watch;
    struct live_flows *live;
    struct sync_source like; /* what is the same of all of them */
    struct sync_source *nodes;
    uint32_t *flows; /* of each node, as it said last */
    uint32_t count;
    bool owners_known;
    uint16_t owner[SLOT_COUNT];
};

static int add_node(struct sync_nodes *n, const struct uri *at, struct ft_err *err)
{
    if (uri_copy(&n->uris[n->count], at, err) != 0)
        return -1;
    n->nodes[n->count] = n->like;
    n->nodes[n->count].uri = &n->uris[n->count];
    n->count++;
    return 0;
}

int sync_source_nodes_open(struct sync_source *s, const struct uri *nodes, uint32_t count,
                           struct cluster_watch *watch, struct live_flows *live, struct ft_err *err)
{
    struct sync_nodes *n = calloc(1, sizeof(*n));
    uint32_t room = watch == NULL ? count : CAPTURE_SET_NODES_MAX;

    if (n == NULL)
        return err_nomem(err, "the nodes of a source");
    s->several = n;
    n->watch = watch;
    n->live = live;
    n->uris = calloc(room, sizeof(*n->uris));
    n->moves = calloc(room, sizeof(*n->moves));
    n->idle = calloc(room, sizeof(*n->idle));
    n->nodes = calloc(room, sizeof(*n->nodes));
    n->flows = calloc(room, sizeof(*n->flows));
    if (n->uris == NULL || n->moves == NULL || n->idle == NULL || n->nodes == NULL ||
        n->flows == NULL)
        return err_nomem(err, "the nodes of a source");
    n->like = (struct sync_source){.give_up_ms = s->give_up_ms,
                                   .cancel_fd = s->cancel_fd,
                                   .redis = s->redis,
                                   .blind_pause_ms = s->blind_pause_ms};
    for (uint32_t i = 0; i < count; i++) {
        if (add_node(n, &nodes[i], err) != 0)
            return -1;
    }
    return 0;
}

static int take_joined(struct sync_nodes *n, struct ft_err *err)
{
    while (n->count < cluster_watch_count(n->watch)) {
        struct uri at;
        int rc = cluster_watch_place(n->watch, n->count, &at, err);

        if (rc == 0) {
            rc = add_node(n, &at, err);
            uri_release(&at);
        }
        if (rc != 0)
            return -1;
        n->owners_known = false;
    }
    return 0;
}

/* Is it in the generation that is followed? */
static bool has_flows(const struct sync_nodes *n, uint32_t node)
{
    return n->watch == NULL || cluster_watch_is_part(n->watch, node);
}

/* To where the masters are now. */
static int follow_masters(struct sync_nodes *n, struct ft_err *err)
{
    if (n->watch != NULL && take_joined(n, err) != 0)
        return -1;
    for (uint32_t i = 0; n->watch != NULL && i < n->count; i++) {
        struct uri now = {0};
        unsigned moves;
        int rc = cluster_watch_locate(n->watch, i, &now, &moves, err);

        if (rc < 0)
            return -1;
        n->idle[i] = rc > 0;
        if (rc > 0)
            continue;
        if (moves == n->moves[i]) {
            uri_release(&now);
            continue;
        }
        sync_source_close(&n->nodes[i]);
        uri_release(&n->uris[i]);
        n->uris[i] = now;
        n->moves[i] = moves;
        n->owners_known = false;
    }
    return 0;
}

int sync_source_nodes_rest(struct sync_source *s, uint64_t *ret, struct ft_err *err)
{
    struct sync_nodes *n = s->several;
    uint64_t until_ms = clock_mono_ms() + REST_MS;
    struct pollfd cancel = {s->cancel_fd, POLLIN, 0};
    uint64_t after;

    *ret = 0;
    if (n == NULL || n->watch == NULL)
        return 0;
    after = cluster_watch_last(n->watch);
    while ((*ret = cluster_watch_calm(n->watch).calm) <= after) {
        if (clock_mono_ms() >= until_ms)
            return err_set(err, FT_ERR_STATE,
                           "slots of the source are on their way between its nodes, or one of them "
                           "does not answer: cut over when they have come to rest");
        if (poll(&cancel, 1, REST_STEP_MS) > 0)
            return err_set(err, FT_ERR_CANCELLED, "cancelled");
    }
    return 0;
}

bool sync_source_nodes_rested(const struct sync_source *s, uint64_t since)
{
    const struct sync_nodes *n = s->several;

    return n == NULL || n->watch == NULL || cluster_watch_calm(n->watch).restless < since;
}

void sync_source_nodes_free(struct sync_source *s)
{
    struct sync_nodes *n = s->several;

    if (n == NULL)
        return;
    sync_source_nodes_close(s);
    for (uint32_t i = 0; i < n->count; i++)
        uri_release(&n->uris[i]);
    free(n->uris);
    free(n->moves);
    free(n->idle);
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

    if (follow_masters(n, err) != 0)
        return -1;
    for (uint32_t i = 0; i < n->count; i++) {
        struct live_point point = {0};

        n->flows[i] = 0;
        if (!has_flows(n, i))
            continue;
        if (n->idle[i] && done < flow_count) { /* has sent all that it ever will */
            (void)live_flows_point(n->live, LIVE_RECEIVED, done, &point);
            ret_lsn[done++] = point.next_lsn;
            n->flows[i] = 1;
            continue;
        }
        if (sync_source_ask_offsets(&n->nodes[i], ret_lsn + done, flow_count - done, &n->flows[i],
                                    err) != 0)
            return -1;
        done += n->flows[i];
    }
    if (done == flow_count)
        return 0;
    return err_set(err, FT_ERR_PROTOCOL,
                   "the nodes of the source have %" PRIu32 " flow%s together, not %" PRIu32, done,
                   plural(done), flow_count);
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

    if (follow_masters(n, err) != 0)
        return -1;
    if (find_owner(s, key, &owner, err) != 0)
        return -1;
    for (uint32_t i = 0; i < n->count; i++) {
        struct live_point point = {0};

        if (n->flows[i] > flow_count - done || (i == owner && n->flows[i] == 0))
            return err_set(err, FT_ERR_PROTOCOL, "the nodes of the source have other flows by now");
        if (n->flows[i] == 0)
            continue;
        if (n->idle[i]) {
            (void)live_flows_point(n->live, LIVE_RECEIVED, done, &point);
            ret_lsn[done++] = point.next_lsn;
            continue;
        }
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

    if (follow_masters(s->several, err) != 0)
        return -1;
    for (uint32_t i = 0; i < s->several->count; i++) {
        uint64_t calls;

        if (s->several->idle[i]) /* who is asked again when a node has gone finds another sum */
            continue;
        if (sync_source_pops(&s->several->nodes[i], &calls, err) != 0)
            return -1;
        sum += calls;
    }
    *ret_calls = sum;
    return 0;
}

int sync_source_nodes_pause(struct sync_source *s, uint64_t ms, struct ft_err *err)
{
    if (follow_masters(s->several, err) != 0)
        return -1;
    for (uint32_t i = 0; i < s->several->count; i++) {
        struct ft_err ignored = FT_ERR_INIT;

        if (s->several->idle[i] || sync_source_pause(&s->several->nodes[i], ms, err) == 0)
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

        if (s->several->idle[i] || sync_source_unpause(&s->several->nodes[i], &own) == 0)
            continue;
        if (rc == 0)
            *err = own;
        rc = -1;
    }
    return rc;
}

struct sync_source *sync_source_nodes_part(struct sync_source *s, uint32_t flow)
{
    uint32_t node = 0;

    if (s->several == NULL)
        return flow == 0 ? s : NULL;
    while (node < s->several->count && (!has_flows(s->several, node) || flow-- > 0))
        node++;
    return node < s->several->count ? &s->several->nodes[node] : NULL;
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
