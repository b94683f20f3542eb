#include "serve/serve_live.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int serve_live_init(struct serve_live *l, struct live_flows *flows, const char *dir,
                    struct ft_err *err)
{
    *l = (struct serve_live){.flows = flows, .dir = dir};
    serve_suspects_init(&l->suspects);
    (void)pthread_mutex_init(&l->mu, NULL); /* default attributes: cannot fail on Linux */
    (void)pthread_mutex_init(&l->write, NULL);
    return replica_roll_open(&l->roll, dir, err);
}

void serve_live_release(struct serve_live *l)
{
    replica_roll_release(&l->roll);
    serve_suspects_release(&l->suspects);
    (void)pthread_mutex_destroy(&l->mu); /* nobody holds them any more */
    (void)pthread_mutex_destroy(&l->write);
}

/*
 * The service
 */

void serve_live_attach(struct serve_live *l, struct stream_log *log, struct replica_list *replicas,
                       uint32_t generation, uint32_t flow_count)
{
    pthread_mutex_lock(&l->mu);
    l->log = log;
    l->replicas = replicas;
    l->generation = generation;
    l->flow_count = flow_count;
    l->standing = SERVE_MOVING;
    l->content = stream_log_end(log);
    pthread_mutex_unlock(&l->mu);
}

void serve_live_detach(struct serve_live *l)
{
    pthread_mutex_lock(&l->write); /* nobody is writing to the log */
    pthread_mutex_lock(&l->mu);
    l->log = NULL;
    l->replicas = NULL;
    l->generation = 0;
    l->standing = SERVE_MOVING;
    pthread_mutex_unlock(&l->mu);
    pthread_mutex_unlock(&l->write);
}

void serve_live_stand(struct serve_live *l, enum serve_standing standing, uint64_t content)
{
    pthread_mutex_lock(&l->mu);
    l->standing = standing;
    if (content > l->content)
        l->content = content;
    pthread_mutex_unlock(&l->mu);
}

uint64_t serve_live_content(struct serve_live *l)
{
    uint64_t content;

    pthread_mutex_lock(&l->mu);
    content = l->content;
    pthread_mutex_unlock(&l->mu);
    return content;
}

/*
 * Looking
 */

struct look {
    struct serve_live *l;
    struct serve_seen *seen;
    uint64_t wanted; /* offset at which a replica has everything */
    uint64_t slowest;
    bool all_ready;
    bool all_have;
    struct ft_err *err;
    int rc;
};

static void wait_for(struct serve_seen *seen, const char *name)
{
    if (seen->waits_for[0] == '\0')
        (void)snprintf(seen->waits_for, sizeof(seen->waits_for), "%s",
                       name); /* a longer one is cut */
}

/* One that has got a state, or resumed, belongs to those that are missed from then on. */
static int call_up(struct look *k, const struct replica *r, char name[REPLICA_ROLL_NAME])
{
    struct replica_known *known;

    replica_roll_name(name, r->host, r->port);
    if (name[0] == '\0') {
        (void)snprintf(name, REPLICA_ROLL_NAME, "%.*s", REPLICA_ROLL_NAME - 1, r->name);
        return 0;
    }
    if (r->state != REPLICA_ONLINE) { /* it may be loading for the first time */
        for (size_t i = 0; i < k->l->roll.count; i++) {
            if (strcmp(k->l->roll.names[i].name, name) == 0)
                k->l->roll.names[i].seen = true;
        }
        return 0;
    }
    if (replica_roll_add(&k->l->roll, name, &known, k->err) != 0)
        return -1;
    known->seen = true;
    known->offset = r->offset;
    return 0;
}

static void look_at_replica(void *context, const struct replica *r)
{
    struct look *k = context;
    char name[REPLICA_ROLL_NAME];
    bool has_all = r->state == REPLICA_ONLINE && r->offset >= k->wanted;

    if (k->rc != 0 || !r->counts || (r->port == 0 && r->offset == 0))
        return;
    k->rc = call_up(k, r, name);
    k->seen->attached++;
    if (r->state != REPLICA_ONLINE)
        k->all_ready = false;
    if (!has_all) {
        k->all_have = false;
        wait_for(k->seen, name);
    }
    if (r->offset < k->slowest)
        k->slowest = r->offset;
}

/* Who is missing holds up what all have, as one that is slow. */
static void look_for_missing(struct look *k)
{
    for (size_t i = 0; i < k->l->roll.count; i++) {
        const struct replica_known *known = &k->l->roll.names[i];

        if (known->seen)
            continue;
        if (k->seen->missing++ == 0)
            (void)snprintf(k->seen->waits_for, sizeof(k->seen->waits_for), "%s", known->name);
        if (known->offset < k->slowest)
            k->slowest = known->offset;
    }
}

/* What the slowest has acknowledged, by the last point before it; 0 where nobody has anything. Where the stream stands, signs of
 * life and records that come to nothing are all that may follow what it has. */
static int publish(struct look *k)
{
    struct serve_live *l = k->l;
    struct stream_point point = {.lsn = calloc(l->flow_count + 1u, sizeof(*point.lsn))};
    int rc = 0;

    if (point.lsn == NULL)
        return err_nomem(k->err, "a point of a replication stream");
    if (k->seen->attached != 0 && k->slowest >= k->wanted && l->standing != SERVE_MOVING)
        rc = stream_log_last(l->log, &point, k->err);
    else if (k->seen->attached != 0 && k->slowest >= STREAM_FIRST_OFFSET)
        rc = stream_log_at(l->log, k->slowest - STREAM_FIRST_OFFSET, &point, k->err);
    if (rc == 0)
        rc = live_flows_replay_at(l->flows, l->generation, l->flow_count, point.lsn, k->err);
    free(point.lsn);
    return rc;
}

int serve_live_look(struct serve_live *l, struct serve_seen *ret, struct ft_err *err)
{
    struct look k = {.l = l,
                     .seen = ret,
                     .slowest = UINT64_MAX,
                     .all_ready = true,
                     .all_have = true,
                     .err = err};

    *ret = (struct serve_seen){0};
    for (size_t i = 0; i < l->roll.count; i++)
        l->roll.names[i].seen = false;
    pthread_mutex_lock(&l->mu);
    ret->generation = l->generation;
    ret->standing = l->standing;
    k.wanted = STREAM_FIRST_OFFSET + l->content;
    if (l->log != NULL) {
        replica_list_visit(l->replicas, look_at_replica, &k);
        look_for_missing(&k);
        if (k.rc == 0)
            k.rc = publish(&k);
    }
    pthread_mutex_unlock(&l->mu);
    ret->ready = ret->attached != 0 && ret->missing == 0 && k.all_ready;
    ret->acknowledged = ret->ready && k.all_have;
    return k.rc;
}

int serve_live_forget(struct serve_live *l, const char *name, struct ft_err *err)
{
    bool found;

    if (replica_roll_remove(&l->roll, name, &found, err) != 0)
        return -1;
    return found ? 0 : err_set(err, FT_ERR_USAGE, "no replica is known as %s", name);
}

/*
 * Writing
 */

/* The log of that generation, with the writer's lock held; NULL, without it: it is served no more. */
static struct stream_log *take_log(struct serve_live *l, uint32_t generation, struct ft_err *err)
{
    struct stream_log *log;

    pthread_mutex_lock(&l->write);
    pthread_mutex_lock(&l->mu);
    log = l->generation == generation && l->standing != SERVE_MOVING ? l->log : NULL;
    pthread_mutex_unlock(&l->mu);
    if (log != NULL)
        return log;
    pthread_mutex_unlock(&l->write);
    (void)err_set(err, FT_ERR_NET, "generation %" PRIu32 " is not being served any more",
                  generation);
    return NULL;
}

int serve_live_put(struct serve_live *l, uint32_t generation, uint32_t db, const struct bytes *args,
                   size_t count, struct ft_err *err)
{
    struct stream_log *log = take_log(l, generation, err);
    int rc;

    if (log == NULL)
        return -1;
    rc = resp_file_put(stream_log_file(log), db, args, count, err);
    pthread_mutex_unlock(&l->write);
    return rc;
}

int serve_live_commit(struct serve_live *l, uint32_t generation, struct ft_err *err)
{
    struct stream_log *log = take_log(l, generation, err);
    struct stream_point point = {.lsn = calloc(l->flow_count + 1u, sizeof(*point.lsn))};
    int rc = -1;

    if (log == NULL) {
        free(point.lsn);
        return -1;
    }
    if (point.lsn == NULL)
        (void)err_nomem(err, "a point of a replication stream");
    else if (stream_log_last(log, &point, err) == 0 &&
             stream_log_commit(log, point.lsn, err) == 0) {
        serve_live_stand(l, SERVE_AT_GOAL, stream_log_end(log));
        rc = 0;
    }
    free(point.lsn);
    pthread_mutex_unlock(&l->write);
    return rc;
}
