#include "capture/cluster_watch.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/array.h"
#include "base/wake.h"
#include "wire/cluster_view.h"
#include "wire/redis_info.h"
#include "wire/redis_pipe.h"
#include "wire/reply_error.h"

#define LOOK_MS     50u
#define PER_NODE_MS 5u
#define ASK_MS      2000u
#define NOTE_SIZE   800

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
    struct redis_pipe *pipe;
    const char
        *migrations; /* the command that says which slots move as a whole; NULL: it knows none */
    /* what it said last */
    struct cluster_view *view; /* NULL: nothing this time */
    bool is_master;
    uint64_t lsn;
};

struct cluster_watch {
    struct watched *nodes;
    uint32_t count;
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
    return w->count;
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

/* A replica is of its master's shard. */
static int learn_shards(struct cluster_watch *w, uint32_t node, struct ft_err *err)
{
    const struct cluster_view *v = w->nodes[node].view;
    const struct cluster_member *self = &v->members[v->self];

    memcpy(w->nodes[node].id, self->address.id, SLOT_MAP_ID_SIZE);
    /* a node that was named when it was a replica already stands for its master */
    if (shard_of(w, self->address.id) == w->count) {
        bool alone = self->is_master || shard_of(w, self->master_id) == w->count;

        if (alone && set_shard(w, self->address.id, node, err) != 0)
            return -1;
        if (alone && !self->is_master && set_shard(w, self->master_id, node, err) != 0)
            return -1;
    }
    for (size_t i = 0; i < v->count; i++) {
        const struct cluster_member *m = &v->members[i];
        uint32_t shard = m->is_master ? w->count : shard_of(w, m->master_id);

        if (shard != w->count && set_shard(w, m->address.id, shard, err) != 0)
            return -1;
    }
    return 0;
}

/*
 * Asking
 */

static void close_pipe(struct watched *n)
{
    redis_pipe_free(n->pipe);
    n->pipe = NULL;
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
        freeReplyObject(reply);
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
    cluster_view_free(n->view);
    n->view = NULL;
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

    cluster_view_free(n->view);
    n->view = NULL;
    if (n->pipe == NULL && open_pipe(n, cancel_fd, err) != 0)
        return -1;
    for (int i = 0; i < 5; i++) {
        const char *const commands[] = {"MULTI", "CLUSTER NODES", "INFO replication", n->migrations,
                                        "EXEC"};

        if (commands[i] == NULL)
            continue;
        freeReplyObject(reply);
        reply = NULL;
        if (redis_pipe_call_text(n->pipe, &reply, commands[i], err) != 0) {
            close_pipe(n);
            return -1;
        }
        if (reply->type == REDIS_REPLY_ERROR) {
            (void)refused(n, commands[i], reply, err);
            freeReplyObject(reply);
            close_pipe(n); /* with its transaction */
            return -1;
        }
    }
    rc = take_answer(n, reply, err);
    freeReplyObject(reply);
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
    freeReplyObject(reply);
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

/* It has given all its slots to another node, and is its replica now. */
static bool is_idle(const struct cluster_watch *w, uint32_t node)
{
    const struct cluster_view *v = w->nodes[node].view;
    const struct cluster_member *self = v == NULL ? NULL : &v->members[v->self];
    uint32_t shard;

    if (self == NULL || self->is_master)
        return false;
    shard = shard_of(w, self->master_id);
    return shard != w->count && shard != node;
}

static int follow_masters(struct cluster_watch *w, bool *ret_moved, struct ft_err *err)
{
    for (uint32_t i = 0; i < w->count; i++) {
        struct watched *n = &w->nodes[i];
        const struct cluster_member *self =
            n->view == NULL ? NULL : &n->view->members[n->view->self];
        const struct cluster_member *master = find_master(w, i);
        bool idle = master == NULL && is_idle(w, i);

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

static void find_stranger(const struct cluster_watch *w, struct cluster_look *look)
{
    look->stranger[0] = '\0';
    for (uint32_t i = 0; i < w->count; i++) {
        const struct cluster_view *v = w->nodes[i].view;

        for (size_t k = 0; v != NULL && k < v->count; k++) {
            const struct cluster_member *m = &v->members[k];

            if (m->is_master && !m->failed && m->slot_count > 0 &&
                shard_of(w, m->address.id) == w->count)
                (void)snprintf(look->stranger, sizeof(look->stranger), "%s:%u", m->address.host,
                               m->address.port); /* fits */
        }
    }
}

static void fill_look(struct cluster_watch *w, struct cluster_look *look, bool moved)
{
    look->whole = !moved;
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
    find_stranger(w, look);
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
    if (follow_masters(w, &moved, err) != 0)
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
    int wait_ms = (int)(LOOK_MS + w->count * PER_NODE_MS);

    while (poll(&end, 1, wait_ms) <= 0) {
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
    w->nodes = calloc(o->count, sizeof(*w->nodes));
    for (int i = 0; i < 2; i++) {
        w->looks[i].lsn = calloc(o->count, sizeof(*w->looks[i].lsn));
        w->looks[i].epoch = calloc(o->count, sizeof(*w->looks[i].epoch));
        w->looks[i].moves = calloc(o->count, sizeof(*w->looks[i].moves));
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
