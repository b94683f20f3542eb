#include "audit/forecast.h"

#include <inttypes.h>
#include <stdlib.h>

#include "command/command_table.h"
#include "command/left_out.h"
#include "input/stream_pool.h"
#include "item/entry_loss.h"
#include "item/slot.h"
#include "pump/pump.h"
#include "rdb/value_walk.h"

/* What all streams add to; `result` is guarded but for its losses, which guard themselves. */
struct forecaster {
    const struct forecast_options *options;
    struct source_large *large;
    pthread_mutex_t mu;
    struct forecast *result;
};

/* One stream's part. */
struct worker {
    struct forecaster *f;
    struct loss_report *losses;
    unsigned journal_release;
    uint32_t index;
    struct recoder *recoder;
    struct translator *translator;
    struct forecast counts; /* numbers and commands only */
};

static int guess_groups(struct worker *w, const struct item *item, struct ft_err *err)
{
    int rc;

    if (w->journal_release == 0)
        return 0;
    pthread_mutex_lock(&w->f->mu);
    rc = suspect_add_entry(&w->f->result->suspects, w->journal_release, item, err);
    pthread_mutex_unlock(&w->f->mu);
    return rc;
}

static int take_entry(void *context, const struct item *item, struct ft_err *err)
{
    const struct rdb_entry *e = &item->rdb.entry;
    struct worker *w = context;
    enum loss_reason loss = LOSS_NONE;
    enum recode_result result;
    struct bytes value;
    uint8_t type;

    w->counts.keys++;
    w->counts.other_db_keys += e->db != 0;
    if (guess_groups(w, item, err) != 0)
        return -1;
    result = recoder_run(w->recoder, e, (int64_t)(item->time_us / 1000), &type, &value, &loss, err);
    if (result == RECODE_ERROR)
        return -1;
    if (loss != LOSS_NONE &&
        loss_add(w->losses, loss, rdb_type_name(e->type), e->db, e->key, err) != 0)
        return -1;
    return result == RECODE_OK ? entry_add_notes(w->losses, e, w->f->options->target, false, err)
                               : 0;
}

static int take_losses(struct worker *w, const struct translation *t, uint32_t db,
                       struct ft_err *err)
{
    struct bytes key = t->key_count == 0 ? bytes_of(NULL, 0) : t->keys[0].key;

    for (size_t i = 0; i < t->loss_count; i++) {
        if (loss_add(w->losses, t->losses[i].reason, t->losses[i].class_name, db, key, err) != 0)
            return -1;
    }
    return 0;
}

static int take_suspects(struct worker *w, const struct item *item, const struct translation *t,
                         struct ft_err *err)
{
    bool any = translation_joins(t);
    int rc;

    for (size_t i = 0; i < t->key_count && !any; i++)
        any = t->keys[i].suspect;
    if (!any)
        return 0;
    pthread_mutex_lock(&w->f->mu);
    rc = suspect_add_all(&w->f->result->suspects, w->losses, item, t, err);
    pthread_mutex_unlock(&w->f->mu);
    return rc;
}

static bool keys_are_apart(const struct translation *t)
{
    for (size_t i = 1; i < t->key_count; i++) {
        if (slot_of(t->keys[i].key) != slot_of(t->keys[0].key))
            return true;
    }
    return false;
}

static void count_command(struct worker *w, const struct translation *t)
{
    size_t count;
    const struct command_row *rows = command_rows(&count);

    if (t->row == NULL)
        return;
    w->counts.commands[t->row - rows].counts[t->class_]++;
    if (w->f->options->cluster && t->class_ == TRANSLATION_READ_WRITE)
        w->counts.cross_slot_records += keys_are_apart(t);
}

static int take_record(void *context, const struct item *item, const struct translation *t,
                       struct ft_err *err)
{
    struct worker *w = context;
    bool vanishes;

    w->counts.other_db_records += item->record.dbid != 0;
    count_command(w, t);
    if (take_losses(w, t, item->record.dbid, err) != 0 ||
        left_out_take(w->losses, item, t, &vanishes, err) != 0)
        return -1;
    return take_suspects(w, item, t, err);
}

static int take_loss(void *context, enum loss_reason reason, const char *class_name, uint32_t db,
                     struct bytes key, struct ft_err *err)
{
    struct worker *w = context;

    return loss_add(w->losses, reason, class_name, db, key, err);
}

static int worker_init(struct worker *w, const struct source *source, struct ft_err *err)
{
    const struct forecast_options *o = w->f->options;
    const struct translator_options options = {.target = o->target,
                                               .cluster = o->cluster,
                                               .json_as = o->json_as,
                                               .source_release = source->release};
    size_t row_count;

    (void)command_rows(&row_count);
    w->losses = &w->f->result->losses;
    w->journal_release = source_journal_release(source);
    w->counts.commands = calloc(row_count, sizeof(*w->counts.commands));
    if (w->counts.commands == NULL)
        return err_nomem(err, "a forecast");
    if (recoder_new(&w->recoder, o->target, o->json_as, err) != 0)
        return -1;
    return translator_new(&w->translator, &options, err);
}

static void worker_release(struct worker *w)
{
    recoder_free(w->recoder);
    translator_free(w->translator);
    free(w->counts.commands);
}

static void add_counts(struct forecast *to, const struct forecast *from)
{
    size_t row_count;

    (void)command_rows(&row_count);
    for (size_t i = 0; i < row_count; i++) {
        for (unsigned c = 0; c < TRANSLATION_CLASS_COUNT; c++)
            to->commands[i].counts[c] += from->commands[i].counts[c];
    }
    to->keys += from->keys;
    to->records += from->records;
    to->foreign += from->foreign;
    to->repeated += from->repeated;
    to->other_db_keys += from->other_db_keys;
    to->other_db_records += from->other_db_records;
    to->cross_slot_records += from->cross_slot_records;
}

static void take_counts(struct worker *w, const struct pump_counts *counts)
{
    w->counts.records = counts->in_sync + counts->journal.records;
    w->counts.foreign = counts->journal.foreign;
    w->counts.repeated = counts->journal.repeated;
}

static int read_stream(struct worker *w, const struct source *source, struct ft_err *err)
{
    const struct pump_options options = {.source = source,
                                         .translator = w->translator,
                                         .target = w->f->options->target,
                                         .json_as = w->f->options->json_as,
                                         .scripts_as_aux = true,
                                         .expired_ms = PUMP_NOTHING_EXPIRED};
    const struct item_sink sink = {
        .context = w, .entry = take_entry, .record = take_record, .loss = take_loss};
    const struct source_stream_options stream_options = {.large = w->f->large, .scripts = true};
    struct source_stream *stream;
    struct pump *pump;
    int rc;

    if (source_stream_open(&stream, source, w->index, &stream_options, err) != 0)
        return -1;
    rc = pump_new(&pump, &options, &sink, err);
    if (rc == 0) {
        rc = pump_stream(pump, stream, err);
        take_counts(w, pump_counts(pump));
        pump_free(pump);
    }
    source_stream_free(stream);
    return rc;
}

static int forecast_stream(void *context, const struct source *source, uint32_t index,
                           struct ft_err *err)
{
    struct forecaster *f = context;
    struct worker w = {.f = f, .index = index};
    int rc = worker_init(&w, source, err);

    if (rc == 0)
        rc = read_stream(&w, source, err);
    if (rc == 0) {
        pthread_mutex_lock(&f->mu);
        add_counts(f->result, &w.counts);
        pthread_mutex_unlock(&f->mu);
    }
    worker_release(&w);
    return rc;
}

int forecast_run(struct forecast *ret, const struct source *source,
                 const struct forecast_options *options, struct ft_err *err)
{
    struct forecaster f = {.options = options, .result = ret};
    size_t row_count;
    int rc;

    memset(ret, 0, sizeof(*ret));
    loss_init(&ret->losses);
    (void)command_rows(&row_count);
    ret->commands = calloc(row_count, sizeof(*ret->commands));
    if (ret->commands == NULL)
        return err_nomem(err, "a forecast");
    if (source_large_new(&f.large, err) != 0)
        return -1;
    (void)pthread_mutex_init(&f.mu, NULL); /* default attributes: cannot fail on Linux */
    read_progress_begin(source->progress, "forecast", source_bytes(source));
    rc = stream_pool_run(source, forecast_stream, &f, err);
    (void)pthread_mutex_destroy(&f.mu); /* nobody holds it any more */
    source_large_free(f.large);
    return rc;
}

void forecast_release(struct forecast *f)
{
    loss_release(&f->losses);
    suspect_release(&f->suspects);
    free(f->commands);
    f->commands = NULL;
}
