#include "output/convert.h"

#include <inttypes.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/output_file.h"
#include "base/queue.h"
#include "input/repeated_keys.h"
#include "input/stream_pool.h"
#include "item/entry_loss.h"
#include "output/sink_rdb.h"
#include "rdb/rdb_writer.h"
#include "state/fold.h"

#define CHUNKS_TOTAL_BYTES (8u << 20)
#define CHUNK_MIN_BYTES    (32u << 10)
#define CHUNK_MAX_BYTES    (256u << 10)
/* How often a worker tells the progress counters. */
#define PROGRESS_EVERY 1024u

/* Entries of one database on their way to the writer, or something that belongs to none. */
struct chunk {
    struct queue_node node; /* must be first */
    struct buf buf;
    struct bytes lent; /* behind buf; the lender waits until it was written */
    sem_t *lent_done;
    bool plain;
    uint32_t db;
    uint64_t keys;
    uint64_t expires;
};

struct conversion {
    /* set before the threads start, then constant */
    const struct source *source;
    const struct convert_options *options;
    struct convert_progress *progress;
    struct loss_report *losses;
    struct source_large *large;
    struct fold *fold;    /* NULL: no journal to apply */
    struct key_log *keys; /* that were written */
    size_t chunk_bytes;
    int64_t now_ms;

    struct queue full; /* chunks to be written */
    struct queue empty;
    atomic_uint workers_left;
    sem_t streams_done; /* one for each stream whose part of the fold is over */
    struct stream_pool *pool;
};

struct worker {
    struct conversion *c;
    uint32_t index;
    pthread_t thread; /* of the fold's; streams are run by the pool */
    bool started;
    /* of its thread until that is through with it */
    struct source_stream *stream;
    struct fold_stream *fold; /* NULL: nothing is touched */
    struct recoder *recoder;
    struct key_log_batch keys;
    struct chunk *chunk; /* being filled */
    sem_t lent_done;
    struct convert_result counts;
    uint64_t told_keys;
    uint64_t told_bytes;
    struct ft_err err;
};

static void chunk_reset(struct chunk *chunk)
{
    buf_clear(&chunk->buf);
    buf_trim(&chunk->buf, 2 * CHUNK_MAX_BYTES);
    chunk->lent = bytes_of(NULL, 0);
    chunk->lent_done = NULL;
    chunk->plain = false;
    chunk->keys = 0;
    chunk->expires = 0;
}

static void chunk_free(struct chunk *chunk)
{
    buf_release(&chunk->buf);
    free(chunk);
}

static void tell_progress(struct worker *w)
{
    uint64_t bytes = source_stream_bytes(w->stream);

    if (w->c->progress == NULL)
        return;
    atomic_fetch_add(&w->c->progress->keys, w->counts.keys - w->told_keys);
    atomic_fetch_add(&w->c->progress->bytes_in, bytes - w->told_bytes);
    w->told_keys = w->counts.keys;
    w->told_bytes = bytes;
}

/* Hands the chunk over, if there is anything in it, and waits for what was lent with it. */
static int emit(struct worker *w)
{
    struct chunk *chunk = w->chunk;
    bool lends = chunk->lent_done != NULL;

    if (chunk->buf.n == 0 && !lends)
        return 0;
    w->chunk = NULL;
    if (!queue_put(&w->c->full, &chunk->node)) {
        chunk_free(chunk);
        return err_set(&w->err, FT_ERR_CANCELLED, "cancelled");
    }
    while (lends && sem_wait(&w->lent_done) != 0)
        ; /* interrupted */
    return 0;
}

/* A chunk for entries of this database (or plain bytes) with room left. */
static int want_chunk(struct worker *w, bool plain, uint32_t db)
{
    struct chunk *chunk = w->chunk;

    if (chunk != NULL && chunk->buf.n != 0 &&
        (chunk->plain != plain || chunk->db != db || chunk->buf.n >= w->c->chunk_bytes) &&
        emit(w) != 0)
        return -1;
    if (w->chunk == NULL) {
        w->chunk = (struct chunk *)queue_get(&w->c->empty);
        if (w->chunk == NULL)
            return err_set(&w->err, FT_ERR_CANCELLED, "cancelled");
    }
    w->chunk->plain = plain;
    w->chunk->db = db;
    return 0;
}

/* A value larger than a chunk is not copied once more but lent. */
static int put_large(struct worker *w, const struct rdb_entry *entry, uint8_t type,
                     struct bytes value)
{
    struct rdb_entry head = *entry;

    head.raw = bytes_of(NULL, 0);
    if (rdb_put_entry(&w->chunk->buf, &head, type, bytes_of(NULL, 0), &w->err) != 0)
        return -1;
    w->chunk->lent = value;
    w->chunk->lent_done = &w->lent_done;
    return 0;
}

static int put_entry(struct worker *w, const struct rdb_entry *entry, uint8_t type,
                     struct bytes value)
{
    bool large = value.n > w->c->chunk_bytes;
    int rc;

    if (want_chunk(w, false, entry->db) != 0)
        return -1;
    rc = large ? put_large(w, entry, type, value)
               : rdb_put_entry(&w->chunk->buf, entry, type, value, &w->err);
    if (rc != 0)
        return -1;
    if (!entry_is_over(entry, w->c->now_ms) &&
        key_log_add(w->c->keys, &w->keys, entry->db, entry->key, &w->err) != 0)
        return -1;
    w->counts.keys++;
    w->chunk->keys++;
    if (entry->expire_ms != RDB_NO_EXPIRY) {
        w->counts.expires++;
        w->chunk->expires++;
    }
    return large ? emit(w) : 0;
}

static bool passes(struct worker *w, const struct rdb_entry *entry)
{
    if (!entry_passes(&w->c->options->filter, entry)) {
        w->counts.filtered++;
        return false;
    }
    if (w->c->options->drop_expired && entry_is_over(entry, w->c->now_ms)) {
        w->counts.dropped_expired++;
        return false;
    }
    return true;
}

/* An entry on its way to the output, re-encoded. */
static int write_entry(struct worker *w, const struct rdb_entry *entry, int64_t now_ms)
{
    enum loss_reason loss = LOSS_NONE;
    enum recode_result result;
    struct bytes value;
    uint8_t type;

    if (!passes(w, entry))
        return 0;
    result = recoder_run(w->recoder, entry, now_ms, &type, &value, &loss, &w->err);
    if (result == RECODE_ERROR)
        return entry_wrap(entry, &w->err);
    if (entry_add_loss(w->c->losses, entry, loss, &w->err) != 0)
        return -1;
    if (result == RECODE_EMPTY)
        w->counts.emptied++;
    if (result != RECODE_OK)
        return 0;
    if (entry_add_notes(w->c->losses, entry, &w->err) != 0)
        return -1;
    return put_entry(w, entry, type, value);
}

/* What ended by then is left out. of_input_ms: of an input that has one state only. */
static int64_t moment_ms(const struct worker *w, int64_t of_input_ms)
{
    const struct convert_options *o = w->c->options;

    return o->drop_expired ? w->c->now_ms : cut_moment_ms(o->cut, of_input_ms);
}

static int take_entry(struct worker *w, const struct item *item)
{
    const struct rdb_entry *entry = &item->rdb.entry;

    if (w->c->fold != NULL && fold_note_entry(w->c->fold, item, &w->err) != 0)
        return entry_wrap(entry, &w->err);
    if (w->fold != NULL && fold_takes(w->c->fold, entry->db, entry->key))
        return fold_entry(w->fold, item, &w->err);
    if (w->c->fold != NULL && fold_drops(w->c->fold, entry->db, entry->key))
        return 0;
    return write_entry(w, entry, moment_ms(w, (int64_t)(item->time_us / 1000)));
}

/* A journal record inside the full sync. */
static int take_record(struct worker *w, const struct item *item)
{
    if (w->fold == NULL) /* it touches no key that this flow owns */
        return 0;
    return fold_record(w->fold, item, &w->err);
}

/* A cached script: only old targets take it from an RDB, and only if it is plain Lua. */
static int take_script(struct worker *w, struct bytes body)
{
    bool plain_lua = body.n == 0 || body.p[0] != '#';

    if (!w->c->options->target->lua_aux || !plain_lua)
        return loss_add(w->c->losses, LOSS_NOTE_SCRIPT, "script", 0, bytes_of(NULL, 0), &w->err);
    if (want_chunk(w, true, 0) != 0)
        return -1;
    return rdb_put_aux(&w->chunk->buf, "lua", body, &w->err);
}

static int take_aux(struct worker *w, const struct rdb_item *aux)
{
    const struct rdb_entry *timed = entry_of_member_times(&w->c->options->filter, aux);

    if (timed != NULL)
        return entry_add_loss(w->c->losses, timed, LOSS_MEMBER_TTL, &w->err);
    if (bytes_eq_str(aux->name, "lua"))
        return take_script(w, aux->bytes);
    if (bytes_eq_str(aux->name, "search-index") && w->index == 0)
        return loss_add(w->c->losses, LOSS_NOTE_SEARCH_INDEX, "search-index", 0, aux->bytes,
                        &w->err);
    return 0;
}

static int take_function(struct worker *w, const struct rdb_item *function)
{
    enum loss_reason loss = function_loss(w->c->options->target, function);

    if (loss != LOSS_NONE)
        return loss_add(w->c->losses, loss, "function", 0, bytes_of(NULL, 0), &w->err);
    if (want_chunk(w, true, 0) != 0)
        return -1;
    return rdb_put_function(&w->chunk->buf, function->bytes, &w->err);
}

static int take_item(struct worker *w, const struct item *item)
{
    switch (item->kind) {
    case ITEM_ENTRY:
        return take_entry(w, item);
    case ITEM_AUX:
        return take_aux(w, &item->rdb);
    case ITEM_FUNCTION:
        return take_function(w, &item->rdb);
    case ITEM_MODULE_AUX:
        return loss_add(w->c->losses, LOSS_NOTE_MODULE_AUX, "module-aux", 0, item->rdb.name,
                        &w->err);
    case ITEM_COMMAND:
        return take_record(w, item);
    case ITEM_SNAPSHOT_END:
    case ITEM_OTHER:
        break;
    }
    return 0;
}

static int read_stream(struct worker *w)
{
    struct source_stream_options options = {
        .snapshot_only = true, .verify_checksum = true, .large = w->c->large};
    unsigned until_told = 0;
    struct item item;
    enum step step;

    if (source_stream_open(&w->stream, w->c->source, w->index, &options, &w->err) != 0)
        return -1;
    while ((step = source_stream_next(w->stream, &item, &w->err)) == STEP_ITEM) {
        if (take_item(w, &item) != 0)
            return -1;
        if (++until_told == PROGRESS_EVERY) {
            until_told = 0;
            tell_progress(w);
        }
    }
    if (step == STEP_ERROR)
        return -1;
    tell_progress(w);
    return w->fold != NULL ? fold_finish(w->fold, &w->err) : 0;
}

static int take_folded(void *context, const struct rdb_entry *entry, struct ft_err *err)
{
    struct worker *w = context;

    (void)err; /* the worker's own */
    w->counts.folded++;
    return write_entry(w, entry, moment_ms(w, w->c->now_ms));
}

/* When all streams are through: the journals behind them, then the values of the touched keys. */
static int read_folded(struct worker *w)
{
    for (uint32_t i = 0; i < w->c->source->stream_count; i++) {
        while (sem_wait(&w->c->streams_done) != 0)
            ; /* interrupted */
    }
    if (queue_is_aborted(&w->c->full))
        return err_set(&w->err, FT_ERR_CANCELLED, "cancelled");
    if (w->fold == NULL)
        return 0;
    if (fold_journal(w->fold, &w->counts.journal, &w->err) != 0)
        return -1;
    return fold_read_out(w->fold, take_folded, w, &w->err);
}

/* What a worker has read, if it has read it all, goes to the output. */
static void end_worker(struct worker *w, bool failed)
{
    if (!failed && w->chunk != NULL)
        failed = emit(w) != 0;
    if (!failed)
        failed = key_log_flush(w->c->keys, &w->keys, &w->err) != 0;
    if (w->stream != NULL)
        w->counts.bytes_in = source_stream_bytes(w->stream);
    source_stream_free(w->stream); /* here, because it may hold the permit for large items */
    w->stream = NULL;
    if (failed)
        queue_abort(&w->c->full);
    else if (atomic_fetch_sub(&w->c->workers_left, 1) == 1)
        queue_close(&w->c->full);
}

/* After another one's failure there is nothing to read for; the error stays that of the other. */
static int run_stream(void *context, const struct source *source, uint32_t index,
                      struct ft_err *err)
{
    struct worker *w = (struct worker *)context + index;
    int rc = 0;

    (void)source; /* the conversion's */
    (void)err;    /* the worker's own */
    if (queue_is_aborted(&w->c->full))
        rc = err_set(&w->err, FT_ERR_CANCELLED, "cancelled");
    end_worker(w, rc != 0 || read_stream(w) != 0);
    (void)sem_post(&w->c->streams_done); /* cannot overflow */
    return 0;
}

static void *fold_main(void *arg)
{
    end_worker(arg, read_folded(arg) != 0);
    return NULL;
}

static int write_chunk(struct sink_rdb *sink, const struct chunk *chunk, struct ft_err *err)
{
    if (chunk->plain)
        return sink_rdb_put_plain(sink, buf_bytes(&chunk->buf), err);
    if (sink_rdb_put(sink, chunk->db, buf_bytes(&chunk->buf), chunk->keys, chunk->expires, err) !=
        0)
        return -1;
    if (chunk->lent_done != NULL)
        return sink_rdb_put_plain(sink, chunk->lent, err);
    return 0;
}

/* After a loss that makes the run fail there is no point in writing on; the workers still look at
 * everything, for the report. */
static bool worth_writing(struct conversion *c)
{
    bool lost;

    if (!c->options->fail_on_loss)
        return true;
    pthread_mutex_lock(&c->losses->mu);
    lost = c->losses->losses != 0;
    pthread_mutex_unlock(&c->losses->mu);
    return !lost;
}

static int write_all(struct conversion *c, struct sink_rdb *sink, struct ft_err *err)
{
    struct chunk *chunk;
    int rc = 0;

    while ((chunk = (struct chunk *)queue_get(&c->full)) != NULL) {
        sem_t *lent_done = chunk->lent_done;

        if (rc == 0 && worth_writing(c))
            rc = write_chunk(sink, chunk, err);
        chunk_reset(chunk);
        if (lent_done != NULL)
            (void)sem_post(lent_done); /* cannot overflow: at most one is lent */
        if (!queue_put(&c->empty, &chunk->node))
            chunk_free(chunk);
        if (rc != 0)
            queue_abort(&c->empty);
    }
    return rc;
}

static int make_chunks(struct conversion *c, uint32_t count, struct ft_err *err)
{
    for (uint32_t i = 0; i < count; i++) {
        struct chunk *chunk = calloc(1, sizeof(*chunk));

        if (chunk == NULL)
            return err_nomem(err, "an output chunk");
        if (!queue_put(&c->empty, &chunk->node)) {
            chunk_free(chunk);
            return err_set(err, FT_ERR_BUG, "a new queue is closed");
        }
    }
    return 0;
}

/* Each may have a chunk that is being filled, and have handed over another one. */
static uint32_t thread_count(const struct conversion *c)
{
    return stream_pool_threads(c->source, c->source->stream_count) + (c->fold != NULL ? 1 : 0);
}

/* A worker for each stream, and one for what is folded. */
static uint32_t worker_count(const struct conversion *c)
{
    return c->source->stream_count + (c->fold != NULL ? 1 : 0);
}

static int prepare_workers(struct conversion *c, struct worker *workers, struct ft_err *err)
{
    atomic_init(&c->workers_left, worker_count(c));
    for (uint32_t i = 0; i < worker_count(c); i++) {
        struct worker *w = &workers[i];

        w->c = c;
        w->index = i;
        w->err = (struct ft_err)FT_ERR_INIT;
        (void)sem_init(&w->lent_done, 0, 0); /* cannot fail for 0 */
    }
    for (uint32_t i = 0; i < worker_count(c); i++) {
        struct worker *w = &workers[i];

        if (recoder_new(&w->recoder, c->options->target, c->options->json_as, err) != 0)
            return -1;
        if (c->fold != NULL && fold_stream_new(&w->fold, c->fold, err) != 0)
            return -1;
    }
    if (c->fold != NULL)
        fold_hide(c->fold);
    return 0;
}

static int start_workers(struct conversion *c, struct worker *workers, struct ft_err *err)
{
    struct worker *folding = &workers[c->source->stream_count];
    int rc;

    if (stream_pool_start(&c->pool, c->source, run_stream, workers, err) != 0)
        return -1;
    if (c->fold == NULL)
        return 0;
    rc = pthread_create(&folding->thread, NULL, fold_main, folding);
    if (rc != 0)
        return err_errno(err, rc, "could not start a thread");
    folding->started = true;
    return 0;
}

/* The first error that is not merely the echo of another one. */
static void join_workers(struct conversion *c, struct worker *workers, struct convert_result *sum,
                         struct ft_err *err)
{
    struct ft_err cancelled = FT_ERR_INIT;

    (void)stream_pool_join(c->pool, &cancelled); /* the workers keep their errors */
    for (uint32_t i = 0; i < worker_count(c); i++) {
        struct worker *w = &workers[i];

        if (w->started)
            (void)pthread_join(w->thread, NULL); /* joined only here */
        (void)sem_destroy(&w->lent_done);
        recoder_free(w->recoder);
        fold_stream_free(w->fold);
        if (w->chunk != NULL)
            chunk_free(w->chunk);
        sum->keys += w->counts.keys;
        sum->expires += w->counts.expires;
        sum->filtered += w->counts.filtered;
        sum->dropped_expired += w->counts.dropped_expired;
        sum->emptied += w->counts.emptied;
        sum->bytes_in += w->counts.bytes_in;
        sum->folded += w->counts.folded;
        if (i == c->source->stream_count)
            sum->journal = w->counts.journal;
        if (w->err.kind == FT_ERR_CANCELLED)
            cancelled = w->err;
        else if (w->err.kind != FT_ERR_NONE && err->kind == FT_ERR_NONE)
            *err = w->err;
    }
    if (err->kind == FT_ERR_NONE && cancelled.kind != FT_ERR_NONE)
        *err = cancelled;
}

static void free_chunks(struct queue *q)
{
    struct queue_node *node = queue_drain(q);

    while (node != NULL) {
        struct chunk *chunk = (struct chunk *)node;

        node = node->next;
        chunk_free(chunk);
    }
    queue_release(q);
}

static void cancel(struct conversion *c)
{
    queue_abort(&c->empty);
    queue_abort(&c->full);
}

/* An aborted queue hands nothing out any more: free those who wait for a lent value or a chunk. The pool
 * comes by all streams, so that who waits for them need not be freed. */
static void release_workers(struct conversion *c, struct worker *workers)
{
    cancel(c);
    for (uint32_t i = 0; i < worker_count(c); i++) {
        (void)sem_post(&workers[i].lent_done);
    }
}

static int run(struct conversion *c, struct sink_rdb *sink, struct convert_result *ret,
               struct ft_err *err)
{
    struct worker *workers = calloc(worker_count(c), sizeof(*workers));

    if (workers == NULL)
        return err_nomem(err, "threads");
    if (prepare_workers(c, workers, err) != 0 || start_workers(c, workers, err) != 0 ||
        write_all(c, sink, err) != 0)
        cancel(c);
    if (queue_is_aborted(&c->full))
        release_workers(c, workers);
    join_workers(c, workers, ret, err);
    free(workers);
    return err->kind == FT_ERR_NONE ? 0 : -1;
}

static size_t chunk_size_for(uint32_t threads)
{
    size_t size = CHUNKS_TOTAL_BYTES / (2 * (size_t)threads + 2);

    if (size < CHUNK_MIN_BYTES)
        return CHUNK_MIN_BYTES;
    return size > CHUNK_MAX_BYTES ? CHUNK_MAX_BYTES : size;
}

int convert_check_output(const struct source *source, const char *output, struct ft_err *err)
{
    if (strcmp(output, OUTPUT_STDOUT_NAME) == 0 || !source_contains(source, output))
        return 0;
    return err_set(err, FT_ERR_USAGE, "\"%s\" is, or would be, a part of the input \"%s\"", output,
                   source->path);
}

int convert_check_losses(const struct convert_options *options, const struct loss_report *losses,
                         struct ft_err *err)
{
    if (!options->fail_on_loss || losses->losses == 0)
        return 0;
    return err_set(err, FT_ERR_LOSS, "%" PRIu64 " thing%s cannot be kept on Redis %s",
                   losses->losses, losses->losses == 1 ? "" : "s", options->target->name);
}

static int finish(struct conversion *c, struct sink_rdb *sink, struct convert_result *ret,
                  struct ft_err *err)
{
    if (repeated_keys_refuse(c->source, c->keys, err) != 0 ||
        convert_check_losses(c->options, c->losses, err) != 0)
        return -1;
    if (sink_rdb_finish(sink, err) != 0)
        return -1;
    ret->written = true;
    ret->bytes_out = sink_rdb_bytes(sink);
    ret->databases = sink_rdb_databases(sink)->needed;
    return 0;
}

static int open_fold(struct conversion *c, struct suspect_report *suspects, struct ft_err *err)
{
    const struct fold_options options = {.cut = c->options->cut,
                                         .target = c->options->target,
                                         .json_as = c->options->json_as,
                                         .redis_server = c->options->redis_server,
                                         .losses = c->losses,
                                         .suspects = suspects};

    if (c->options->cut == NULL)
        return 0;
    if (suspects != NULL)
        suspects->filter = &c->options->filter;
    return fold_new(&c->fold, c->source, &options, err);
}

int convert_to_rdb(const struct source *source, const char *output,
                   const struct convert_options *options, struct convert_progress *progress,
                   struct loss_report *losses, struct suspect_report *suspects,
                   struct convert_result *ret, struct ft_err *err)
{
    struct conversion c = {.source = source,
                           .options = options,
                           .progress = progress,
                           .losses = losses,
                           .chunk_bytes =
                               chunk_size_for(stream_pool_threads(source, source->stream_count)),
                           .now_ms = (int64_t)(clock_wall_us() / 1000)};
    struct sink_rdb *sink = NULL;
    int rc = -1;

    memset(ret, 0, sizeof(*ret));
    queue_init(&c.full, SIZE_MAX); /* bounded by the number of chunks */
    queue_init(&c.empty, SIZE_MAX);
    (void)sem_init(&c.streams_done, 0, 0); /* cannot fail for 0 */
    if (convert_check_output(source, output, err) == 0 && source_large_new(&c.large, err) == 0 &&
        key_log_new(&c.keys, err) == 0 && open_fold(&c, suspects, err) == 0 &&
        make_chunks(&c, 2 * thread_count(&c) + 2, err) == 0 &&
        sink_rdb_open(&sink, output, options->target, source->info.ctime_s, source->info.used_mem,
                      err) == 0) {
        sink_rdb_databases(sink)->limit = options->databases;
        if (run(&c, sink, ret, err) == 0)
            rc = finish(&c, sink, ret, err);
    }
    if (suspects != NULL)
        suspects->filter = NULL; /* the options may end sooner */
    sink_rdb_free(sink);
    fold_free(c.fold);
    free_chunks(&c.full);
    free_chunks(&c.empty);
    (void)sem_destroy(&c.streams_done); /* nobody waits any more */
    source_large_free(c.large);
    key_log_free(c.keys);
    return rc;
}
