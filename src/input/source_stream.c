#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "input/source.h"

#define READ_BYTES (256u << 10)

struct source_large {
    sem_t permits;
};

struct source_stream {
    const struct source *source;
    uint32_t index;
    struct source_stream_options options;
    struct flow_decoder *decoder;
    uint64_t bytes;
    bool has_permit; /* of options.large */
    bool ended;

    struct flow_reader *reader; /* capture */
    bool at_journal_block;      /* the next block says where in the flow it lies */

    const char *file; /* files */
    int fd;
    uint8_t *buffer;
    uint64_t saved_us;
};

int source_large_new(struct source_large **ret, struct ft_err *err)
{
    struct source_large *l = calloc(1, sizeof(*l));

    if (l == NULL)
        return err_nomem(err, "a source");
    (void)sem_init(&l->permits, 0, SOURCE_LARGE_COUNT); /* cannot fail for so few */
    *ret = l;
    return 0;
}

void source_large_free(struct source_large *l)
{
    if (l == NULL)
        return;
    (void)sem_destroy(&l->permits); /* all streams have given theirs back */
    free(l);
}

static int open_file(struct source_stream *st, const char *file, struct ft_err *err)
{
    struct stat status;

    st->file = file;
    st->fd = open(file, O_RDONLY | O_CLOEXEC);
    if (st->fd < 0)
        return err_errno(err, errno, "could not open \"%s\"", file);
    if (fstat(st->fd, &status) == 0)
        st->saved_us = (uint64_t)status.st_mtim.tv_sec * 1000000;
    if (st->source->info.ctime_s != 0)
        st->saved_us = st->source->info.ctime_s * 1000000;
    (void)posix_fadvise(st->fd, 0, 0, POSIX_FADV_SEQUENTIAL); /* only advice */
    st->buffer = malloc(READ_BYTES);
    if (st->buffer == NULL)
        return err_nomem(err, "a read buffer");
    return 0;
}

/*
 * To the block where the journal is to begin. A flow without a journal so far is at its end then.
 */
static int start_journal(struct source_stream *st, const struct capture_flow *flow,
                         struct ft_err *err)
{
    uint64_t lsn = st->options.start_lsn != 0 ? st->options.start_lsn : flow->stable_lsn;

    st->at_journal_block = true;
    if (flow_reader_seek_lsn(st->reader, lsn, err) != 0)
        return -1;
    return flow_decoder_start_journal(st->decoder, 0, lsn, 0, err);
}

int source_stream_open(struct source_stream **ret, const struct source *s, uint32_t index,
                       const struct source_stream_options *options, struct ft_err *err)
{
    struct source_stream *st = calloc(1, sizeof(*st));
    struct flow_decoder_options decoder = {
        .rdb = {.skip_values = options->skip_values,
                .dragonfly = s->kind != SOURCE_RDB,
                .detect = s->kind == SOURCE_RDB,
                .verify_checksum = options->verify_checksum},
        .flow = index,
        .file = s->kind != SOURCE_CAPTURE,
        .skip_words = options->skip_values && !options->keep_words,
    };
    int rc;

    if (st == NULL)
        return err_nomem(err, "a source");
    st->source = s;
    st->index = index;
    st->options = *options;
    st->fd = -1;
    if (s->kind == SOURCE_CAPTURE) {
        if (s->generation->flows[index].eof_token[0] != '\0')
            decoder.token = s->generation->flows[index].eof_token;
        rc = flow_reader_new(&st->reader, s->capture, s->generation, index, err);
    } else {
        rc = open_file(st, s->files[index], err);
    }
    if (rc == 0)
        rc = flow_decoder_new(&st->decoder, &decoder, err);
    if (rc == 0 && options->journal_only && s->kind == SOURCE_CAPTURE)
        rc = start_journal(st, &s->generation->flows[index], err);
    if (rc != 0) {
        if (s->kind == SOURCE_CAPTURE)
            err_wrap(err, "\"%s\": flow %" PRIu32, s->path, index);
        source_stream_free(st);
        return -1;
    }
    *ret = st;
    return 0;
}

enum flow_part source_flow_part(enum segment_kind kind)
{
    switch (kind) {
    case SEGMENT_SNAPSHOT:
        return FLOW_PART_SNAPSHOT;
    case SEGMENT_JOURNAL:
        return FLOW_PART_JOURNAL;
    default:
        return FLOW_PART_INCREMENT;
    }
}

/* Returns 1: fed, or closed, 0: there is nothing to feed yet. */
static int feed_capture(struct source_stream *st, struct ft_err *err)
{
    struct segment_block block;
    enum segment_kind kind;
    enum step step = flow_reader_next(st->reader, &block, &kind, err);

    if (step == STEP_ERROR)
        return -1;
    if (step != STEP_ITEM && st->options.follow)
        return 0;
    if (step != STEP_ITEM) {
        flow_decoder_close(st->decoder);
        return 1;
    }
    st->bytes += block.raw_bytes;
    if (st->at_journal_block) {
        st->at_journal_block = false;
        if (flow_decoder_start_journal(st->decoder, block.stream_offset, block.first_lsn,
                                       block.dbid, err) != 0)
            return -1;
    }
    if (flow_decoder_push(st->decoder, source_flow_part(kind), block.payload, block.time_us, err) !=
        0)
        return -1;
    return 1;
}

static int feed_file(struct source_stream *st, struct ft_err *err)
{
    ssize_t n;

    do
        n = read(st->fd, st->buffer, READ_BYTES);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return err_errno(err, errno, "could not read \"%s\"", st->file);
    if (n == 0) {
        flow_decoder_close(st->decoder);
        return 1;
    }
    st->bytes += (uint64_t)n;
    if (flow_decoder_push(st->decoder, FLOW_PART_SNAPSHOT, bytes_of(st->buffer, (size_t)n),
                          st->saved_us, err) != 0)
        return -1;
    return 1;
}

/*
 * The stream owns a permit from the moment that its decoder collects something large until it has let go
 * of that: between two calls of source_stream_next the caller may well look at the item. So a permit is no
 * lock: the stream gives it back from whatever thread it is read or freed in.
 */
static void want_permit(struct source_stream *st, bool wanted)
{
    if (st->options.large == NULL || st->has_permit == wanted)
        return;
    st->has_permit = wanted;
    if (!wanted)
        (void)sem_post(&st->options.large->permits); /* was taken below */
    while (wanted && sem_wait(&st->options.large->permits) != 0)
        ; /* interrupted */
}

static int check_cancelled(const struct source *s, struct ft_err *err)
{
    struct pollfd fd = {.fd = s->cancel_fd, .events = POLLIN};

    if (s->cancel_fd < 0 || poll(&fd, 1, 0) <= 0)
        return 0;
    return err_set(err, FT_ERR_CANCELLED, "stopped");
}

static int feed(struct source_stream *st, struct ft_err *err)
{
    int fed;

    if (check_cancelled(st->source, err) != 0)
        return -1;
    fed = st->reader != NULL ? feed_capture(st, err) : feed_file(st, err);

    want_permit(st, flow_decoder_held_bytes(st->decoder) > SOURCE_LARGE_BYTES);
    return fed;
}

/* Behind the snapshot a caller may not want to go on. */
static bool is_last(const struct source_stream *st, const struct item *item)
{
    return st->options.snapshot_only && item->kind == ITEM_SNAPSHOT_END;
}

/* The decoder names flow and LSN itself; what the store says gets them here. */
static void wrap_read(const struct source_stream *st, struct ft_err *err)
{
    if (err->kind == FT_ERR_CANCELLED)
        return;
    if (st->file == NULL) {
        err_wrap(err, "\"%s\": flow %" PRIu32 ", next LSN %" PRIu64, st->source->path, st->index,
                 flow_decoder_next_lsn(st->decoder));
    } else if (strstr(err->msg, st->file) == NULL) {
        err_wrap(err, "\"%s\"", st->file);
    }
}

static void wrap_decode(const struct source_stream *st, struct ft_err *err)
{
    if (st->file != NULL)
        err_wrap(err, "\"%s\"", st->file);
    else
        err_wrap(err, "\"%s/%s\"", st->source->path, flow_reader_where(st->reader));
}

enum step source_stream_next(struct source_stream *st, struct item *ret, struct ft_err *err)
{
    enum step step;

    if (st->ended)
        return STEP_END;
    while ((step = flow_decoder_next(st->decoder, ret, err)) == STEP_MORE) {
        int fed = feed(st, err);

        if (fed == 0)
            return STEP_MORE;
        if (fed < 0) {
            wrap_read(st, err);
            st->ended = true;
            return STEP_ERROR;
        }
    }
    if (step == STEP_ERROR)
        wrap_decode(st, err);
    st->ended = step != STEP_ITEM || is_last(st, ret);
    return step;
}

uint64_t source_stream_bytes(const struct source_stream *st)
{
    return st->bytes;
}

void source_stream_free(struct source_stream *st)
{
    if (st == NULL)
        return;
    want_permit(st, false);
    flow_decoder_free(st->decoder);
    flow_reader_free(st->reader);
    if (st->fd >= 0)
        (void)close(st->fd); /* opened to read */
    free(st->buffer);
    free(st);
}
