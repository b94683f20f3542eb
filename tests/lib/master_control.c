/* The conversation; replies as dragonfly src/server/dflycmd.cc and server_family.cc word them. */
#include "lib/master_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define LOG_COMMANDS_MAX  64
#define TAKEOVER_PAUSE_MS 3600000u

static bool is_arg(const struct command *a, int i, const char *arg)
{
    return i < a->count && strcasecmp(a->args[i], arg) == 0;
}

/* A command of a connection, for the report; passwords and repetitions are left out. */
static void log_command(struct conn *c, const struct command *a)
{
    char text[256] = "";
    size_t n = 0, logged = json_array_size(c->log);
    const char *last;

    for (int i = 0; i < a->count && n < sizeof(text); i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", i > 0 ? " " : "",
                              i > 0 && is_arg(a, 0, "AUTH") ? "***" : a->args[i]);
    last = logged > 0 ? json_string_value(json_array_get(c->log, logged - 1)) : "";
    if (logged < LOG_COMMANDS_MAX && strcmp(last, text) != 0)
        json_array_append_new(c->log, json_string(text));
}

/* ---- access ---- */

static bool do_auth(struct conn *c, const struct command *a)
{
    const struct master_options *o = &c->master->options;
    const char *user = a->count == 3 ? a->args[1] : "default";
    const char *want = o->user != NULL ? o->user : "default";

    if (o->password == NULL)
        return conn_reply(c, "-ERR AUTH <password> called without any password configured for the "
                             "default user. Are you sure your configuration is correct?\r\n");
    if (a->count < 2 || a->count > 3 || strcmp(user, want) != 0 ||
        strcmp(a->args[a->count - 1], o->password) != 0)
        return conn_reply(c, "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
    c->authenticated = true;
    return conn_reply(c, "+OK\r\n");
}

/* Is the command refused before it is looked at? *ret_alive is then the outcome. */
static bool refused(struct conn *c, const struct command *a, bool *ret_alive)
{
    struct master *m = c->master;
    const struct master_options *o = &m->options;
    bool replication = is_arg(a, 0, "REPLCONF") || is_arg(a, 0, "DFLY");
    bool loading = false;

    if (o->password != NULL && !c->authenticated) {
        *ret_alive = conn_reply(c, "-NOAUTH Authentication required.\r\n");
        return true;
    }
    if (!is_arg(a, 0, "REPLCONF")) {
        pthread_mutex_lock(&m->mu);
        loading = m->loading_left > 0;
        m->loading_left -= loading;
        pthread_mutex_unlock(&m->mu);
    }
    if (loading)
        *ret_alive = conn_reply(c, "-LOADING Dragonfly is loading the dataset in memory\r\n");
    else if (o->restricted && replication)
        *ret_alive = conn_reply(c, "-ERR Cannot execute restricted command (admin only)\r\n");
    else if (o->noperm && replication)
        *ret_alive = conn_reply(c, "-NOPERM %s has no ACL permissions\r\n",
                                o->user != NULL ? o->user : "default");
    else if (o->plain_redis && is_arg(a, 0, "REPLCONF"))
        *ret_alive = conn_reply(c, "+OK\r\n");
    else if (o->plain_redis && is_arg(a, 0, "DFLY"))
        *ret_alive = conn_reply(c, "-ERR unknown command 'DFLY', with args beginning with: \r\n");
    else
        return false;
    return true;
}

/* ---- REPLCONF ---- */

/* Another server has taken this one's place: it knows nothing of what the last one sent. */
static void replace_server(struct master *m)
{
    for (int i = 0; i < 40; i++) {
        char digit = m->replication_id[i];

        m->replication_id[i] = digit == '9' ? 'a' : digit == 'f' ? '0' : (char)(digit + 1);
    }
}

static struct session *session_begin(struct master *m, int control_fd)
{
    struct session *s = calloc(1, sizeof(*s));

    if (s == NULL)
        abort();
    s->flows = calloc(m->recording->flow_count, sizeof(*s->flows));
    if (s->flows == NULL)
        abort();
    s->master = m;
    s->control_fd = control_fd;
    if (m->options.new_replid_after > 0 && m->session_count == m->options.new_replid_after) {
        replace_server(m);
        s->first_of_server = true;
    }
    s->number = ++m->session_count;
    snprintf(s->id, sizeof(s->id), "SYNC%u", s->number);
    memcpy(s->replication_id, m->replication_id, sizeof(s->replication_id));
    for (uint32_t i = 0; i < m->recording->flow_count; i++) {
        s->flows[i].session = s;
        s->flows[i].index = i;
        s->flows[i].fd = -1;
        s->flows[i].tape = &m->recording->flows[i];
    }
    s->next = m->sessions;
    m->sessions = s;
    return s;
}

static bool do_capa_dragonfly(struct conn *c)
{
    struct master *m = c->master;
    const struct recording *r = m->recording;
    int protocol = m->options.protocol > 0 ? m->options.protocol : r->protocol;
    int elements = m->options.capa_elements > 0 ? m->options.capa_elements : r->capa_elements;
    char extra[64] = "";

    if (m->options.replica)
        return conn_reply(c, "-ERR Replicating a replica is unsupported\r\n");
    pthread_mutex_lock(&m->mu);
    if (c->session != NULL)
        violation(m, "capa dragonfly twice on one connection");
    else
        c->session = session_begin(m, c->fd);
    pthread_mutex_unlock(&m->mu);
    if (elements > 4)
        snprintf(extra, sizeof(extra), "+%s\r\n", c->session->replication_id);
    if (elements < 4)
        return conn_reply(c, "*3\r\n+%s\r\n+%s\r\n:%u\r\n", c->session->replication_id,
                          c->session->id, r->flow_count);
    return conn_reply(c, "*%d\r\n+%s\r\n+%s\r\n:%u\r\n:%d\r\n%s", elements,
                      c->session->replication_id, c->session->id, r->flow_count, protocol, extra);
}

static bool do_replconf(struct conn *c, const struct command *a)
{
    struct master *m = c->master;
    const char *wrong = NULL;

    if (a->count % 2 == 0)
        return conn_reply(c, "-ERR syntax error\r\n");
    if (a->count == 3 && is_arg(a, 1, "capa") && is_arg(a, 2, "dragonfly"))
        return do_capa_dragonfly(c);
    for (int i = 1; i < a->count; i += 2) {
        if (is_arg(a, i, "capa") && is_arg(a, i + 1, "dragonfly"))
            wrong = "capa dragonfly together with something else";
        else if ((is_arg(a, i, "CLIENT-VERSION") || is_arg(a, i, "CLIENT-ID")) &&
                 c->session == NULL)
            wrong = "CLIENT-VERSION or CLIENT-ID before capa dragonfly";
        else if (is_arg(a, i, "ACK"))
            wrong = "an ACK on a connection that is not a flow";
        else if (!is_arg(a, i, "capa") && !is_arg(a, i, "listening-port") &&
                 !is_arg(a, i, "ip-address") && !is_arg(a, i, "CLIENT-VERSION") &&
                 !is_arg(a, i, "CLIENT-ID"))
            return conn_reply(c, "-ERR syntax error\r\n");
    }
    if (wrong != NULL) {
        pthread_mutex_lock(&m->mu);
        violation(m, "%s", wrong);
        pthread_mutex_unlock(&m->mu);
    }
    return conn_reply(c, "+OK\r\n");
}

/* ---- DFLY ---- */

static struct session *session_find(struct master *m, const char *id)
{
    struct session *s = m->sessions;

    while (s != NULL && strcmp(s->id, id) != 0)
        s = s->next;
    return s;
}

static bool grants_partial(struct flow *f, uint64_t lsn)
{
    struct session *s = f->session;
    struct master *m = s->master;
    uint64_t end = flow_end_lsn(m, f->tape);

    if (s->first_of_server) {
        violation(m, "%s asked for LSN %llu of another replication id", s->id,
                  (unsigned long long)lsn);
        return false;
    }
    if (m->options.mixed && m->mixed_session == 0)
        m->mixed_session = s->number;
    if (m->mixed_session == s->number)
        return f->index == 0;
    if (m->mixed_session != 0 && m->mixed_session + 1 == s->number)
        violation(m, "%s asked for an LSN right after mixed answers", s->id);
    switch (m->options.partial) {
    case MASTER_PARTIAL_NONE:
        return false;
    case MASTER_PARTIAL_END:
        return lsn == end || lsn == f->tape->first_final_lsn;
    default:
        return lsn >= f->tape->first_lsn && lsn <= end;
    }
}

static bool do_flow(struct conn *c, const struct command *a)
{
    struct master *m = c->master;
    unsigned long index = a->count > 4 ? strtoul(a->args[4], NULL, 10) : 0;
    const char *error = NULL;
    struct ft_err err = FT_ERR_INIT;
    struct session *s;
    struct flow *f = NULL;

    pthread_mutex_lock(&m->mu);
    s = a->count > 3 ? session_find(m, a->args[3]) : NULL;
    if (a->count < 5 || a->count > 6)
        error = "syntax error";
    else if (strcmp(a->args[2], m->replication_id) != 0)
        error = "bad master id";
    else if (s == NULL || s->dead)
        error = "syncid not found";
    else if (index >= m->recording->flow_count)
        error = "value is not an integer or out of range";
    else if (s->flows[index].connected || s->synced || s->stable)
        error = "invalid state";
    if (error != NULL) {
        if (s == NULL || !s->dead) /* else it came too late to know */
            violation(m, "DFLY FLOW: %s", error);
    } else {
        f = &s->flows[index];
        f->partial = a->count == 6 && grants_partial(f, strtoull(a->args[5], NULL, 10));
        f->connected = true;
        f->fd = c->fd;
        if (flow_plan(f, f->partial, f->partial ? strtoull(a->args[5], NULL, 10) : 0, &err) < 0)
            abort();
        *(f->partial ? &m->partial : &m->full) += 1;
        pthread_cond_broadcast(&m->changed);
    }
    pthread_mutex_unlock(&m->mu);
    if (error != NULL)
        return conn_reply(c, "-ERR %s\r\n", error);
    (void)conn_reply(c, "*2\r\n+%s\r\n+%s\r\n", f->partial ? "PARTIAL" : "FULL", f->tape->token);
    flow_serve(f, c); /* also notices when the peer is gone */
    return false;
}

/* The rule that DFLY SYNC or STARTSTABLE breaks now, or NULL. */
static const char *phase_error(const struct session *s, bool stable)
{
    const struct master *m = s->master;
    uint32_t connected = 0, partial = 0;

    for (uint32_t i = 0; i < m->recording->flow_count; i++) {
        connected += s->flows[i].connected;
        partial += s->flows[i].partial;
    }
    if (connected < m->recording->flow_count)
        return "before all flows were connected";
    if (partial > 0 && partial < connected)
        return "although some flows were answered FULL and some PARTIAL";
    if (s->stable || (!stable && s->synced))
        return "twice";
    if (!stable)
        return partial > 0 && !m->options.framed_partial ? "after PARTIAL" : NULL;
    if (!s->synced && (partial == 0 || m->options.framed_partial))
        return "before SYNC";
    if (s->flushed)
        return "although the full sync held a FLUSHALL";
    for (uint32_t i = 0; i < m->recording->flow_count && partial == 0; i++) {
        const struct flow *f = &s->flows[i];

        if (f->tape->fullsync_end != RECORDING_UNKNOWN && f->sent_offset <= f->tape->fullsync_end)
            return "before FULLSYNC_END on all flows";
    }
    return NULL;
}

static bool do_phase(struct conn *c, const struct command *a, bool stable)
{
    struct master *m = c->master;
    const char *error;
    struct session *s;

    if (stable)
        (void)usleep(1000 * m->options.late_stable_ms);
    pthread_mutex_lock(&m->mu);
    s = a->count == 3 ? session_find(m, a->args[2]) : NULL;
    if (s == NULL || s != c->session || s->dead) {
        error = "for no session of this connection";
    } else {
        error = phase_error(s, stable);
        if (error == NULL) {
            *(stable ? &s->stable : &s->synced) = true;
            if (stable)
                time_begin(m);
            for (uint32_t i = 0; i < m->recording->flow_count; i++)
                if (stable && s->flows[i].partial && !m->options.framed_partial)
                    s->flows[i].sent_offset = s->flows[i].stable_offset;
            pthread_cond_broadcast(&m->changed);
        }
    }
    if (error != NULL && (s == NULL || !s->dead))
        violation(m, "DFLY %s %s", stable ? "STARTSTABLE" : "SYNC", error);
    pthread_mutex_unlock(&m->mu);
    return conn_reply(c, error != NULL ? "-ERR invalid state\r\n" : "+OK\r\n");
}

static bool do_offsets(struct conn *c)
{
    struct master *m = c->master;
    char text[COMMAND_BYTES_MAX];
    size_t n;

    pthread_mutex_lock(&m->mu);
    n = (size_t)snprintf(text, sizeof(text), "*%u\r\n", m->recording->flow_count);
    for (uint32_t i = 0; i < m->recording->flow_count && n < sizeof(text); i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, ":%llu\r\n",
                              (unsigned long long)time_lsn(m, &m->recording->flows[i]));
    pthread_mutex_unlock(&m->mu);
    return conn_reply(c, "%s", text);
}

static bool takeover_acked(const struct session *s)
{
    struct master *m = s->master;

    for (uint32_t i = 0; i < m->recording->flow_count; i++)
        if (!s->flows[i].ping_sent || s->flows[i].ack < time_lsn(m, s->flows[i].tape) + 1)
            return false;
    return true;
}

/*
 * The PING records of a takeover that failed stay in the journal. Where the flow is not at its end yet,
 * the numbers of what follows would not be those of the recording any more: there it is forgotten.
 */
static void keep_pings(struct session *s)
{
    struct master *m = s->master;

    for (uint32_t i = 0; i < m->recording->flow_count; i++) {
        struct recording_flow *tape = &m->recording->flows[i];
        struct flow *f = &s->flows[i];

        if (time_lsn(m, tape) != tape->final_lsn || !recording_add_ping(tape))
            continue;
        m->frozen_lsn[i]++;
        f->sent_offset += f->ping_sent;
        f->ping_sent = false;
    }
}

static bool do_takeover(struct conn *c, const struct command *a)
{
    struct master *m = c->master;
    uint64_t give_up_ms = clock_mono_ms() + 1000 * strtoull(a->args[2], NULL, 10);
    struct session *s;
    bool done = false, alive;

    pthread_mutex_lock(&m->mu);
    s = session_find(m, a->args[a->count - 1]);
    if (s == NULL || !s->stable || s->dead) {
        violation(m, "DFLY TAKEOVER outside stable sync");
        pthread_mutex_unlock(&m->mu);
        return conn_reply(c, "-ERR invalid state\r\n");
    }
    s->takeover = true;
    if (m->options.write_rate > 0)
        time_pause(m, TAKEOVER_PAUSE_MS); /* it takes no more writes; what there is goes out */
    pthread_cond_broadcast(&m->changed);
    while (!(done = takeover_acked(s)) && !s->dead && clock_mono_ms() < give_up_ms) {
        struct timespec until;

        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 10000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000;
        }
        pthread_cond_timedwait(&m->changed, &m->mu, &until);
    }
    if (!done) {
        s->takeover = false;
        if (m->options.write_rate > 0)
            time_unpause(m);
        keep_pings(s);
    }
    pthread_mutex_unlock(&m->mu);
    if (done && m->options.takeover != MASTER_TAKEOVER_ONCE)
        for (uint32_t i = 0; i < m->recording->flow_count; i++)
            (void)shutdown(s->flows[i].fd, SHUT_RDWR);
    if (!done)
        alive = conn_reply(c, "-ERR Takeover failed!\r\n");
    else if (m->options.takeover == MASTER_TAKEOVER_SILENT)
        alive = false;
    else
        alive = conn_reply(c, m->options.takeover == MASTER_TAKEOVER_TWICE ? "+OK\r\n+OK\r\n"
                                                                           : "+OK\r\n");
    if (done) {
        pthread_mutex_lock(&m->mu);
        session_kill(s);
        m->gone = true;
        pthread_mutex_unlock(&m->mu);
    }
    return alive;
}

static bool do_dfly(struct conn *c, const struct command *a)
{
    if (is_arg(a, 1, "FLOW"))
        return do_flow(c, a);
    if (is_arg(a, 1, "SYNC"))
        return do_phase(c, a, false);
    if (is_arg(a, 1, "STARTSTABLE"))
        return do_phase(c, a, true);
    if (is_arg(a, 1, "REPLICAOFFSET"))
        return do_offsets(c);
    if (is_arg(a, 1, "TAKEOVER") && a->count >= 4)
        return do_takeover(c, a);
    return conn_reply(c, "-ERR syntax error\r\n");
}

static bool do_select(struct conn *c, const struct command *a)
{
    c->db = a->count == 2 ? (unsigned)strtoul(a->args[1], NULL, 10) : 0;
    return conn_reply(c, "+OK\r\n");
}

static bool do_client(struct conn *c, const struct command *a)
{
    struct master *m = c->master;
    bool pause = is_arg(a, 1, "PAUSE");

    if (m->options.no_pause && (pause || is_arg(a, 1, "UNPAUSE")))
        return conn_reply(c, "-NOPERM %s has no ACL permissions\r\n", "default");
    if (pause && (a->count != 4 || !is_arg(a, 3, "WRITE")))
        return conn_reply(c, "-ERR syntax error\r\n");
    pthread_mutex_lock(&m->mu);
    if (pause)
        time_pause(m, strtoull(a->args[2], NULL, 10));
    else if (is_arg(a, 1, "UNPAUSE"))
        time_unpause(m);
    pthread_mutex_unlock(&m->mu);
    return conn_reply(c, "+OK\r\n");
}

static bool do_info(struct conn *c, const struct command *a)
{
    struct master *m = c->master;
    char text[256];

    if (is_arg(a, 1, "COMMANDSTATS")) {
        pthread_mutex_lock(&m->mu);
        snprintf(text, sizeof(text), "# Commandstats\r\ncmdstat_LMPOP:calls=%u,usec=1\r\n",
                 m->stats_asked++ == 0 ? 0 : m->options.pops);
        pthread_mutex_unlock(&m->mu);
    } else if (is_arg(a, 1, "keyspace") && c->master->options.keyspace != 0)
        snprintf(text, sizeof(text), "# Keyspace\r\ndb0:keys=%u,expires=0,avg_ttl=-1\r\n",
                 c->master->options.keyspace);
    else if (c->master->options.plain_redis)
        snprintf(text, sizeof(text), "# Server\r\nredis_version:7.0.15\r\n");
    else
        snprintf(text, sizeof(text), "# Server\r\nredis_version:7.4.0\r\ndragonfly_version:%s\r\n",
                 c->master->recording->df_version);
    return conn_reply(c, "$%zu\r\n%s\r\n", strlen(text), text);
}

/* CLUSTER INFO and SLOTS, of a master that is a node; else it does not know them. */
static bool do_cluster(struct conn *c, const struct command *a)
{
    const char *path = c->master->options.cluster_slots;
    char text[4096];
    FILE *f = path == NULL ? NULL : fopen(path, "r");
    size_t n;

    if (f == NULL)
        return conn_reply(c, "-ERR Cluster is disabled. Use --cluster_mode=yes to enable.\r\n");
    n = fread(text, 1, sizeof(text) - 1, f);
    (void)fclose(f); /* was only read */
    text[n] = '\0';
    if (is_arg(a, 1, "INFO"))
        return conn_reply(c, "$18\r\ncluster_state:ok\r\n\r\n");
    return conn_reply(c, "%s", text);
}

static bool do_command(struct conn *c, const struct command *a)
{
    bool alive;

    if (is_arg(a, 0, "AUTH"))
        return do_auth(c, a);
    if (refused(c, a, &alive))
        return alive;
    if (is_arg(a, 0, "PING"))
        return conn_reply(c, "+PONG\r\n");
    if (is_arg(a, 0, "REPLCONF"))
        return do_replconf(c, a);
    if (is_arg(a, 0, "DFLY"))
        return do_dfly(c, a);
    if (is_arg(a, 0, "INFO"))
        return do_info(c, a);
    if (is_arg(a, 0, "CLIENT"))
        return do_client(c, a);
    if (is_arg(a, 0, "CLUSTER"))
        return do_cluster(c, a);
    if (is_arg(a, 0, "SELECT"))
        return do_select(c, a);
    if (keys_serve(c, a, &alive))
        return alive;
    return conn_reply(c, "-ERR unknown command `%s`\r\n", a->args[0]);
}

void control_serve(struct conn *c)
{
    struct command a;
    bool alive = true;

    while (alive && conn_command(c, &a)) {
        if (a.count == 0)
            continue;
        pthread_mutex_lock(&c->master->mu);
        log_command(c, &a);
        pthread_mutex_unlock(&c->master->mu);
        alive = do_command(c, &a);
    }
}
