#include "replay/report/replay_report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "item/entry_loss.h"

#define NOTE_MAX 700

void replay_report_init(struct replay_report *rep, struct replay_progress *progress,
                        struct loss_report *losses, struct replay_result *result)
{
    *rep = (struct replay_report){
        .progress = progress, .losses = losses, .failure = FT_ERR_INIT, .result = result};
    rep->bytes_before = atomic_load(&progress->bytes);
    *result = (struct replay_result){0};
    (void)pthread_mutex_init(&rep->mu, NULL); /* default attributes: cannot fail on Linux */
}

void replay_report_release(struct replay_report *rep)
{
    (void)pthread_mutex_destroy(&rep->mu); /* nobody holds it any more */
}

void replay_report_note(struct replay_report *rep, const char *fmt, ...)
{
    char text[NOTE_MAX];
    va_list ap;

    if (rep->on_note == NULL)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap); /* a longer one is cut */
    va_end(ap);
    rep->on_note(rep->context, text);
}

/*
 * How the run gets on
 */

int replay_report_input(struct replay_report *rep, uint32_t generation, uint32_t flow_count,
                        struct ft_err *err)
{
    struct replay_flow_count *flows;

    if (rep->result->flow_count == flow_count && rep->result->generation == generation)
        return 0; /* opened again: the numbers go on */
    flows = calloc(flow_count + 1u, sizeof(*flows));
    if (flows == NULL)
        return err_nomem(err, "the flows");
    pthread_mutex_lock(&rep->mu);
    free(rep->result->flows);
    rep->result->generation = generation;
    rep->result->flows = flows;
    rep->result->flow_count = flow_count;
    pthread_mutex_unlock(&rep->mu);
    return 0;
}

void replay_report_connected(struct replay_report *rep, unsigned version, bool cluster,
                             const char *name)
{
    pthread_mutex_lock(&rep->mu);
    rep->result->target_version = version;
    rep->result->cluster = cluster;
    if (name != NULL)
        rep->target_name = name;
    pthread_mutex_unlock(&rep->mu);
}

void replay_report_resumed(struct replay_report *rep)
{
    pthread_mutex_lock(&rep->mu);
    rep->result->resumed = true;
    pthread_mutex_unlock(&rep->mu);
}

void replay_report_retry(struct replay_report *rep, bool redirected)
{
    pthread_mutex_lock(&rep->mu);
    rep->result->retries++;
    rep->result->redirects += redirected;
    pthread_mutex_unlock(&rep->mu);
    atomic_fetch_add(&rep->progress->retries, 1);
}

void replay_report_phase(struct replay_report *rep, bool in_journal)
{
    atomic_store(&rep->progress->in_journal, in_journal);
}

void replay_report_lag(struct replay_report *rep, uint64_t lag, bool is_bytes)
{
    atomic_store(&rep->progress->lag, lag);
    atomic_store(&rep->progress->lag_is_bytes, is_bytes);
}

void replay_report_end(struct replay_report *rep, bool complete, bool guard_off,
                       uint64_t elapsed_ms)
{
    struct replay_result *result = rep->result;

    pthread_mutex_lock(&rep->mu);
    result->complete = complete;
    result->guard_off = guard_off && result->records + result->in_sync != 0;
    result->bytes = atomic_load(&rep->progress->bytes) - rep->bytes_before;
    result->elapsed_ms = elapsed_ms;
    pthread_mutex_unlock(&rep->mu);
}

/*
 * What it has done
 */

static void add(struct replay_report *rep, uint64_t *counter, uint64_t n)
{
    pthread_mutex_lock(&rep->mu);
    *counter += n;
    pthread_mutex_unlock(&rep->mu);
}

void replay_report_sent_keys(struct replay_report *rep, uint64_t keys)
{
    atomic_fetch_add(&rep->progress->keys, keys);
}

void replay_report_sent_bytes(struct replay_report *rep, uint64_t bytes)
{
    atomic_fetch_add(&rep->progress->bytes, bytes);
}

void replay_report_snapshots(struct replay_report *rep)
{
    pthread_mutex_lock(&rep->mu);
    rep->result->keys_not_done = 0;
    pthread_mutex_unlock(&rep->mu);
}

void replay_report_stream_done(struct replay_report *rep, uint32_t flow, uint64_t keys)
{
    pthread_mutex_lock(&rep->mu);
    rep->result->keys += keys;
    rep->result->flows[flow].keys += keys;
    pthread_mutex_unlock(&rep->mu);
}

void replay_report_stream_not_done(struct replay_report *rep, uint64_t keys)
{
    add(rep, &rep->result->keys_not_done, keys);
}

void replay_report_pumped(struct replay_report *rep, uint64_t filtered, uint64_t in_sync)
{
    pthread_mutex_lock(&rep->mu);
    rep->result->filtered += filtered;
    rep->result->in_sync += in_sync;
    pthread_mutex_unlock(&rep->mu);
}

void replay_report_applied(struct replay_report *rep, uint32_t flow, uint64_t records)
{
    pthread_mutex_lock(&rep->mu);
    rep->result->records += records;
    rep->result->flows[flow].records += records;
    pthread_mutex_unlock(&rep->mu);
    atomic_fetch_add(&rep->progress->records, records);
}

void replay_report_pass(struct replay_report *rep, const struct journal_pass_counts *pass)
{
    struct journal_pass_counts *counts = &rep->result->journal;

    pthread_mutex_lock(&rep->mu);
    counts->records += pass->records;
    counts->foreign += pass->foreign;
    counts->repeated += pass->repeated;
    counts->flushes += pass->flushes;
    counts->after_partial_flush = pass->after_partial_flush;
    counts->partial_flush_flows = pass->partial_flush_flows;
    counts->after_foreign_slot = pass->after_foreign_slot;
    counts->foreign_slot_flows = pass->foreign_slot_flows;
    counts->given_up_nodes = pass->given_up_nodes;
    pthread_mutex_unlock(&rep->mu);
}

void replay_report_position(struct replay_report *rep, uint32_t flow, uint64_t next_lsn)
{
    pthread_mutex_lock(&rep->mu);
    rep->result->flows[flow].next_lsn = next_lsn;
    pthread_mutex_unlock(&rep->mu);
}

void replay_report_deleted(struct replay_report *rep)
{
    add(rep, &rep->result->deleted, 1);
}

void replay_report_overdue(struct replay_report *rep, uint64_t keys)
{
    add(rep, &rep->result->overdue, keys);
}

void replay_report_resent(struct replay_report *rep, uint64_t commands)
{
    add(rep, &rep->result->resent, commands);
}

void replay_report_kept(struct replay_report *rep, uint64_t keys)
{
    pthread_mutex_lock(&rep->mu);
    rep->result->kept = keys;
    pthread_mutex_unlock(&rep->mu);
}

void replay_report_letter(struct replay_report *rep)
{
    add(rep, &rep->result->records, 1);
}

void replay_report_letters(struct replay_report *rep, uint64_t left)
{
    pthread_mutex_lock(&rep->mu);
    rep->result->failed = left;
    pthread_mutex_unlock(&rep->mu);
}

/*
 * What is to be known of it
 */

static uint64_t read_one(struct replay_report *rep, const uint64_t *counter)
{
    uint64_t value;

    pthread_mutex_lock(&rep->mu);
    value = *counter;
    pthread_mutex_unlock(&rep->mu);
    return value;
}

bool replay_report_is_resumed(struct replay_report *rep)
{
    bool resumed;

    pthread_mutex_lock(&rep->mu);
    resumed = rep->result->resumed;
    pthread_mutex_unlock(&rep->mu);
    return resumed;
}

bool replay_report_has_retried(struct replay_report *rep)
{
    return read_one(rep, &rep->result->retries) != 0;
}

uint64_t replay_report_keys(const struct replay_report *rep)
{
    return atomic_load(&rep->progress->keys);
}

uint64_t replay_report_flushes(struct replay_report *rep)
{
    return read_one(rep, &rep->result->journal.flushes);
}

int replay_report_add_loss(struct replay_report *rep, enum loss_reason reason,
                           const char *class_name, uint32_t db, struct bytes key,
                           struct ft_err *err)
{
    return loss_add(rep->losses, reason, class_name, db, key, err);
}

int replay_report_loss(struct replay_report *rep, enum loss_reason reason, const char *class_name,
                       uint32_t db, struct bytes key, struct ft_err *err)
{
    char title[TARGET_TITLE_SIZE];

    if (replay_report_add_loss(rep, reason, class_name, db, key, err) != 0)
        return -1;
    if (!rep->fail_on_loss || loss_is_note(reason))
        return 0;
    return err_set(err, FT_ERR_LOSS, "%s cannot hold %s; --on-loss skip leaves such things out",
                   target_title(rep->target_name, title), loss_reason_text(reason));
}

void replay_report_losses(struct replay_report *rep, struct loss_report *found)
{
    pthread_mutex_lock(&rep->losses->mu); /* who shows the run reads it meanwhile */
    if (rep->losses->line_count == 0) {
        rep->losses->lines = found->lines;
        rep->losses->line_count = found->line_count;
        rep->losses->losses = found->losses;
        rep->losses->notes = found->notes;
        found->lines = NULL;
        found->line_count = 0;
    }
    pthread_mutex_unlock(&rep->losses->mu);
}

int replay_report_entry_notes(struct replay_report *rep, const struct rdb_entry *entry,
                              const struct target *target, struct ft_err *err)
{
    return entry_add_notes(rep->losses, entry, target, true, err);
}

void replay_report_fail(struct replay_report *rep, const struct ft_err *failure)
{
    pthread_mutex_lock(&rep->mu);
    if (!atomic_load(&rep->failed))
        rep->failure = *failure;
    atomic_store(&rep->failed, true);
    pthread_mutex_unlock(&rep->mu);
}

int replay_report_check(struct replay_report *rep, struct ft_err *err)
{
    if (!replay_report_has_failed(rep))
        return 0;
    pthread_mutex_lock(&rep->mu);
    *err = rep->failure;
    pthread_mutex_unlock(&rep->mu);
    return -1;
}

void replay_report_refused(struct replay_report *rep)
{
    add(rep, &rep->result->failed, 1);
}

void replay_report_error(struct replay_report *rep, bool doubtful)
{
    pthread_mutex_lock(&rep->mu);
    rep->result->expected_errors += !doubtful;
    rep->result->doubtful_errors += doubtful;
    pthread_mutex_unlock(&rep->mu);
}

void replay_report_left_out(struct replay_report *rep, bool kept)
{
    pthread_mutex_lock(&rep->mu);
    rep->result->filtered += !kept;
    rep->result->conflicts += kept;
    pthread_mutex_unlock(&rep->mu);
}

void replay_report_listed(struct replay_report *rep, uint64_t count)
{
    atomic_store(&rep->progress->suspects, count);
}

void replay_report_listed_one(struct replay_report *rep)
{
    atomic_fetch_add(&rep->progress->suspects, 1);
}

/* Without the lock, which nearly no record needs. */
static bool may_be_suspect(const struct translation *t)
{
    bool any = translation_joins(t);

    for (size_t i = 0; !any && i < t->key_count; i++)
        any = t->keys[i].suspect;
    return any;
}

int replay_report_suspects(struct replay_report *rep, const struct item *item,
                           const struct translation *t, struct ft_err *err)
{
    int rc;

    if (!may_be_suspect(t))
        return 0;
    pthread_mutex_lock(&rep->mu);
    rc = suspect_add_all(&rep->result->suspects, NULL, item, t, err);
    pthread_mutex_unlock(&rep->mu);
    return rc;
}

int replay_report_suspect(struct replay_report *rep, uint32_t db, struct bytes key,
                          struct ft_err *err)
{
    const struct suspect s = {.db = db, .key = key};
    int rc;

    pthread_mutex_lock(&rep->mu);
    rc = suspect_add(&rep->result->suspects, &s, err);
    pthread_mutex_unlock(&rep->mu);
    return rc;
}

int replay_report_suspect_entry(struct replay_report *rep, unsigned journal_release,
                                const struct item *item, struct ft_err *err)
{
    int rc;

    pthread_mutex_lock(&rep->mu);
    rc = suspect_add_entry(&rep->result->suspects, journal_release, item, err);
    pthread_mutex_unlock(&rep->mu);
    return rc;
}

static void add_count(struct replay_result *result, const struct replay_node_count *count)
{
    struct ft_err lost = FT_ERR_INIT;

    for (size_t i = 0; i < result->node_count; i++) {
        struct replay_node_count *c = &result->nodes[i];

        if (strcmp(c->name, count->name) == 0) {
            c->batches += count->batches;
            c->commands += count->commands;
            c->bytes += count->bytes;
            return;
        }
    }
    if (ARRAY_ADD_ROOM(&result->nodes, result->node_count, "a report", &lost) != 0)
        return; /* the report then lacks a line */
    result->nodes[result->node_count++] = *count;
}

void replay_report_node(struct replay_report *rep, const struct replay_node_count *count)
{
    pthread_mutex_lock(&rep->mu);
    add_count(rep->result, count);
    pthread_mutex_unlock(&rep->mu);
}
