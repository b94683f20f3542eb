#include "input/source_stretches.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/crc64.h"
#include "base/item_limit.h"
#include "base/processors.h"
#include "base/read_ahead.h"
#include "base/task_pool.h"
#include "input/source_kind.h"

/* As those who read a file from end to end do, so that bytes are counted alike. */
#define PIECE_BYTES READ_AHEAD_BYTES
/* In front of a piece, for what the one before it has left over. */
#define ROOM_BYTES READ_AHEAD_ROOM
/* What is held of an entry that has not ended. */
#define REST_BYTES_MAX (1u << 20)
/* With a lower limit of items (--max-item) one that is above it could be held, and would not be refused. */
#define ITEM_LIMIT_MIN (2 * REST_BYTES_MAX)
/* A smaller file is read before the threads are there. */
#define FILE_BYTES_MIN (4u << 20)
#define THREADS_MAX    8u

/* A part that waits for those before it. */
struct result {
    struct result *next;
    uint64_t number;
    void *part;
};

struct stretches {
    /* constant */
    const struct source *source;
    uint32_t index;
    struct source_stream_options options;
    const struct stretch_work *work;
    int fd;

    atomic_uint_fast64_t next_piece;
    atomic_bool ended; /* nothing that is cut off from now on counts */

    pthread_mutex_t mu;
    pthread_cond_t turned;
    /* guarded by mu */
    uint64_t turn; /* the piece that is to be cut */
    bool over;     /* no piece is, any more */

    /* of the thread whose piece is to be cut */
    struct rdb_stream *parser; /* passes over values */
    struct rdb_place place;    /* where the next stretch begins */
    struct buf rest;           /* what has been read from there on, or the end of that */
    uint64_t rest_at;
    uint64_t crc;     /* of what is before it */
    size_t passed;    /* of it, by the parser */
    uint64_t counted; /* where the bytes begin that no stretch counts yet */
    uint64_t number;  /* of the next stretch */

    pthread_mutex_t results_mu;
    /* guarded by it */
    struct result *results; /* ascending */
    uint64_t added;
    uint64_t last; /* the first stretch that ends the stream, or has failed */
    int rc;
    struct ft_err err;
};

/* A thread's memory, and what it has cut off. */
struct worker {
    uint8_t *memory;  /* ROOM_BYTES, then a piece */
    struct buf large; /* instead, for what does not fit */
    bool has_stretch;
    struct source_stretch stretch;
    uint64_t number;
    bool last; /* all that follows is for one thread, this one */
    struct source_stretch tail;
    uint64_t tail_number;
};

/*
 * Results
 */

/* With results_mu held. The first one to fail is reported. */
static void end_at(struct stretches *s, uint64_t number, int rc, const struct ft_err *err)
{
    if (number >= s->last)
        return;
    s->last = number;
    s->rc = rc < 0 ? -1 : 0;
    err_clear(&s->err);
    if (rc < 0)
        (void)err_copy(&s->err, err);
    atomic_store(&s->ended, true);
}

static void add_in_order(struct stretches *s)
{
    struct ft_err err = FT_ERR_INIT;

    while (s->results != NULL && s->results->number == s->added) {
        struct result *r = s->results;

        if (r->number <= s->last && s->work->add(s->work->context, r->part, &err) != 0)
            end_at(s, r->number, -1, &err);
        s->work->release(r->part);
        free(r->part);
        s->results = r->next;
        s->added++;
        free(r);
    }
}

static void hand_in(struct stretches *s, struct result *r, int rc, const struct ft_err *err)
{
    struct result **at = &s->results;

    pthread_mutex_lock(&s->results_mu);
    if (rc != 0)
        end_at(s, r->number, rc, err);
    while (*at != NULL && (*at)->number < r->number)
        at = &(*at)->next;
    r->next = *at;
    *at = r;
    add_in_order(s);
    pthread_mutex_unlock(&s->results_mu);
}

static int run_part(struct stretches *s, const struct source_stretch *stretch, void *part,
                    struct ft_err *err)
{
    struct source_stream_options options = s->options;
    struct source_stream *stream;
    int rc;

    options.stretch = stretch;
    if (stretch != NULL &&
        stretch->entries.n != 0) { /* the end is not in it, and it is all in memory */
        options.verify_checksum = false;
        options.large = NULL;
    }
    if (source_stream_open(&stream, s->source, s->index, &options, err) != 0)
        return -1;
    rc = s->work->run(s->work->context, part, stream, err);
    source_stream_free(stream);
    return rc;
}

static int read_stretch(struct stretches *s, const struct source_stretch *stretch, uint64_t number,
                        struct ft_err *err)
{
    struct ft_err what = FT_ERR_INIT;
    struct result *r = calloc(1, sizeof(*r));

    if (r != NULL)
        r->part = calloc(1, s->work->part_bytes);
    if (r == NULL || r->part == NULL) {
        free(r);
        atomic_store(&s->ended, true);
        return err_nomem(err, "a part of a file");
    }
    r->number = number;
    hand_in(s, r, run_part(s, stretch, r->part, &what), &what);
    return 0;
}

/*
 * Cutting
 */

/* A piece that cannot be read whole is left to the stream of the tail, which says why. */
static size_t read_piece(const struct stretches *s, uint8_t *p, uint64_t offset)
{
    size_t n = 0;

    while (n < PIECE_BYTES) {
        ssize_t got = pread(s->fd, p + n, PIECE_BYTES - n, (off_t)(offset + n));

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    return n;
}

/* What was left over and the piece of n bytes after it, in one run. */
static int join(struct stretches *s, const struct worker *w, size_t n, uint8_t **ret,
                struct ft_err *err)
{
    uint8_t *piece = w->memory + ROOM_BYTES;
    size_t left = s->rest.n;

    if (left > ROOM_BYTES) {
        if (buf_append(&s->rest, piece, n, err) != 0)
            return -1;
        *ret = s->rest.p;
        return 0;
    }
    *ret = piece - left;
    if (left != 0)
        memcpy(*ret, s->rest.p, left);
    return 0;
}

/* Of n bytes at p the first ones have been cut off, and stay where they are. */
static int keep_rest(struct stretches *s, struct worker *w, const uint8_t *p, size_t n, size_t cut,
                     struct ft_err *err)
{
    if (p == s->rest.p) {
        struct buf whole = s->rest;

        if (cut == 0)
            return 0;
        s->rest = w->large;
        w->large = whole;
    }
    buf_clear(&s->rest);
    return buf_append(&s->rest, p + cut, n - cut, err);
}

/* What the parser has passed of an entry that is too large to be held: it will be read again. */
static void forget_rest(struct stretches *s)
{
    if (s->rest.n <= REST_BYTES_MAX)
        return;
    if (s->options.verify_checksum)
        s->crc = crc64(s->crc, s->rest.p, s->passed);
    s->rest_at += s->passed;
    buf_consume(&s->rest, s->passed);
    s->passed = 0;
}

/* All up to the new place is a stretch; the bytes from rest_at on lie at p. Returns how many of them belong to it. */
static size_t cut_off(struct stretches *s, struct worker *w, const struct rdb_place *from,
                      const uint8_t *p, uint64_t read_to)
{
    size_t size = (size_t)(s->place.offset - s->rest_at);

    w->number = s->number++;
    w->has_stretch = true;
    w->stretch = (struct source_stretch){.fd = s->fd,
                                         .place = *from,
                                         .end = s->place.offset,
                                         .counted = s->counted,
                                         .bytes = read_to - s->counted};
    if (s->rest_at == from->offset)
        w->stretch.entries = bytes_of(p, size);
    s->counted = read_to;
    if (s->options.verify_checksum)
        s->crc = crc64(s->crc, p, size);
    s->place.crc = s->crc;
    s->rest_at = s->place.offset;
    s->passed -= size;
    return size;
}

/* The turn is this thread's, with n bytes that were read at the offset. */
static int cut(struct stretches *s, struct worker *w, uint64_t offset, size_t n, struct ft_err *err)
{
    const struct rdb_place from = s->place;
    struct window in = {.pos = s->passed, .len = s->rest.n + n, .offset = s->rest_at};
    size_t size = 0;
    enum step step;
    uint8_t *p;

    w->has_stretch = false;
    if (join(s, w, n, &p, err) != 0)
        return -1;
    in.base = p;
    step = rdb_stream_find_place(s->parser, &in, &s->place);
    s->passed = in.pos;
    if (s->place.offset != from.offset)
        size = cut_off(s, w, &from, p, offset + n);
    w->last = n < PIECE_BYTES || step != STEP_MORE;
    if (w->last) {
        w->tail = (struct source_stretch){.fd = s->fd, .place = s->place, .counted = s->counted};
        w->tail_number = s->number;
    }
    if (keep_rest(s, w, p, in.len, size, err) != 0)
        return -1;
    forget_rest(s);
    return 0;
}

/* false: nobody is to cut anything any more. */
static bool wait_for_turn(struct stretches *s, uint64_t piece)
{
    bool over;

    pthread_mutex_lock(&s->mu);
    while (!s->over && s->turn != piece)
        pthread_cond_wait(&s->turned, &s->mu);
    over = s->over;
    pthread_mutex_unlock(&s->mu);
    return !over;
}

static void end_turn(struct stretches *s, bool over)
{
    pthread_mutex_lock(&s->mu);
    s->turn++;
    s->over = over;
    pthread_cond_broadcast(&s->turned);
    pthread_mutex_unlock(&s->mu);
}

/* 1: it was the last turn. */
static int take_turn(struct stretches *s, struct worker *w, uint64_t piece, size_t n,
                     struct ft_err *err)
{
    int rc = cut(s, w, piece * PIECE_BYTES, n, err);
    bool over = rc != 0 || w->last || atomic_load(&s->ended);

    end_turn(s, over);
    return rc != 0 ? -1 : over;
}

static int read_cut(struct stretches *s, struct worker *w, struct ft_err *err)
{
    int rc = 0;

    if (w->has_stretch)
        rc = read_stretch(s, &w->stretch, w->number, err);
    buf_clear(&w->large);
    if (rc == 0 && w->last && !atomic_load(&s->ended))
        rc = read_stretch(s, &w->tail, w->tail_number, err);
    return rc;
}

static int work(void *context, uint32_t index, struct ft_err *err)
{
    struct stretches *s = context;
    struct worker w = {.memory = malloc(ROOM_BYTES + PIECE_BYTES)};
    int over = 0;

    (void)index; /* one is like the other */
    if (w.memory == NULL)
        return err_nomem(err, "a read buffer");
    while (over == 0) {
        uint64_t piece = atomic_fetch_add(&s->next_piece, 1);
        size_t n = read_piece(s, w.memory + ROOM_BYTES, piece * PIECE_BYTES);

        if (!wait_for_turn(s, piece))
            break;
        over = take_turn(s, &w, piece, n, err);
        if (over >= 0 && read_cut(s, &w, err) != 0)
            over = -1;
    }
    buf_release(&w.large);
    free(w.memory);
    return over < 0 ? -1 : 0;
}

/*
 * The whole
 */

unsigned source_stretches_threads(const struct source *source, uint32_t index)
{
    unsigned threads = processors_usable() / source->stream_count;
    const char *file = source_stream_file(source, index);
    struct stat status;

    if (threads < 2 || !source_can(source, SOURCE_CAN_CUT) || stat(file, &status) != 0 ||
        !S_ISREG(status.st_mode) || status.st_size < FILE_BYTES_MIN)
        return 1;
    return threads < THREADS_MAX ? threads : THREADS_MAX;
}

static int run_threads(struct stretches *s, unsigned threads, struct ft_err *err)
{
    const struct rdb_stream_options parser = {
        .skip_values = true,
        .dragonfly = source_can(s->source, SOURCE_OF_DRAGONFLY),
        .detect = !source_can(s->source, SOURCE_OF_DRAGONFLY)};
    const char *file = source_stream_file(s->source, s->index);
    int rc;

    s->fd = open(file, O_RDONLY | O_CLOEXEC);
    if (s->fd < 0)
        return err_errno(err, errno, "could not open \"%s\"", file);
    (void)posix_fadvise(s->fd, 0, 0, POSIX_FADV_SEQUENTIAL); /* only advice */
    rc = rdb_stream_new(&s->parser, &parser, err);
    if (rc == 0)
        rc = task_pool_run(threads, threads, work, s, err);
    rdb_stream_free(s->parser);
    buf_release(&s->rest);
    (void)close(s->fd); /* opened to read */
    return rc;
}

int source_stretches_run(const struct source *source, uint32_t index,
                         const struct source_stream_options *options,
                         const struct stretch_work *work_, unsigned threads, struct ft_err *err)
{
    struct stretches s = {.source = source,
                          .index = index,
                          .options = *options,
                          .work = work_,
                          .last = UINT64_MAX,
                          .err = FT_ERR_INIT};
    int rc;

    (void)pthread_mutex_init(&s.mu, NULL); /* default attributes: cannot fail on Linux */
    (void)pthread_mutex_init(&s.results_mu, NULL);
    (void)pthread_cond_init(&s.turned, NULL);
    rc = threads < 2 || item_limit() < ITEM_LIMIT_MIN ? read_stretch(&s, NULL, 0, err)
                                                      : run_threads(&s, threads, err);
    (void)pthread_cond_destroy(&s.turned); /* nobody waits any more */
    (void)pthread_mutex_destroy(&s.results_mu);
    (void)pthread_mutex_destroy(&s.mu);
    while (s.results != NULL) { /* one before them could not be had */
        struct result *r = s.results;

        s.results = r->next;
        work_->release(r->part);
        free(r->part);
        free(r);
    }
    if (rc == 0 && s.rc != 0)
        rc = err_copy(err, &s.err);
    return rc;
}
