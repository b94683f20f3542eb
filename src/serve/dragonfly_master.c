#include "serve/dragonfly_master.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/wake.h"
#include "serve/dragonfly_hooks.h"

void dragonfly_violation(struct dragonfly_master *m, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap); /* a longer one is cut */
    va_end(ap);
    atomic_fetch_add(&m->progress->violations, 1);
    serve_note(m->o, "against the protocol: %s", text);
}

/* The last bytes of the RDB stream. */
static int read_token(struct flow_reader *reader, char token[FLOW_TOKEN_SIZE + 1],
                      struct ft_err *err)
{
    struct segment_block block = {0};
    enum segment_kind kind;
    size_t have = 0;

    if (flow_reader_seek_snapshot_end(reader, err) != 0)
        return -1;
    while ((block.flags & SEGMENT_BLOCK_END) == 0) {
        size_t n;
        size_t kept;

        switch (flow_reader_next(reader, &block, &kind, err)) {
        case STEP_ITEM:
            break;
        case STEP_ERROR:
            return -1;
        default:
            return err_set(err, FT_ERR_CORRUPT, "a full sync without an end");
        }
        n = block.payload.n < FLOW_TOKEN_SIZE ? block.payload.n : FLOW_TOKEN_SIZE;
        kept = have + n > FLOW_TOKEN_SIZE ? FLOW_TOKEN_SIZE - n : have;
        memmove(token, token + have - kept, kept);
        memcpy(token + kept, block.payload.p + block.payload.n - n, n);
        have = kept + n;
    }
    token[FLOW_TOKEN_SIZE] = '\0';
    for (size_t i = 0; i < FLOW_TOKEN_SIZE; i++) {
        if (strchr("0123456789abcdef", token[i]) == NULL)
            return err_set(err, FT_ERR_CORRUPT, "a full sync that does not end with a token");
    }
    return 0;
}

static int begin_time(struct flow_reader *reader, uint64_t *ret_us, struct ft_err *err)
{
    struct segment_block block;
    enum segment_kind kind;

    switch (flow_reader_next(reader, &block, &kind, err)) {
    case STEP_ITEM:
        *ret_us = block.time_us;
        return 0;
    case STEP_ERROR:
        return -1;
    default:
        return err_set(err, FT_ERR_CORRUPT, "a full sync without a beginning");
    }
}

/* What ends a flow's RDB stream, and when that began to come in. */
static int look_at_flow(struct dragonfly_master *m, uint32_t flow, struct ft_err *err)
{
    struct flow_reader *first = NULL;
    struct flow_reader *last = NULL;
    uint64_t time_us;
    int rc = -1;

    if (flow_reader_new(&first, m->capture, m->generation, flow, err) == 0 &&
        flow_reader_new(&last, m->capture, m->generation, flow, err) == 0 &&
        begin_time(first, &time_us, err) == 0 && read_token(last, m->tokens[flow], err) == 0)
        rc = 0;
    if (rc == 0 && (m->stream_time_us == 0 || time_us < m->stream_time_us))
        m->stream_time_us = time_us;
    flow_reader_free(first);
    flow_reader_free(last);
    return rc == 0 ? 0 : err_wrap(err, "flow %" PRIu32, flow);
}

int dragonfly_master_init(struct dragonfly_master *m, struct ft_err *err)
{
    pthread_mutex_init(&m->mu, NULL);
    pthread_cond_init(&m->changed, NULL);
    m->ready_ms = clock_mono_ms() + m->o->dragonfly.loading_ms;
    m->resume = dfly_master_resume_form(m->generation->protocol, m->generation->source_version);
    memcpy(m->replication_id, m->generation->replication_id, sizeof(m->replication_id));
    m->pings = calloc(m->generation->flow_count, sizeof(*m->pings));
    m->tokens = calloc(m->generation->flow_count, sizeof(*m->tokens));
    if (m->pings == NULL || m->tokens == NULL)
        return err_nomem(err, "the flows");
    for (uint32_t i = 0; i < m->generation->flow_count; i++) {
        if (look_at_flow(m, i, err) != 0)
            return -1;
    }
    return dragonfly_clock_init(&m->clock, &m->o->dragonfly, m->capture, m->generation,
                                m->o->follow, err);
}

void dragonfly_master_release(struct dragonfly_master *m)
{
    if (m->clock.generation != NULL)
        dragonfly_clock_release(&m->clock);
    free(m->pings);
    free(m->tokens);
    pthread_cond_destroy(&m->changed);
    pthread_mutex_destroy(&m->mu);
}

/*
 * Sessions
 */

static void free_session(struct dragonfly_session *s)
{
    if (s == NULL)
        return;
    free(s->flows);
    free(s);
}

static uint32_t count_alive(const struct dragonfly_master *m)
{
    uint32_t count = 0;

    for (const struct dragonfly_session *s = m->sessions; s != NULL; s = s->next)
        count += !s->dead;
    return count;
}

int dragonfly_session_begin(struct dragonfly_master *m, const char *peer, int fd,
                            struct dragonfly_session **ret, struct ft_err *err)
{
    uint32_t flow_count = m->generation->flow_count;
    struct dragonfly_session *s = calloc(1, sizeof(*s));

    *ret = NULL;
    if (s == NULL || (s->flows = calloc(flow_count, sizeof(*s->flows))) == NULL) {
        free_session(s);
        return err_nomem(err, "a session");
    }
    s->master = m;
    s->users = 1;
    s->control_fd = fd;
    (void)snprintf(s->peer, sizeof(s->peer), "%s", peer);
    for (uint32_t i = 0; i < flow_count; i++)
        s->flows[i] = (struct dragonfly_flow){.session = s, .index = i, .wake_fd = -1};
    pthread_mutex_lock(&m->mu);
    if (count_alive(m) < m->o->replicas_max) {
        s->number = ++m->session_count;
        (void)snprintf(s->id, sizeof(s->id), "SYNC%" PRIu32, s->number);
        memcpy(s->replication_id, m->replication_id, sizeof(s->replication_id));
        s->next = m->sessions;
        m->sessions = s;
        *ret = s;
    }
    pthread_mutex_unlock(&m->mu);
    if (*ret == NULL)
        free_session(s);
    return 0;
}

struct dragonfly_session *dragonfly_session_find(struct dragonfly_master *m, struct bytes id)
{
    struct dragonfly_session *s = m->sessions;

    while (s != NULL && (s->dead || !bytes_eq_str(id, s->id)))
        s = s->next;
    return s;
}

void dragonfly_session_wake(struct dragonfly_session *s)
{
    for (uint32_t i = 0; i < s->master->generation->flow_count; i++)
        (void)wake_set(s->flows[i].wake_fd);
}

static void kill_session(struct dragonfly_session *s)
{
    const struct dragonfly_hooks *hooks = s->master->o->dragonfly.hooks;

    if (!s->dead && hooks != NULL && hooks->ended != NULL)
        hooks->ended(hooks->context, s);
    s->dead = true;
    if (s->control_fd >= 0)
        (void)shutdown(s->control_fd, SHUT_RD); /* a reply may still be on its way */
    dragonfly_session_wake(s);
    pthread_cond_broadcast(&s->master->changed);
}

void dragonfly_session_kill(struct dragonfly_session *s)
{
    pthread_mutex_lock(&s->master->mu);
    kill_session(s);
    pthread_mutex_unlock(&s->master->mu);
}

void dragonfly_session_drop(struct dragonfly_session *s)
{
    struct dragonfly_master *m = s->master;
    struct dragonfly_session **at = &m->sessions;
    bool last;

    pthread_mutex_lock(&m->mu);
    last = --s->users == 0;
    while (last && *at != s)
        at = &(*at)->next;
    if (last)
        *at = s->next;
    pthread_mutex_unlock(&m->mu);
    if (last)
        free_session(s);
}

void dragonfly_session_leave(struct dragonfly_session *s, struct dragonfly_flow *f)
{
    pthread_mutex_lock(&s->master->mu);
    kill_session(s);
    if (f != NULL) {
        (void)close(f->wake_fd); /* holds nothing */
        f->wake_fd = -1;
    } else {
        s->control_fd = -1;
    }
    pthread_mutex_unlock(&s->master->mu);
    dragonfly_session_drop(s);
}

/*
 * Time
 */

int dragonfly_master_lsn(struct dragonfly_master *m, uint32_t flow, uint64_t *ret_lsn,
                         struct ft_err *err)
{
    uint64_t lsn;

    if (dragonfly_clock_exists(&m->clock, flow, &lsn, err) != 0)
        return -1;
    *ret_lsn = lsn + m->pings[flow];
    return 0;
}

int dragonfly_master_stop_time(struct dragonfly_master *m, uint64_t ms, struct ft_err *err)
{
    uint64_t *sent = calloc(m->generation->flow_count, sizeof(*sent));
    int rc;

    if (sent == NULL)
        return err_nomem(err, "the flows");
    for (const struct dragonfly_session *s = m->sessions; s != NULL; s = s->next) {
        for (uint32_t i = 0; i < m->generation->flow_count; i++) {
            if (s->flows[i].begun_lsn > sent[i])
                sent[i] = s->flows[i].begun_lsn;
        }
    }
    for (uint32_t i = 0; i < m->generation->flow_count; i++)
        sent[i] -= sent[i] < m->pings[i] ? sent[i] : m->pings[i];
    rc = dragonfly_clock_stop(&m->clock, ms, sent, err);
    free(sent);
    return rc;
}

int dragonfly_master_replace(struct dragonfly_master *m, struct ft_err *err)
{
    uint8_t random[20];

    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return err_set(err, FT_ERR_IO, "could not make a replication id");
    bytes_to_hex(bytes_of(random, sizeof(random)), m->replication_id);
    for (struct dragonfly_session *s = m->sessions; s != NULL; s = s->next)
        kill_session(s);
    return 0;
}

/* Has the flow been sent all of a capture that does not grow? */
static bool is_at_end(const struct dragonfly_flow *f)
{
    const struct dragonfly_master *m = f->session->master;

    return !m->o->follow &&
           f->sent_lsn == m->generation->flows[f->index].next_lsn + m->pings[f->index] + f->pinged;
}

int dragonfly_master_take_pings(struct dragonfly_session *s, struct ft_err *err)
{
    struct dragonfly_master *m = s->master;
    bool pinged = false;
    bool at_end = true;

    for (uint32_t i = 0; i < m->generation->flow_count; i++) {
        pinged |= s->flows[i].pinged;
        at_end &= !s->flows[i].pinged || is_at_end(&s->flows[i]);
    }
    if (!pinged)
        return 0;
    if (!at_end) {
        serve_note(m->o,
                   "a takeover has failed in the middle of the journal: the replication id is "
                   "another one from now on, and every replica gets all");
        return dragonfly_master_replace(m, err);
    }
    for (uint32_t i = 0; i < m->generation->flow_count; i++) {
        m->pings[i] += s->flows[i].pinged;
        s->flows[i].tail += s->flows[i].pinged;
        s->flows[i].pinged = false;
    }
    for (struct dragonfly_session *other = m->sessions; other != NULL; other = other->next)
        dragonfly_session_wake(other); /* they get the PING records too */
    return 0;
}
