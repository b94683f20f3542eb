/* What the product's master would answer otherwise, or not at all. */
#include "lib/standin.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool is_arg(const struct dragonfly_peer *p, size_t i, const char *word)
{
    return i < p->reader.count && bytes_is_word(p->reader.args[i], word);
}

static int reply(struct dragonfly_peer *p, struct ft_err *err, const char *text)
{
    return buf_append_str(&p->out, text, err) == 0 ? 1 : -1;
}

static int reply_bulk(struct dragonfly_peer *p, struct ft_err *err, const char *text)
{
    return buf_printf(&p->out, err, "$%zu\r\n%s\r\n", strlen(text), text) == 0 ? 1 : -1;
}

uint64_t standin_lsn(struct standin *m, struct dragonfly_master *master, uint32_t flow)
{
    struct ft_err err = FT_ERR_INIT;
    uint64_t lsn = 0;
    uint64_t stamps;

    pthread_mutex_lock(&m->mu);
    stamps = standin_stamps(m, flow);
    pthread_mutex_unlock(&m->mu);
    /* they follow the whole recording; a pause may count those that were sent as part of it */
    if (stamps > 0)
        return master->generation->flows[flow].next_lsn + master->pings[flow] + stamps;
    if (dragonfly_master_lsn(master, flow, &lsn, &err) != 0)
        abort();
    return lsn;
}

static int answer_auth(struct standin *m, struct dragonfly_peer *p, struct ft_err *err)
{
    const struct standin_options *o = &m->options;
    bool with_user = p->reader.count == 3;
    struct bytes user = with_user ? p->reader.args[1] : bytes_str("default");

    if (o->password == NULL)
        return reply(p, err,
                     "-ERR AUTH <password> called without any password configured for the default "
                     "user. Are you sure your configuration is correct?\r\n");
    if (p->reader.count < 2 || p->reader.count > 3 ||
        !bytes_eq_str(user, o->user != NULL ? o->user : "default") ||
        !bytes_eq_str(p->reader.args[p->reader.count - 1], o->password))
        return reply(p, err, "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
    p->authenticated = true;
    return reply(p, err, "+OK\r\n");
}

static bool is_loading(struct standin *m)
{
    bool loading;

    pthread_mutex_lock(&m->mu);
    loading = m->loading_left > 0;
    m->loading_left -= loading;
    pthread_mutex_unlock(&m->mu);
    return loading;
}

/* 0: it is not refused. */
static int refuse(struct standin *m, struct dragonfly_peer *p, struct ft_err *err)
{
    const struct standin_options *o = &m->options;
    bool replconf = is_arg(p, 0, "REPLCONF");
    bool replication = replconf || is_arg(p, 0, "DFLY");
    bool pause = is_arg(p, 0, "CLIENT") && (is_arg(p, 1, "PAUSE") || is_arg(p, 1, "UNPAUSE"));

    if (!replconf && is_loading(m))
        return reply(p, err, "-LOADING Dragonfly is loading the dataset in memory\r\n");
    if (o->restricted && replication)
        return reply(p, err, "-ERR Cannot execute restricted command (admin only)\r\n");
    if ((o->noperm && replication) || (o->no_pause && pause))
        return reply(p, err, "-NOPERM default has no ACL permissions\r\n");
    if (o->plain_redis && replconf)
        return reply(p, err, "+OK\r\n");
    if (o->plain_redis && is_arg(p, 0, "DFLY"))
        return reply(p, err, "-ERR unknown command 'DFLY', with args beginning with: \r\n");
    if (o->replica && replconf && is_arg(p, 2, "dragonfly"))
        return reply(p, err, "-ERR Replicating a replica is unsupported\r\n");
    return 0;
}

/* Another server takes this one's place: it knows nothing of what the last one has sent. */
static void replace_if_due(struct standin *m, struct dragonfly_master *master)
{
    struct ft_err err = FT_ERR_INIT;

    pthread_mutex_lock(&master->mu);
    if (m->options.new_replid_after > 0 && m->first_of_server == 0 &&
        master->session_count == m->options.new_replid_after) {
        m->first_of_server = master->session_count + 1;
        if (dragonfly_master_replace(master, &err) != 0)
            abort();
    }
    pthread_mutex_unlock(&master->mu);
}

/* What STARTSTABLE must not come before, or after. */
static void check_stable(struct standin *m, struct dragonfly_peer *p)
{
    struct dragonfly_master *master = p->master;
    const struct dragonfly_session *s;

    pthread_mutex_lock(&master->mu);
    s = p->reader.count == 3 ? dragonfly_session_find(master, p->reader.args[2]) : NULL;
    for (uint32_t i = 0; s != NULL && i < m->recording->flow_count; i++) {
        const struct recording_flow *tape = &m->recording->flows[i];

        if (!s->flows[i].partial && tape->fullsync_end != RECORDING_UNKNOWN &&
            s->flows[i].sent_bytes <= tape->fullsync_end)
            standin_violation(m, "DFLY STARTSTABLE before FULLSYNC_END of flow %u", i);
    }
    if (s != NULL && m->options.flush_in_sync && s->number == 1)
        standin_violation(m, "DFLY STARTSTABLE although the full sync held a FLUSHALL");
    pthread_mutex_unlock(&master->mu);
}

static int answer_offsets(struct standin *m, struct dragonfly_peer *p, struct ft_err *err)
{
    int rc = buf_printf(&p->out, err, "*%u\r\n", m->recording->flow_count);

    pthread_mutex_lock(&p->master->mu);
    for (uint32_t i = 0; rc == 0 && i < m->recording->flow_count; i++)
        rc =
            buf_printf(&p->out, err, ":%llu\r\n", (unsigned long long)standin_lsn(m, p->master, i));
    pthread_mutex_unlock(&p->master->mu);
    return rc == 0 ? 1 : -1;
}

static int answer_info(struct standin *m, struct dragonfly_peer *p, struct ft_err *err)
{
    char text[256];
    unsigned pops;

    if (is_arg(p, 1, "COMMANDSTATS")) {
        pthread_mutex_lock(&m->mu);
        pops = m->stats_asked++ == 0 ? 0 : m->options.pops;
        pthread_mutex_unlock(&m->mu);
        snprintf(text, sizeof(text), "# Commandstats\r\ncmdstat_LMPOP:calls=%u,usec=1\r\n", pops);
        return reply_bulk(p, err, text);
    }
    if (is_arg(p, 1, "KEYSPACE") && m->options.keyspace > 0) {
        snprintf(text, sizeof(text), "# Keyspace\r\ndb0:keys=%u,expires=0,avg_ttl=-1\r\n",
                 m->options.keyspace);
        return reply_bulk(p, err, text);
    }
    if (m->options.plain_redis)
        return reply_bulk(p, err, "# Server\r\nredis_version:7.0.15\r\n");
    return 0;
}

/* CLUSTER INFO and SLOTS, of a master that is a node; else it does not know them. */
static int answer_cluster(struct standin *m, struct dragonfly_peer *p, struct ft_err *err)
{
    const char *path = m->options.cluster_slots;
    char text[4096];
    FILE *f = path == NULL ? NULL : fopen(path, "r");
    size_t n;

    if (f == NULL)
        return reply(p, err, "-ERR Cluster is disabled. Use --cluster_mode=yes to enable.\r\n");
    n = fread(text, 1, sizeof(text) - 1, f);
    (void)fclose(f); /* was only read */
    text[n] = '\0';
    return reply(p, err, is_arg(p, 1, "INFO") ? "$18\r\ncluster_state:ok\r\n\r\n" : text);
}

int standin_command(void *context, struct dragonfly_peer *p, struct ft_err *err)
{
    struct standin *m = context;
    int rc;

    if (is_arg(p, 0, "AUTH"))
        return answer_auth(m, p, err);
    if (m->options.password != NULL && !p->authenticated)
        return reply(p, err, "-NOAUTH Authentication required.\r\n");
    if ((rc = refuse(m, p, err)) != 0)
        return rc;
    if (is_arg(p, 0, "REPLCONF") && is_arg(p, 2, "dragonfly"))
        replace_if_due(m, p->master);
    if (is_arg(p, 0, "DFLY") && is_arg(p, 1, "STARTSTABLE")) {
        (void)usleep(1000 * m->options.late_stable_ms);
        check_stable(m, p);
    }
    if (is_arg(p, 0, "DFLY") && is_arg(p, 1, "REPLICAOFFSET"))
        return answer_offsets(m, p, err);
    if (is_arg(p, 0, "INFO"))
        return answer_info(m, p, err);
    if (is_arg(p, 0, "CLUSTER"))
        return answer_cluster(m, p, err);
    return standin_read_key(m, p, err);
}
