#include "lib/master_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "lib/dataset.h"

#define VIOLATIONS_SHOWN 50

void violation(struct master *m, const char *fmt, ...)
{
    char text[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    m->violation_count++;
    if (json_array_size(m->violations) < VIOLATIONS_SHOWN)
        json_array_append_new(m->violations, json_string(text));
}

uint64_t flow_end_offset(const struct master *m, const struct recording_flow *f)
{
    return m->second_exists ? f->bytes.n : f->first_bytes;
}

uint64_t flow_end_lsn(const struct master *m, const struct recording_flow *f)
{
    return m->second_exists ? f->final_lsn : f->first_final_lsn;
}

void session_kill(struct session *s)
{
    struct master *m = s->master;
    bool all_sent = true;

    if (s->dead)
        return;
    s->dead = true;
    for (uint32_t i = 0; i < m->recording->flow_count; i++) {
        struct flow *f = &s->flows[i];

        if (f->sent_offset < f->tape->first_bytes)
            all_sent = false;
        if (f->connected)
            (void)shutdown(f->fd, SHUT_RDWR);
    }
    if (s->control_fd >= 0)
        (void)shutdown(s->control_fd, SHUT_RDWR);
    if (all_sent)
        m->second_exists = true;
    pthread_cond_broadcast(&m->changed);
}

/* ---- connections ---- */

static bool conn_fill(struct conn *c)
{
    ssize_t n;

    if (c->in_n == sizeof(c->in))
        return false;
    do
        n = recv(c->fd, c->in + c->in_n, sizeof(c->in) - c->in_n, 0);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return false;
    c->in_n += (size_t)n;
    return true;
}

/* One line without its end, as a string. */
static bool conn_line(struct conn *c, char *out, size_t size)
{
    char *end;
    size_t n;

    while ((end = memmem(c->in, c->in_n, "\r\n", 2)) == NULL)
        if (!conn_fill(c))
            return false;
    n = (size_t)(end - c->in);
    if (n >= size)
        return false;
    memcpy(out, c->in, n);
    out[n] = '\0';
    c->in_n -= n + 2;
    memmove(c->in, end + 2, c->in_n);
    return true;
}

bool conn_command(struct conn *c, struct command *ret)
{
    char *at = ret->text, *save = NULL;
    char line[64];
    int count;

    ret->count = 0;
    while (c->in_n == 0)
        if (!conn_fill(c))
            return false;
    if (!conn_line(c, ret->text, sizeof(ret->text)))
        return false;
    if (ret->text[0] != '*') {
        for (char *w = strtok_r(at, " ", &save); w != NULL && ret->count < COMMAND_ARGS_MAX;
             w = strtok_r(NULL, " ", &save))
            ret->args[ret->count++] = w;
        return true;
    }
    count = atoi(ret->text + 1);
    if (count < 1 || count > COMMAND_ARGS_MAX)
        return false;
    while (ret->count < count) {
        size_t room = (size_t)(ret->text + sizeof(ret->text) - at);

        /* words hold no line ends, so that the length line can be passed over */
        if (!conn_line(c, line, sizeof(line)) || line[0] != '$' || !conn_line(c, at, room))
            return false;
        if (strlen(at) != (size_t)atoi(line + 1))
            return false;
        ret->args[ret->count++] = at;
        at += strlen(at) + 1;
    }
    return true;
}

bool conn_send(struct conn *c, const void *p, size_t n)
{
    for (size_t sent = 0; sent < n;) {
        ssize_t k = send(c->fd, (const char *)p + sent, n - sent, MSG_NOSIGNAL);

        if (k <= 0)
            return false;
        sent += (size_t)k;
    }
    return true;
}

bool conn_reply(struct conn *c, const char *fmt, ...)
{
    char text[COMMAND_BYTES_MAX];
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return conn_send(c, text, (size_t)n);
}

static void conn_end(struct conn *c)
{
    struct master *m = c->master;
    struct conn **link = &m->conns;

    pthread_mutex_lock(&m->mu);
    if (c->session != NULL) {
        session_kill(c->session);
        c->session->control_fd = -1;
    }
    while (*link != c)
        link = &(*link)->next;
    *link = c->next;
    close(c->fd);
    m->idle_since_ms = clock_mono_ms();
    m->connections--;
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->mu);
    free(c);
}

static void *conn_run(void *arg)
{
    struct conn *c = arg;

    control_serve(c);
    conn_end(c);
    return NULL;
}

static void conn_begin(struct master *m, int fd)
{
    struct conn *c = calloc(1, sizeof(*c));
    int on = 1;
    pthread_t thread;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (c == NULL)
        abort();
    c->master = m;
    c->fd = fd;
    pthread_mutex_lock(&m->mu);
    c->log = json_array();
    json_array_append_new(m->log, c->log);
    c->next = m->conns;
    m->conns = c;
    m->connections++;
    m->connections_ever++;
    pthread_mutex_unlock(&m->mu);
    if (pthread_create(&thread, NULL, conn_run, c) != 0)
        abort();
    pthread_detach(thread);
}

static void *listen_run(void *arg)
{
    struct master *m = arg;

    for (;;) {
        int fd = accept4(m->listen_fd, NULL, NULL, SOCK_CLOEXEC);

        if (fd >= 0)
            conn_begin(m, fd);
        else if (errno != EINTR && errno != ECONNABORTED)
            return NULL;
    }
}

static int listen_open(struct master *m, struct ft_err *err)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(m->options.port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(address);
    int on = 1;

    if (m->options.host != NULL && inet_pton(AF_INET, m->options.host, &address.sin_addr) != 1)
        return err_set(err, FT_ERR_USAGE, "\"%s\" is not an address", m->options.host);
    m->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (m->listen_fd < 0)
        return err_errno(err, errno, "could not make a socket");
    (void)setsockopt(m->listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(m->listen_fd, (struct sockaddr *)&address, n) < 0 || listen(m->listen_fd, 128) < 0 ||
        getsockname(m->listen_fd, (struct sockaddr *)&address, &n) < 0)
        return err_errno(err, errno, "could not listen on port %u", m->options.port);
    m->port = ntohs(address.sin_port);
    return 0;
}

/* ---- start and end ---- */

static uint64_t random_next(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15u;
    uint64_t z = *state;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static int events_make(struct master *m, struct ft_err *err)
{
    const struct recording *r = m->recording;
    uint64_t state = m->options.drop_seed;

    m->events = calloc(m->options.event_count + (size_t)m->options.drops * r->flow_count + 1,
                       sizeof(*m->events));
    if (m->events == NULL)
        return err_nomem(err, "events");
    for (size_t i = 0; i < m->options.event_count; i++)
        m->events[m->event_count++].what = m->options.events[i];
    for (uint32_t i = 0; i < r->flow_count; i++) {
        for (unsigned k = 0; k < m->options.drops; k++) {
            struct event *e = &m->events[m->event_count++];

            e->absolute = true;
            e->what.flow = i;
            e->what.bytes = 1 + random_next(&state) % r->flows[i].bytes.n;
        }
    }
    return 0;
}

/* Payloads that were given with the values, for those that reply_dump cannot make. */
static void load_dumps(struct master *m, const char *path)
{
    char file[4096];
    const char *name;
    json_t *dumps, *dump;

    snprintf(file, sizeof(file), "%s/dumps.json", path);
    dumps = json_load_file(file, JSON_ALLOW_NUL, NULL);
    json_object_foreach(dumps, name, dump)
    {
        (void)json_object_set(json_object_get(m->state, name), "dump", dump);
    }
    json_decref(dumps);
}

/* The values that the (second) recording ends with; none do no harm. */
static void load_state(struct master *m)
{
    const char *path = m->options.resume != NULL ? m->options.resume : m->options.recording;
    char name[4096];

    snprintf(name, sizeof(name), "%s/state.json", path);
    if (access(name, R_OK) == 0)
        m->state = dataset_load(name);
    load_dumps(m, path);
}

int master_start(struct master **ret, const struct master_options *options, struct ft_err *err)
{
    struct master *m = calloc(1, sizeof(*m));

    if (m == NULL)
        return err_nomem(err, "master");
    m->options = *options;
    m->listen_fd = -1;
    m->loading_left = options->loading;
    m->log = json_array();
    m->violations = json_array();
    pthread_mutex_init(&m->mu, NULL);
    pthread_cond_init(&m->changed, NULL);
    if (recording_open(&m->recording, options->recording, options->resume, err) < 0 ||
        events_make(m, err) < 0 || listen_open(m, err) < 0)
        goto fail;
    memcpy(m->replication_id, m->recording->replication_id, sizeof(m->replication_id));
    m->acks = calloc(m->recording->flow_count, sizeof(*m->acks));
    m->frozen_lsn = calloc(m->recording->flow_count, sizeof(*m->frozen_lsn));
    load_state(m);
    if (m->acks == NULL || m->frozen_lsn == NULL) {
        err_nomem(err, "totals");
        goto fail;
    }
    if (pthread_create(&m->listener, NULL, listen_run, m) != 0) {
        err_set(err, FT_ERR_NOMEM, "could not start a thread");
        goto fail;
    }
    *ret = m;
    return 0;
fail:
    master_free(m);
    return -1;
}

uint16_t master_port(const struct master *m)
{
    return m->port;
}

uint64_t master_idle_ms(struct master *m)
{
    uint64_t ms = 0;

    pthread_mutex_lock(&m->mu);
    if (m->connections == 0 && m->connections_ever > 0)
        ms = clock_mono_ms() - m->idle_since_ms;
    pthread_mutex_unlock(&m->mu);
    return ms;
}

bool master_gone(struct master *m)
{
    bool gone;

    pthread_mutex_lock(&m->mu);
    gone = m->gone;
    pthread_mutex_unlock(&m->mu);
    return gone;
}

void master_stop(struct master *m)
{
    (void)shutdown(m->listen_fd, SHUT_RDWR);
    pthread_join(m->listener, NULL);
    pthread_mutex_lock(&m->mu);
    m->stopping = true;
    for (struct session *s = m->sessions; s != NULL; s = s->next)
        session_kill(s);
    for (struct conn *c = m->conns; c != NULL; c = c->next)
        (void)shutdown(c->fd, SHUT_RDWR);
    pthread_cond_broadcast(&m->changed);
    while (m->connections > 0)
        pthread_cond_wait(&m->changed, &m->mu);
    pthread_mutex_unlock(&m->mu);
}

size_t master_violations(const struct master *m)
{
    return m->violation_count;
}

json_t *master_report(const struct master *m)
{
    json_t *acks = json_array();

    for (uint32_t i = 0; i < m->recording->flow_count; i++)
        json_array_append_new(
            acks, json_pack("{s:I,s:I,s:I}", "count", (json_int_t)m->acks[i].count, "last",
                            (json_int_t)m->acks[i].last, "max", (json_int_t)m->acks[i].max));
    return json_pack("{s:i,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:O,s:I,s:O}", "sessions",
                     (int)m->session_count, "full", (json_int_t)m->full, "partial",
                     (json_int_t)m->partial, "longest_send_ms", (json_int_t)m->longest_send_ms,
                     "pauses", (json_int_t)m->pauses, "unpauses", (json_int_t)m->unpauses,
                     "longest_pause_ms", (json_int_t)m->longest_pause_ms, "acks", acks, "commands",
                     m->log, "violation_count", (json_int_t)m->violation_count, "violations",
                     m->violations);
}

void master_free(struct master *m)
{
    if (m == NULL)
        return;
    while (m->sessions != NULL) {
        struct session *s = m->sessions;

        m->sessions = s->next;
        for (uint32_t i = 0; i < m->recording->flow_count; i++)
            flow_release(&s->flows[i]);
        free(s->flows);
        free(s);
    }
    if (m->listen_fd >= 0)
        close(m->listen_fd);
    recording_free(m->recording);
    free(m->events);
    free(m->acks);
    free(m->frozen_lsn);
    json_decref(m->state);
    json_decref(m->log);
    json_decref(m->violations);
    pthread_mutex_destroy(&m->mu);
    pthread_cond_destroy(&m->changed);
    free(m);
}
