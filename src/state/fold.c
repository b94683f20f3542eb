#include "state/fold.h"

#include <inttypes.h>
#include <stdlib.h>

#include "state/fold_impl.h"
#include "wire/server_info.h"

static void set_bit(uint8_t *bits, uint32_t i)
{
    bits[i / 8] |= (uint8_t)(1u << i % 8);
}

static bool get_bit(const uint8_t *bits, uint32_t i)
{
    return (bits[i / 8] & 1u << i % 8) != 0;
}

static void note_flush(struct fold *f, uint32_t db, const struct translation_flush *flush)
{
    switch (flush->kind) {
    case FLUSH_ALL:
        f->flushed_all = true;
        break;
    case FLUSH_DB:
        if (db < FOLD_DATABASES)
            set_bit(f->flushed_dbs, db);
        break;
    case FLUSH_SLOTS:
        f->flushed_some = true;
        for (size_t i = 0; i < flush->range_count; i++) {
            for (uint32_t slot = flush->ranges[i].first;
                 slot <= flush->ranges[i].last && slot < SLOT_COUNT; slot++)
                set_bit(f->flushed_slots, slot);
        }
        break;
    }
}

static void touch_keys(struct fold *f, const struct translation_key *keys, size_t count)
{
    for (size_t i = 0; i < count; i++)
        touched_add(f->touched, keys[i].db, keys[i].key);
}

static int note_record(void *context, const struct item *item, const struct translation *t,
                       struct ft_err *err)
{
    struct fold *f = context;

    (void)err; /* nothing here can fail */
    if (t->class_ == TRANSLATION_FLUSH)
        note_flush(f, item->record.dbid, &t->flush);
    touch_keys(f, t->keys, t->key_count);
    return 0;
}

/* The records inside one flow's full sync. */
static int scan_snapshot(struct fold *f, struct translator *translator, uint32_t flow,
                         struct ft_err *err)
{
    const struct source_stream_options options = {
        .skip_values = true, .keep_words = true, .snapshot_only = true};
    const struct translation_key *keys;
    struct source_stream *stream;
    struct item item;
    enum step step;
    size_t count;

    if (source_stream_open(&stream, f->source, flow, &options, err) != 0)
        return -1;
    while ((step = source_stream_next(stream, &item, err)) == STEP_ITEM) {
        if (item.kind != ITEM_COMMAND)
            continue;
        if (translator_find_keys(translator, item.record.words, item.record.word_count,
                                 item.record.dbid, &keys, &count, err) != 0)
            break;
        if (owner_guard_judge(&f->guard, flow, item.record.words, item.record.word_count, keys,
                              count) != OWNER_FOREIGN)
            touch_keys(f, keys, count);
    }
    source_stream_free(stream);
    return step == STEP_END ? 0 : -1;
}

static int scan_all(struct fold *f, struct ft_err *err)
{
    bool in_snapshot = f->source->generation->snapshot_records != SNAPSHOT_RECORDS_NONE;
    struct journal_pass_counts counts;
    struct translator *translator;
    int rc = 0;

    if (journal_translator_new(&translator, f->source, f->options.target, f->options.json_as,
                               err) != 0)
        return -1;
    for (uint32_t i = 0; in_snapshot && rc == 0 && i < f->source->stream_count; i++)
        rc = scan_snapshot(f, translator, i, err);
    if (rc == 0 && !f->options.cut->is_snapshot)
        rc = journal_pass_run(f->source, f->options.cut, translator, note_record, f, &counts, err);
    translator_free(translator);
    return rc;
}

/* Both passes have to leave out the same records: where it turns out that none may be, once more. */
static int scan(struct fold *f, struct ft_err *err)
{
    bool was_off = owner_guard_is_off(&f->guard);

    if (scan_all(f, err) != 0)
        return -1;
    return owner_guard_is_off(&f->guard) == was_off ? 0 : scan_all(f, err);
}

static int check_version(struct fold *f, struct ft_err *err)
{
    struct redis_pipe *pipe;
    struct server_info info;
    int rc;

    if (private_redis_connect(f->server, &pipe, NULL, NULL, err) != 0)
        return -1;
    rc = server_info_fetch(pipe, f->options.redis_server, &info, err);
    redis_pipe_free(pipe);
    if (rc != 0)
        return -1;
    if (info.version < 700) {
        return err_set(err, FT_ERR_USAGE,
                       "\"%s\" is Redis %u.%u; 7.0 or later is needed to apply the journal "
                       "(--redis-server PATH names another one)",
                       f->options.redis_server, info.version / 100, info.version % 100);
    }
    f->own = target_of_server(info.version, info.modules);
    f->engine = &f->own;
    return 0;
}

/* A record names one key, most of the time. */
static uint64_t expected_keys(const struct fold *f)
{
    const struct generation *g = f->source->generation;
    uint64_t records = 0;

    if (g->snapshot_records != SNAPSHOT_RECORDS_NONE)
        return TOUCHED_UNKNOWN;
    for (uint32_t i = 0; i < g->flow_count; i++)
        records += f->options.cut->stop_lsn[i] - g->flows[i].stable_lsn;
    return records;
}

/* The server takes its time to come up: it is started before the first pass that may need it. */
static int prepare(struct fold *f, struct ft_err *err)
{
    if (touched_new(&f->touched, expected_keys(f), err) != 0)
        return -1;
    if (!f->options.cut->is_snapshot &&
        private_redis_start(&f->server, f->options.redis_server, f->source->cancel_fd, err) != 0)
        return -1;
    if (scan(f, err) != 0)
        return -1;
    if (touched_is_empty(f->touched)) {
        private_redis_free(f->server);
        f->server = NULL;
        return 0;
    }
    if (f->server == NULL &&
        private_redis_start(&f->server, f->options.redis_server, f->source->cancel_fd, err) != 0)
        return -1;
    return check_version(f, err);
}

int fold_new(struct fold **ret, const struct source *source, const struct fold_options *options,
             struct ft_err *err)
{
    struct fold *f = calloc(1, sizeof(*f));

    if (f == NULL)
        return err_nomem(err, "the point-in-time conversion");
    (void)pthread_mutex_init(&f->suspects_mu, NULL); /* default attributes: cannot fail on Linux */
    f->source = source;
    f->options = *options;
    f->guard = owner_guard_of(source);
    if (prepare(f, err) != 0) {
        fold_free(f);
        return -1;
    }
    *ret = f;
    return 0;
}

int fold_note_entry(struct fold *f, const struct item *item, struct ft_err *err)
{
    const struct rdb_entry *entry = &item->rdb.entry;
    unsigned release = source_journal_release(f->source);
    bool guessed;
    int rc;

    if (f->options.suspects == NULL)
        return 0;
    if (suspect_group_reads(release, entry->type, entry->value, &guessed, err) != 0)
        return -1;
    if (!guessed)
        return 0;
    pthread_mutex_lock(&f->suspects_mu);
    rc = suspect_add_entry(f->options.suspects, release, item, err);
    pthread_mutex_unlock(&f->suspects_mu);
    return rc;
}

bool fold_takes(const struct fold *f, uint32_t db, struct bytes key)
{
    return touched_may(f->touched, db, key);
}

bool fold_drops(const struct fold *f, uint32_t db, struct bytes key)
{
    if (f->flushed_all || (db < FOLD_DATABASES && get_bit(f->flushed_dbs, db)))
        return true;
    return db == 0 && f->flushed_some && get_bit(f->flushed_slots, slot_of(key));
}

void fold_hide(struct fold *f)
{
    if (f->server != NULL)
        private_redis_hide(f->server);
}

void fold_free(struct fold *f)
{
    if (f == NULL)
        return;
    private_redis_free(f->server);
    (void)pthread_mutex_destroy(&f->suspects_mu); /* nobody holds it any more */
    touched_free(f->touched);
    free(f);
}
