#include "wire/cluster_view.h"

#include <stdlib.h>

#include "base/array.h"

/* The fields in front of the slots. */
#define FIELDS 8

static struct bytes next_word(struct bytes *line)
{
    struct bytes word = {.p = line->p};

    while (word.n < line->n && line->p[word.n] != ' ')
        word.n++;
    line->p += word.n;
    line->n -= word.n;
    while (line->n > 0 && line->p[0] == ' ') {
        line->p++;
        line->n--;
    }
    return word;
}

static bool has_flag(struct bytes flags, const char *flag)
{
    size_t n = strlen(flag);

    for (size_t at = 0; at < flags.n;) {
        size_t end = at;

        while (end < flags.n && flags.p[end] != ',')
            end++;
        if (end - at == n && memcmp(flags.p + at, flag, n) == 0)
            return true;
        at = end + 1;
    }
    return false;
}

static void take_id(struct bytes word, char ret[SLOT_MAP_ID_SIZE])
{
    if (word.n == SLOT_MAP_ID_SIZE - 1 && memchr(word.p, '\0', word.n) == NULL)
        memcpy(ret, word.p, word.n);
}

/* "10.0.0.1:6379@16379,hostname,more": a node that has not met anybody yet does not know its host. */
static int take_address(struct bytes word, const char *asked_host, struct slot_map_address *ret,
                        struct ft_err *err)
{
    const uint8_t *comma = memchr(word.p, ',', word.n);
    struct bytes name = {0};
    size_t n = comma == NULL ? word.n : (size_t)(comma - word.p);
    const uint8_t *at = memchr(word.p, '@', n);
    char shown[64];
    size_t host;
    uint64_t port;

    n = at == NULL ? n : (size_t)(at - word.p);
    for (host = n; host > 0 && word.p[host - 1] != ':';)
        host--;
    if (host == 0 || !bytes_to_u64(bytes_of(word.p + host, n - host), &port) || port > UINT16_MAX)
        return 0;
    ret->port = (uint16_t)port;
    host--;
    if (host == 0 || word.p[0] == '?')
        memcpy(ret->host, asked_host, strnlen(asked_host, sizeof(ret->host) - 1));
    else if (slot_map_is_host(bytes_of(word.p, host)))
        memcpy(ret->host, word.p, host);
    else
        return err_set(err, FT_ERR_PROTOCOL,
                       "the answer to CLUSTER NODES names \"%s\", which is not a host",
                       bytes_escape(bytes_of(word.p, host), shown, sizeof(shown)));
    if (comma != NULL) {
        name = bytes_of(comma + 1, word.n - (size_t)(comma + 1 - word.p));
        comma = memchr(name.p, ',', name.n);
        name.n = comma == NULL ? name.n : (size_t)(comma - name.p);
    }
    if (slot_map_is_host(name)) /* else it is "name=value", or nothing */
        memcpy(ret->hostname, name.p, name.n);
    return 0;
}

static void set_slot(uint8_t *bits, uint64_t slot)
{
    bits[slot / 8] |= (uint8_t)(1u << (slot % 8));
}

/* "5461", "0-5460", or of the node itself "[5461->-id]" and "[5461-<-id]". */
static int take_slots(struct cluster_view *v, size_t member, bool self, struct bytes word,
                      struct ft_err *err)
{
    struct cluster_member *m = &v->members[member];
    bool moves = word.n > 0 && word.p[0] == '[';
    uint64_t first;
    uint64_t last;
    size_t n = 0;

    if (moves)
        word = bytes_of(word.p + 1, word.n - 1);
    while (n < word.n && word.p[n] != '-')
        n++;
    if (!bytes_to_u64(bytes_of(word.p, n), &first))
        first = SLOT_COUNT;
    last = first;
    if (!moves && n < word.n && !bytes_to_u64(bytes_of(word.p + n + 1, word.n - n - 1), &last))
        last = SLOT_COUNT;
    if (first > last || last >= SLOT_COUNT)
        return err_set(err, FT_ERR_PROTOCOL, "the answer to CLUSTER NODES has a slot out of range");
    for (uint64_t slot = first; slot <= last; slot++) {
        if (self)
            set_slot(moves ? v->moving : v->owned, slot);
        if (moves)
            continue;
        m->slot_count++;
        if (v->owner[slot] != SLOT_MAP_NONE)
            return err_set(err, FT_ERR_PROTOCOL,
                           "the answer to CLUSTER NODES gives slot %u to two nodes",
                           (unsigned)slot);
        v->owner[slot] = (uint16_t)member;
    }
    return 0;
}

static int take_line(struct cluster_view *v, struct bytes line, const char *asked_host,
                     bool *found_self, struct ft_err *err)
{
    struct bytes word[FIELDS];
    struct cluster_member *m;
    bool self;

    for (size_t i = 0; i < FIELDS; i++) {
        word[i] = next_word(&line);
        if (word[i].n == 0)
            return err_set(err, FT_ERR_PROTOCOL, "the answer to CLUSTER NODES has a short line");
    }
    if (v->count >= SLOT_MAP_NONE)
        return err_set(err, FT_ERR_PROTOCOL, "the answer to CLUSTER NODES has too many lines");
    if (ARRAY_ADD_ROOM(&v->members, v->count, "the nodes of a cluster", err) != 0)
        return -1;
    m = &v->members[v->count];
    *m = (struct cluster_member){.is_master = has_flag(word[2], "master"),
                                 .failed = has_flag(word[2], "fail") ||
                                           has_flag(word[2], "handshake") ||
                                           has_flag(word[2], "noaddr")};
    self = has_flag(word[2], "myself");
    take_id(word[0], m->address.id);
    if (take_address(word[1], asked_host, &m->address, err) != 0)
        return -1;
    take_id(word[3], m->master_id);
    if (!bytes_to_u64(word[6], &m->epoch))
        return err_set(err, FT_ERR_PROTOCOL, "the answer to CLUSTER NODES has no epoch");
    if (self)
        v->self = v->count;
    *found_self = *found_self || self;
    v->count++;
    while (line.n > 0) {
        if (take_slots(v, v->count - 1, self, next_word(&line), err) != 0)
            return -1;
    }
    return 0;
}

int cluster_view_parse(struct cluster_view **ret, const char *text, const char *asked_host,
                       struct ft_err *err)
{
    struct cluster_view *v = calloc(1, sizeof(*v));
    bool found_self = false;
    int rc = v == NULL ? err_nomem(err, "the nodes of a cluster") : 0;

    if (v != NULL)
        memset(v->owner, 0xff, sizeof(v->owner));
    while (rc == 0 && *text != '\0') {
        size_t n = strcspn(text, "\r\n");

        if (n > 0)
            rc = take_line(v, bytes_of(text, n), asked_host, &found_self, err);
        text += n + strspn(text + n, "\r\n");
    }
    if (rc == 0 && !found_self)
        rc = err_set(err, FT_ERR_PROTOCOL,
                     "the answer to CLUSTER NODES has no line for the node itself");
    if (rc != 0) {
        cluster_view_free(v);
        return -1;
    }
    *ret = v;
    return 0;
}

/* Of names and values. */
static const char *find_value(const redisReply *list, const char *name)
{
    for (size_t i = 0; i + 1 < list->elements; i += 2) {
        const redisReply *key = list->element[i];
        const redisReply *value = list->element[i + 1];

        if ((key->type == REDIS_REPLY_STRING || key->type == REDIS_REPLY_STATUS) &&
            value->type == REDIS_REPLY_STRING && strcmp(key->str, name) == 0)
            return value->str;
    }
    return NULL;
}

/* "0-100 200", or with commas. */
static void mark_moving(struct cluster_view *v, const char *text)
{
    while (*text != '\0') {
        char *end;
        unsigned long first = strtoul(text, &end, 10);
        unsigned long last = first;

        if (end == text) {
            text++;
            continue;
        }
        if (*end == '-')
            last = strtoul(end + 1, &end, 10);
        for (unsigned long slot = first; slot <= last && slot < SLOT_COUNT; slot++)
            set_slot(v->moving, slot);
        text = end;
    }
}

int cluster_view_add_migrations(struct cluster_view *v, const redisReply *reply, struct ft_err *err)
{
    static const char *const over[] = {"success", "completed", "failed", "canceled", "cancelled"};

    if (reply->type != REDIS_REPLY_ARRAY)
        return err_set(err, FT_ERR_PROTOCOL, "the node does not say which slots move");
    for (size_t i = 0; i < reply->elements; i++) {
        const redisReply *one = reply->element[i];
        const char *slots = one->type != REDIS_REPLY_ARRAY ? NULL : find_value(one, "slot_ranges");
        const char *state = one->type != REDIS_REPLY_ARRAY ? NULL : find_value(one, "state");
        bool is_over = false;

        if (slots == NULL && one->type == REDIS_REPLY_ARRAY)
            slots = find_value(one, "slots");
        if (slots == NULL || state == NULL)
            return err_set(err, FT_ERR_PROTOCOL, "the node does not say which slots move");
        for (size_t k = 0; k < sizeof(over) / sizeof(over[0]); k++)
            is_over = is_over || strcmp(state, over[k]) == 0;
        if (!is_over)
            mark_moving(v, slots);
    }
    return 0;
}

static int add_replica(struct slot_map_node *master, const struct slot_map_address *replica,
                       struct ft_err *err)
{
    if (ARRAY_ADD_ROOM(&master->replicas, master->replica_count, "the nodes of a cluster", err) !=
        0)
        return -1;
    master->replicas[master->replica_count++] = *replica;
    return 0;
}

/* A replica belongs to the master whose id it names; who has an id of another form has none that could be compared. */
static int add_replicas(const struct cluster_view *v, struct slot_map_node *masters,
                        struct ft_err *err)
{
    for (size_t i = 0; i < v->count; i++) {
        const struct cluster_member *m = &v->members[i];

        if (m->is_master || m->failed || m->master_id[0] == '\0' || m->address.port == 0)
            continue;
        for (size_t k = 0; k < v->count; k++) {
            if (strcmp(v->members[k].address.id, m->master_id) == 0 &&
                add_replica(&masters[k], &m->address, err) != 0)
                return -1;
        }
    }
    return 0;
}

int cluster_view_slot_map(const struct cluster_view *v, struct slot_map **ret, struct ft_err *err)
{
    struct slot_map_node *masters = calloc(v->count, sizeof(*masters));
    int rc = masters == NULL ? err_nomem(err, "the nodes of a cluster") : 0;

    for (size_t i = 0; rc == 0 && i < v->count; i++)
        masters[i].address = v->members[i].address;
    if (rc == 0)
        rc = add_replicas(v, masters, err);
    if (rc == 0)
        rc = slot_map_make(ret, masters, v->count, v->owner, err);
    for (size_t i = 0; masters != NULL && i < v->count; i++)
        free(masters[i].replicas);
    free(masters);
    return rc;
}

void cluster_view_free(struct cluster_view *v)
{
    if (v == NULL)
        return;
    free(v->members);
    free(v);
}
