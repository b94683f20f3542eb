#include "capture/capture_session.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parse.h"
#include "base/wake.h"
#include "capture/flow_session.h"
#include "capture/resume_db.h"

#define PROGRESS_MS   200u
#define DRAIN_MS      1000u
#define DRAIN_STEP_MS 100

struct session {
    struct capture_context *c;
    const struct capture_run_options *options;
    struct capture_master master;
    bool asked_resume; /* LSNs were sent along */
    bool answered;     /* all flows were answered */
    enum dfly_resume form;
    uint32_t resume_dbid; /* of a Redis: the database in effect where it resumes */
    struct uri located;   /* where the source is, if somebody says so */
    unsigned moves;
    int event_fd; /* a flow or the recorder has news */
    int abort_fd; /* readable: flows give up connecting */
    struct generation *generation;
    struct recorder *recorder;
    struct flow_session **flows;
    uint32_t flow_count;
    uint64_t *goals;                /* next LSNs to reach; NULL: not asked for yet */
    struct capture_progress before; /* counts of earlier sessions */
    bool advanced;                  /* the full sync is complete, or the journal went on */
    bool silent;                    /* session_contact.silent */
    uint64_t heard_bytes;           /* received when something came last */
    uint64_t heard_ms;
};

/* Results of the steps of a session. */
enum walk {
    WALK_ON,
    WALK_STOPPED, /* by the user or the clock */
    WALK_BROKEN,  /* a flow has ended, or the recorder has failed: their errors count */
    WALK_ERROR,   /* err of the control connection or of the capture */
    WALK_NOWHERE, /* there is no source for now */
};

static void note(const struct session *s, const char *text)
{
    if (s->options->on_note != NULL)
        s->options->on_note(s->options->context, text);
}

static void note_from_master(void *context, const char *text)
{
    note(context, text);
}

/* --- progress --- */

static void sum_up(struct session *s)
{
    struct capture_progress *p = &s->c->progress;

    p->flow_count = s->flow_count;
    p->bytes = s->before.bytes;
    p->records = s->before.records;
    p->imports = s->before.imports;
    p->ack_lag = 0;
    p->by_offset = s->options->source->scheme != URI_DRAGONFLY;
    if (s->answered && s->flow_count > 0 && !flow_session_partial(s->flows[0]))
        p->keys = 0;
    for (uint32_t i = 0; i < s->flow_count; i++) {
        struct flow_counters n;

        flow_session_counters(s->flows[i], &n);
        p->bytes += n.bytes;
        p->records += n.records;
        p->imports += n.imports;
        if (n.keys > 0 || p->keys == 0)
            p->keys += n.keys;
        if (n.next_lsn > n.acked_lsn && n.next_lsn - n.acked_lsn > p->ack_lag && n.acked_lsn > 0)
            p->ack_lag = n.next_lsn - n.acked_lsn;
    }
}

static void tick(struct session *s)
{
    uint64_t now = clock_mono_ms();

    if (now - s->c->last_progress_ms < PROGRESS_MS)
        return;
    s->c->last_progress_ms = now;
    sum_up(s);
    if (s->options->on_progress != NULL)
        s->options->on_progress(s->options->context, &s->c->progress);
}

/* --- waiting --- */

static bool broken(const struct session *s)
{
    for (uint32_t i = 0; i < s->flow_count; i++) {
        if (flow_session_phase(s->flows[i]) == FLOW_ENDED)
            return true;
    }
    return s->recorder != NULL && recorder_failed(s->recorder);
}

/* A source without writes is silent too, once its snapshot is here: then it is asked. */
static int check_silence(struct session *s, struct ft_err *err)
{
    uint64_t limit_ms = s->options->give_up_after_ms;
    uint64_t now_ms = clock_mono_ms();
    enum capture_phase phase = s->c->progress.phase;
    char text[FORMAT_SIZE];
    uint64_t *lsns;
    int rc;

    sum_up(s);
    if (s->c->progress.bytes != s->heard_bytes || s->heard_ms == 0) {
        s->heard_bytes = s->c->progress.bytes;
        s->heard_ms = now_ms;
    }
    if (s->recorder == NULL || now_ms - s->heard_ms < limit_ms)
        return 0;
    if (phase == CAPTURE_FULL_SYNC) {
        s->silent = true;
        return err_set(err, FT_ERR_TIMEOUT, "%s sent nothing of its full sync for %s",
                       capture_master_control(&s->master)->name,
                       format_duration_ms(limit_ms, text));
    }
    lsns = calloc(s->flow_count, sizeof(*lsns));
    if (lsns == NULL)
        return err_nomem(err, "the flows");
    rc = capture_master_offsets(&s->master, lsns, err);
    free(lsns);
    s->heard_ms = now_ms;
    return rc;
}

/* One look at everything that may happen; waits a while for it. */
static enum walk watch(struct session *s, struct ft_err *err)
{
    const struct conn *control = capture_master_control(&s->master);
    struct pollfd fds[3] = {{s->c->stop_fd, POLLIN, 0},
                            {s->event_fd, POLLIN, 0},
                            {control->fd, conn_events(control, POLLIN), 0}};

    tick(s);
    if (s->options->moves != NULL && s->options->moves(s->options->context) != s->moves) {
        (void)err_set(err, FT_ERR_NET, "the source has been replaced by another server");
        return WALK_ERROR;
    }
    if (poll(fds, 3, PROGRESS_MS) <= 0)
        return check_silence(s, err) == 0 ? WALK_ON : WALK_ERROR;
    if (fds[0].revents != 0)
        return WALK_STOPPED;
    if (fds[1].revents != 0)
        (void)wake_clear(s->event_fd);
    if (fds[2].revents != 0 && capture_master_watch(&s->master, err) != 0)
        return WALK_ERROR;
    return WALK_ON;
}

typedef bool reached_fn(const struct session *s);

static enum walk wait_until(struct session *s, reached_fn *reached, struct ft_err *err)
{
    enum walk walk = WALK_ON;

    while (walk == WALK_ON) {
        /* In this order: a flow that has ended has reached every phase. */
        if (broken(s))
            return WALK_BROKEN;
        if (reached(s))
            return WALK_ON;
        walk = watch(s, err);
    }
    /* The control connection is closed together with the flows, whose reasons say more. */
    return walk == WALK_ERROR && broken(s) ? WALK_BROKEN : walk;
}

static bool all_in(const struct session *s, enum flow_phase phase)
{
    for (uint32_t i = 0; i < s->flow_count; i++) {
        if (flow_session_phase(s->flows[i]) < phase)
            return false;
    }
    return true;
}

static bool all_answered(const struct session *s)
{
    return all_in(s, FLOW_ANSWERED);
}

static bool all_synced(const struct session *s)
{
    return all_in(s, FLOW_SYNCED);
}

static bool all_stable(const struct session *s)
{
    return all_in(s, FLOW_STABLE);
}

static bool never(const struct session *s)
{
    (void)s;
    return false;
}

static bool snapshots_durable(const struct session *s)
{
    return recorder_snapshots_durable(s->recorder) == s->flow_count;
}

/* Received is enough: the session ends by making durable what was received. */
static bool goals_reached(const struct session *s)
{
    for (uint32_t i = 0; i < s->flow_count; i++) {
        struct flow_counters n;

        flow_session_counters(s->flows[i], &n);
        if (n.next_lsn < s->goals[i])
            return false;
    }
    return true;
}

int capture_tell_generation(struct live_flows *live, const struct generation *g, struct ft_err *err)
{
    uint64_t *lsn = calloc(g->flow_count + 1u, sizeof(*lsn));
    int rc;

    if (lsn == NULL)
        return err_nomem(err, "the flows");
    for (uint32_t i = 0; i < g->flow_count; i++)
        lsn[i] = g->flows[i].next_lsn;
    rc = live_flows_begin(live, g->id, g->flow_count, lsn, g->state == GENERATION_COMPLETE, err);
    free(lsn);
    return rc;
}

/* --- connecting --- */

/* The newest generation, if what is on disk can be gone on with. */
static struct generation *resumable(const struct session *s)
{
    struct generation *g = capture_newest(s->c->capture);

    if (g == NULL || g->state != GENERATION_COMPLETE || g->ended_by[0] != '\0' ||
        g->flow_count != s->master.flow_count ||
        (!s->master.redis && strcmp(g->replication_id, s->master.replication_id) != 0))
        return NULL; /* a Redis that has the stream of another one knows it by its own and its former id */
    for (uint32_t i = 0; i < g->flow_count; i++) {
        if (g->flows[i].next_lsn == 0)
            return NULL;
    }
    return g;
}

static int check_source(const struct session *s, struct ft_err *err)
{
    const struct generation *g = capture_newest(s->c->capture);
    const char *former_id = s->master.psync.former_id;
    char address[URI_ADDRESS_SIZE];

    (void)uri_address(s->options->source, address);
    if (s->master.redis && g != NULL && former_id[0] != '\0' &&
        strcmp(g->replication_id, former_id) == 0)
        return 0; /* it has taken the place of the one that was captured */
    return capture_check_source(s->c->capture, address, s->master.replication_id, err);
}

/* A Redis is asked by the id that the stream had, and continues in the database that was selected. */
static int prepare_resume(struct session *s, struct ft_err *err)
{
    (void)snprintf(s->master.resume_id, sizeof(s->master.resume_id), "%.40s",
                   s->generation->replication_id);
    s->form = DFLY_RESUME_RAW;
    s->asked_resume = true;
    return resume_db_find(s->c->capture, s->generation, &s->resume_dbid, err);
}

/* Returns 1: it is nowhere. */
static int locate(struct session *s, const struct uri **ret, struct ft_err *err)
{
    *ret = s->options->source;
    if (s->options->locate == NULL)
        return 0;
    *ret = &s->located;
    return s->options->locate(s->options->context, &s->located, &s->moves, err);
}

static int connect_master(struct session *s, const struct uri *at, bool afresh, struct ft_err *err)
{
    const char *release;

    s->c->progress.phase = CAPTURE_CONNECTING;
    tick(s);
    if (capture_master_open(&s->master, at, s->c->stop_fd, s->options->give_up_after_ms,
                            note_from_master, s, err) != 0)
        return -1;
    if (s->options->locate == NULL && check_source(s, err) != 0)
        return -1;
    if (s->options->locate == NULL && s->master.psync.cluster && s->c->progress.sessions == 1)
        note(s, "the source is one node of a cluster, and only its own slots are recorded; "
                "--cluster records all masters");
    if (s->options->locate != NULL && s->master.psync.replica)
        return err_set(err, FT_ERR_NET, "%s is a replica, and no other master is known yet",
                       s->master.psync.control.conn.name);
    s->generation = afresh ? NULL : resumable(s);
    if (s->generation == NULL)
        return 0;
    if (s->master.redis)
        return prepare_resume(s, err);
    release = s->master.version[0] != '\0' ? s->master.version : s->generation->source_version;
    s->form = dfly_master_resume_form(s->master.protocol, release);
    if (s->form == DFLY_RESUME_NEVER)
        s->generation = NULL;
    s->asked_resume = s->generation != NULL;
    return 0;
}

static int connect_flows(struct session *s, struct ft_err *err)
{
    s->flows = calloc(s->master.flow_count, sizeof(struct flow_session *));
    if (s->flows == NULL)
        return err_nomem(err, "the flows");
    for (uint32_t i = 0; i < s->master.flow_count; i++) {
        uint64_t lsn = s->asked_resume ? s->generation->flows[i].next_lsn : 0;

        if (flow_session_start(&s->flows[i], &s->master, i, lsn, s->event_fd, s->abort_fd, err) !=
            0)
            return -1;
        s->flow_count = i + 1;
    }
    return 0;
}

static uint32_t partial_count(const struct session *s)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < s->flow_count; i++)
        n += flow_session_partial(s->flows[i]);
    return n;
}

/* --- receiving --- */

static int end_generation(struct session *s, const char *why, struct ft_err *err)
{
    struct generation *g = capture_newest(s->c->capture);

    if (g == NULL || g->ended_by[0] != '\0')
        return 0;
    (void)snprintf(g->ended_by, sizeof(g->ended_by), "%s", why);
    return capture_save(s->c->capture, err);
}

/* Under which the stream that the flows were answered with can be asked for again. */
static const char *stream_id(const struct session *s)
{
    return s->master.redis ? flow_session_answer(s->flows[0])->replication_id
                           : s->master.replication_id;
}

static int begin_generation(struct session *s, struct ft_err *err)
{
    if (end_generation(s, "full-sync", err) != 0 ||
        capture_begin_generation(s->c->capture, stream_id(s), s->master.protocol, s->flow_count,
                                 &s->generation, err) != 0)
        return -1;
    (void)snprintf(s->generation->source_version, sizeof(s->generation->source_version), "%s",
                   s->master.version);
    if (!s->master.redis)
        return 0;
    /* Whether a mark follows the RDB cannot be seen from what is stored. */
    memcpy(s->generation->flows[0].eof_token, flow_session_answer(s->flows[0])->eof_token,
           sizeof(s->generation->flows[0].eof_token));
    s->generation->snapshot_records = SNAPSHOT_RECORDS_NONE;
    return capture_save(s->c->capture, err);
}

static int tell_followers(struct session *s, struct ft_err *err)
{
    return s->options->live == NULL ? 0
                                    : capture_tell_generation(s->options->live, s->generation, err);
}

static int let_flows_go(struct session *s, bool resumed, struct ft_err *err)
{
    struct recorder_options options = s->options->recorder;

    if (tell_followers(s, err) != 0)
        return -1;
    options.event_fd = s->event_fd;
    options.live = s->options->live;
    if (recorder_new(&s->recorder, s->c->capture, s->generation, &options, err) != 0)
        return -1;
    for (uint32_t i = 0; i < s->flow_count; i++) {
        struct flow_go go = {
            .recorder = s->recorder,
            .live = s->options->live,
            .codec = options.codec,
            .start_offset = s->generation->flows[i].raw_bytes,
            .increment = resumed && s->form == DFLY_RESUME_INCREMENT,
            .dbid = s->resume_dbid,
        };

        if (flow_session_go(s->flows[i], &go, err) != 0)
            return -1;
    }
    return 0;
}

/* Which rule spreads the keys over the flows, and what the source calls itself. */
static void describe_source(struct session *s)
{
    struct sharding_tally sum = {0};
    const char *release = flow_session_framer(s->flows[0])->release;
    enum snapshot_records records = SNAPSHOT_RECORDS_NONE;

    for (uint32_t i = 0; i < s->flow_count; i++) {
        sharding_tally_add(&sum, &flow_session_framer(s->flows[i])->sharding);
        if (flow_session_framer(s->flows[i])->has_blobs)
            records = SNAPSHOT_RECORDS_SOME;
    }
    recorder_describe(s->recorder,
                      s->master.redis ? SHARDING_UNKNOWN : sharding_tally_rule(&sum, s->flow_count),
                      records, release);
}

/* Until every flow is ready for STARTSTABLE. */
static enum walk full_sync(struct session *s, bool resumed, struct ft_err *err)
{
    enum walk walk;

    if (!resumed || s->form == DFLY_RESUME_INCREMENT) {
        s->c->progress.phase = CAPTURE_FULL_SYNC;
        s->c->progress.keys_expected = 0;
        if (!resumed &&
            capture_master_count_keys(&s->master, &s->c->progress.keys_expected, err) != 0)
            return WALK_ERROR;
        if (capture_master_sync(&s->master, err) != 0)
            return WALK_ERROR;
    }
    walk = wait_until(s, all_synced, err);
    if (walk == WALK_ON)
        s->c->progress.phase = CAPTURE_CHANGE_OVER;
    return walk;
}

/* A follower has to know what the source is like before it begins. */
static enum walk complete_generation(struct session *s, struct ft_err *err)
{
    enum walk walk = WALK_ON;

    if (s->options->live != NULL)
        walk = wait_until(s, snapshots_durable, err);
    describe_source(s);
    if (s->options->live != NULL && walk == WALK_ON && !recorder_failed(s->recorder))
        live_flows_ready(s->options->live);
    return walk;
}

static void tell_session(const struct session *s, const char *sync_id)
{
    if (s->options->on_session != NULL)
        s->options->on_session(s->options->context, sync_id);
}

static int note_resumption(struct session *s, struct ft_err *err)
{
    const char *id = stream_id(s);

    s->generation->resumptions++;
    s->c->resumptions++;
    note(s, "resumed where the last session ended");
    if (!s->master.redis || id[0] == '\0' || strcmp(s->generation->replication_id, id) == 0)
        return 0;
    /* After a failover the stream has another id, and only by that it can be asked for from now on. */
    (void)snprintf(s->generation->replication_id, sizeof(s->generation->replication_id), "%s", id);
    return capture_save(s->c->capture, err);
}

/* From the flows' answers to all of them in stable sync. */
static enum walk change_over(struct session *s, struct ft_err *err)
{
    bool resumed = partial_count(s) > 0;
    enum walk walk;

    if (!resumed && begin_generation(s, err) != 0)
        return WALK_ERROR;
    if (resumed && note_resumption(s, err) != 0)
        return WALK_ERROR;
    if (let_flows_go(s, resumed, err) != 0)
        return WALK_ERROR;
    walk = full_sync(s, resumed, err);
    if (walk != WALK_ON)
        return walk;
    if (capture_master_start_stable(&s->master, err) != 0)
        return WALK_ERROR;
    for (uint32_t i = 0; i < s->flow_count; i++)
        flow_session_begin_stable(s->flows[i]);
    walk = wait_until(s, all_stable, err);
    if (walk != WALK_ON)
        return walk;
    s->c->progress.phase = CAPTURE_STABLE;
    s->advanced = true;
    tell_session(s, s->master.redis ? s->master.replication_id : s->master.dfly.sync_id);
    return resumed ? WALK_ON : complete_generation(s, err);
}

static enum walk wait_for_end(struct session *s, struct ft_err *err)
{
    if (s->options->snapshot_only)
        return wait_until(s, snapshots_durable, err);
    if (!s->options->until_caught_up)
        return wait_until(s, never, err);
    s->goals = calloc(s->flow_count, sizeof(*s->goals));
    if (s->goals == NULL)
        return err_nomem(err, "the goals"), WALK_ERROR;
    if (capture_master_offsets(&s->master, s->goals, err) != 0)
        return WALK_ERROR;
    for (uint32_t i = 0; i < s->flow_count; i++)
        flow_session_set_goal(s->flows[i], s->goals[i]);
    return wait_until(s, goals_reached, err);
}

static enum walk walk_through(struct session *s, bool afresh, struct ft_err *err)
{
    const struct uri *at;
    enum walk walk;
    int rc = locate(s, &at, err);

    if (rc > 0)
        return WALK_NOWHERE;
    if (rc < 0 || connect_master(s, at, afresh, err) != 0 || connect_flows(s, err) != 0)
        return WALK_ERROR;
    walk = wait_until(s, all_answered, err);
    if (walk != WALK_ON)
        return walk;
    s->answered = true;
    if (partial_count(s) != 0 && partial_count(s) != s->flow_count)
        return err_set(err, FT_ERR_PROTOCOL, "the source resumes some flows only"), WALK_ERROR;
    if (partial_count(s) != 0 && !s->asked_resume)
        return err_set(err, FT_ERR_PROTOCOL, "the source resumes without being asked"), WALK_ERROR;
    walk = change_over(s, err);
    return walk == WALK_ON ? wait_for_end(s, err) : walk;
}

/* --- ending --- */

/*
 * When one connection is lost the source closes the others; what lies in their sockets is worth
 * having, since a resumption continues after it. Closing the control connection makes sure it does.
 */
static void drain_flows(struct session *s)
{
    uint64_t until_ms = clock_mono_ms() + DRAIN_MS;
    bool all = false;

    capture_master_close(&s->master);
    while (!all && clock_mono_ms() < until_ms && !recorder_failed(s->recorder)) {
        struct pollfd fds[2] = {{s->c->stop_fd, POLLIN, 0}, {s->event_fd, POLLIN, 0}};

        all = all_in(s, FLOW_ENDED);
        if (all || poll(fds, 2, DRAIN_STEP_MS) <= 0)
            continue;
        if (fds[0].revents != 0)
            return;
        (void)wake_clear(s->event_fd);
    }
}

static void stop_flows(struct session *s)
{
    (void)wake_set(s->abort_fd);
    for (uint32_t i = 0; i < s->flow_count; i++)
        flow_session_stop(s->flows[i]);
    for (uint32_t i = 0; i < s->flow_count; i++)
        flow_session_join(s->flows[i]);
}

/* Of flows that have ended for different reasons, the one that decides. */
static enum flow_end worst_end(const struct session *s, struct ft_err *ret_err)
{
    enum flow_end worst = FLOW_END_STOPPED;

    for (uint32_t i = 0; i < s->flow_count; i++) {
        struct ft_err own = FT_ERR_INIT;
        enum flow_end end = flow_session_end(s->flows[i], &own);

        if (end <= worst)
            continue;
        worst = end;
        *ret_err = own;
    }
    return worst;
}

static enum session_outcome classify_error(const struct session *s, const struct ft_err *err)
{
    switch (err->kind) {
    case FT_ERR_CANCELLED:
        return SESSION_STOPPED;
    case FT_ERR_NET:
    case FT_ERR_TIMEOUT:
        return SESSION_LOST;
    case FT_ERR_PROTOCOL:
        return s->asked_resume ? SESSION_AFRESH : SESSION_FAILED;
    default:
        return SESSION_FAILED;
    }
}

static enum session_outcome classify_flows(struct session *s, struct ft_err *err)
{
    struct ft_err own = FT_ERR_INIT;
    enum flow_end end = worst_end(s, &own);
    const char *ended_by = end == FLOW_END_FLUSH ? "flush" : "lsn-gap";

    *err = own;
    if (end == FLOW_END_FLUSH || end == FLOW_END_GAP) {
        struct ft_err failure = FT_ERR_INIT;

        if (end_generation(s, ended_by, &failure) == 0)
            return SESSION_AFRESH;
        *err = failure;
        return SESSION_FAILED;
    }
    if (end == FLOW_END_STOPPED) {
        (void)err_set(err, FT_ERR_NET, "the session broke off"); /* in no flow */
        return SESSION_LOST;
    }
    return end == FLOW_END_FAILED ? SESSION_FAILED : classify_error(s, err);
}

static enum session_outcome classify(struct session *s, enum walk walk, struct ft_err *err)
{
    switch (walk) {
    case WALK_ON:
        return SESSION_REACHED;
    case WALK_STOPPED:
        return SESSION_STOPPED;
    case WALK_ERROR:
        return classify_error(s, err);
    case WALK_NOWHERE:
        return SESSION_NOWHERE;
    case WALK_BROKEN:
        break;
    }
    return classify_flows(s, err);
}

/* What was received is made durable, and a failure to do so outweighs all else. */
static enum session_outcome finish(struct session *s, enum walk walk, struct ft_err *err)
{
    struct ft_err disk = FT_ERR_INIT;
    enum session_outcome outcome;

    if (s->recorder != NULL && (walk == WALK_BROKEN || walk == WALK_ERROR))
        drain_flows(s);
    stop_flows(s);
    sum_up(s);
    if (s->recorder != NULL && recorder_finish(s->recorder, &disk) != 0) {
        *err = disk;
        return SESSION_FAILED;
    }
    outcome = classify(s, walk, err);
    if (outcome == SESSION_REACHED || outcome == SESSION_STOPPED) {
        for (uint32_t i = 0; i < s->flow_count; i++)
            flow_session_ack_last(s->flows[i]);
    }
    return outcome;
}

static void release(struct session *s)
{
    for (uint32_t i = 0; i < s->flow_count; i++)
        flow_session_free(s->flows[i]);
    free(s->flows);
    free(s->goals);
    if (s->recorder != NULL) {
        s->c->pruned.removed += recorder_pruned(s->recorder)->removed;
        s->c->pruned.bytes += recorder_pruned(s->recorder)->bytes;
    }
    recorder_free(s->recorder);
    capture_master_close(&s->master);
    uri_release(&s->located);
    if (s->event_fd >= 0)
        (void)close(s->event_fd); /* both hold nothing */
    if (s->abort_fd >= 0)
        (void)close(s->abort_fd);
}

enum session_outcome capture_session_run(struct capture_context *c, bool afresh,
                                         struct session_contact *ret_contact, struct ft_err *err)
{
    struct session s = {.c = c, .options = c->options, .before = c->progress};
    enum session_outcome outcome = SESSION_FAILED;
    enum walk walk;

    capture_master_init(&s.master, c->options->source);
    s.abort_fd = -1;
    if (wake_open(&s.event_fd, err) == 0 && wake_open(&s.abort_fd, err) == 0) {
        walk = walk_through(&s, afresh, err);
        tell_session(&s, "");
        outcome = finish(&s, walk, err);
    }
    ret_contact->received_bytes = c->progress.bytes - s.before.bytes;
    ret_contact->advanced = s.advanced;
    ret_contact->silent = s.silent;
    release(&s);
    return outcome;
}
