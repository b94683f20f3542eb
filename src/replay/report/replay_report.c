#include "replay/report/replay_report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"

#define NOTE_MAX 700

void replay_report_init(struct replay_report *rep, struct replay_progress *progress,
                        struct loss_report *losses, struct replay_result *result)
{
    *rep = (struct replay_report){
        .progress = progress, .losses = losses, .failure = FT_ERR_INIT, .result = result};
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

int replay_report_loss(struct replay_report *rep, enum loss_reason reason, const char *class_name,
                       uint32_t db, struct bytes key, struct ft_err *err)
{
    if (loss_add(rep->losses, reason, class_name, db, key, err) != 0)
        return -1;
    if (!rep->fail_on_loss || loss_is_note(reason))
        return 0;
    return err_set(err, FT_ERR_LOSS,
                   "Redis %s cannot hold %s; --on-loss skip leaves such things out",
                   rep->target_name, loss_reason_text(reason));
}

void replay_report_fail(struct replay_report *rep, const struct ft_err *failure)
{
    pthread_mutex_lock(&rep->mu);
    if (!atomic_load(&rep->failed))
        rep->failure = *failure;
    atomic_store(&rep->failed, true);
    pthread_mutex_unlock(&rep->mu);
}

void replay_report_refused(struct replay_report *rep)
{
    pthread_mutex_lock(&rep->mu);
    rep->result->failed++;
    pthread_mutex_unlock(&rep->mu);
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

int replay_report_suspects(struct replay_report *rep, const struct item *item,
                           const struct translation *t, struct ft_err *err)
{
    int rc;

    pthread_mutex_lock(&rep->mu);
    rc = suspect_add_all(&rep->result->suspects, item, t, err);
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
