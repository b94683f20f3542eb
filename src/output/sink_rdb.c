#include "output/sink_rdb.h"

#include <semaphore.h>
#include <stdlib.h>

#include <xxhash.h>

#include "base/array.h"
#include "input/repeated_keys.h"
#include "item/entry_loss.h"
#include "item/function_library.h"
#include "item/recode.h"
#include "output/chunk_tracks.h"
#include "output/rdb_file.h"
#include "rdb/rdb_writer.h"
#include "state/state_run.h"

/* How many keys a lane writes between two looks at the progress counters. */
#define PROGRESS_EVERY 1024u

/* Of functions: hashes of both. */
struct library {
    uint64_t name, code;
};

struct rdb_form {
    /* set before the lanes start, then constant */
    const struct conversion *c;
    struct state_run *state;
    struct lane *lanes;
    uint32_t lane_count;
    struct hash_log *keys; /* that were written */
    struct chunk_tracks *tracks;

    /* of the calling thread */
    struct rdb_file *file;
    struct library *libraries; /* that were written */
    size_t library_count;
};

/* The sink of one lane of the state. */
struct lane {
    struct rdb_form *f;
    uint32_t index;
    sem_t lent_done;
    /* of its thread until the state is joined */
    struct recoder *recoder;
    struct hash_log_batch log; /* of keys */
    struct chunk *chunk;       /* being filled */
    bool finished;
    uint64_t keys;
    uint64_t expires;
    uint64_t emptied;
    uint64_t told_keys;
};

/* Hands the chunk over, if there is anything in it, and waits for what was lent with it. */
static int emit(struct lane *l, struct ft_err *err)
{
    struct chunk *chunk = l->chunk;
    bool lends = chunk->lent_done != NULL;

    if (chunk->buf.n == 0 && !lends)
        return 0;
    l->chunk = NULL;
    if (!chunk_tracks_put(l->f->tracks, chunk))
        return err_set(err, FT_ERR_CANCELLED, "cancelled");
    while (lends && sem_wait(&l->lent_done) != 0)
        ; /* interrupted */
    return 0;
}

/* A chunk for entries of this database (or plain bytes) with room left. */
static int want_chunk(struct lane *l, bool plain, uint32_t db, struct ft_err *err)
{
    struct chunk *chunk = l->chunk;

    if (chunk != NULL && chunk->buf.n != 0 &&
        (chunk->plain != plain || chunk->db != db || chunk->buf.n >= CHUNK_BYTES) &&
        emit(l, err) != 0)
        return -1;
    if (l->chunk == NULL) {
        l->chunk = chunk_tracks_empty(l->f->tracks, l->index);
        if (l->chunk == NULL)
            return err_set(err, FT_ERR_CANCELLED, "cancelled");
    }
    l->chunk->plain = plain;
    l->chunk->db = db;
    return 0;
}

/* A value larger than a chunk is not copied once more but lent. */
static int put_large(struct lane *l, const struct rdb_entry *entry, uint8_t type,
                     struct bytes value, struct ft_err *err)
{
    struct rdb_entry head = *entry;

    head.raw = bytes_of(NULL, 0);
    if (rdb_put_entry(&l->chunk->buf, &head, type, bytes_of(NULL, 0), err) != 0)
        return -1;
    l->chunk->lent = value;
    l->chunk->lent_done = &l->lent_done;
    return 0;
}

/* It goes into the lane's chunk. */
static inline int count_key(struct lane *l, uint32_t db, struct bytes key, int64_t expire_ms,
                            struct ft_err *err)
{
    bool expires = expire_ms != RDB_NO_EXPIRY;

    l->keys++;
    l->chunk->keys++;
    if (expires) {
        l->expires++;
        l->chunk->expires++;
    }
    return expires && expire_ms <= l->f->c->now_ms ? 0
                                                   : key_log_add(l->f->keys, &l->log, db, key, err);
}

static int put_entry(struct lane *l, const struct rdb_entry *entry, uint8_t type,
                     struct bytes value, struct ft_err *err)
{
    bool large = value.n > CHUNK_BYTES;
    int rc;

    if (want_chunk(l, false, entry->db, err) != 0)
        return -1;
    rc = large ? put_large(l, entry, type, value, err)
               : rdb_put_entry(&l->chunk->buf, entry, type, value, err);
    if (rc != 0 || count_key(l, entry->db, entry->key, entry->expire_ms, err) != 0)
        return -1;
    return large ? emit(l, err) : 0;
}

/* Of a run from `at` on: as many as follow each other and go into one chunk, in one copy. Returns where it has got to; 0: an error. */
static size_t put_stretch(struct lane *l, const struct rdb_run *run, size_t at, struct ft_err *err)
{
    const uint8_t *begin = run->entries[at].whole.p;
    size_t n = 0;

    if (want_chunk(l, false, run->db, err) != 0)
        return 0;
    do {
        const struct rdb_plain *plain = &run->entries[at++];

        n += plain->whole.n;
        if (count_key(l, run->db, plain->key, plain->expire_ms, err) != 0)
            return 0;
    } while (at < run->count && run->entries[at].whole.p == begin + n &&
             l->chunk->buf.n + n < CHUNK_BYTES);
    return buf_append(&l->chunk->buf, begin, n, err) == 0 ? at : 0;
}

/*
 * A lane
 */

static void tell_progress(struct lane *l)
{
    if (l->f->c->progress != NULL)
        atomic_fetch_add(&l->f->c->progress->keys, l->keys - l->told_keys);
    l->told_keys = l->keys;
}

static int take_entry(void *context, const struct item *item, struct ft_err *err)
{
    const struct rdb_entry *entry = &item->rdb.entry;
    enum loss_reason loss = LOSS_NONE;
    enum recode_result result;
    struct lane *l = context;
    struct bytes value;
    uint8_t type;

    result =
        recoder_run(l->recoder, entry, convert_moment_ms(l->f->c, item), &type, &value, &loss, err);
    if (result == RECODE_ERROR || entry_add_loss(l->f->c->losses, entry, loss, err) != 0)
        return -1;
    if (result == RECODE_EMPTY)
        l->emptied++;
    if (result != RECODE_OK)
        return 0;
    if (l->keys - l->told_keys >= PROGRESS_EVERY)
        tell_progress(l);
    if (entry_add_notes(l->f->c->losses, entry, l->f->c->options->target, false, err) != 0)
        return -1;
    return put_entry(l, entry, type, value, err);
}

static int take_run(void *context, const struct rdb_run *run, struct ft_err *err)
{
    struct lane *l = context;

    for (size_t at = 0; at < run->count;) {
        at = put_stretch(l, run, at, err);
        if (at == 0)
            return -1;
    }
    if (l->keys - l->told_keys >= PROGRESS_EVERY)
        tell_progress(l);
    return 0;
}

static int take_script(void *context, const struct item *item, struct bytes body,
                       struct ft_err *err)
{
    struct lane *l = context;

    (void)item;
    return want_chunk(l, true, 0, err) != 0 ? -1 : rdb_put_aux(&l->chunk->buf, "lua", body, err);
}

static int take_function(void *context, const struct item *item, struct bytes code,
                         struct ft_err *err)
{
    struct bytes name = function_library_name(code);
    struct lane *l = context;

    (void)item;
    if ((l->chunk != NULL && emit(l, err) != 0) || want_chunk(l, true, 0, err) != 0 ||
        rdb_put_function(&l->chunk->buf, code, err) != 0)
        return -1;
    l->chunk->is_library = true;
    l->chunk->library_name = XXH3_64bits(name.p, name.n);
    l->chunk->library_code = XXH3_64bits(code.p, code.n);
    return emit(l, err);
}

static int take_loss(void *context, enum loss_reason reason, const char *class_name, uint32_t db,
                     struct bytes key, struct ft_err *err)
{
    struct lane *l = context;

    return loss_add(l->f->c->losses, reason, class_name, db, key, err);
}

/* What has been read goes to the output. */
static int finish_lane(void *context, struct ft_err *err)
{
    struct lane *l = context;

    tell_progress(l);
    if ((l->chunk != NULL && emit(l, err) != 0) || hash_log_flush(l->f->keys, &l->log, err) != 0)
        return -1;
    l->finished = true;
    return 0;
}

/* After a failure nobody needs to write any more. */
static void end_lane(void *context)
{
    struct lane *l = context;

    if (l->finished)
        chunk_tracks_end(l->f->tracks, l->index);
    else
        chunk_tracks_abort(l->f->tracks);
}

static void hold(void *context, uint32_t stream, bool holds)
{
    struct rdb_form *f = context;

    chunk_tracks_hold(f->tracks, stream, holds);
}

static struct item_sink sink_of(struct lane *l)
{
    return (struct item_sink){.context = l,
                              .entry = take_entry,
                              .run = take_run,
                              .script = take_script,
                              .function = take_function,
                              .loss = take_loss,
                              .finish = finish_lane,
                              .free = end_lane};
}

/*
 * The writer
 */

/* Nothing is handed out any more: free those who wait for a lent value or a chunk. */
static void stop(struct rdb_form *f)
{
    state_run_stop(f->state);
    chunk_tracks_abort(f->tracks);
    for (uint32_t i = 0; i < f->lane_count; i++)
        (void)sem_post(&f->lanes[i].lent_done);
}

/* Each node of a cluster has the same libraries, and no server loads one twice. 1: it is there already. */
static int see_library(struct rdb_form *f, const struct chunk *chunk, struct ft_err *err)
{
    for (size_t i = 0; i < f->library_count; i++) {
        if (f->libraries[i].name != chunk->library_name)
            continue;
        if (f->libraries[i].code == chunk->library_code)
            return 1;
        return err_set(err, FT_ERR_UNSUPPORTED,
                       "two nodes have libraries of functions with the same name, but not the same "
                       "code, and an RDB holds one of them");
    }
    if (ARRAY_ADD_ROOM(&f->libraries, f->library_count, "libraries of functions", err) != 0)
        return -1;
    f->libraries[f->library_count++] = (struct library){chunk->library_name, chunk->library_code};
    return 0;
}

static int write_chunk(struct rdb_form *f, const struct chunk *chunk, struct ft_err *err)
{
    struct rdb_file *file = f->file;
    int seen = chunk->is_library ? see_library(f, chunk, err) : 0;

    if (seen != 0)
        return seen > 0 ? 0 : -1;
    if (chunk->plain)
        return rdb_file_put_plain(file, buf_bytes(&chunk->buf), err);
    if (rdb_file_put(file, chunk->db, buf_bytes(&chunk->buf), chunk->keys, chunk->expires, err) !=
        0)
        return -1;
    if (chunk->lent_done != NULL)
        return rdb_file_put_plain(file, chunk->lent, err);
    return 0;
}

/* After a loss that makes the run fail there is no point in writing on; the workers still look at
 * everything, for the report. */
static bool worth_writing(struct rdb_form *f)
{
    bool lost;

    if (!f->c->options->fail_on_loss)
        return true;
    pthread_mutex_lock(&f->c->losses->mu);
    lost = f->c->losses->losses != 0;
    pthread_mutex_unlock(&f->c->losses->mu);
    return !lost;
}

static int write_all(struct rdb_form *f, struct ft_err *err)
{
    struct chunk *chunk;
    int rc = 0;

    while ((chunk = chunk_tracks_next(f->tracks)) != NULL) {
        sem_t *lent_done = chunk->lent_done;

        if (rc == 0 && worth_writing(f))
            rc = write_chunk(f, chunk, err);
        if (lent_done != NULL)
            (void)sem_post(lent_done); /* cannot overflow: at most one is lent */
        chunk_tracks_written(f->tracks, chunk);
        if (rc != 0)
            stop(f);
    }
    return rc;
}

static int make_lanes(struct rdb_form *f, struct ft_err *err)
{
    uint32_t count = state_run_lanes(f->state);

    f->lanes = calloc(count, sizeof(*f->lanes));
    if (f->lanes == NULL)
        return err_nomem(err, "an RDB file");
    f->lane_count = count;
    for (uint32_t i = 0; i < count; i++) {
        f->lanes[i].f = f;
        f->lanes[i].index = i;
        (void)sem_init(&f->lanes[i].lent_done, 0, 0); /* cannot fail for 0 */
    }
    for (uint32_t i = 0; i < count; i++) {
        if (recoder_new(&f->lanes[i].recoder, f->c->options->target, f->c->options->json_as, err) !=
            0)
            return -1;
    }
    return 0;
}

static int start(struct rdb_form *f, struct ft_err *err)
{
    struct item_sink *sinks = calloc(f->lane_count, sizeof(*sinks));
    int rc;

    if (sinks == NULL)
        return err_nomem(err, "an RDB file");
    for (uint32_t i = 0; i < f->lane_count; i++)
        sinks[i] = sink_of(&f->lanes[i]);
    rc = state_run_start(f->state, sinks, err);
    free(sinks);
    return rc;
}

static void take_counts(struct rdb_form *f, const struct state_counts *counts)
{
    struct convert_result *r = f->c->result;

    for (uint32_t i = 0; i < f->lane_count; i++) {
        r->keys += f->lanes[i].keys;
        r->expires += f->lanes[i].expires;
        r->emptied += f->lanes[i].emptied;
    }
    r->filtered = counts->filtered;
    r->dropped_expired = counts->expired;
    r->bytes_in = counts->bytes_in;
    r->folded = counts->folded;
    r->journal = counts->journal;
}

/* The lanes may fail by themselves, and are then to be freed too. */
static int run_lanes(struct rdb_form *f, struct ft_err *err)
{
    struct state_counts counts;
    int rc = start(f, err) != 0 || write_all(f, err) != 0 ? -1 : 0;

    if (rc != 0 || chunk_tracks_aborted(f->tracks))
        stop(f);
    rc |= state_run_join(f->state, &counts, err);
    take_counts(f, &counts);
    return rc;
}

static int finish(struct rdb_form *f, struct ft_err *err)
{
    struct convert_result *r = f->c->result;

    if (repeated_keys_refuse(f->c->source, f->keys, err) != 0 ||
        convert_check_losses(f->c, err) != 0 ||
        (f->c->commands_follow && rdb_file_end_with_database(f->file, err) != 0) ||
        rdb_file_finish(f->file, err) != 0)
        return -1;
    r->written = true;
    r->bytes_out = rdb_file_bytes(f->file);
    r->databases = rdb_file_databases(f->file)->needed;
    return 0;
}

static int open_state(struct rdb_form *f, struct ft_err *err)
{
    const struct convert_options *o = f->c->options;
    const struct state_options options = {.source = f->c->source,
                                          .cut = o->cut,
                                          .target = o->target,
                                          .json_as = o->json_as,
                                          .redis_server = o->redis_server,
                                          .filter = &o->filter,
                                          .expired_ms =
                                              o->drop_expired ? f->c->now_ms : PUMP_NOTHING_EXPIRED,
                                          .scripts_as_aux = true,
                                          .losses = f->c->losses,
                                          .suspects = f->c->suspects,
                                          .tracks = CHUNK_TRACKS_MAX,
                                          .turn = {hold, f}};
    uint32_t streams = f->c->source->stream_count;

    if (state_run_new(&f->state, &options, err) != 0)
        return -1;
    return chunk_tracks_new(&f->tracks, state_run_lanes(f->state),
                            state_run_lanes(f->state) > streams, err);
}

/* A replica goes on in this database when it reads the commands that follow. Source: rdb.c of redis 5.0 to
 * 8.0, rdbSaveInfoAuxFields. */
static int put_stream_db(struct rdb_form *f, struct ft_err *err)
{
    char number[I64_TEXT_SIZE];
    struct buf aux = {0};
    size_t n = i64_to_text(f->c->stream_db, number);
    int rc = rdb_put_aux(&aux, "repl-stream-db", bytes_of(number, n), err);

    if (rc == 0)
        rc = rdb_file_put_plain(f->file, buf_bytes(&aux), err);
    buf_release(&aux);
    return rc;
}

static int open_file(struct rdb_form *f, struct ft_err *err)
{
    const struct source_info *info = &f->c->source->info;
    const struct target *target = f->c->options->target;

    if (f->c->out == NULL) {
        return rdb_file_open(&f->file, f->c->output, target, info->ctime_s, info->used_mem, err);
    }
    if (rdb_file_open_stream(&f->file, f->c->out, target, info->ctime_s, info->used_mem, err) != 0)
        return -1;
    return put_stream_db(f, err);
}

static int prepare(struct rdb_form *f, struct ft_err *err)
{
    if (key_log_new(&f->keys, err) != 0 || open_state(f, err) != 0 || make_lanes(f, err) != 0 ||
        open_file(f, err) != 0)
        return -1;
    rdb_file_databases(f->file)->limit = f->c->options->databases;
    return 0;
}

static void release(struct rdb_form *f)
{
    rdb_file_free(f->file);
    state_run_free(f->state);
    for (uint32_t i = 0; i < f->lane_count; i++) {
        struct lane *l = &f->lanes[i];

        (void)sem_destroy(&l->lent_done);
        recoder_free(l->recoder);
    }
    free(f->lanes);
    chunk_tracks_free(f->tracks);
    hash_log_free(f->keys);
    free(f->libraries);
}

static int run(const struct conversion *c, struct ft_err *err)
{
    struct rdb_form f = {.c = c};
    int rc = -1;

    if (prepare(&f, err) == 0 && run_lanes(&f, err) == 0)
        rc = finish(&f, err);
    release(&f);
    return rc;
}

const struct output_form sink_rdb = {
    .name = "rdb",
    .help = "an RDB file",
    .run = run,
};
