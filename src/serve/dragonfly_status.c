#include "serve/dragonfly_status.h"

#include <inttypes.h>

#include "config.h"

/* What a Dragonfly says for the sake of clients of Redis. */
#define REDIS_VERSION "7.4.0"

static bool wants(struct bytes section, const char *name)
{
    return section.n == 0 || bytes_is_word(section, name) || bytes_is_word(section, "all") ||
           bytes_is_word(section, "everything") || bytes_is_word(section, "default");
}

static const char *state_of(const struct dragonfly_session *s)
{
    return s->stable ? "stable_sync" : (s->synced ? "full_sync" : "preparation");
}

static int put_server(const struct dragonfly_master *m, struct buf *out, struct ft_err *err)
{
    if (buf_printf(out, err, "# Server\r\nredis_version:" REDIS_VERSION "\r\n") != 0)
        return -1;
    if (m->generation->source_version[0] != '\0' &&
        buf_printf(out, err, "dragonfly_version:%s\r\n", m->generation->source_version) != 0)
        return -1;
    return buf_printf(out, err,
                      "redis_mode:standalone\r\nflowtape_version:" PACKAGE_VERSION
                      "\r\ntcp_port:%u\r\n\r\n",
                      m->port);
}

/* Records of all flows that a replica has not acknowledged; of one that gets its full sync 0, as there. */
static int lag_of(struct dragonfly_session *s, uint64_t *ret, struct ft_err *err)
{
    *ret = 0;
    for (uint32_t i = 0; s->stable && i < s->master->generation->flow_count; i++) {
        uint64_t lsn;

        if (dragonfly_master_lsn(s->master, i, &lsn, err) != 0)
            return -1;
        *ret += lsn > s->flows[i].ack && s->flows[i].ack != 0 ? lsn - s->flows[i].ack : 0;
    }
    return 0;
}

static int put_replicas(struct dragonfly_master *m, struct buf *out, struct ft_err *err)
{
    uint32_t count = 0;

    for (struct dragonfly_session *s = m->sessions; s != NULL; s = s->next) {
        uint64_t lag;

        if (s->dead)
            continue;
        if (lag_of(s, &lag, err) != 0 ||
            buf_printf(out, err, "slave%" PRIu32 ":ip=%s,port=%u,state=%s,lag=%" PRIu64 "\r\n",
                       count, s->host, s->port, state_of(s), lag) != 0)
            return -1;
        count++;
    }
    return 0;
}

static uint32_t count_replicas(const struct dragonfly_master *m)
{
    uint32_t count = 0;

    for (const struct dragonfly_session *s = m->sessions; s != NULL; s = s->next)
        count += !s->dead;
    return count;
}

static int put_replication(struct dragonfly_master *m, struct buf *out, struct ft_err *err)
{
    int rc;

    pthread_mutex_lock(&m->mu);
    rc = buf_printf(out, err, "# Replication\r\nrole:master\r\nconnected_slaves:%" PRIu32 "\r\n",
                    count_replicas(m));
    if (rc == 0)
        rc = put_replicas(m, out, err);
    if (rc == 0)
        rc = buf_printf(out, err, "master_replid:%s\r\n\r\n", m->replication_id);
    pthread_mutex_unlock(&m->mu);
    return rc;
}

int dragonfly_info_put(struct dragonfly_master *m, struct bytes section, struct buf *out,
                       struct ft_err *err)
{
    if (wants(section, "server") && put_server(m, out, err) != 0)
        return -1;
    return wants(section, "replication") ? put_replication(m, out, err) : 0;
}

static int put_bulk(struct buf *out, const char *text, struct ft_err *err)
{
    return buf_printf(out, err, "$%zu\r\n%s\r\n", strlen(text), text);
}

int dragonfly_role_put(struct dragonfly_master *m, struct buf *out, struct ft_err *err)
{
    int rc;

    pthread_mutex_lock(&m->mu);
    rc = buf_printf(out, err, "*2\r\n$6\r\nmaster\r\n*%" PRIu32 "\r\n", count_replicas(m));
    for (const struct dragonfly_session *s = m->sessions; rc == 0 && s != NULL; s = s->next) {
        char port[8];

        if (s->dead)
            continue;
        (void)snprintf(port, sizeof(port), "%u", s->port); /* fits */
        rc = buf_append_str(out, "*3\r\n", err);
        if (rc == 0)
            rc = put_bulk(out, s->host, err);
        if (rc == 0)
            rc = put_bulk(out, port, err);
        if (rc == 0)
            rc = put_bulk(out, state_of(s), err);
    }
    pthread_mutex_unlock(&m->mu);
    return rc;
}

int dragonfly_hello_put(const struct dragonfly_master *m, struct buf *out, struct ft_err *err)
{
    const char *release = m->generation->source_version;

    if (buf_append_str(out,
                       "*14\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n" REDIS_VERSION
                       "\r\n$17\r\ndragonfly_version\r\n",
                       err) != 0 ||
        put_bulk(out, release, err) != 0)
        return -1;
    return buf_append_str(out,
                          "$5\r\nproto\r\n:2\r\n$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$10\r\nstandalone"
                          "\r\n$4\r\nrole\r\n$6\r\nmaster\r\n",
                          err);
}

void dragonfly_publish_status(struct dragonfly_master *m)
{
    uint64_t replicas = 0;
    uint64_t syncing = 0;

    pthread_mutex_lock(&m->mu);
    for (const struct dragonfly_session *s = m->sessions; s != NULL; s = s->next) {
        replicas += !s->dead && s->stable;
        syncing += !s->dead && s->synced && !s->stable;
    }
    pthread_mutex_unlock(&m->mu);
    atomic_store(&m->progress->replicas, replicas);
    atomic_store(&m->progress->syncing, syncing);
}
