#include "capture/recorder.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fsutil.h"
#include "base/processors.h"
#include "base/wake.h"
#include "capture/block_pool.h"
#include "store/segment_writer.h"

#define BLOCK_BYTES_MAX (256u << 10)
#define BLOCK_BYTES_MIN (4u << 10)
/* Being filled, waiting, being written, and one more, so that none of them has to wait. */
#define BLOCKS_PER_FLOW 4
/* Blocks of one flow that are appended together: small ones to save calls, and no more bytes than
 * are still in the cache when they are written. */
#define APPEND_MAX       64
#define APPEND_BYTES_MAX (1u << 20)
/* The disk begins with what a flow has written as soon as there is this much of it. */
#define WRITE_AHEAD_BYTES (8u << 20)
#define NEVER_US          UINT64_MAX
/* Copying into the page cache is what takes a writer's time: up to one for each processor. */
#define WRITERS_MAX 8

struct flow_file {
    /* its writer's thread only, and recorder_finish */
    struct queue_node *batch; /* blocks taken from the queue, in order */
    struct queue_node **batch_tail;
    struct flow_file *next_touched;
    struct segment_id id;
    char name[SEGMENT_NAME_MAX];
    uint64_t segment_bytes; /* raw, of the open segment */
    bool continued;         /* its last block ends inside an item */
    /* set by the writer under file_mu; the syncer looks at it under file_mu */
    pthread_mutex_t file_mu;
    struct segment_writer *segment; /* NULL: none is open */
    bool broken; /* a sync or a seal failed: what was written since the last one may be lost */
    /* any thread */
    _Atomic uint64_t written_lsn;
    _Atomic uint64_t durable_lsn;
    atomic_bool dirty;
    _Atomic uint64_t unstarted_bytes; /* appended since the disk was last told to begin */
    int wake_fd;
};

/* Writes the flows whose number modulo the number of writers is its own. */
struct writer {
    struct recorder *r;
    struct queue queue;
    pthread_t thread;
    bool started;
};

struct recorder {
    /* constant */
    struct capture *capture;
    struct generation *generation;
    struct recorder_options options;
    size_t block_bytes;
    uint32_t flow_count;
    struct flow_file *flows;
    struct writer writers[WRITERS_MAX];
    uint32_t writer_count;
    pthread_t syncer;
    bool syncer_started;

    struct block_pool pool;
    atomic_bool failed; /* set under mu, once, with err */
    atomic_bool manifest_stale;
    _Atomic uint32_t snapshots_durable;

    /* guarded by manifest_mu: the capture and its generation */
    pthread_mutex_t manifest_mu;
    struct retention_sum pruned; /* guarded by it */

    /* guarded by mu */
    pthread_mutex_t mu;
    pthread_cond_t sync_wanted;
    bool dirty;
    bool urgent;
    bool ahead; /* a flow has WRITE_AHEAD_BYTES to begin with */
    bool ending;
    struct ft_err err;
};

static void fail(struct recorder *r, const struct ft_err *err)
{
    pthread_mutex_lock(&r->mu);
    if (!atomic_load(&r->failed))
        r->err = *err;
    atomic_store(&r->failed, true);
    pthread_mutex_unlock(&r->mu);
    block_pool_close(&r->pool);
    (void)wake_set(r->options.event_fd);
}

/* Under file_mu. The kernel reports a page that it could not write once: a later sync that succeeds
 * proves nothing. */
static void publish_durable(struct recorder *r, struct flow_file *f, uint64_t lsn)
{
    if (f->broken || lsn <= atomic_load(&f->durable_lsn))
        return;
    atomic_store(&f->durable_lsn, lsn);
    (void)wake_set(f->wake_fd);
    if (r->options.live != NULL)
        live_flows_advance(r->options.live, LIVE_DURABLE, f->id.flow, lsn);
}

/*
 * --- the writer ---
 *
 * A segment is touched by its flow's writer alone; file_mu is only there so that the syncer finds the
 * descriptor open while it syncs. So a writer waits for a sync only when it seals or opens a file, and
 * appends continue during the sync of what was appended before. Under file_mu, mu and the lock of
 * live_flows may be taken, never the other way round.
 */

static int open_segment(struct recorder *r, struct flow_file *f, const struct recorder_block *b,
                        struct ft_err *err)
{
    struct segment_writer *w;

    pthread_mutex_lock(&r->manifest_mu);
    capture_segment_id(r->capture, r->generation, b->flow, b->kind,
                       b->kind == SEGMENT_SNAPSHOT ? 0 : b->block.first_lsn, &f->id, f->name);
    pthread_mutex_unlock(&r->manifest_mu);
    if (segment_writer_create(&w, r->capture->dirfd, f->name, &f->id, err) != 0)
        return -1;
    pthread_mutex_lock(&f->file_mu);
    f->segment = w;
    pthread_mutex_unlock(&f->file_mu);
    f->segment_bytes = 0;
    f->continued = false;
    return 0;
}

static int note_segment(struct recorder *r, struct flow_file *f, const struct segment_info *info,
                        struct ft_err *err)
{
    int rc;

    pthread_mutex_lock(&r->manifest_mu);
    rc = capture_add_segment(r->generation, f->id.flow, info, err);
    atomic_store(&r->manifest_stale, true);
    pthread_mutex_unlock(&r->manifest_mu);
    if (rc == 0 && info->kind == SEGMENT_SNAPSHOT && info->ended) {
        atomic_fetch_add(&r->snapshots_durable, 1);
        (void)wake_set(r->options.event_fd);
    }
    return rc;
}

static int save_manifest(struct recorder *r, struct ft_err *err)
{
    int rc;

    pthread_mutex_lock(&r->manifest_mu);
    atomic_store(&r->manifest_stale, false);
    rc = capture_save(r->capture, err);
    if (rc == 0)
        rc = retention_apply(r->capture, &r->options.retain, clock_wall_us(), &r->pruned, err);
    pthread_mutex_unlock(&r->manifest_mu);
    return rc;
}

const struct retention_sum *recorder_pruned(const struct recorder *r)
{
    return &r->pruned;
}

static void drop_segment(struct flow_file *f)
{
    segment_writer_free(f->segment);
    f->segment = NULL;
}

static int seal_segment(struct recorder *r, struct flow_file *f, struct ft_err *err)
{
    struct segment_info info;
    uint64_t lsn = atomic_load(&f->written_lsn);
    int rc;

    pthread_mutex_lock(&f->file_mu);
    rc = f->broken ? err_set(err, FT_ERR_IO, "an earlier sync of \"%s\" failed", f->name)
                   : segment_writer_seal(f->segment, &info, err);
    f->broken = rc != 0;
    drop_segment(f);
    publish_durable(r, f, lsn);
    pthread_mutex_unlock(&f->file_mu);
    if (rc != 0)
        return -1;
    return note_segment(r, f, &info, err);
}

static bool starts_segment(const struct recorder *r, const struct flow_file *f,
                           const struct recorder_block *b)
{
    if (f->segment == NULL)
        return true;
    if (f->continued || f->id.kind != b->kind)
        return f->id.kind != b->kind;
    /* An increment is one stream with a head of its own: it is kept whole. */
    return b->kind != SEGMENT_INCREMENT && f->segment_bytes >= r->options.segment_bytes;
}

/* What was appended together, and what follows from it. */
struct run {
    struct segment_block blocks[APPEND_MAX];
    size_t count;
    size_t bytes;
    uint64_t next_lsn; /* 0: not moved */
    bool urgent;
    bool end;
};

static void add_to_run(struct run *run, struct flow_file *f, const struct recorder_block *b)
{
    run->blocks[run->count++] = b->block;
    run->bytes += b->block.payload.n;
    run->end = (b->block.flags & SEGMENT_BLOCK_END) != 0;
    run->urgent = run->urgent || b->urgent;
    if (b->next_lsn != 0)
        run->next_lsn = b->next_lsn;
    f->segment_bytes += b->block.raw_bytes;
    f->continued = (b->block.flags & SEGMENT_BLOCK_CONTINUED) != 0;
}

/* Only now: the syncer may sync at any moment, and publishes what it finds in here. */
static void note_written(struct recorder *r, struct flow_file *f, const struct run *run)
{
    bool ahead;

    if (run->next_lsn != 0)
        atomic_store(&f->written_lsn, run->next_lsn);
    atomic_store(&f->dirty, true);
    if (run->next_lsn != 0 && r->options.live != NULL)
        live_flows_advance(r->options.live, LIVE_WRITTEN, f->id.flow, run->next_lsn);
    ahead = atomic_fetch_add(&f->unstarted_bytes, run->bytes) + run->bytes >= WRITE_AHEAD_BYTES;
    if (run->urgent || ahead) {
        pthread_mutex_lock(&r->mu);
        r->urgent = r->urgent || run->urgent;
        if (ahead && !r->ahead) {
            r->ahead = true;
            pthread_cond_signal(&r->sync_wanted);
        }
        pthread_mutex_unlock(&r->mu);
    }
}

/*
 * As many blocks from the front of the batch as go into one segment. While one writev is on its way,
 * blocks pile up in the queue, and the next call takes them all: the slower the disk, the larger the
 * writes, without a timer or a size to choose.
 */
static int write_run(struct recorder *r, struct flow_file *f, struct ft_err *err)
{
    struct queue_node *node = f->batch;
    const struct recorder_block *b = (const struct recorder_block *)node;
    struct run run;

    run.count = 0;
    run.bytes = 0;
    run.next_lsn = 0;
    run.urgent = false;
    if (starts_segment(r, f, b)) {
        if (f->segment != NULL && seal_segment(r, f, err) != 0)
            return -1;
        if (open_segment(r, f, b, err) != 0)
            return -1;
    }
    do {
        add_to_run(&run, f, (const struct recorder_block *)node);
        node = node->next;
    } while (node != NULL && run.count < APPEND_MAX && run.bytes < APPEND_BYTES_MAX && !run.end &&
             !starts_segment(r, f, (const struct recorder_block *)node));
    if (segment_writer_append(f->segment, run.blocks, run.count, err) != 0)
        return -1;
    note_written(r, f, &run);
    while (f->batch != node) {
        struct queue_node *done = f->batch;

        f->batch = done->next;
        block_pool_put(&r->pool, (struct recorder_block *)done);
    }
    return run.end ? seal_segment(r, f, err) : 0;
}

static void give_back_batch(struct recorder *r, struct flow_file *f)
{
    while (f->batch != NULL) {
        struct recorder_block *b = (struct recorder_block *)f->batch;

        f->batch = b->node.next;
        block_pool_put(&r->pool, b);
    }
}

static void write_batch(struct recorder *r, struct flow_file *f)
{
    struct ft_err err = FT_ERR_INIT;

    while (f->batch != NULL && !atomic_load(&r->failed)) {
        if (write_run(r, f, &err) != 0) {
            (void)err_wrap(&err, "flow %" PRIu32, f->id.flow);
            fail(r, &err);
        }
    }
    give_back_batch(r, f);
}

/* Sort a chain of blocks of all flows into the flows' batches. */
static struct flow_file *distribute(struct recorder *r, struct queue_node *chain)
{
    struct flow_file *touched = NULL;

    while (chain != NULL) {
        struct queue_node *node = chain;
        struct flow_file *f = &r->flows[((struct recorder_block *)node)->flow];

        chain = chain->next;
        node->next = NULL;
        if (f->batch == NULL) {
            f->batch_tail = &f->batch;
            f->next_touched = touched;
            touched = f;
        }
        *f->batch_tail = node;
        f->batch_tail = &node->next;
    }
    return touched;
}

/* A syncer that knows already that something is dirty is woken by no more than what is urgent. */
static void want_sync(struct recorder *r)
{
    pthread_mutex_lock(&r->mu);
    if (!r->dirty || r->urgent)
        pthread_cond_signal(&r->sync_wanted);
    r->dirty = true;
    pthread_mutex_unlock(&r->mu);
}

static void *writer_main(void *arg)
{
    struct writer *w = arg;
    struct recorder *r = w->r;
    struct queue_node *chain;

    while ((chain = queue_get_all(&w->queue)) != NULL) {
        struct ft_err err = FT_ERR_INIT;
        struct flow_file *f = distribute(r, chain);

        for (; f != NULL; f = f->next_touched)
            write_batch(r, f);
        if (atomic_load(&r->manifest_stale) && !atomic_load(&r->failed) &&
            save_manifest(r, &err) != 0)
            fail(r, &err);
        want_sync(r);
    }
    return NULL;
}

/* --- the syncer --- */

/*
 * `dirty` is taken before the LSN is read, and the writer sets both in the other order: what is appended
 * in between is dirty again, and synced by the next round. The LSN is read before the sync: only what was
 * written before it is sure to be in it.
 */
static void sync_flow(struct recorder *r, struct flow_file *f)
{
    struct ft_err err = FT_ERR_INIT;
    uint64_t lsn;
    int rc = 0;

    if (!atomic_exchange(&f->dirty, false))
        return;
    lsn = atomic_load(&f->written_lsn);
    pthread_mutex_lock(&f->file_mu);
    /* A segment sealed since then was synced by that. */
    if (f->segment != NULL)
        rc = fs_sync(segment_writer_fd(f->segment), f->name, &err);
    f->broken = f->broken || rc != 0;
    if (rc != 0)
        fail(r, &err); /* before the writer meets the flow, and has less to say */
    else if (!atomic_load(&r->failed))
        publish_durable(r, f, lsn);
    pthread_mutex_unlock(&f->file_mu);
}

/* A replay that follows gets no further in the journal than what is durable: no time to lose then. */
static bool is_awaited(const struct recorder *r)
{
    return r->options.live != NULL && !live_flows_is_eager(r->options.live) &&
           recorder_snapshots_durable(r) == r->flow_count;
}

/*
 * The disk works while more is received, instead of at the next sync only. Nothing is durable by that, nor is
 * a failure taken notice of: the sync that follows finds both. Here and not by the writer, since it may have to wait
 * for the disk.
 */
static void write_ahead(struct recorder *r)
{
    for (uint32_t i = 0; i < r->flow_count; i++) {
        struct flow_file *f = &r->flows[i];

        if (atomic_load(&f->unstarted_bytes) < WRITE_AHEAD_BYTES)
            continue;
        atomic_store(&f->unstarted_bytes, 0);
        pthread_mutex_lock(&f->file_mu);
        if (f->segment != NULL)
            (void)sync_file_range(segment_writer_fd(f->segment), 0, 0, SYNC_FILE_RANGE_WRITE);
        pthread_mutex_unlock(&f->file_mu);
    }
}

/* Under mu, which is let go of meanwhile: wait for a change, or make the disk begin. False: it is past due_us. */
static bool wait_for_change(struct recorder *r, uint64_t due_us)
{
    const struct timespec due = {(time_t)(due_us / 1000000u), (long)(due_us % 1000000u) * 1000};

    if (r->ahead) {
        r->ahead = false;
        pthread_mutex_unlock(&r->mu);
        write_ahead(r);
        pthread_mutex_lock(&r->mu);
        return clock_mono_us() < due_us;
    }
    if (due_us != NEVER_US)
        return pthread_cond_timedwait(&r->sync_wanted, &r->mu, &due) == 0;
    pthread_cond_wait(&r->sync_wanted, &r->mu);
    return true;
}

/* Under mu: wait until there is something to sync and the time for it. False: the end. */
static bool wait_for_sync(struct recorder *r)
{
    while (!r->ending && !r->urgent && (!r->dirty || r->options.sync == RECORDER_SYNC_SEGMENT))
        (void)wait_for_change(r, NEVER_US);
    if (r->options.sync == RECORDER_SYNC_INTERVAL && !is_awaited(r)) {
        uint64_t due_us = clock_mono_us() + r->options.sync_interval_ms * UINT64_C(1000);

        while (!r->ending && !r->urgent && wait_for_change(r, due_us))
            ;
    }
    r->dirty = false;
    r->urgent = false;
    return !r->ending;
}

static void *syncer_main(void *arg)
{
    struct recorder *r = arg;
    bool more = true;

    while (more) {
        pthread_mutex_lock(&r->mu);
        more = wait_for_sync(r);
        pthread_mutex_unlock(&r->mu);
        for (uint32_t i = 0; more && i < r->flow_count && !atomic_load(&r->failed); i++)
            sync_flow(r, &r->flows[i]);
    }
    return NULL;
}

/* --- life cycle --- */

static int start_threads(struct recorder *r, struct ft_err *err)
{
    int rc = 0;

    for (uint32_t i = 0; i < r->writer_count && rc == 0; i++) {
        struct writer *w = &r->writers[i];

        rc = pthread_create(&w->thread, NULL, writer_main, w);
        w->started = rc == 0;
    }
    if (rc == 0) {
        rc = pthread_create(&r->syncer, NULL, syncer_main, r);
        r->syncer_started = rc == 0;
    }
    return rc == 0 ? 0 : err_errno(err, rc, "could not start a thread");
}

static void init_writers(struct recorder *r)
{
    unsigned processors = processors_usable();
    uint32_t n = processors > WRITERS_MAX ? WRITERS_MAX : processors;

    r->writer_count = n < r->flow_count ? n : r->flow_count;
    for (uint32_t i = 0; i < r->writer_count; i++) {
        r->writers[i].r = r;
        queue_init(&r->writers[i].queue, SIZE_MAX); /* the pool bounds it */
    }
}

static void init_sync_cond(pthread_cond_t *cond)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

static size_t choose_block_bytes(const struct recorder_options *options, uint32_t flow_count)
{
    size_t n = options->buffer_bytes / flow_count / BLOCKS_PER_FLOW;

    if (n > BLOCK_BYTES_MAX)
        return BLOCK_BYTES_MAX;
    return n < BLOCK_BYTES_MIN ? BLOCK_BYTES_MIN : n;
}

static void init_pool(struct recorder *r)
{
    size_t data_bytes = r->block_bytes;
    size_t limit;

    if (r->options.codec.id != CODEC_NONE)
        data_bytes = codec_block_bound(&r->options.codec, r->block_bytes);
    limit = r->options.buffer_bytes / data_bytes;
    if (limit < 2u * r->flow_count)
        limit = 2u * r->flow_count;
    block_pool_init(&r->pool, data_bytes, (size_t)BLOCKS_PER_FLOW * r->flow_count, limit);
}

int recorder_new(struct recorder **ret, struct capture *capture, struct generation *generation,
                 const struct recorder_options *options, struct ft_err *err)
{
    struct recorder *r = calloc(1, sizeof(*r));

    if (r == NULL)
        return err_nomem(err, "a recorder");
    r->flows = calloc(generation->flow_count, sizeof(*r->flows));
    if (r->flows == NULL) {
        free(r);
        return err_nomem(err, "a recorder");
    }
    r->capture = capture;
    r->generation = generation;
    r->options = *options;
    r->flow_count = generation->flow_count;
    r->block_bytes = choose_block_bytes(options, r->flow_count);
    init_pool(r);
    init_writers(r);
    pthread_mutex_init(&r->mu, NULL);
    pthread_mutex_init(&r->manifest_mu, NULL);
    init_sync_cond(&r->sync_wanted);
    for (uint32_t i = 0; i < r->flow_count; i++) {
        struct flow_file *f = &r->flows[i];

        f->id.flow = i;
        f->wake_fd = -1;
        atomic_store(&f->written_lsn, generation->flows[i].next_lsn);
        atomic_store(&f->durable_lsn, generation->flows[i].next_lsn);
        pthread_mutex_init(&f->file_mu, NULL);
        if (generation->flows[i].snapshot_complete)
            atomic_fetch_add(&r->snapshots_durable, 1);
    }
    if (start_threads(r, err) != 0) {
        struct ft_err ignored = FT_ERR_INIT;

        (void)recorder_finish(r, &ignored); /* nothing was put */
        recorder_free(r);
        return -1;
    }
    *ret = r;
    return 0;
}

size_t recorder_block_bytes(const struct recorder *r)
{
    return r->block_bytes;
}

void recorder_set_wake(struct recorder *r, uint32_t flow, int wake_fd)
{
    pthread_mutex_lock(&r->flows[flow].file_mu);
    r->flows[flow].wake_fd = wake_fd;
    pthread_mutex_unlock(&r->flows[flow].file_mu);
}

struct recorder_block *recorder_take(struct recorder *r)
{
    struct recorder_block *b = block_pool_take(&r->pool);
    struct ft_err err = FT_ERR_INIT;

    if (b == NULL && !atomic_load(&r->failed)) {
        (void)err_nomem(&err, "a block");
        fail(r, &err);
    }
    return b;
}

void recorder_put(struct recorder *r, struct recorder_block *b)
{
    b->node.bytes = b->block.payload.n;
    if (!queue_put(&r->writers[b->flow % r->writer_count].queue, &b->node))
        block_pool_put(&r->pool, b);
}

void recorder_give_back(struct recorder *r, struct recorder_block *b)
{
    block_pool_put(&r->pool, b);
}

uint64_t recorder_durable_lsn(const struct recorder *r, uint32_t flow)
{
    return atomic_load(&r->flows[flow].durable_lsn);
}

uint32_t recorder_snapshots_durable(const struct recorder *r)
{
    return atomic_load(&r->snapshots_durable);
}

bool recorder_failed(const struct recorder *r)
{
    return atomic_load(&r->failed);
}

void recorder_describe(struct recorder *r, enum sharding_rule rule,
                       enum snapshot_records snapshot_records, const char *release)
{
    struct generation *g = r->generation;
    struct ft_err err = FT_ERR_INIT;

    pthread_mutex_lock(&r->manifest_mu);
    if (rule != SHARDING_UNKNOWN)
        g->sharding = rule;
    g->snapshot_records = snapshot_records;
    if (release[0] != '\0')
        (void)snprintf(g->source_version, sizeof(g->source_version), "%s", release);
    pthread_mutex_unlock(&r->manifest_mu);
    if (!atomic_load(&r->failed) && save_manifest(r, &err) != 0)
        fail(r, &err);
}

/* The item that continues in a block that never came is taken off, as after a crash. */
static int cut_and_seal(struct recorder *r, struct flow_file *f, struct ft_err *err)
{
    struct segment_info info;
    bool removed = false;
    uint64_t cut_bytes = 0;

    drop_segment(f);
    if (segment_recover(r->capture->dirfd, f->name, &f->id, &info, &removed, &cut_bytes, err) != 0)
        return -1;
    return removed ? 0 : note_segment(r, f, &info, err);
}

static int close_flow(struct recorder *r, struct flow_file *f, struct ft_err *err)
{
    if (f->segment == NULL)
        return 0;
    return f->continued ? cut_and_seal(r, f, err) : seal_segment(r, f, err);
}

/* Every flow is closed, whatever has become of the others; err keeps the first failure. */
static int close_flows(struct recorder *r, struct ft_err *err)
{
    int rc = 0;

    for (uint32_t i = 0; i < r->flow_count; i++)
        rc |= close_flow(r, &r->flows[i], err);
    return rc;
}

static void join_threads(struct recorder *r)
{
    for (uint32_t i = 0; i < r->writer_count; i++)
        queue_close(&r->writers[i].queue);
    for (uint32_t i = 0; i < r->writer_count; i++) {
        if (r->writers[i].started)
            pthread_join(r->writers[i].thread, NULL);
        r->writers[i].started = false;
    }
    pthread_mutex_lock(&r->mu);
    r->ending = true;
    pthread_cond_signal(&r->sync_wanted);
    pthread_mutex_unlock(&r->mu);
    if (r->syncer_started)
        pthread_join(r->syncer, NULL);
    r->syncer_started = false;
}

/* After a failure nothing is touched any more: the next start recovers what was left open. */
int recorder_finish(struct recorder *r, struct ft_err *err)
{
    join_threads(r);
    if (atomic_load(&r->failed))
        return err_copy(err, &r->err);
    return close_flows(r, err) != 0 ? -1 : save_manifest(r, err);
}

void recorder_free(struct recorder *r)
{
    if (r == NULL)
        return;
    for (uint32_t i = 0; i < r->flow_count; i++) {
        drop_segment(&r->flows[i]);
        pthread_mutex_destroy(&r->flows[i].file_mu);
    }
    for (uint32_t i = 0; i < r->writer_count; i++)
        queue_release(&r->writers[i].queue);
    block_pool_release(&r->pool);
    pthread_cond_destroy(&r->sync_wanted);
    pthread_mutex_destroy(&r->manifest_mu);
    pthread_mutex_destroy(&r->mu);
    free(r->flows);
    free(r);
}
