#include "serve/stream_maker.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/dir_watch.h"
#include "base/parse.h"
#include "output/record_writer.h"
#include "pump/pump.h"
#include "serve/newer_generation.h"
#include "serve/serve_live.h"

/* A commit comes after so many bytes, though there are more records. */
#define COMMIT_BYTES (1u << 20)
/* Looks at the directory of another process: when somebody has written there (dir_watch.h), and soon after something new, then
 * more seldom. */
#define LOOK_MIN_MS 1u
#define LOOK_MAX_MS 20u
/* What a live capture has is told at once; a goal that is set, too. */
#define LIVE_WAIT_MS 100u

struct making {
    struct stream_maker *m;
    struct record_writer records;
    uint64_t *next_lsn;  /* per flow: what the pass has taken */
    uint64_t *committed; /* per flow: in the last point */
    uint64_t committed_bytes;
    uint64_t committed_ms;
    uint64_t taken; /* records, when it was idle last */
    uint32_t wait_ms;
    struct dir_watch watch;
    struct newer_generation newer;
    uint64_t *stop; /* per flow: how far may be read */
    /* of a live capture */
    struct live_waiter *waiter;
    uint64_t *readable; /* per flow; then the goal */
    uint64_t *goal;
    uint64_t content;     /* as serve_live.h has it; 0: nothing was written yet */
    uint64_t asked;       /* content for which replicas were asked */
    uint64_t handed_on;   /* of the suspects, in the report */
    uint64_t list_change; /* serve_suspects_changes, when the report was made */
};

static int take_record(void *context, const struct item *item, const struct translation *t,
                       struct ft_err *err)
{
    struct making *k = context;

    atomic_fetch_add(&k->m->progress->records, 1);
    return record_writer_put(&k->records, item, t, err);
}

static int take_loss(void *context, enum loss_reason reason, const char *class_name, uint32_t db,
                     struct bytes key, struct ft_err *err)
{
    struct making *k = context;

    return loss_add(k->m->losses, reason, class_name, db, key, err);
}

/* Nothing is handed out that is not complete. */
static int check_losses(const struct stream_maker *m, struct ft_err *err)
{
    if (!m->o->fail_on_loss || m->losses->losses == 0)
        return 0;
    return err_set(err, FT_ERR_LOSS,
                   "%" PRIu64 " thing%s of the journal cannot be kept on Redis %s",
                   m->losses->losses, plural(m->losses->losses), m->o->target->name);
}

/* Whoever sees the point has to see the suspects before it. */
static int hand_on_suspects(struct making *k, struct ft_err *err)
{
    if (k->m->o->live == NULL)
        return 0;
    return serve_suspects_add_from(&k->m->o->live->suspects, k->m->suspects, &k->handed_on, err);
}

/* sign: nothing but a sign of life was put. */
static int commit(struct making *k, bool sign, struct ft_err *err)
{
    size_t size = k->m->flow_count * sizeof(*k->next_lsn);
    uint64_t bytes = resp_file_bytes(stream_log_file(k->m->log));

    if (bytes == k->committed_bytes && memcmp(k->next_lsn, k->committed, size) == 0)
        return 0;
    if (check_losses(k->m, err) != 0 || hand_on_suspects(k, err) != 0 ||
        stream_log_commit(k->m->log, k->next_lsn, err) != 0)
        return -1;
    memcpy(k->committed, k->next_lsn, size);
    if (bytes != k->committed_bytes && !sign)
        k->content = stream_log_end(k->m->log);
    k->committed_bytes = bytes;
    k->committed_ms = clock_mono_ms();
    atomic_store(&k->m->progress->offset, STREAM_FIRST_OFFSET + stream_log_end(k->m->log));
    return 0;
}

static int put_sign(struct making *k, const struct bytes *args, size_t count, struct ft_err *err)
{
    if (resp_file_put(stream_log_file(k->m->log), RESP_FILE_ANY_DB, args, count, err) != 0)
        return -1;
    return commit(k, true, err);
}

static int ping_if_silent(struct making *k, struct ft_err *err)
{
    const struct bytes arg = bytes_str("PING");

    if (clock_mono_ms() - k->committed_ms < STREAM_PING_MS ||
        atomic_load(&k->m->progress->replicas) == 0)
        return 0;
    return put_sign(k, &arg, 1, err);
}

static int wait_ms(struct making *k, uint32_t ms, struct ft_err *err)
{
    struct pollfd fds[] = {{k->m->stop_fd, POLLIN, 0},
                           {k->waiter == NULL ? -1 : live_waiter_fd(k->waiter), POLLIN, 0},
                           {k->watch.fd, POLLIN, 0}};

    if (poll(fds, 3, (int)ms) < 0 && errno != EINTR)
        return err_errno(err, errno, "could not wait");
    if (fds[2].revents != 0)
        dir_watch_clear(&k->watch);
    if (fds[0].revents != 0)
        return err_set(err, FT_ERR_CANCELLED, "stopped");
    return 0;
}

/*
 * Following
 */

/*
 * A capture of this process
 */

/* Up to what may be read, and to the goal. */
static bool raise_stops(struct making *k, bool *ret_has_goal)
{
    struct stream_maker *m = k->m;
    struct live_flows *flows = m->o->live->flows;
    bool raised = false;

    live_flows_readable(flows, m->source->generation, k->readable, m->flow_count);
    *ret_has_goal = live_flows_goal(flows, m->source->generation, k->goal, m->flow_count);
    for (uint32_t i = 0; i < m->flow_count; i++) {
        uint64_t to = *ret_has_goal && k->goal[i] < k->readable[i] ? k->goal[i] : k->readable[i];

        if (to <= k->stop[i])
            continue;
        k->stop[i] = to;
        raised = true;
    }
    return raised;
}

/* Everything that may be read was taken: what is left of the way to the goal is held at a flush. */
static enum serve_standing standing_of(const struct making *k, bool has_goal, bool ended)
{
    enum serve_standing standing = has_goal ? SERVE_AT_GOAL : SERVE_MOVING;

    if (!has_goal)
        return ended ? SERVE_AT_END : SERVE_MOVING;
    for (uint32_t i = 0; i < k->m->flow_count; i++) {
        if (k->readable[i] < k->goal[i])
            return ended ? SERVE_AT_END : SERVE_MOVING;
        if (k->next_lsn[i] < k->goal[i])
            standing = SERVE_AT_FLUSH;
    }
    return standing;
}

/* Acknowledgements come once a second; whoever cuts over should not have to wait for them. */
static int ask_replicas(struct making *k, struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("REPLCONF"), bytes_str("GETACK"), bytes_str("*")};
    uint64_t content = serve_live_content(k->m->o->live);

    if (content == k->asked || atomic_load(&k->m->progress->replicas) == 0)
        return 0;
    k->asked = content;
    return put_sign(k, args, 3, err);
}

/* Keys that were corrected are suspect again with the next record that makes them so. */
static int renew_suspects(struct making *k, struct ft_err *err)
{
    struct serve_suspects *list = &k->m->o->live->suspects;
    uint64_t changes = serve_suspects_changes(list);

    if (changes == k->list_change)
        return 0;
    k->list_change = changes;
    suspect_release(k->m->suspects);
    if (serve_suspects_copy(list, k->m->suspects, err) != 0)
        return -1;
    k->handed_on = 0;
    return 0;
}

/* The lock is let go while it waits, so that others may write meanwhile. */
static int stand(struct making *k, enum serve_standing standing, struct ft_err *err)
{
    struct serve_live *live = k->m->o->live;
    int rc;

    serve_live_stand(live, standing, k->content);
    if ((standing != SERVE_MOVING ? ask_replicas(k, err) : 0) != 0 || ping_if_silent(k, err) != 0)
        return -1;
    pthread_mutex_unlock(&live->write);
    rc = wait_ms(k, standing == SERVE_MOVING ? LIVE_WAIT_MS : LOOK_MAX_MS, err);
    pthread_mutex_lock(&live->write);
    return rc == 0 && live_waiter_wait(k->waiter, 0, -1, err) < 0 ? -1 : rc;
}

static int more_of_live(struct making *k, struct ft_err *err)
{
    struct stream_maker *m = k->m;
    struct live_state state;
    bool has_goal;

    live_flows_state(m->o->live->flows, &state); /* first: what is readable after `ended` is all */
    if (state.replayable > m->source->generation) {
        m->turned_over = true;
        return 0;
    }
    if (!raise_stops(k, &has_goal)) {
        if (stand(k, standing_of(k, has_goal, state.ended), err) != 0)
            return -1;
        return 1;
    }
    serve_live_stand(m->o->live, SERVE_MOVING, 0);
    return renew_suspects(k, err) != 0 ? -1 : 1;
}

/* Returns 1: look again whether there is more, 0: that was all, -1. */
static int more(void *context, bool idle, struct ft_err *err)
{
    struct making *k = context;
    uint64_t uncommitted = resp_file_bytes(stream_log_file(k->m->log)) - k->committed_bytes;
    int newer;

    if (!idle) {
        if (uncommitted >= COMMIT_BYTES && commit(k, false, err) != 0)
            return -1;
        return wait_ms(k, 0, err) != 0 ? -1 : 1;
    }
    if (commit(k, false, err) != 0)
        return -1;
    if (k->m->o->live != NULL)
        return more_of_live(k, err);
    if (!k->m->o->follow)
        return 0;
    if (ping_if_silent(k, err) != 0)
        return -1;
    k->wait_ms = k->taken != atomic_load(&k->m->progress->records) ? LOOK_MIN_MS
                 : 2 * k->wait_ms < LOOK_MAX_MS                    ? 2 * k->wait_ms
                                                                   : LOOK_MAX_MS;
    k->taken = atomic_load(&k->m->progress->records);
    newer = k->m->o->generation == 0 ? newer_generation_look(&k->newer, k->m->source, err) : 0;
    if (newer != 0) {
        k->m->turned_over = newer > 0;
        return newer > 0 ? 0 : -1;
    }
    return wait_ms(k, k->wait_ms, err) != 0 ? -1 : 1;
}

/*
 * The run
 */

static int pump_journal_from(struct making *k, struct translator *translator,
                             const struct stream_point *from, struct ft_err *err)
{
    struct stream_maker *m = k->m;
    uint32_t n = m->flow_count;
    const struct cut cut = {.flow_count = n, .stop_lsn = k->stop, .start_lsn = from->lsn};
    const struct journal_follow follow = {.more = more, .next_lsn = k->next_lsn};
    const struct pump_options options = {.source = m->source,
                                         .translator = translator,
                                         .target = m->o->target,
                                         .json_as = m->o->json_as,
                                         .expired_ms = PUMP_NOTHING_EXPIRED,
                                         .suspects = m->suspects,
                                         .losses = m->losses};
    const struct item_sink sink = {.context = k, .record = take_record, .loss = take_loss};
    struct pump *p = NULL;
    int rc = -1;

    for (uint32_t i = 0; m->o->live == NULL && i < n; i++)
        k->stop[i] = m->o->follow ? UINT64_MAX : source_lsns(m->source, i).next;
    if (pump_new(&p, &options, &sink, err) == 0) {
        rc = pump_follow(p, &cut, &follow, k, err);
        m->counts = pump_counts(p)->journal;
    }
    pump_free(p);
    return rc;
}

static int take_suspects(void *context, const struct item *item, const struct translation *t,
                         struct ft_err *err)
{
    return suspect_add_all(context, NULL, item, t, err);
}

/* What those before this run have translated made keys suspect, too: as the snapshot, where the list begins with it. */
static int recall_suspects(struct making *k, const struct stream_point *to, struct ft_err *err)
{
    struct stream_maker *m = k->m;
    struct translator *translator = NULL;
    struct journal_pass_counts counts;
    const struct cut cut = {.flow_count = m->flow_count, .stop_lsn = to->lsn};
    int rc = -1;

    if (m->o->live == NULL)
        return 0;
    if (serve_suspects_copy(&m->o->live->suspects, m->suspects, err) == 0 &&
        journal_translator_new(&translator, m->source, m->o->target, m->o->json_as, err) == 0)
        rc =
            journal_pass_run(m->source, &cut, translator, take_suspects, m->suspects, &counts, err);
    translator_free(translator);
    return rc == 0 ? hand_on_suspects(k, err) : -1;
}

static int make_journal(struct making *k, struct ft_err *err)
{
    struct stream_maker *m = k->m;
    const struct translator_options options = {.target = m->o->target,
                                               .json_as = m->o->json_as,
                                               .source_release = m->source->release,
                                               .moment_ms = TRANSLATE_NOW};
    struct stream_point from = {.lsn = k->committed};
    struct translator *translator;
    int rc;

    if (stream_log_last(m->log, &from, err) != 0)
        return -1;
    memcpy(k->next_lsn, from.lsn, m->flow_count * sizeof(*k->next_lsn));
    if (m->flow_count == 0)
        return 0;
    if (recall_suspects(k, &from, err) != 0 || translator_new(&translator, &options, err) != 0)
        return -1;
    from.lsn = calloc(m->flow_count, sizeof(*from.lsn));
    if (from.lsn == NULL) {
        rc = err_nomem(err, "the flows");
    } else {
        memcpy(from.lsn, k->committed, m->flow_count * sizeof(*from.lsn));
        rc = pump_journal_from(k, translator, &from, err);
    }
    free(from.lsn);
    translator_free(translator);
    return rc;
}

/* Nothing more comes, but replicas want to hear that their master is there. */
static int keep_alive(struct making *k, struct ft_err *err)
{
    atomic_store(&k->m->progress->complete, STREAM_FIRST_OFFSET + stream_log_end(k->m->log));
    for (;;) {
        if (wait_ms(k, 1000, err) != 0 || ping_if_silent(k, err) != 0)
            return -1;
    }
}

static int make_stream(struct making *k, struct ft_err *err)
{
    struct stream_maker *m = k->m;
    struct serve_live *live = m->o->live;
    size_t n = m->flow_count + 1u;

    k->records = (struct record_writer){.file = stream_log_file(m->log), .losses = m->losses};
    k->records.file->databases.limit = m->o->databases;
    k->next_lsn = calloc(5 * n, sizeof(*k->next_lsn));
    if (k->next_lsn == NULL)
        return err_nomem(err, "the flows");
    k->committed = k->next_lsn + n;
    k->stop = k->committed + n;
    k->readable = k->stop + n;
    k->goal = k->readable + n;
    if (live == NULL && m->o->follow)
        dir_watch_open(&k->watch, m->source->path);
    if (live != NULL) {
        k->list_change = serve_suspects_changes(&live->suspects);
        if (live_waiter_new(
                &k->waiter, live->flows,
                LIVE_WAIT(live_flows_is_eager(live->flows) ? LIVE_WRITTEN : LIVE_DURABLE),
                err) != 0)
            return -1;
    }
    return make_journal(k, err);
}

int stream_maker_run(struct stream_maker *m, struct ft_err *err)
{
    struct making k = {.m = m,
                       .wait_ms = LOOK_MIN_MS,
                       .watch = DIR_WATCH_NONE,
                       .committed_ms = clock_mono_ms(),
                       .asked = UINT64_MAX};
    struct serve_live *live = m->o->live;
    int rc;

    if (live != NULL)
        pthread_mutex_lock(&live->write);
    rc = make_stream(&k, err);
    if (live != NULL)
        pthread_mutex_unlock(&live->write);
    if (rc == 0 && !m->turned_over)
        rc = keep_alive(&k, err);
    live_waiter_free(k.waiter);
    dir_watch_close(&k.watch);
    free(k.next_lsn);
    return rc;
}
