#include "serve/dragonfly_commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/wake.h"
#include "serve/dragonfly_hooks.h"
#include "serve/dragonfly_status.h"
#include "serve/password.h"

#define TAKEOVER_STEP_MS  50u
#define TAKEOVER_PAUSE_MS (UINT64_C(365) * 86400000u) /* it takes no writes until it is over */
#define PAUSE_MAX_MS      TAKEOVER_PAUSE_MS
#define RELEASE_LINEAGE   140u /* tells the lineage id */

static int put(struct dragonfly_peer *p, const char *text, struct ft_err *err)
{
    return buf_append_str(&p->out, text, err);
}

static struct bytes arg(const struct dragonfly_peer *p, size_t i)
{
    return i < p->reader.count ? p->reader.args[i] : bytes_of("", 0);
}

static bool arg_is(const struct dragonfly_peer *p, size_t i, const char *word)
{
    return bytes_is_word(arg(p, i), word);
}

/* A session ends when one of its connections does, while another may be about to send a command: no rule is broken. */
static const char session_ended[] = "syncid not found: its session has ended";

/* With mu held. */
static const char *no_session(const struct dragonfly_master *m, struct bytes id)
{
    uint64_t number;

    if (id.n > 4 && bytes_to_u64(bytes_of(id.p + 4, id.n - 4), &number) && number != 0 &&
        number <= m->session_count)
        return session_ended;
    return "syncid not found: there was no such session";
}

/* Something that the protocol does not allow: told to both. `what` begins as a Dragonfly's own answer does. */
static int refuse(struct dragonfly_peer *p, const char *command, const char *what,
                  struct ft_err *err)
{
    if (what != session_ended)
        dragonfly_violation(p->master, "%s: %s: %s", p->conn.name, command, what);
    return buf_printf(&p->out, err, "-ERR %s\r\n", what);
}

/*
 * Who is there
 */

static const char loading[] = "-LOADING Dragonfly is loading the dataset in memory\r\n";

static bool is_loading(const struct dragonfly_peer *p)
{
    return clock_mono_ms() < p->master->ready_ms;
}

static int answer_ping(struct dragonfly_peer *p, struct ft_err *err)
{
    return put(p, is_loading(p) ? loading : "+PONG\r\n", err);
}

static int answer_auth(struct dragonfly_peer *p, struct ft_err *err)
{
    bool with_user = p->reader.count > 2;

    if (!password_lets_in(p->master->o->password, with_user ? arg(p, 1) : bytes_str("default"),
                          arg(p, with_user ? 2 : 1)))
        return put(p, "-WRONGPASS invalid username-password pair or user is disabled.\r\n", err);
    p->authenticated = true;
    return put(p, "+OK\r\n", err);
}

static int answer_hello(struct dragonfly_peer *p, struct ft_err *err)
{
    if (p->reader.count > 1 && !bytes_eq_str(arg(p, 1), "2"))
        return put(p, "-NOPROTO unsupported protocol version, wanted 2\r\n", err);
    if (!p->authenticated)
        return put(p, "-NOAUTH HELLO must be called with the client already authenticated\r\n",
                   err);
    return dragonfly_hello_put(p->master, &p->out, err);
}

static int answer_quit(struct dragonfly_peer *p, struct ft_err *err)
{
    p->ends = true;
    return put(p, "+OK\r\n", err);
}

static int answer_select(struct dragonfly_peer *p, struct ft_err *err)
{
    uint64_t db;

    if (!bytes_to_u64(arg(p, 1), &db) || db > UINT32_MAX)
        return put(p, "-ERR invalid DB index\r\n", err);
    p->db = (uint32_t)db;
    return put(p, "+OK\r\n", err);
}

static int answer_command(struct dragonfly_peer *p, struct ft_err *err)
{
    return put(p, arg_is(p, 1, "COUNT") ? ":0\r\n" : "*0\r\n", err);
}

static int answer_info(struct dragonfly_peer *p, struct ft_err *err)
{
    struct buf text = {0};
    int rc = dragonfly_info_put(p->master, arg(p, 1), &text, err);

    if (rc == 0 && (buf_printf(&p->out, err, "$%zu\r\n", text.n) != 0 ||
                    buf_append(&p->out, text.p, text.n, err) != 0 || put(p, "\r\n", err) != 0))
        rc = -1;
    buf_release(&text);
    return rc;
}

static int answer_role(struct dragonfly_peer *p, struct ft_err *err)
{
    return dragonfly_role_put(p->master, &p->out, err);
}

static int pause_writes(struct dragonfly_peer *p, struct ft_err *err)
{
    uint64_t ms;
    int rc;

    if (!bytes_to_u64(arg(p, 2), &ms) || p->reader.count > 4 ||
        (p->reader.count == 4 && !arg_is(p, 3, "WRITE") && !arg_is(p, 3, "ALL")))
        return put(p, "-ERR syntax error, wanted CLIENT PAUSE milliseconds [WRITE|ALL]\r\n", err);
    pthread_mutex_lock(&p->master->mu);
    rc = dragonfly_master_stop_time(p->master, ms < PAUSE_MAX_MS ? ms : PAUSE_MAX_MS, err);
    pthread_mutex_unlock(&p->master->mu);
    return rc != 0 ? -1 : put(p, "+OK\r\n", err);
}

static int answer_client(struct dragonfly_peer *p, struct ft_err *err)
{
    static const char *const quiet[] = {"SETNAME", "SETINFO", "NO-EVICT", "NO-TOUCH"};

    if (arg_is(p, 1, "PAUSE"))
        return pause_writes(p, err);
    if (arg_is(p, 1, "UNPAUSE")) {
        pthread_mutex_lock(&p->master->mu);
        dragonfly_clock_resume(&p->master->clock);
        pthread_mutex_unlock(&p->master->mu);
        return put(p, "+OK\r\n", err);
    }
    for (size_t i = 0; i < sizeof(quiet) / sizeof(quiet[0]); i++) {
        if (arg_is(p, 1, quiet[i]))
            return put(p, "+OK\r\n", err);
    }
    if (arg_is(p, 1, "ID"))
        return put(p, ":1\r\n", err);
    if (arg_is(p, 1, "GETNAME"))
        return put(p, "$-1\r\n", err);
    return put(p,
               "-ERR this is flowtape, a master to replicate from: of CLIENT it knows PAUSE, "
               "UNPAUSE, SETNAME, SETINFO, GETNAME and ID\r\n",
               err);
}

/*
 * REPLCONF
 */

/* The number of elements depends on the release, as wire/dfly_master.h says. */
static int begin_session(struct dragonfly_peer *p, struct ft_err *err)
{
    const struct dragonfly_master *m = p->master;
    struct dragonfly_session *s;
    int protocol = m->generation->protocol;
    bool lineage = protocol >= 5 && (m->release == 0 || m->release >= RELEASE_LINEAGE);

    if (p->session != NULL)
        return refuse(p, "REPLCONF", "capa dragonfly twice on one connection", err);
    if (dragonfly_session_begin(p->master, p->conn.name, p->conn.fd, &p->session, err) != 0)
        return -1;
    s = p->session;
    if (s == NULL)
        return put(p, "-ERR there are as many replicas as --max-replicas allows\r\n", err);
    atomic_fetch_add(&m->progress->asked, 1);
    s->port = p->port;
    memcpy(s->host, p->host, sizeof(s->host));
    if (buf_printf(&p->out, err, "*%d\r\n+%s\r\n+%s\r\n:%" PRIu32 "\r\n",
                   protocol == 0 ? 3 : (lineage ? 5 : 4), s->replication_id, s->id,
                   m->generation->flow_count) != 0)
        return -1;
    if (protocol == 0)
        return 0;
    if (buf_printf(&p->out, err, ":%d\r\n", protocol) != 0)
        return -1;
    return lineage ? buf_printf(&p->out, err, "+%s\r\n", s->replication_id) : 0;
}

/* NULL: all right. Else what is wrong with a pair. */
static const char *take_pair(struct dragonfly_peer *p, struct bytes name, struct bytes value)
{
    struct dragonfly_session *s = p->session;
    uint64_t number;

    if (bytes_is_word(name, "capa"))
        return bytes_is_word(value, "dragonfly")
                   ? "syntax error: capa dragonfly stands alone in its REPLCONF"
                   : NULL;
    if (bytes_is_word(name, "listening-port")) {
        if (!bytes_to_u64(value, &number) || number > UINT16_MAX)
            return "value is not an integer or out of range: a port is wanted";
        p->port = (uint16_t)number;
        return NULL;
    }
    if (bytes_is_word(name, "ip-address")) {
        bytes_escape(value, p->host, sizeof(p->host));
        return NULL;
    }
    if (bytes_is_word(name, "CLIENT-ID") || bytes_is_word(name, "CLIENT-VERSION")) {
        if (s == NULL)
            return "CLIENT-ID and CLIENT-VERSION come after capa dragonfly, on its connection";
        if (bytes_is_word(name, "CLIENT-VERSION"))
            return bytes_to_u64(value, &number) ? NULL : "value is not an integer or out of range";
        bytes_escape(value, s->client_id, sizeof(s->client_id));
        return NULL;
    }
    if (bytes_is_word(name, "ACK"))
        return "an ACK belongs on the connection of its flow";
    return "syntax error: of REPLCONF, listening-port, ip-address, capa, CLIENT-ID, CLIENT-VERSION "
           "and ACK are known";
}

static int answer_replconf(struct dragonfly_peer *p, struct ft_err *err)
{
    if (p->reader.count % 2 == 0)
        return refuse(p, "REPLCONF", "syntax error: REPLCONF takes pairs", err);
    if (p->reader.count == 3 && arg_is(p, 1, "capa") && arg_is(p, 2, "dragonfly"))
        return begin_session(p, err);
    for (size_t i = 1; i < p->reader.count; i += 2) {
        const char *wrong = take_pair(p, arg(p, i), arg(p, i + 1));

        if (wrong != NULL)
            return refuse(p, "REPLCONF", wrong, err);
    }
    return put(p, "+OK\r\n", err);
}

/*
 * DFLY FLOW
 */

/* Does the capture have the journal from this LSN on? */
static int holds_lsn(const struct dragonfly_master *m, uint32_t flow, uint64_t lsn, bool *ret,
                     struct ft_err *err)
{
    struct ft_err why = FT_ERR_INIT;
    struct flow_reader *reader;
    int rc;

    if (flow_reader_new(&reader, m->capture, m->generation, flow, err) != 0)
        return -1;
    rc = flow_reader_seek_lsn(reader, lsn, &why);
    flow_reader_free(reader);
    *ret = rc == 0;
    return rc != 0 && why.kind != FT_ERR_USAGE ? err_copy(err, &why) : 0;
}

/* With mu held. LSN 0 is never granted. */
static int grant(struct dragonfly_flow *f, uint64_t lsn, struct ft_err *err)
{
    struct dragonfly_master *m = f->session->master;
    const struct dragonfly_hooks *hooks = m->o->dragonfly.hooks;
    uint64_t end = m->generation->flows[f->index].next_lsn;
    uint32_t pings = m->o->follow || m->resume == DFLY_RESUME_INCREMENT ? 0 : m->pings[f->index];

    if (lsn == 0 || m->resume == DFLY_RESUME_NEVER)
        return 0;
    if (lsn > end && lsn <= end + pings) {
        f->partial = true;
        f->tail = (uint32_t)(lsn - end);
    } else if (holds_lsn(m, f->index, lsn, &f->partial, err) != 0) {
        return -1;
    }
    if (f->partial && hooks != NULL && hooks->grants != NULL)
        f->partial = hooks->grants(hooks->context, f, lsn);
    f->asked_lsn = f->partial ? lsn : 0;
    if (!f->partial)
        f->tail = 0;
    return 0;
}

/* "LAST-MASTER LSN-LSN-...": *ret is that of the flow, 0: of another master. False: not one for each flow. */
static bool take_vector(const struct dragonfly_peer *p, uint32_t flow, uint64_t *ret)
{
    const struct dragonfly_master *m = p->master;
    struct bytes list = arg(p, 6);
    size_t from = 0;
    uint32_t count = 0;

    *ret = 0;
    for (size_t i = 0; i <= list.n; i++) {
        uint64_t lsn;

        if (i < list.n && list.p[i] != '-')
            continue;
        if (!bytes_to_u64(bytes_of(list.p + from, i - from), &lsn))
            return false;
        if (count++ == flow)
            *ret = lsn;
        from = i + 1;
    }
    if (!bytes_eq_str(arg(p, 5), m->replication_id))
        *ret = 0;
    return count == m->generation->flow_count;
}

/* With mu held. NULL: *ret_lsn was asked for (0: everything). Else what is wrong. */
static const char *flow_error(struct dragonfly_peer *p, struct dragonfly_session **ret_session,
                              uint32_t *ret_index, uint64_t *ret_lsn)
{
    const struct dragonfly_master *m = p->master;
    struct dragonfly_session *s;
    uint64_t index;

    if (p->reader.count < 5 || p->reader.count > 7)
        return "syntax error: wanted DFLY FLOW master-id sync-id flow [lsn | last-master-id lsns]";
    if (!bytes_eq_str(arg(p, 2), m->replication_id))
        return "bad master id: wanted the first element of the reply to capa dragonfly";
    if (arg(p, 3).n < 5 || memcmp(arg(p, 3).p, "SYNC", 4) != 0)
        return "bad sync id: wanted the second element of the reply to capa dragonfly";
    s = dragonfly_session_find(p->master, arg(p, 3));
    if (s == NULL)
        return no_session(m, arg(p, 3));
    if (!bytes_to_u64(arg(p, 4), &index) || index >= m->generation->flow_count)
        return "value is not an integer or out of range: flows are counted from 0";
    if (p->session != NULL)
        return "invalid state: a flow has a connection of its own";
    if (s->flows[index].connected || s->synced || s->stable)
        return "invalid state: each flow is connected once, before SYNC and STARTSTABLE";
    *ret_lsn = 0;
    if (p->reader.count == 6 && !bytes_to_u64(arg(p, 5), ret_lsn))
        return "value is not an integer or out of range: an LSN is wanted";
    if (p->reader.count == 7 && !take_vector(p, (uint32_t)index, ret_lsn))
        return "syntax error: wanted an LSN for each flow, joined by \"-\"";
    *ret_session = s;
    *ret_index = (uint32_t)index;
    return NULL;
}

static int connect_flow(struct dragonfly_peer *p, struct dragonfly_session *s, uint32_t index,
                        uint64_t lsn, struct ft_err *err)
{
    struct dragonfly_flow *f = &s->flows[index];

    if (wake_open(&f->wake_fd, err) != 0 || grant(f, lsn, err) != 0)
        return -1;
    f->connected = true;
    s->users++;
    p->session = s;
    p->flow = f;
    return 0;
}

static int answer_flow(struct dragonfly_peer *p, struct ft_err *err)
{
    struct dragonfly_session *s = NULL;
    const char *wrong;
    uint32_t index = 0;
    uint64_t lsn = 0;
    int rc = 0;

    pthread_mutex_lock(&p->master->mu);
    wrong = flow_error(p, &s, &index, &lsn);
    if (wrong == NULL)
        rc = connect_flow(p, s, index, lsn, err);
    pthread_mutex_unlock(&p->master->mu);
    if (rc != 0)
        return -1;
    if (wrong != NULL)
        return refuse(p, "DFLY FLOW", wrong, err);
    if (lsn != 0 && !p->flow->partial)
        atomic_fetch_add(&p->master->progress->refused, 1);
    return buf_printf(&p->out, err, "*2\r\n+%s\r\n+%s\r\n", p->flow->partial ? "PARTIAL" : "FULL",
                      p->master->tokens[index]);
}

/*
 * DFLY SYNC and STARTSTABLE
 */

/* With mu held: the rule that is broken, or NULL. */
static const char *phase_error(const struct dragonfly_peer *p, const struct dragonfly_session *s,
                               bool stable)
{
    const struct dragonfly_master *m = p->master;
    bool framed = m->resume == DFLY_RESUME_INCREMENT;
    uint32_t connected = 0;
    uint32_t partial = 0;

    if (s == NULL)
        return no_session(m, arg(p, 2));
    if (s != p->session || p->flow != NULL)
        return "invalid state: this is for the connection that has begun the session";
    for (uint32_t i = 0; i < m->generation->flow_count; i++) {
        connected += s->flows[i].connected;
        partial += s->flows[i].partial;
    }
    if (connected < m->generation->flow_count)
        return "invalid state: not all flows are connected";
    if (partial > 0 && partial < connected)
        return "invalid state: some flows were answered FULL and some PARTIAL";
    if (s->stable || (!stable && s->synced))
        return "invalid state: a second time";
    if (!stable && partial > 0 && !framed)
        return "invalid state: after PARTIAL comes STARTSTABLE";
    if (stable && !s->synced && (partial == 0 || framed))
        return "invalid state: SYNC comes first";
    return NULL;
}

/* A flow without an RDB stream is in its journal at once. */
static void begin_stable(struct dragonfly_session *s)
{
    struct dragonfly_master *m = s->master;
    bool partial = s->flows[0].partial;

    s->stable = true;
    dragonfly_clock_begin(&m->clock);
    for (uint32_t i = 0; i < m->generation->flow_count; i++) {
        struct dragonfly_flow *f = &s->flows[i];

        if (partial && m->resume != DFLY_RESUME_INCREMENT) {
            f->stable = true;
            f->first_lsn = f->sent_lsn = f->begun_lsn = f->asked_lsn;
        }
    }
    atomic_fetch_add(partial ? &m->progress->resumed : &m->progress->full_syncs, 1);
}

static int answer_phase(struct dragonfly_peer *p, bool stable, struct ft_err *err)
{
    struct dragonfly_session *s;
    const char *wrong;

    pthread_mutex_lock(&p->master->mu);
    s = dragonfly_session_find(p->master, arg(p, 2));
    wrong = phase_error(p, s, stable);
    if (wrong == NULL && stable) {
        begin_stable(s);
    } else if (wrong == NULL) {
        s->synced = true;
        s->synced_us = clock_mono_us();
    }
    if (wrong == NULL)
        dragonfly_session_wake(s);
    pthread_mutex_unlock(&p->master->mu);
    if (wrong != NULL)
        return refuse(p, stable ? "DFLY STARTSTABLE" : "DFLY SYNC", wrong, err);
    return put(p, "+OK\r\n", err);
}

/*
 * DFLY REPLICAOFFSET and TAKEOVER
 */

static int answer_offsets(struct dragonfly_peer *p, struct ft_err *err)
{
    struct dragonfly_master *m = p->master;
    int rc = buf_printf(&p->out, err, "*%" PRIu32 "\r\n", m->generation->flow_count);

    pthread_mutex_lock(&m->mu);
    for (uint32_t i = 0; rc == 0 && i < m->generation->flow_count; i++) {
        uint64_t lsn;

        rc = dragonfly_master_lsn(m, i, &lsn, err);
        if (rc == 0)
            rc = buf_printf(&p->out, err, ":%" PRIu64 "\r\n", lsn);
    }
    pthread_mutex_unlock(&m->mu);
    return rc;
}

static bool is_acknowledged(const struct dragonfly_session *s)
{
    for (uint32_t i = 0; i < s->master->generation->flow_count; i++) {
        if (!s->flows[i].pinged || s->flows[i].ack < s->flows[i].sent_lsn)
            return false;
    }
    return true;
}

/* With mu held, which is given up meanwhile. */
static void wait_for_change(struct dragonfly_master *m)
{
    uint64_t until_us = clock_wall_us() + TAKEOVER_STEP_MS * 1000u;
    struct timespec until = {(time_t)(until_us / 1000000u), (long)(until_us % 1000000u) * 1000};

    (void)pthread_cond_timedwait(&m->changed, &m->mu, &until);
}

/* With mu held. */
static int hand_over(struct dragonfly_session *s, uint64_t timeout_s, bool *ret_done,
                     struct ft_err *err)
{
    struct dragonfly_master *m = s->master;
    uint64_t give_up_ms = clock_mono_ms() + timeout_s * 1000u;

    if (dragonfly_master_stop_time(m, TAKEOVER_PAUSE_MS, err) != 0)
        return -1;
    s->takeover = true;
    dragonfly_session_wake(s);
    while (!(*ret_done = is_acknowledged(s)) && !s->dead && clock_mono_ms() < give_up_ms)
        wait_for_change(m);
    if (*ret_done) {
        atomic_store(&m->taken_over, true);
        return 0;
    }
    s->takeover = false;
    dragonfly_clock_resume(&m->clock);
    return dragonfly_master_take_pings(s, err);
}

static int answer_takeover(struct dragonfly_peer *p, struct ft_err *err)
{
    struct dragonfly_master *m = p->master;
    const struct dragonfly_hooks *hooks = m->o->dragonfly.hooks;
    size_t last = p->reader.count - 1;
    struct dragonfly_session *s;
    const char *wrong = NULL;
    bool done = false;
    uint64_t timeout_s;
    int rc = 0;

    if (last < 3 || last > 4 || (last == 4 && !arg_is(p, 3, "SAVE")) ||
        !bytes_to_u64(arg(p, 2), &timeout_s) || timeout_s > PAUSE_MAX_MS / 1000u)
        return refuse(p, "DFLY TAKEOVER",
                      "syntax error: wanted DFLY TAKEOVER seconds [SAVE] sync-id", err);
    pthread_mutex_lock(&m->mu);
    s = dragonfly_session_find(m, arg(p, last));
    if (s == NULL)
        wrong = no_session(m, arg(p, last));
    else if (!s->stable || s->takeover)
        wrong = "invalid state: a takeover is for a replica in stable sync";
    if (wrong == NULL) {
        s->users++; /* it may end meanwhile */
        rc = hand_over(s, timeout_s, &done, err);
    }
    pthread_mutex_unlock(&m->mu);
    if (wrong == NULL && done)
        dragonfly_session_kill(s); /* one with several shards closes the flows first */
    if (wrong == NULL)
        dragonfly_session_drop(s);
    if (rc != 0)
        return -1;
    if (wrong != NULL)
        return refuse(p, "DFLY TAKEOVER", wrong, err);
    if (!done)
        return put(p, "-ERR Takeover failed! Not all flows have acknowledged their PING record\r\n",
                   err);
    serve_note(m->o, "%s has taken over: the end", p->conn.name);
    p->ends = true;
    return put(p, hooks != NULL && hooks->taken_over != NULL ? hooks->taken_over : "+OK\r\n", err);
}

static int answer_dfly(struct dragonfly_peer *p, struct ft_err *err)
{
    if (is_loading(p))
        return put(p, loading, err);
    if (arg_is(p, 1, "FLOW"))
        return answer_flow(p, err);
    if (arg_is(p, 1, "SYNC"))
        return answer_phase(p, false, err);
    if (arg_is(p, 1, "STARTSTABLE"))
        return answer_phase(p, true, err);
    if (arg_is(p, 1, "REPLICAOFFSET"))
        return answer_offsets(p, err);
    if (arg_is(p, 1, "TAKEOVER"))
        return answer_takeover(p, err);
    return refuse(p, "DFLY",
                  "syntax error: of DFLY, FLOW, SYNC, STARTSTABLE, REPLICAOFFSET and TAKEOVER are "
                  "known",
                  err);
}

/*
 * All of them
 */

struct command {
    const char *name;
    size_t min_args;
    bool for_everybody; /* needs no password */
    int (*answer)(struct dragonfly_peer *p, struct ft_err *err);
};

static const struct command commands[] = {
    {"PING", 1, false, answer_ping},         {"AUTH", 2, true, answer_auth},
    {"HELLO", 1, true, answer_hello},        {"SELECT", 2, false, answer_select},
    {"CLIENT", 2, false, answer_client},     {"COMMAND", 1, false, answer_command},
    {"INFO", 1, false, answer_info},         {"ROLE", 1, false, answer_role},
    {"REPLCONF", 1, false, answer_replconf}, {"DFLY", 2, false, answer_dfly},
    {"QUIT", 1, true, answer_quit},
};

static int answer_unknown(struct dragonfly_peer *p, struct ft_err *err)
{
    char name[64];

    return buf_printf(&p->out, err,
                      "-ERR unknown command `%s`: this is flowtape, which serves a capture to "
                      "Dragonfly's replicas\r\n",
                      bytes_escape(arg(p, 0), name, sizeof(name)));
}

/* 1: somebody else has answered. */
static int ask_hook(struct dragonfly_peer *p, struct ft_err *err)
{
    const struct dragonfly_hooks *hooks = p->master->o->dragonfly.hooks;

    if (hooks == NULL || hooks->command == NULL)
        return 0;
    return hooks->command(hooks->context, p, err);
}

int dragonfly_command_answer(struct dragonfly_peer *p, struct ft_err *err)
{
    const struct command *c = NULL;
    int rc;

    if (p->reader.count == 0)
        return 0;
    rc = ask_hook(p, err);
    if (rc != 0)
        return rc < 0 ? -1 : 0;
    for (size_t i = 0; c == NULL && i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (arg_is(p, 0, commands[i].name))
            c = &commands[i];
    }
    if (!p->authenticated && (c == NULL || !c->for_everybody))
        return put(p, "-NOAUTH Authentication required.\r\n", err);
    if (c == NULL)
        return answer_unknown(p, err);
    if (p->reader.count < c->min_args)
        return buf_printf(&p->out, err, "-ERR wrong number of arguments for '%s'\r\n", c->name);
    return c->answer(p, err);
}
