#include "capture/cluster_watch.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/array.h"
#include "base/wake.h"
#include "store/capture_set.h"
#include "wire/cluster_view.h"
#include "wire/redis_info.h"
#include "wire/redis_pipe.h"
#include "wire/reply_error.h"

#define LOOK_MS     50u
#define PER_NODE_MS 5u
#define ASK_MS      2000u
#define NOTE_SIZE   800
/* A replica that has just joined may be promoted before anybody knows whose it was. */
#define STRANGER_LOOKS 20u
#define NO_SHARD       UINT32_MAX

/* Somebody of a shard, by its id in the cluster. */
struct known {
    char id[SLOT_MAP_ID_SIZE];
    uint32_t node;
};

struct watched {
    struct uri given;
    struct uri at;             /* the master's; under mu */
    char id[SLOT_MAP_ID_SIZE]; /* of the one that is there, as it said last */
    unsigned moves;
    bool idle; /* under mu */
    bool left; /* the others do not know it */
    bool part; /* under mu */
    struct redis_pipe *pipe;
    const char
        *migrations; /* the command that says which slots move as a whole; NULL: it knows none */
    /* what it said last */
    struct cluster_view *view; /* NULL: nothing this time */
    bool is_master;
    uint64_t lsn;
};

struct cluster_watch {
    struct watched *nodes; /* room for CAPTURE_SET_NODES_MAX, as in all lists of nodes */
    uint32_t count;        /* becomes more in the thread of the watch, under mu */
    unsigned strange;      /* looks in a row with a master that is of no shard */
    struct known *known;
    size_t known_count;
    void (*on_note)(void *context, const char *text);
    void *context;
    bool is_cluster;
    uint64_t begun; /* looks; under mu */
    struct cluster_calm calm;
    struct cluster_look looks[2]; /* the one that is being made, and one that is lent */
    unsigned lent;
    bool is_new;
    pthread_mutex_t mu;
    pthread_t thread;
    bool started;
    int end_fd;
    int look_fd;
};

/*
 * Who is of which shard
 */

static uint32_t shard_of(const struct cluster_watch *w, const char *id)
{
    for (size_t i = 0; i < w->known_count; i++) {
        if (strcmp(w->known[i].id, id) == 0)
            return w->known[i].node;
    }
    return NO_SHARD;
}

static int set_shard(struct cluster_watch *w, const char *id, uint32_t node, struct ft_err *err)
{
    int rc = 0;

    if (id[0] == '\0')
        return 0;
    pthread_mutex_lock(&w->mu);
    for (size_t i = 0; i < w->known_count; i++) {
        if (strcmp(w->known[i].id, id) == 0) {
            w->known[i].node = node;
            pthread_mutex_unlock(&w->mu);
            return 0;
        }
    }
    rc = ARRAY_ADD_ROOM(&w->known, w->known_count, "the nodes of a cluster", err);
    if (rc == 0) {
        w->known[w->known_count] = (struct known){.node = node};
        memcpy(w->known[w->known_count++].id, id, SLOT_MAP_ID_SIZE);
    }
    pthread_mutex_unlock(&w->mu);
    return rc;
}

/*
 * Who was a replica, and has slots beside the master of its shard, has become a master of its own: it had been taken out of the
 * cluster, and has come back. The master says so itself: in a failover others may see slots with both, if they import one.
 */
static int part_shard(struct cluster_watch *w, uint32_t node, struct ft_err *err)
{
    const struct cluster_view *v = w->nodes[node].view;
    const struct cluster_member *self = &v->members[v->self];

    for (size_t i = 0; self->is_master && self->slot_count > 0 && i < v->count; i++) {
        const struct cluster_member *m = &v->members[i];

        if (m != self && m->is_master && m->slot_count > 0 && shard_of(w, m->address.id) == node &&
            set_shard(w, m->address.id, NO_SHARD, err) != 0)
            return -1;
    }
    return 0;
}

/* A replica is of its master's shard. */
static int learn_shards(struct cluster_watch *w, uint32_t node, struct ft_err *err)
{
    const struct cluster_view *v = w->nodes[node].view;
    const struct cluster_member *self = &v->members[v->self];

    memcpy(w->nodes[node].id, self->address.id, SLOT_MAP_ID_SIZE);
    /* a node that was named when it was a replica already stands for its master */
    if (shard_of(w, self->address.id) == NO_SHARD) {
        bool alone = self->is_master || shard_of(w, self->master_id) == NO_SHARD;

        if (alone && set_shard(w, self->address.id, node, err) != 0)
            return -1;
        if (alone && !self->is_master && set_shard(w, self->master_id, node, err) != 0)
            return -1;
    }
    for (size_t i = 0; i < v->count; i++) {
        const struct cluster_member *m = &v->members[i];
        uint32_t shard = m->is_master ? NO_SHARD : shard_of(w, m->master_id);

        if (shard != NO_SHARD && set_shard(w, m->address.id, shard, err) != 0)
            return -1;
    }
    return shard_of(w, self->address.id) == node ? part_shard(w, node, err) : 0;
}

/*
 * Asking
 */

static void close_pipe(struct watched *n)
{
    redis_pipe_free(n->pipe);
    n->pipe = NULL;
}

static void forget_view(struct watched *n)
{
    cluster_view_free(n->view);
    n->view = NULL;
}

static int open_pipe(struct watched *n, int cancel_fd, struct ft_err *err)
{
    static const char *const commands[] = {"CLUSTER GETSLOTMIGRATIONS",
                                           "CLUSTER MIGRATION STATUS ALL"};
    redisReply *reply;

    if (redis_pipe_open_within(&n->pipe, &n->at, cancel_fd, ASK_MS, NULL, NULL, err) != 0)
        return -1;
    n->migrations = NULL;
    for (size_t i = 0; n->migrations == NULL && i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (redis_pipe_call_text(n->pipe, &reply, commands[i], err) != 0) {
            close_pipe(n);
            return -1;
        }
        if (reply->type == REDIS_REPLY_ARRAY)
            n->migrations = commands[i];
        reply_free(reply);
    }
    return 0;
}

static int take_answer(struct watched *n, const redisReply *reply, struct ft_err *err)
{
    char role[16] = "";

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != (n->migrations == NULL ? 2 : 3) ||
        reply->element[0]->type != REDIS_REPLY_STRING ||
        reply->element[1]->type != REDIS_REPLY_STRING)
        return err_set(err, FT_ERR_PROTOCOL, "it does not answer CLUSTER NODES and INFO");
    redis_info_copy(reply->element[1]->str, "role", role, sizeof(role));
    n->is_master = strcmp(role, "master") == 0;
    n->lsn = redis_info_number(reply->element[1]->str, "master_repl_offset") + 1;
    if (cluster_view_parse(&n->view, reply->element[0]->str, n->at.host, err) != 0)
        return -1;
    if (n->migrations == NULL || cluster_view_add_migrations(n->view, reply->element[2], err) == 0)
        return 0;
    forget_view(n);
    return -1;
}

/* Of a user who may not ask; a server that is loading, say, will answer later. */
static int refused(const struct watched *n, const char *command, const redisReply *reply,
                   struct ft_err *err)
{
    bool passing = reply_text_is_passing(bytes_of(reply->str, reply->len));
    char address[URI_ADDRESS_SIZE];

    return err_set(err, passing ? FT_ERR_NET : FT_ERR_PROTOCOL, "%s answered %s: %s",
                   uri_address(&n->at, address), command, reply->str);
}

/* Both in one step, so that the slots are those of the offset. */
static int ask(struct watched *n, int cancel_fd, struct ft_err *err)
{
    redisReply *reply = NULL;
    int rc;

    forget_view(n);
    if (n->pipe == NULL && open_pipe(n, cancel_fd, err) != 0)
        return -1;
    for (int i = 0; i < 5; i++) {
        const char *const commands[] = {"MULTI", "CLUSTER NODES", "INFO replication", n->migrations,
                                        "EXEC"};

        if (commands[i] == NULL)
            continue;
        reply_free(reply);
        reply = NULL;
        if (redis_pipe_call_text(n->pipe, &reply, commands[i], err) != 0) {
            close_pipe(n);
            return -1;
        }
        if (reply->type == REDIS_REPLY_ERROR) {
            (void)refused(n, commands[i], reply, err);
            reply_free(reply);
            close_pipe(n); /* with its transaction */
            return -1;
        }
    }
    rc = take_answer(n, reply, err);
    reply_free(reply);
    return rc;
}

/* It says that it is a server of its own. */
static int ask_whether(struct cluster_watch *w, uint32_t node, struct ft_err *err)
{
    struct watched *n = &w->nodes[node];
    redisReply *reply;

    if (n->pipe == NULL && open_pipe(n, w->end_fd, err) != 0)
        return -1;
    if (redis_pipe_call_text(n->pipe, &reply, "INFO cluster", err) != 0) {
        close_pipe(n);
        return -1;
    }
    if (reply->type == REDIS_REPLY_STRING &&
        redis_info_value(reply->str, "cluster_enabled") != NULL &&
        redis_info_number(reply->str, "cluster_enabled") == 0)
        w->is_cluster = false;
    reply_free(reply);
    return 0;
}

/*
 * Failover
 */

static void note(const struct cluster_watch *w, const char *text)
{
    if (w->on_note != NULL)
        w->on_note(w->context, text);
}

static int move_to(struct cluster_watch *w, uint32_t node, const struct slot_map_address *to,
                   struct ft_err *err)
{
    struct watched *n = &w->nodes[node];
    char before[URI_ADDRESS_SIZE];
    char now[URI_ADDRESS_SIZE];
    char line[NOTE_SIZE];
    struct uri uri;

    if (slot_map_node_uri(to, &n->given, &uri, err) != 0)
        return -1;
    close_pipe(n);
    memcpy(n->id, to->id, SLOT_MAP_ID_SIZE);
    (void)uri_address(&n->at, before);
    (void)uri_address(&uri, now);
    pthread_mutex_lock(&w->mu);
    uri_release(&n->at);
    n->at = uri;
    n->moves++;
    pthread_mutex_unlock(&w->mu);
    (void)snprintf(line, sizeof(line), "%s is the master in place of %s", now, before); /* fits */
    note(w, line);
    return 0;
}

/* Of the shard, as anybody knows it: the master with slots of the newest configuration. */
static const struct cluster_member *find_master(const struct cluster_watch *w, uint32_t node)
{
    const struct cluster_member *best = NULL;

    for (uint32_t i = 0; i < w->count; i++) {
        const struct cluster_view *v = w->nodes[i].view;

        for (size_t k = 0; v != NULL && k < v->count; k++) {
            const struct cluster_member *m = &v->members[k];

            if (m->is_master && !m->failed && m->slot_count > 0 && m->address.port != 0 &&
                shard_of(w, m->address.id) == node && (best == NULL || m->epoch > best->epoch))
                best = m;
        }
    }
    return best;
}

/* It knows nobody who has slots, and has none itself. */
static bool is_alone(const struct cluster_view *v)
{
    for (size_t i = 0; i < v->count; i++) {
        if (v->members[i].slot_count > 0)
            return false;
    }
    return true;
}

/*
 * It has given all its slots to another node, and is its replica now. One that was so, and has been reset, is about to be
 * forgotten by the others.
 */
static bool is_idle(const struct cluster_watch *w, uint32_t node)
{
    const struct cluster_view *v = w->nodes[node].view;
    const struct cluster_member *self = v == NULL ? NULL : &v->members[v->self];
    uint32_t shard;

    if (self == NULL)
        return w->nodes[node].idle;
    shard = shard_of(w, self->address.id);
    if (shard == node && self->is_master)
        return w->nodes[node].idle && is_alone(v);
    if (shard == node)
        shard = shard_of(w, self->master_id);
    return shard != NO_SHARD && shard != node;
}

/* None of those with slots knows anybody of the shard: it has been taken out of the cluster. */
static bool has_left(const struct cluster_watch *w, uint32_t node)
{
    const struct cluster_view *own = w->nodes[node].view;
    bool asked = false;

    if (own != NULL && own->members[own->self].slot_count > 0)
        return false;
    for (uint32_t i = 0; i < w->count; i++) {
        const struct cluster_view *v = i == node ? NULL : w->nodes[i].view;

        if (v == NULL || v->members[v->self].slot_count == 0)
            continue;
        asked = true;
        for (size_t k = 0; k < v->count; k++) {
            if (shard_of(w, v->members[k].address.id) == node)
                return false;
        }
    }
    return asked || w->nodes[node].left;
}

static void see_leaving(struct cluster_watch *w, uint32_t node)
{
    struct watched *n = &w->nodes[node];
    bool left = has_left(w, node);
    char address[URI_ADDRESS_SIZE];
    char line[NOTE_SIZE];

    if (left && !n->left) {
        (void)snprintf(line, sizeof(line),
                       "%s has left the cluster: what was recorded of it stays, the capture "
                       "continues with the other nodes",
                       uri_address(&n->at, address)); /* fits */
        note(w, line);
    }
    n->left = left;
}

static int follow_masters(struct cluster_watch *w, bool *ret_moved, struct ft_err *err)
{
    for (uint32_t i = 0; i < w->count; i++) {
        struct watched *n = &w->nodes[i];
        const struct cluster_member *self =
            n->view == NULL ? NULL : &n->view->members[n->view->self];
        const struct cluster_member *master = find_master(w, i);
        bool idle = master == NULL && is_idle(w, i);

        see_leaving(w, i);
        idle = idle || n->left;
        pthread_mutex_lock(&w->mu);
        n->idle = idle;
        pthread_mutex_unlock(&w->mu);
        if (master == NULL || strcmp(n->id, master->address.id) == 0 ||
            (self != NULL && self->is_master && self->epoch >= master->epoch))
            continue;
        *ret_moved = true;
        if (move_to(w, i, &master->address, err) != 0)
            return -1;
    }
    return 0;
}

/*
 * A look
 */

static const struct cluster_member *find_stranger(const struct cluster_watch *w)
{
    for (uint32_t i = 0; i < w->count; i++) {
        const struct cluster_view *v = w->nodes[i].left ? NULL : w->nodes[i].view;

        for (size_t k = 0; v != NULL && k < v->count; k++) {
            const struct cluster_member *m = &v->members[k];

            if (m->is_master && !m->failed && m->slot_count > 0 && m->address.port != 0 &&
                m->address.id[0] != '\0' && shard_of(w, m->address.id) == NO_SHARD)
                return m;
        }
    }
    return NULL;
}

static int add_node(struct cluster_watch *w, const struct slot_map_address *at, struct ft_err *err)
{
    struct watched *n = &w->nodes[w->count];
    int rc = slot_map_node_uri(at, &w->nodes[0].given, &n->given, err);

    if (rc == 0)
        rc = uri_copy(&n->at, &n->given, err);
    if (rc == 0)
        rc = set_shard(w, at->id, w->count, err);
    if (rc != 0) {
        uri_release(&n->given);
        uri_release(&n->at);
        return -1;
    }
    memcpy(n->id, at->id, SLOT_MAP_ID_SIZE);
    pthread_mutex_lock(&w->mu);
    w->count++;
    pthread_mutex_unlock(&w->mu);
    return 0;
}

/* All of them at once, when one has been there for long enough. */
static int add_strangers(struct cluster_watch *w, struct ft_err *err)
{
    const struct cluster_member *m = find_stranger(w);

    w->strange = m == NULL ? 0 : w->strange + 1;
    if (w->strange < STRANGER_LOOKS)
        return 0;
    while (m != NULL && w->count < CAPTURE_SET_NODES_MAX) {
        if (add_node(w, &m->address, err) != 0)
            return -1;
        m = find_stranger(w);
    }
    return 0;
}

static void fill_look(struct cluster_watch *w, struct cluster_look *look, bool moved)
{
    const struct cluster_member *stranger = w->strange < STRANGER_LOOKS ? NULL : find_stranger(w);

    look->whole = !moved;
    look->count = w->count;
    look->stranger[0] = '\0';
    if (stranger != NULL)
        (void)snprintf(look->stranger, sizeof(look->stranger), "%s:%u", stranger->address.host,
                       stranger->address.port); /* fits */
    for (uint32_t i = 0; i < w->count; i++) {
        const struct watched *n = &w->nodes[i];

        look->moves[i] = n->moves;
        if (n->idle) {
            look->lsn[i] = 0;
            continue;
        }
        if (n->view == NULL || !n->is_master || !n->view->members[n->view->self].is_master) {
            look->whole = false;
            continue;
        }
        look->lsn[i] = n->lsn;
        look->epoch[i] = n->view->members[n->view->self].epoch;
    }
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
        unsigned owners = 0;

        look->owner[slot] = SLOT_OWNER_NONE;
        for (uint32_t i = 0; look->whole && i < w->count; i++) {
            const struct cluster_view *v = w->nodes[i].idle ? NULL : w->nodes[i].view;

            if (v == NULL)
                continue;
            if (cluster_view_owns(v, slot)) {
                owners++;
                look->owner[slot] = (uint16_t)i;
            }
            owners += cluster_view_moves(v, slot) ? 2 : 0;
        }
        if (owners != 1)
            look->owner[slot] = SLOT_OWNER_NONE;
    }
}

/* What one node does not answer only leaves the look without it. */
static int make_look(struct cluster_watch *w, struct ft_err *err)
{
    struct cluster_look *look;
    bool moved = false;
    uint64_t number;

    pthread_mutex_lock(&w->mu);
    number = ++w->begun;
    pthread_mutex_unlock(&w->mu);
    for (uint32_t i = 0; i < w->count; i++) {
        struct ft_err ignored = FT_ERR_INIT;

        if (w->nodes[i].left) { /* who has left is not asked before the others know it again */
            forget_view(&w->nodes[i]);
            close_pipe(&w->nodes[i]);
            continue;
        }
        if (ask(&w->nodes[i], w->end_fd, &ignored) != 0) {
            if (ignored.kind == FT_ERR_CANCELLED)
                return err_copy(err, &ignored);
            if (ignored.kind != FT_ERR_PROTOCOL || number != 1)
                continue;
            if (ask_whether(w, i, err) != 0 || w->is_cluster)
                return err_copy(err, &ignored);
        } else if (learn_shards(w, i, err) != 0) {
            return -1;
        }
    }
    if (follow_masters(w, &moved, err) != 0 || add_strangers(w, err) != 0)
        return -1;
    pthread_mutex_lock(&w->mu);
    look = &w->looks[!w->lent];
    look->number = number;
    fill_look(w, look, moved);
    w->is_new = true;
    pthread_mutex_unlock(&w->mu);
    (void)wake_set(w->look_fd);
    return 0;
}

static void *watch_main(void *arg)
{
    struct cluster_watch *w = arg;
    struct pollfd end = {w->end_fd, POLLIN, 0};

    while (poll(&end, 1, (int)(LOOK_MS + w->count * PER_NODE_MS)) <= 0) {
        struct ft_err ignored = FT_ERR_INIT; /* no memory, or the end: it is tried again */

        (void)make_look(w, &ignored);
    }
    return NULL;
}

/*
 * The watch
 */

static int take_known(struct cluster_watch *w, uint32_t node, const char *ids, struct ft_err *err)
{
    char id[SLOT_MAP_ID_SIZE];

    while (ids != NULL && sscanf(ids, "%40s", id) == 1) {
        if (set_shard(w, id, node, err) != 0)
            return -1;
        ids += strcspn(ids, " ");
        ids += strspn(ids, " ");
    }
    return 0;
}

static int open_watch(struct cluster_watch *w, const struct cluster_watch_options *o,
                      struct ft_err *err)
{
    w->nodes = calloc(CAPTURE_SET_NODES_MAX, sizeof(*w->nodes));
    for (int i = 0; i < 2; i++) {
        w->looks[i].lsn = calloc(CAPTURE_SET_NODES_MAX, sizeof(*w->looks[i].lsn));
        w->looks[i].epoch = calloc(CAPTURE_SET_NODES_MAX, sizeof(*w->looks[i].epoch));
        w->looks[i].moves = calloc(CAPTURE_SET_NODES_MAX, sizeof(*w->looks[i].moves));
        if (w->looks[i].lsn == NULL || w->looks[i].epoch == NULL || w->looks[i].moves == NULL)
            return err_nomem(err, "a look at a cluster");
    }
    if (w->nodes == NULL)
        return err_nomem(err, "the nodes of a cluster");
    w->count = o->count;
    for (uint32_t i = 0; i < o->count; i++) {
        if (uri_copy(&w->nodes[i].given, &o->nodes[i], err) != 0 ||
            uri_copy(&w->nodes[i].at, &o->nodes[i], err) != 0 ||
            (o->known_ids != NULL && take_known(w, i, o->known_ids[i], err) != 0))
            return -1;
    }
    return wake_open(&w->end_fd, err) == 0 && wake_open(&w->look_fd, err) == 0 ? 0 : -1;
}

int cluster_watch_new(struct cluster_watch **ret, const struct cluster_watch_options *options,
                      struct ft_err *err)
{
    struct cluster_watch *w = calloc(1, sizeof(*w));
    int rc;

    if (w == NULL)
        return err_nomem(err, "a watch over a cluster");
    *w = (struct cluster_watch){.on_note = options->on_note,
                                .context = options->context,
                                .is_cluster = true,
                                .end_fd = -1,
                                .look_fd = -1};
    (void)pthread_mutex_init(&w->mu, NULL);
    rc = open_watch(w, options, err);
    if (rc == 0)
        rc = make_look(w, err);
    if (rc == 0 && w->is_cluster) {
        int failure = pthread_create(&w->thread, NULL, watch_main, w);

        w->started = failure == 0;
        rc = failure == 0 ? 0 : err_errno(err, failure, "could not start a thread");
    }
    if (rc != 0) {
        cluster_watch_free(w);
        return -1;
    }
    *ret = w;
    return 0;
}

int cluster_watch_of_set(struct cluster_watch **ret, const struct uri *nodes, uint32_t count,
                         const char *directory, void (*say)(void *context, const char *text),
                         void *context, struct ft_err *err)
{
    const char **ids = calloc(count, sizeof(*ids));
    const struct cluster_watch_options options = {
        .nodes = nodes, .count = count, .known_ids = ids, .on_note = say, .context = context};
    struct capture_set *set = NULL;
    struct cluster_watch *watch = NULL;
    int rc = ids == NULL ? err_nomem(err, "the nodes of a set") : 0;

    if (rc == 0 && capture_set_is_dir(directory))
        rc = capture_set_open_read(&set, directory, err);
    for (uint32_t i = 0; rc == 0 && set != NULL && i < count && i < set->node_count; i++)
        ids[i] = set->nodes[i].ids;
    if (rc == 0)
        rc = cluster_watch_new(&watch, &options, err);
    capture_set_free(set);
    free(ids);
    if (rc != 0)
        return -1;
    if (!cluster_watch_is_cluster(watch)) {
        cluster_watch_free(watch);
        watch = NULL;
    }
    *ret = watch;
    return 0;
}

void cluster_watch_free(struct cluster_watch *w)
{
    if (w == NULL)
        return;
    if (w->started) {
        (void)wake_set(w->end_fd);
        (void)pthread_join(w->thread, NULL); /* started, and joined only here */
    }
    for (uint32_t i = 0; i < w->count; i++) {
        close_pipe(&w->nodes[i]);
        cluster_view_free(w->nodes[i].view);
        uri_release(&w->nodes[i].given);
        uri_release(&w->nodes[i].at);
    }
    for (int i = 0; i < 2; i++) {
        free(w->looks[i].lsn);
        free(w->looks[i].epoch);
        free(w->looks[i].moves);
    }
    free(w->nodes);
    free(w->known);
    if (w->end_fd >= 0)
        (void)close(w->end_fd); /* both hold nothing */
    if (w->look_fd >= 0)
        (void)close(w->look_fd);
    (void)pthread_mutex_destroy(&w->mu); /* nobody holds it any more */
    free(w);
}

bool cluster_watch_is_cluster(const struct cluster_watch *w)
{
    return w->is_cluster;
}

int cluster_watch_locate(struct cluster_watch *w, uint32_t node, struct uri *ret,
                         unsigned *ret_moves, struct ft_err *err)
{
    int rc;

    pthread_mutex_lock(&w->mu);
    *ret_moves = w->nodes[node].moves;
    rc = w->nodes[node].idle ? 1 : uri_copy(ret, &w->nodes[node].at, err);
    pthread_mutex_unlock(&w->mu);
    return rc;
}

unsigned cluster_watch_moves(struct cluster_watch *w, uint32_t node)
{
    unsigned moves;

    pthread_mutex_lock(&w->mu);
    moves = w->nodes[node].moves;
    pthread_mutex_unlock(&w->mu);
    return moves;
}

bool cluster_watch_is_idle(struct cluster_watch *w, uint32_t node)
{
    bool idle;

    pthread_mutex_lock(&w->mu);
    idle = w->nodes[node].idle;
    pthread_mutex_unlock(&w->mu);
    return idle;
}

void cluster_watch_set_parts(struct cluster_watch *w, const uint32_t *generations, uint32_t count)
{
    pthread_mutex_lock(&w->mu);
    for (uint32_t i = 0; i < count; i++)
        w->nodes[i].part = generations[i] != 0;
    pthread_mutex_unlock(&w->mu);
}

bool cluster_watch_is_part(struct cluster_watch *w, uint32_t node)
{
    bool part;

    pthread_mutex_lock(&w->mu);
    part = w->nodes[node].part;
    pthread_mutex_unlock(&w->mu);
    return part;
}

uint32_t cluster_watch_count(struct cluster_watch *w)
{
    uint32_t count;

    pthread_mutex_lock(&w->mu);
    count = w->count;
    pthread_mutex_unlock(&w->mu);
    return count;
}

int cluster_watch_place(struct cluster_watch *w, uint32_t node, struct uri *ret, struct ft_err *err)
{
    int rc;

    pthread_mutex_lock(&w->mu);
    rc = uri_copy(ret, &w->nodes[node].at, err);
    pthread_mutex_unlock(&w->mu);
    return rc;
}

char *cluster_watch_ids(struct cluster_watch *w, uint32_t node)
{
    char *text;
    size_t n = 0;

    pthread_mutex_lock(&w->mu);
    text = calloc(w->known_count + 1, SLOT_MAP_ID_SIZE);
    for (size_t i = 0; text != NULL && i < w->known_count; i++) {
        if (w->known[i].node != node)
            continue;
        memcpy(text + n, w->known[i].id, SLOT_MAP_ID_SIZE - 1);
        n += SLOT_MAP_ID_SIZE - 1;
        text[n++] = ' ';
    }
    pthread_mutex_unlock(&w->mu);
    return text;
}

int cluster_watch_fd(const struct cluster_watch *w)
{
    return w->look_fd;
}

const struct cluster_look *cluster_watch_take(struct cluster_watch *w)
{
    const struct cluster_look *look = NULL;

    (void)wake_clear(w->look_fd);
    pthread_mutex_lock(&w->mu);
    if (w->is_new) {
        w->lent = !w->lent;
        w->is_new = false;
        look = &w->looks[w->lent];
    }
    pthread_mutex_unlock(&w->mu);
    return look;
}

uint64_t cluster_watch_last(struct cluster_watch *w)
{
    uint64_t number;

    pthread_mutex_lock(&w->mu);
    number = w->begun;
    pthread_mutex_unlock(&w->mu);
    return number;
}

void cluster_watch_set_calm(struct cluster_watch *w, const struct cluster_calm *calm)
{
    pthread_mutex_lock(&w->mu);
    w->calm = *calm;
    pthread_mutex_unlock(&w->mu);
}

struct cluster_calm cluster_watch_calm(struct cluster_watch *w)
{
    struct cluster_calm calm;

    pthread_mutex_lock(&w->mu);
    calm = w->calm;
    pthread_mutex_unlock(&w->mu);
    return calm;
}
