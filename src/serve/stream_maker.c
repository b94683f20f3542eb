#include "serve/stream_maker.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>

#include "base/clock.h"
#include "output/record_writer.h"
#include "pump/pump.h"
#include "serve/newer_generation.h"

/* A commit comes after so many bytes, though there are more records. */
#define COMMIT_BYTES (1u << 20)
/* Looks at the directory of another process: soon after something new, then more seldom. */
#define LOOK_MIN_MS 1u
#define LOOK_MAX_MS 20u

struct making {
    struct stream_maker *m;
    struct record_writer records;
    uint64_t *next_lsn;  /* per flow: what the pass has taken */
    uint64_t *committed; /* per flow: in the last point */
    uint64_t committed_bytes;
    uint64_t committed_ms;
    uint64_t taken; /* records, when it was idle last */
    uint32_t wait_ms;
    struct newer_generation newer;
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
                   m->losses->losses, m->losses->losses == 1 ? "" : "s", m->o->target->name);
}

static int commit(struct making *k, struct ft_err *err)
{
    size_t size = k->m->flow_count * sizeof(*k->next_lsn);
    uint64_t bytes = resp_file_bytes(stream_log_file(k->m->log));

    if (bytes == k->committed_bytes && memcmp(k->next_lsn, k->committed, size) == 0)
        return 0;
    if (check_losses(k->m, err) != 0 || stream_log_commit(k->m->log, k->next_lsn, err) != 0)
        return -1;
    memcpy(k->committed, k->next_lsn, size);
    k->committed_bytes = bytes;
    k->committed_ms = clock_mono_ms();
    atomic_store(&k->m->progress->offset, STREAM_FIRST_OFFSET + stream_log_end(k->m->log));
    return 0;
}

static int ping_if_silent(struct making *k, struct ft_err *err)
{
    const struct bytes arg = bytes_str("PING");

    if (clock_mono_ms() - k->committed_ms < STREAM_PING_MS ||
        atomic_load(&k->m->progress->replicas) == 0)
        return 0;
    if (resp_file_put(stream_log_file(k->m->log), RESP_FILE_ANY_DB, &arg, 1, err) != 0)
        return -1;
    return commit(k, err);
}

static int wait_ms(const struct making *k, uint32_t ms, struct ft_err *err)
{
    struct pollfd fd = {k->m->stop_fd, POLLIN, 0};

    if (poll(&fd, 1, (int)ms) < 0 && errno != EINTR)
        return err_errno(err, errno, "could not wait");
    if (fd.revents != 0)
        return err_set(err, FT_ERR_CANCELLED, "stopped");
    return 0;
}

/*
 * Following
 */

/* Returns 1: look again whether there is more, 0: that was all, -1. */
static int more(void *context, bool idle, struct ft_err *err)
{
    struct making *k = context;
    uint64_t uncommitted = resp_file_bytes(stream_log_file(k->m->log)) - k->committed_bytes;
    int newer;

    if (!idle) {
        if (uncommitted >= COMMIT_BYTES && commit(k, err) != 0)
            return -1;
        return wait_ms(k, 0, err) != 0 ? -1 : 1;
    }
    if (commit(k, err) != 0)
        return -1;
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
    uint64_t *stop = calloc(n, sizeof(*stop));
    const struct cut cut = {.flow_count = n, .stop_lsn = stop, .start_lsn = from->lsn};
    const struct journal_follow follow = {.more = more, .next_lsn = k->next_lsn};
    const struct pump_options options = {.source = m->source,
                                         .translator = translator,
                                         .target = m->o->target,
                                         .json_as = m->o->json_as,
                                         .expired_ms = PUMP_NOTHING_EXPIRED,
                                         .suspects = m->suspects};
    const struct item_sink sink = {.context = k, .record = take_record, .loss = take_loss};
    struct pump *p = NULL;
    int rc = -1;

    if (stop == NULL)
        return err_nomem(err, "the flows");
    for (uint32_t i = 0; i < n; i++)
        stop[i] = m->o->follow ? UINT64_MAX : source_lsns(m->source, i).next;
    if (pump_new(&p, &options, &sink, err) == 0) {
        rc = pump_follow(p, &cut, &follow, k, err);
        m->counts = pump_counts(p)->journal;
    }
    pump_free(p);
    free(stop);
    return rc;
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
    if (translator_new(&translator, &options, err) != 0)
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

int stream_maker_run(struct stream_maker *m, struct ft_err *err)
{
    size_t n = m->flow_count;
    struct making k = {.m = m, .wait_ms = LOOK_MIN_MS, .committed_ms = clock_mono_ms()};
    int rc = -1;

    k.records = (struct record_writer){.file = stream_log_file(m->log), .losses = m->losses};
    k.records.file->databases.limit = m->o->databases;
    k.next_lsn = calloc(n + 1, sizeof(*k.next_lsn));
    k.committed = calloc(n + 1, sizeof(*k.committed));
    if (k.next_lsn == NULL || k.committed == NULL) {
        err_nomem(err, "the flows");
    } else {
        rc = make_journal(&k, err);
        if (rc == 0 && !m->turned_over)
            rc = keep_alive(&k, err);
    }
    free(k.next_lsn);
    free(k.committed);
    return rc;
}
