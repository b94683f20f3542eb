#include "wire/slot_map.h"

#include <stdio.h>
#include <stdlib.h>

#include "wire/reach.h"

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

bool slot_map_is_host(struct bytes host)
{
    if (host.n == 0 || host.n >= URI_HOST_SIZE)
        return false;
    for (size_t i = 0; i < host.n; i++) {
        const uint8_t c = host.p[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            (c == '\0' || strchr(".-_:%", c) == NULL))
            return false;
    }
    return host.p[0] != '-';
}

static int check_address(struct bytes host, long long port, struct ft_err *err)
{
    char shown[64];

    if (!slot_map_is_host(host)) {
        return err_set(err, FT_ERR_PROTOCOL, "the slot map names \"%s\", which is not a host",
                       bytes_escape(host, shown, sizeof(shown)));
    }
    if (port < 1 || port > UINT16_MAX) {
        return err_set(err, FT_ERR_PROTOCOL, "the slot map gives port %lld for \"%s\"", port,
                       bytes_escape(host, shown, sizeof(shown)));
    }
    return 0;
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

    if (node->type != REDIS_REPLY_ARRAY || node->elements < 2 ||
        node->element[1]->type != REDIS_REPLY_INTEGER)
        return err_set(err, FT_ERR_PROTOCOL, "a node in the slot map has no host and port");
    host = reply_text(node->element[0]);
    if (is_unknown(host))
        host = find_more(node, "ip");
    if (is_unknown(host))
        host = bytes_str(asked_host);
    if (check_address(host, node->element[1]->integer, err) != 0)
        return -1;
    memset(ret, 0, sizeof(*ret));
    memcpy(ret->host, host.p, host.n);
    ret->port = (uint16_t)node->element[1]->integer;
    host = find_more(node, "hostname");
    if (slot_map_is_host(host))
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

static struct slot_map *map_new(struct ft_err *err)
{
    struct slot_map *m = calloc(1, sizeof(*m));

    if (m == NULL) {
        (void)err_nomem(err, "a slot map");
        return NULL;
    }
    memset(m->owner, 0xff, sizeof(m->owner));
    m->state_ok = true;
    m->served = SLOT_COUNT;
    return m;
}

int slot_map_parse(struct slot_map **ret, const redisReply *reply, const char *asked_host,
                   struct ft_err *err)
{
    struct slot_map *m;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements > SLOT_COUNT)
        return err_set(err, FT_ERR_PROTOCOL, "the answer to CLUSTER SLOTS is not a slot map");
    m = map_new(err);
    if (m == NULL)
        return -1;
    if (fill(m, reply, asked_host, err) != 0) {
        slot_map_free(m);
        return -1;
    }
    *ret = m;
    return 0;
}

/* copy_address - as slot_map_parse takes it. */
static int copy_address(struct slot_map_address *ret, const struct slot_map_address *from,
                        struct ft_err *err)
{
    if (check_address(bytes_str(from->host), from->port, err) != 0)
        return -1;
    *ret = *from;
    if (!slot_map_is_host(bytes_str(ret->hostname)))
        ret->hostname[0] = '\0';
    return 0;
}

static int copy_replicas(struct slot_map_node *ret, const struct slot_map_node *from,
                         struct ft_err *err)
{
    if (from->replica_count == 0)
        return 0;
    ret->replicas = calloc(from->replica_count, sizeof(*ret->replicas));
    if (ret->replicas == NULL)
        return err_nomem(err, "a slot map");
    for (; ret->replica_count < from->replica_count; ret->replica_count++) {
        size_t i = ret->replica_count;

        if (copy_address(&ret->replicas[i], &from->replicas[i], err) != 0)
            return -1;
    }
    return 0;
}

/* keep_masters - those that have slots, with copies of their replicas, in order, each address once. */
static int keep_masters(struct slot_map *m, const struct slot_map_node *masters, size_t count,
                        const bool *has_slots, struct ft_err *err)
{
    size_t kept = 0;

    m->nodes = calloc(count + 1, sizeof(*m->nodes));
    if (m->nodes == NULL)
        return err_nomem(err, "a slot map");
    for (size_t i = 0; i < count; i++) {
        struct slot_map_node *to = &m->nodes[m->node_count];

        if (!has_slots[i])
            continue;
        m->node_count++;
        if (copy_address(&to->address, &masters[i].address, err) != 0 ||
            copy_replicas(to, &masters[i], err) != 0)
            return -1;
    }
    qsort(m->nodes, m->node_count, sizeof(*m->nodes), compare_nodes);
    for (size_t i = 0; i < m->node_count; i++) {
        if (kept == 0 || compare_nodes(&m->nodes[kept - 1], &m->nodes[i]) != 0)
            m->nodes[kept++] = m->nodes[i];
        else
            free(m->nodes[i].replicas);
    }
    m->node_count = kept;
    return 0;
}

static int fill_from(struct slot_map *m, const struct slot_map_node *masters, size_t count,
                     const uint16_t *owner, struct ft_err *err)
{
    bool *has_slots = calloc(count + 1, sizeof(*has_slots));
    int rc;

    if (has_slots == NULL)
        return err_nomem(err, "a slot map");
    for (size_t slot = 0; slot < SLOT_COUNT; slot++) {
        if (owner[slot] < count)
            has_slots[owner[slot]] = true;
    }
    rc = keep_masters(m, masters, count, has_slots, err);
    free(has_slots);
    if (rc != 0)
        return -1;
    for (size_t slot = 0; slot < SLOT_COUNT; slot++) {
        const struct slot_map_address *a;

        if (owner[slot] >= count)
            continue;
        a = &masters[owner[slot]].address;
        m->owner[slot] = slot_map_find(m, a->host, a->port);
        m->covered++;
    }
    return make_ranges(m, err);
}

int slot_map_make(struct slot_map **ret, const struct slot_map_node *masters, size_t count,
                  const uint16_t owner[SLOT_COUNT], struct ft_err *err)
{
    struct slot_map *m = map_new(err);

    if (m == NULL)
        return -1;
    if (fill_from(m, masters, count, owner, err) != 0) {
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
