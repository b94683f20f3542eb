#include "wire/slot_map.h"

#include <stdio.h>
#include <stdlib.h>

#include "wire/reach.h"
#include "wire/redis_info.h"
#include "wire/reply_error.h"

static int compare_addresses(const void *a, const void *b)
{
    const struct slot_map_address *left = a;
    const struct slot_map_address *right = b;
    int c = strcmp(left->host, right->host);

    return c != 0 ? c : (left->port > right->port) - (left->port < right->port);
}

/* A node begins with its address. */
static int compare_nodes(const void *a, const void *b)
{
    return compare_addresses(&((const struct slot_map_node *)a)->address,
                             &((const struct slot_map_node *)b)->address);
}

static struct bytes reply_text(const redisReply *r)
{
    if (r->type != REDIS_REPLY_STRING && r->type != REDIS_REPLY_STATUS)
        return bytes_of(NULL, 0);
    return bytes_of(r->str, r->len);
}

static bool is_host(struct bytes host)
{
    if (host.n == 0 || host.n >= URI_HOST_SIZE)
        return false;
    for (size_t i = 0; i < host.n; i++) {
        const uint8_t c = host.p[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            strchr(".-_:%", c) == NULL)
            return false;
    }
    return host.p[0] != '-';
}

static bool is_unknown(struct bytes host)
{
    return host.n == 0 || bytes_eq_str(host, "?");
}

/* find_more - "ip" or "hostname" among the names and values that redis 7 appends to a node. */
static struct bytes find_more(const redisReply *node, const char *name)
{
    const redisReply *more = node->elements > 3 ? node->element[3] : NULL;

    if (more == NULL || more->type != REDIS_REPLY_ARRAY)
        return bytes_of(NULL, 0);
    for (size_t i = 0; i + 1 < more->elements; i += 2) {
        if (bytes_eq_str(reply_text(more->element[i]), name))
            return reply_text(more->element[i + 1]);
    }
    return bytes_of(NULL, 0);
}

static int parse_address(const redisReply *node, const char *asked_host,
                         struct slot_map_address *ret, struct ft_err *err)
{
    struct bytes host;
    struct bytes id = {0};
    char shown[64];

    if (node->type != REDIS_REPLY_ARRAY || node->elements < 2 ||
        node->element[1]->type != REDIS_REPLY_INTEGER)
        return err_set(err, FT_ERR_PROTOCOL, "a node in the slot map has no host and port");
    host = reply_text(node->element[0]);
    if (is_unknown(host))
        host = find_more(node, "ip");
    if (is_unknown(host))
        host = bytes_str(asked_host);
    if (!is_host(host)) {
        return err_set(err, FT_ERR_PROTOCOL, "the slot map names \"%s\", which is not a host",
                       bytes_escape(host, shown, sizeof(shown)));
    }
    if (node->element[1]->integer < 1 || node->element[1]->integer > UINT16_MAX) {
        return err_set(err, FT_ERR_PROTOCOL, "the slot map gives port %lld for \"%s\"",
                       node->element[1]->integer, bytes_escape(host, shown, sizeof(shown)));
    }
    memset(ret, 0, sizeof(*ret));
    memcpy(ret->host, host.p, host.n);
    ret->port = (uint16_t)node->element[1]->integer;
    host = find_more(node, "hostname");
    if (is_host(host))
        memcpy(ret->hostname, host.p, host.n);
    if (node->elements > 2)
        id = reply_text(node->element[2]);
    if (id.n == SLOT_MAP_ID_SIZE - 1 && memchr(id.p, '\0', id.n) == NULL)
        memcpy(ret->id, id.p, id.n);
    return 0;
}

/* collect_nodes - the masters of all rows, in order, each once. */
static int collect_nodes(struct slot_map *m, const redisReply *rows, const char *asked_host,
                         struct ft_err *err)
{
    size_t kept = 0;

    m->nodes = calloc(rows->elements + 1, sizeof(*m->nodes));
    if (m->nodes == NULL)
        return err_nomem(err, "a slot map");
    for (size_t i = 0; i < rows->elements; i++) {
        const redisReply *row = rows->element[i];

        if (row->type != REDIS_REPLY_ARRAY || row->elements < 3)
            return err_set(err, FT_ERR_PROTOCOL, "the slot map has a row without a master");
        if (parse_address(row->element[2], asked_host, &m->nodes[i].address, err) != 0)
            return -1;
    }
    qsort(m->nodes, rows->elements, sizeof(*m->nodes), compare_nodes);
    for (size_t i = 0; i < rows->elements; i++) {
        if (kept == 0 || compare_nodes(&m->nodes[kept - 1], &m->nodes[i]) != 0)
            m->nodes[kept++] = m->nodes[i];
    }
    m->node_count = kept;
    return 0;
}

static int take_slots(struct slot_map *m, uint16_t node, const redisReply *first,
                      const redisReply *last, struct ft_err *err)
{
    if (first->type != REDIS_REPLY_INTEGER || last->type != REDIS_REPLY_INTEGER ||
        first->integer < 0 || first->integer > last->integer || last->integer >= SLOT_COUNT)
        return err_set(err, FT_ERR_PROTOCOL, "the slot map has a row without a range of slots");
    for (long long slot = first->integer; slot <= last->integer; slot++) {
        if (m->owner[slot] != SLOT_MAP_NONE) {
            return err_set(err, FT_ERR_PROTOCOL, "the slot map gives slot %lld to two masters",
                           slot);
        }
        m->owner[slot] = node;
        m->covered++;
    }
    return 0;
}

/* take_replicas - all rows of a master have the same ones. */
static int take_replicas(struct slot_map_node *node, const redisReply *row, const char *asked_host,
                         struct ft_err *err)
{
    struct slot_map_address *replicas;

    if (node->replicas != NULL || row->elements == 3)
        return 0;
    replicas = calloc(row->elements - 3, sizeof(*replicas));
    if (replicas == NULL)
        return err_nomem(err, "a slot map");
    node->replicas = replicas;
    for (size_t i = 3; i < row->elements; i++) {
        if (parse_address(row->element[i], asked_host, &replicas[node->replica_count], err) != 0)
            return -1;
        node->replica_count++;
    }
    return 0;
}

static int take_row(struct slot_map *m, const redisReply *row, const char *asked_host,
                    struct ft_err *err)
{
    struct slot_map_address address;
    uint16_t node;

    if (parse_address(row->element[2], asked_host, &address, err) != 0)
        return -1;
    node = slot_map_find(m, address.host, address.port);
    if (take_slots(m, node, row->element[0], row->element[1], err) != 0)
        return -1;
    return take_replicas(&m->nodes[node], row, asked_host, err);
}

static bool begins_range(const struct slot_map *m, size_t slot)
{
    return m->owner[slot] != SLOT_MAP_NONE && (slot == 0 || m->owner[slot - 1] != m->owner[slot]);
}

/* make_ranges - of the owners; neighbouring rows of a master become one. */
static int make_ranges(struct slot_map *m, struct ft_err *err)
{
    for (size_t slot = 0; slot < SLOT_COUNT; slot++) {
        if (begins_range(m, slot))
            m->nodes[m->owner[slot]].range_count++;
    }
    for (size_t i = 0; i < m->node_count; i++) {
        m->nodes[i].ranges = calloc(m->nodes[i].range_count, sizeof(struct slot_range));
        if (m->nodes[i].ranges == NULL)
            return err_nomem(err, "a slot map");
        m->nodes[i].range_count = 0;
    }
    for (size_t slot = 0; slot < SLOT_COUNT; slot++) {
        struct slot_map_node *node;

        if (m->owner[slot] == SLOT_MAP_NONE)
            continue;
        node = &m->nodes[m->owner[slot]];
        if (begins_range(m, slot))
            node->ranges[node->range_count++].first = (uint16_t)slot;
        node->ranges[node->range_count - 1].last = (uint16_t)slot;
        node->slot_count++;
    }
    return 0;
}

static int fill(struct slot_map *m, const redisReply *rows, const char *asked_host,
                struct ft_err *err)
{
    if (collect_nodes(m, rows, asked_host, err) != 0)
        return -1;
    for (size_t i = 0; i < rows->elements; i++) {
        if (take_row(m, rows->element[i], asked_host, err) != 0)
            return -1;
    }
    return make_ranges(m, err);
}

int slot_map_parse(struct slot_map **ret, const redisReply *reply, const char *asked_host,
                   struct ft_err *err)
{
    struct slot_map *m;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements > SLOT_COUNT)
        return err_set(err, FT_ERR_PROTOCOL, "the answer to CLUSTER SLOTS is not a slot map");
    m = calloc(1, sizeof(*m));
    if (m == NULL)
        return err_nomem(err, "a slot map");
    memset(m->owner, 0xff, sizeof(m->owner));
    m->state_ok = true;
    m->served = SLOT_COUNT;
    if (fill(m, reply, asked_host, err) != 0) {
        slot_map_free(m);
        return -1;
    }
    *ret = m;
    return 0;
}

void slot_map_free(struct slot_map *m)
{
    if (m == NULL)
        return;
    for (size_t i = 0; m->nodes != NULL && i < m->node_count; i++) {
        free(m->nodes[i].ranges);
        free(m->nodes[i].replicas);
    }
    free(m->nodes);
    free(m);
}

/* A server that is loading, say, will answer later: worth another try, as with a lost connection. */
static int refused(const redisReply *reply, const char *command, struct ft_err *err)
{
    bool passing = reply_text_is_passing(bytes_of(reply->str, reply->len));

    return err_set(err, passing ? FT_ERR_NET : FT_ERR_PROTOCOL, "%s was answered: %s", command,
                   reply->str);
}

/* What CLUSTER INFO says; of a user who may not ask for it, nothing. */
struct cluster_info {
    bool known;
    bool ok;
    unsigned served;
    uint64_t epoch;
};

static void take_info(const redisReply *reply, struct cluster_info *ret)
{
    const char *state = redis_info_value(reply->str, "cluster_state");

    ret->known = true;
    ret->ok = state != NULL && strncmp(state, "ok", 2) == 0;
    ret->served = (unsigned)redis_info_number(reply->str, "cluster_slots_ok");
    ret->epoch = redis_info_number(reply->str, "cluster_current_epoch");
}

static bool is_passing(const redisReply *reply)
{
    return reply_text_is_passing(bytes_of(reply->str, reply->len));
}

/* Refused in whatever words: not a cluster, or not allowed. */
static int fetch_info(struct redis_pipe *p, struct cluster_info *ret, struct ft_err *err)
{
    redisReply *reply;
    int rc = 0;

    *ret = (struct cluster_info){.ok = true, .served = SLOT_COUNT};
    if (redis_pipe_call_text(p, &reply, "CLUSTER INFO", err) != 0)
        return -1;
    if (reply->type == REDIS_REPLY_STRING)
        take_info(reply, ret);
    else if (reply->type != REDIS_REPLY_ERROR)
        rc = err_set(err, FT_ERR_PROTOCOL, "the answer to CLUSTER INFO is not text");
    else if (is_passing(reply))
        rc = refused(reply, "CLUSTER INFO", err);
    freeReplyObject(reply);
    return rc;
}

/* *ret NULL: it was refused, and nothing says that there is a cluster. */
static int fetch_slots(struct slot_map **ret, struct redis_pipe *p, const char *asked_host,
                       bool is_cluster, struct ft_err *err)
{
    redisReply *reply;
    int rc = 0;

    *ret = NULL;
    if (redis_pipe_call_text(p, &reply, "CLUSTER SLOTS", err) != 0)
        return -1;
    if (reply->type != REDIS_REPLY_ERROR)
        rc = slot_map_parse(ret, reply, asked_host, err);
    else if (is_cluster || is_passing(reply))
        rc = refused(reply, "CLUSTER SLOTS", err);
    freeReplyObject(reply);
    if (rc == 0 && *ret != NULL && !is_cluster && (*ret)->covered == 0) {
        slot_map_free(*ret);
        *ret = NULL;
    }
    return rc;
}

int slot_map_fetch(struct slot_map **ret, struct redis_pipe *p, const struct uri *asked,
                   bool is_cluster, struct ft_err *err)
{
    /* A unix socket belongs to this machine. */
    const char *asked_host = asked->scheme == URI_UNIX ? "127.0.0.1" : asked->host;
    struct cluster_info info;
    struct slot_map *m;

    if (fetch_info(p, &info, err) != 0 ||
        fetch_slots(&m, p, asked_host, is_cluster || info.known, err) != 0)
        return -1;
    if (m != NULL) {
        m->state_ok = info.ok;
        m->served = info.served < SLOT_COUNT ? info.served : SLOT_COUNT;
        m->epoch = info.epoch;
    }
    *ret = m;
    return 0;
}

/* The search of slot_map_refetch. */
struct search {
    const struct uri *first;
    int cancel_fd;
    uint64_t timeout_ms;
    struct slot_map *best;
};

static bool is_whole(const struct slot_map *m)
{
    return m->state_ok && m->covered == SLOT_COUNT;
}

/* ask - keeps the better map; an error is that of this node alone. */
static int ask(struct search *s, const struct uri *u, struct ft_err *err)
{
    struct redis_pipe *p;
    struct slot_map *m;
    int rc;

    if (redis_pipe_open_within(&p, u, s->cancel_fd, s->timeout_ms, NULL, NULL, err) != 0)
        return -1;
    rc = slot_map_fetch(&m, p, u, true, err);
    redis_pipe_free(p);
    if (rc != 0)
        return -1;
    if (m == NULL)
        return err_set(err, FT_ERR_PROTOCOL, "\"%s\" is no longer part of a cluster", u->host);
    if (s->best == NULL || is_whole(m) || (!is_whole(s->best) && m->epoch > s->best->epoch)) {
        slot_map_free(s->best);
        s->best = m;
    } else {
        slot_map_free(m);
    }
    return 0;
}

static int ask_address(struct search *s, const struct slot_map_address *a, struct ft_err *err)
{
    struct uri u;
    int rc;

    if (slot_map_node_uri(a, s->first, &u, err) != 0)
        return -1;
    rc = ask(s, &u, err);
    uri_release(&u);
    return rc;
}

/* is_over - a whole map was found, or there is no sense in going on. */
static bool is_over(const struct search *s, const struct ft_err *err)
{
    return (s->best != NULL && is_whole(s->best)) || err->kind == FT_ERR_CANCELLED ||
           err->kind == FT_ERR_NOMEM;
}

static void ask_all(struct search *s, const struct slot_map *old, struct ft_err *err)
{
    ask(s, s->first, err);
    for (size_t i = 0; i < old->node_count && !is_over(s, err); i++) {
        err_clear(err);
        ask_address(s, &old->nodes[i].address, err);
    }
    for (size_t i = 0; i < old->node_count; i++) {
        for (size_t j = 0; j < old->nodes[i].replica_count && !is_over(s, err); j++) {
            err_clear(err);
            ask_address(s, &old->nodes[i].replicas[j], err);
        }
    }
}

int slot_map_refetch(struct slot_map **ret, const struct slot_map *old, const struct uri *first,
                     int cancel_fd, uint64_t timeout_ms, struct ft_err *err)
{
    struct search s = {.first = first, .cancel_fd = cancel_fd, .timeout_ms = timeout_ms};
    struct ft_err failed = FT_ERR_INIT;

    ask_all(&s, old, &failed);
    if (s.best == NULL || failed.kind == FT_ERR_CANCELLED) {
        slot_map_free(s.best);
        *err = failed;
        return -1;
    }
    *ret = s.best;
    return 0;
}

uint16_t slot_map_find(const struct slot_map *m, const char *host, uint16_t port)
{
    struct slot_map_node wanted = {.address.port = port};
    const struct slot_map_node *found;

    if (m->node_count == 0 || strlen(host) >= sizeof(wanted.address.host))
        return SLOT_MAP_NONE;
    memcpy(wanted.address.host, host, strlen(host) + 1);
    found = bsearch(&wanted, m->nodes, m->node_count, sizeof(wanted), compare_nodes);
    return found == NULL ? SLOT_MAP_NONE : (uint16_t)(found - m->nodes);
}

static const struct slot_map_address *address_of(const struct slot_map *m, size_t slot)
{
    return m->owner[slot] == SLOT_MAP_NONE ? NULL : &m->nodes[m->owner[slot]].address;
}

bool slot_map_same(const struct slot_map *a, const struct slot_map *b)
{
    for (size_t slot = 0; slot < SLOT_COUNT; slot++) {
        const struct slot_map_address *left = address_of(a, slot);
        const struct slot_map_address *right = address_of(b, slot);

        if (left == NULL || right == NULL) {
            if (left != right)
                return false;
        } else if (compare_addresses(left, right) != 0) {
            return false;
        }
    }
    return true;
}

int slot_map_check_covered(const struct slot_map *m, struct ft_err *err)
{
    size_t first = 0;
    size_t last;

    if (m->covered == SLOT_COUNT)
        return 0;
    while (m->owner[first] != SLOT_MAP_NONE)
        first++;
    for (last = first; last + 1 < SLOT_COUNT && m->owner[last + 1] == SLOT_MAP_NONE;)
        last++;
    return err_set(err, FT_ERR_PROTOCOL,
                   "the cluster has no master for %u of %d slots, such as %zu-%zu",
                   SLOT_COUNT - m->covered, SLOT_COUNT, first, last);
}

int slot_map_node_uri(const struct slot_map_address *a, const struct uri *like, struct uri *ret,
                      struct ft_err *err)
{
    struct uri u = {.scheme = URI_REDIS, .port = a->port};

    memcpy(u.host,
           reach_prefers_hostname(like->reach) && a->hostname[0] != '\0' ? a->hostname : a->host,
           sizeof(u.host));
    if (uri_copy_access(&u, like, err) != 0) {
        uri_release(&u);
        return -1;
    }
    *ret = u;
    return 0;
}

/*
 * A key that is to be on a given node needs a hash tag of one of its slots. There is no inverse of CRC-16
 * to speak of for text, but every slot has a number below 109,758, so trying numbers ends.
 */
char *slot_map_slot_tag(uint16_t slot, char out[SLOT_MAP_TAG_SIZE])
{
    int64_t number = 0;
    size_t n;

    do
        n = i64_to_text(number++, out);
    while (slot_of(bytes_of(out, n)) != slot % SLOT_COUNT);
    out[n] = '\0';
    return out;
}
