#include "state/state_run.h"

#include <semaphore.h>
#include <stdlib.h>

#include "base/task_pool.h"
#include "input/stream_pool.h"
#include "state/fold_read.h"

struct lane {
    struct state_run *run;
    uint32_t index;
    /* of the thread that runs the lane, until it is through */
    struct item_sink sink;
    struct fold_stream *fold; /* NULL: nothing is touched */
    struct pump_divert divert;
    struct pump *pump;
    uint64_t told_bytes;
    struct state_counts counts;
    bool failed; /* for the reason in err */
    struct ft_err err;
};

struct state_run {
    /* constant once it is started */
    struct state_options o;
    struct source_large *large;
    struct fold *fold;  /* NULL: no journal to apply */
    struct lane *lanes; /* NULL: not started */
    struct stream_pool *pool;
    struct task_pool *tracks; /* instead of it */
    pthread_t folding;        /* the last lane's thread */
    bool is_folding;

    atomic_bool stopped;
    sem_t streams_done; /* one for each stream whose part of the fold is over */
};

static int cancelled(struct ft_err *err)
{
    return err_set(err, FT_ERR_CANCELLED, "cancelled");
}

/*
 * What the journal touches
 */

/* What the journal does to the key: marks of fold_look. */
static unsigned look(const struct lane *lane, uint32_t db, struct bytes key)
{
    return lane->fold == NULL ? 0 : fold_look(lane->run->fold, db, key);
}

static bool keeps_back(const struct lane *lane, uint32_t db, struct bytes key)
{
    return fold_drops(lane->run->fold, db, key) || !key_choice_wants(&lane->run->o.choice, db, key);
}

/* Of a string there is nothing to be noted (fold_note_entry). */
static uint64_t may_divert(void *context, const struct rdb_run *run)
{
    const struct lane *lane = context;
    uint64_t ret = lane->fold == NULL ? 0 : fold_look_run(lane->run->fold, run);

    for (size_t i = 0; i < run->count; i++) {
        if ((ret >> i & 1) == 0)
            ret |= (uint64_t)keeps_back(lane, run->db, run->entries[i].key) << i;
    }
    return ret;
}

static int divert_entry(void *context, const struct item *item, struct ft_err *err)
{
    const struct rdb_entry *entry = &item->rdb.entry;
    struct lane *lane = context;
    unsigned marks;

    if (fold_note_entry(lane->run->fold, item, err) != 0)
        return -1;
    marks = look(lane, entry->db, entry->key);
    if (marks != 0)
        return fold_stream_entry(lane->fold, item, marks, err) != 0 ? -1 : 1;
    return keeps_back(lane, entry->db, entry->key);
}

static int divert_record(void *context, const struct item *item, const struct translation *t,
                         struct ft_err *err)
{
    struct lane *lane = context;

    return fold_stream_record(lane->fold, item, t, err) != 0 ? -1 : 1;
}

static int divert_script(void *context, struct bytes body, struct ft_err *err)
{
    struct lane *lane = context;

    if (lane->fold == NULL || !fold_wants_scripts(lane->run->fold))
        return 0;
    return fold_stream_script(lane->fold, body, err);
}

static int divert_function(void *context, struct bytes code, struct ft_err *err)
{
    struct lane *lane = context;

    if (lane->fold == NULL || !fold_takes_functions(lane->run->fold))
        return 0;
    return fold_stream_function(lane->fold, code, err) != 0 ? -1 : 1;
}

static int deliver_function(void *context, struct bytes code, struct ft_err *err)
{
    const struct item item = {.kind = ITEM_FUNCTION,
                              .rdb = {.kind = RDB_ITEM_FUNCTION, .bytes = code}};
    struct lane *lane = context;

    return pump_function(lane->pump, &item, err);
}

static int deliver_folded(void *context, const struct rdb_entry *entry, int64_t time_ms,
                          struct ft_err *err)
{
    struct lane *lane = context;
    const struct item item = {.kind = ITEM_ENTRY,
                              .flow = lane->index,
                              .time_us = (uint64_t)cut_moment_ms(lane->run->o.cut, time_ms) * 1000,
                              .rdb = {.kind = RDB_ITEM_ENTRY, .entry = *entry}};

    lane->counts.folded++;
    if (atomic_load(&lane->run->stopped))
        return cancelled(err);
    return pump_entry(lane->pump, &item, err);
}

/* When all streams are through: the journals after them, then the values of the touched keys. */
static int run_folding(struct lane *lane)
{
    struct state_run *r = lane->run;

    for (uint32_t i = 0; i < r->o.source->stream_count; i++) {
        while (sem_wait(&r->streams_done) != 0)
            ; /* interrupted */
    }
    if (atomic_load(&r->stopped))
        return cancelled(&lane->err);
    if (lane->fold == NULL)
        return 0;
    read_progress_begin(r->o.source->progress, "journal", source_journal_bytes(r->o.source));
    if (fold_stream_journal(lane->fold, &lane->counts.journal, &lane->err) != 0)
        return -1;
    if (fold_takes_functions(r->fold) &&
        fold_read_functions(lane->fold, deliver_function, lane, &lane->err) != 0)
        return -1;
    return fold_read_out(lane->fold, deliver_folded, lane, &lane->err);
}

/*
 * Streams
 */

static int tick(void *context, uint64_t stream_bytes, struct ft_err *err)
{
    struct lane *lane = context;

    if (lane->run->o.bytes_in != NULL)
        atomic_fetch_add(lane->run->o.bytes_in, stream_bytes - lane->told_bytes);
    lane->told_bytes = stream_bytes;
    return atomic_load(&lane->run->stopped) ? cancelled(err) : 0;
}

static int pump_lane(struct lane *lane)
{
    const struct source_turn *turn = &lane->run->o.turn;
    const struct source_stream_options options = {.snapshot_only = true,
                                                  .verify_checksum = true,
                                                  .large = lane->run->large,
                                                  .turn = turn->hold == NULL ? NULL : turn};
    struct source_stream *stream;
    int rc;

    if (atomic_load(&lane->run->stopped))
        return cancelled(&lane->err);
    if (source_stream_open(&stream, lane->run->o.source, lane->index, &options, &lane->err) != 0)
        return -1;
    rc = pump_stream(lane->pump, stream, &lane->err);
    lane->counts.bytes_in = source_stream_bytes(stream);
    source_stream_free(stream);
    if (rc == 0 && lane->fold != NULL)
        rc = fold_stream_drain(lane->fold, &lane->err);
    return rc;
}

static void free_sink(struct lane *lane)
{
    if (lane->sink.free != NULL)
        lane->sink.free(lane->sink.context);
    lane->sink.free = NULL;
}

static void end_lane(struct lane *lane, int rc)
{
    if (rc == 0 && lane->sink.finish != NULL)
        rc = lane->sink.finish(lane->sink.context, &lane->err);
    lane->failed = rc != 0;
    if (lane->failed)
        state_run_stop(lane->run);
    lane->counts.filtered = pump_counts(lane->pump)->filtered;
    lane->counts.expired = pump_counts(lane->pump)->expired;
    free_sink(lane);
}

static int run_stream(void *context, const struct source *source, uint32_t index,
                      struct ft_err *err)
{
    struct state_run *r = context;

    (void)source; /* the run's */
    (void)err;    /* lanes keep their own */
    end_lane(&r->lanes[index], pump_lane(&r->lanes[index]));
    (void)sem_post(&r->streams_done); /* cannot overflow */
    return 0;
}

static int run_track(void *context, uint32_t index, struct ft_err *err)
{
    const struct state_run *r = context;

    for (uint32_t i = index; i < r->o.source->stream_count; i += r->o.tracks)
        (void)run_stream(context, r->o.source, i, err); /* 0 */
    return 0;
}

static void *folding_main(void *context)
{
    struct lane *lane = context;

    end_lane(lane, run_folding(lane));
    return NULL;
}

/*
 * The run
 */

uint32_t state_run_lanes(const struct state_run *r)
{
    return r->o.source->stream_count + (r->fold != NULL ? 1 : 0);
}

static int open_fold(struct state_run *r, struct ft_err *err)
{
    const struct fold_options options = {.cut = r->o.cut,
                                         .target = r->o.target,
                                         .json_as = r->o.json_as,
                                         .redis_server = r->o.redis_server,
                                         .losses = r->o.losses,
                                         .choice = r->o.choice,
                                         .suspects = r->o.suspects};

    return r->o.cut == NULL ? 0 : fold_new(&r->fold, r->o.source, &options, err);
}

int state_run_new(struct state_run **ret, const struct state_options *options, struct ft_err *err)
{
    struct state_run *r = calloc(1, sizeof(*r));

    if (r == NULL)
        return err_nomem(err, "a state");
    r->o = *options;
    (void)sem_init(&r->streams_done, 0, 0); /* cannot fail for 0 */
    if (r->o.suspects != NULL)
        r->o.suspects->filter = r->o.filter;
    if (source_large_new(&r->large, err) != 0 || open_fold(r, err) != 0) {
        state_run_free(r);
        return -1;
    }
    *ret = r;
    return 0;
}

static int open_lane(struct state_run *r, struct lane *lane, struct ft_err *err)
{
    struct pump_options options = {.source = r->o.source,
                                   .target = r->o.target,
                                   .json_as = r->o.json_as,
                                   .filter = r->o.filter,
                                   .scripts_as_aux = r->o.scripts_as_aux,
                                   .expired_ms = r->o.expired_ms,
                                   .tick = tick,
                                   .tick_context = lane};

    lane->divert = (struct pump_divert){.context = lane,
                                        .entry = divert_entry,
                                        .may_take = may_divert,
                                        .record = divert_record,
                                        .script = divert_script,
                                        .function = divert_function};
    if (r->fold != NULL) {
        if (fold_stream_new(&lane->fold, r->fold, err) != 0)
            return -1;
        options.divert = &lane->divert;
        options.translator = lane->fold != NULL ? lane->fold->translator : NULL;
    }
    return pump_new(&lane->pump, &options, &lane->sink, err);
}

static int open_lanes(struct state_run *r, const struct item_sink *sinks, struct ft_err *err)
{
    r->lanes = calloc(state_run_lanes(r), sizeof(*r->lanes));
    if (r->lanes == NULL) {
        for (uint32_t i = 0; i < state_run_lanes(r); i++) {
            if (sinks[i].free != NULL)
                sinks[i].free(sinks[i].context);
        }
        return err_nomem(err, "the streams of a state");
    }
    for (uint32_t i = 0; i < state_run_lanes(r); i++)
        r->lanes[i] = (struct lane){.run = r, .index = i, .sink = sinks[i], .err = FT_ERR_INIT};
    for (uint32_t i = 0; i < state_run_lanes(r); i++) {
        if (open_lane(r, &r->lanes[i], err) != 0)
            return -1;
    }
    if (r->fold != NULL)
        fold_hide(r->fold);
    return 0;
}

static int start_streams(struct state_run *r, struct ft_err *err)
{
    uint32_t count = r->o.source->stream_count;

    if (r->o.tracks == 0)
        return stream_pool_start(&r->pool, r->o.source, run_stream, r, err);
    return task_pool_start_each(&r->tracks, count < r->o.tracks ? count : r->o.tracks, run_track, r,
                                err);
}

int state_run_start(struct state_run *r, const struct item_sink *sinks, struct ft_err *err)
{
    int rc;

    read_progress_begin(r->o.source->progress, "snapshot", source_snapshot_bytes(r->o.source));
    if (open_lanes(r, sinks, err) != 0 || start_streams(r, err) != 0) {
        state_run_stop(r);
        return -1;
    }
    if (r->fold == NULL)
        return 0;
    rc = pthread_create(&r->folding, NULL, folding_main, &r->lanes[r->o.source->stream_count]);
    if (rc != 0) {
        state_run_stop(r);
        return err_errno(err, rc, "could not start a thread");
    }
    r->is_folding = true;
    return 0;
}

void state_run_stop(struct state_run *r)
{
    atomic_store(&r->stopped, true);
}

static void add_counts(struct state_counts *sum, const struct state_counts *lane)
{
    sum->filtered += lane->filtered;
    sum->expired += lane->expired;
    sum->bytes_in += lane->bytes_in;
    sum->folded += lane->folded;
}

/* A lane that was cancelled only echoes the failure of another one. */
static const struct lane *first_cause(const struct state_run *r)
{
    const struct lane *cause = NULL;

    for (uint32_t i = 0; r->lanes != NULL && i < state_run_lanes(r); i++) {
        const struct lane *lane = &r->lanes[i];

        if (lane->failed && lane->err.kind != FT_ERR_CANCELLED)
            return lane;
        if (lane->failed)
            cause = lane;
    }
    return cause;
}

int state_run_join(struct state_run *r, struct state_counts *ret, struct ft_err *err)
{
    const struct lane *cause;
    struct ft_err none = FT_ERR_INIT;

    *ret = (struct state_counts){0};
    (void)stream_pool_join(r->pool, &none); /* lanes keep their errors */
    r->pool = NULL;
    (void)task_pool_join(r->tracks, &none);
    r->tracks = NULL;
    if (r->is_folding)
        (void)pthread_join(r->folding, NULL); /* joined only here */
    for (uint32_t i = 0; r->lanes != NULL && i < state_run_lanes(r); i++) {
        struct lane *lane = &r->lanes[i];

        free_sink(lane); /* of one that was never run */
        add_counts(ret, &lane->counts);
        if (i == r->o.source->stream_count)
            ret->journal = lane->counts.journal;
    }
    cause = first_cause(r);
    return cause == NULL ? 0 : err_copy(err, &cause->err);
}

void state_run_free(struct state_run *r)
{
    if (r == NULL)
        return;
    for (uint32_t i = 0; r->lanes != NULL && i < state_run_lanes(r); i++) {
        pump_free(r->lanes[i].pump);
        fold_stream_free(r->lanes[i].fold);
    }
    free(r->lanes);
    fold_free(r->fold);
    if (r->o.suspects != NULL)
        r->o.suspects->filter = NULL; /* it may end sooner than they do */
    source_large_free(r->large);
    (void)sem_destroy(&r->streams_done); /* nobody waits any more */
    free(r);
}
