#include "input/source_capture.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "input/cut.h"
#include "input/sharding_learn.h"
#include "input/source_aux.h"
#include "store/flow_reader.h"

static const struct source_capture *capture_in(const struct source *s)
{
    return (const struct source_capture *)s;
}

/* Whether there is a capture in it, opening it tells, and why not. */
static enum source_bid bid(const char *path, const struct stat *status)
{
    (void)path;
    return S_ISDIR(status->st_mode) ? SOURCE_BID_LOOKS : SOURCE_BID_NONE;
}

static int find_generation(struct source_capture *s, uint32_t id, struct ft_err *err)
{
    const char *path = s->base.path;

    s->generation = capture_find(s->capture, id);
    if (s->generation == NULL && id != 0)
        return err_set(err, FT_ERR_USAGE, "\"%s\" has no generation %" PRIu32, path, id);
    if (s->generation == NULL) {
        return err_set(err, FT_ERR_STATE,
                       "\"%s\" holds no complete snapshot yet; run capture again to finish it",
                       path);
    }
    return 0;
}

static int describe(struct source *s, const struct generation *g, struct ft_err *err)
{
    s->generation = g->id;
    s->began_us = g->began_us;
    s->snapshot_records = g->snapshot_records;
    s->stream_count = g->flow_count;
    s->lsns = calloc(g->flow_count + 1u, sizeof(*s->lsns));
    if (s->lsns == NULL)
        return err_nomem(err, "the flows");
    for (uint32_t i = 0; i < g->flow_count; i++)
        s->lsns[i] = (struct lsn_range){g->flows[i].stable_lsn, g->flows[i].next_lsn};
    return 0;
}

/* All streams say the same; one that grows may not have come to the end of it. */
static int read_aux(const struct source *s, struct source_aux *ret, struct ft_err *err)
{
    int rc = source_read_aux(s, 0, ret, err);

    for (uint32_t i = 1; rc == 0 && s->growing && !ret->complete && i < s->stream_count; i++)
        rc = source_read_aux(s, i, ret, err);
    return rc;
}

/* Is there enough to go by? */
static int check_begun(const struct source *s, const struct source_aux *aux,
                       enum sharding_rule rule, struct ft_err *err)
{
    const struct generation *g = capture_in(s)->generation;

    if (!s->growing)
        return 0;
    if (g->state == GENERATION_ABANDONED)
        return err_set(err, FT_ERR_NET, "generation %" PRIu32 " of \"%s\" was abandoned", g->id,
                       s->path);
    if (aux->complete && (rule != SHARDING_UNKNOWN || s->stream_count == 1))
        return 0;
    return err_set(err, FT_ERR_TIMEOUT, "generation %" PRIu32 " of \"%s\" has only begun", g->id,
                   s->path);
}

int source_capture_begin(struct source *s, struct capture *capture, uint32_t generation,
                         struct ft_err *err)
{
    struct source_capture *c = (struct source_capture *)s;
    enum sharding_rule rule;
    struct source_aux aux;

    c->capture = capture;
    s->of_redis = capture->redis;
    if (capture->redis)
        s->capabilities &= ~(unsigned)SOURCE_OF_DRAGONFLY;
    else
        s->capabilities &= ~(unsigned)SOURCE_LSN_IS_OFFSET;
    if (find_generation(c, generation, err) != 0 ||
        capture_hold(capture, c->generation, err) != 0 || describe(s, c->generation, err) != 0 ||
        read_aux(s, &aux, err) != 0)
        return -1;
    s->info = aux.info;
    /* a snapshot without keys has told nothing: perhaps the journal does */
    rule = c->generation->sharding;
    if (rule == SHARDING_UNKNOWN && s->stream_count > 1 && sharding_learn(s, &rule, err) != 0)
        return -1;
    if (check_begun(s, &aux, rule, err) != 0)
        return -1;
    return owner_guard_init(&s->guard, rule, s->stream_count, err);
}

static int open_capture(struct source *s, uint32_t generation, struct ft_err *err)
{
    struct capture *capture;

    if (capture_open_read(&capture, s->path, err) != 0)
        return -1;
    return source_capture_begin(s, capture, generation, err);
}

void source_capture_release(struct source *s)
{
    capture_free(((struct source_capture *)s)->capture);
}

int source_capture_identify(const struct source *s, int cancel_fd, uint8_t ret[SOURCE_ID_SIZE],
                            struct ft_err *err)
{
    (void)cancel_fd;
    (void)err;
    memcpy(ret, capture_in(s)->capture->id, SOURCE_ID_SIZE);
    return 0;
}

/* Whatever lies in the directory. */
static bool contains(const struct source *s, const char *path, const char *directory)
{
    char *top = realpath(s->path, NULL);
    size_t n = top == NULL ? 0 : strlen(top);
    bool below = top != NULL && directory != NULL && strncmp(directory, top, n) == 0 &&
                 (directory[n] == '\0' || directory[n] == '/');

    (void)path;
    free(top);
    return below;
}

/* Of a Redis: where the transaction ends within which a cut would lie; *ret 0: it lies in none. */
static int find_transaction_end(const struct source *s, uint32_t flow, uint64_t stop_lsn,
                                uint64_t *ret, struct ft_err *err)
{
    const struct source_stream_options options = {
        .skip_values = true, .journal_only = true, .start_lsn = stop_lsn};
    struct source_stream *stream;
    struct item item;
    enum step step;
    uint64_t txid = 0; /* of the last record before the cut */
    bool within = false;

    *ret = 0;
    if (stop_lsn <= source_lsns(s, flow).first || stop_lsn >= source_lsns(s, flow).next)
        return 0;
    if (source_stream_open(&stream, s, flow, &options, err) != 0)
        return -1;
    while ((step = source_stream_next(stream, &item, err)) == STEP_ITEM) {
        bool ends = item.is_record && item.record.op == JOURNAL_OP_EXEC;

        if (within && ends)
            *ret = item.lsn + 1;
        if (within ? ends : item.lsn >= stop_lsn && (ends || txid == 0))
            break;
        if (ends || item_command(&item) == NULL) {
            txid = ends ? 0 : txid;
            continue;
        }
        within = within || item.lsn >= stop_lsn;
        if (within && item.record.txid != txid)
            break;
        txid = item.record.txid;
    }
    source_stream_free(stream);
    return step == STEP_ERROR ? -1 : 0;
}

/* What a client of a Redis has done at once is there, or is not: a time is that of the end of its transaction. */
static int keep_whole(const struct source *s, const char *at, struct cut *cut, struct ft_err *err)
{
    bool is_list = at[0] >= '0' && at[0] <= '9' && strchr(at, 'T') == NULL;

    for (uint32_t i = 0; i < cut->flow_count; i++) {
        uint64_t end_lsn;

        if (find_transaction_end(s, i, cut->stop_lsn[i], &end_lsn, err) != 0)
            return -1;
        if (end_lsn != 0 && is_list) {
            return err_set(err, FT_ERR_USAGE,
                           "--at %s: flow %" PRIu32 ", LSN %" PRIu64
                           " lies within a transaction, which ends with LSN %" PRIu64,
                           at, i, cut->stop_lsn[i] - 1, end_lsn - 1);
        }
        if (end_lsn != 0)
            cut->stop_lsn[i] = end_lsn;
    }
    return 0;
}

int source_capture_resolve_cut(const struct source *s, const char *at, struct cut *ret,
                               struct ft_err *err)
{
    struct cut cut;

    if (cut_resolve(&cut, at, capture_in(s)->capture, capture_in(s)->generation, err) != 0)
        return -1;
    if (!source_can(s, SOURCE_OF_DRAGONFLY) && !cut.is_snapshot && !cut.is_end &&
        keep_whole(s, at, &cut, err) != 0) {
        cut_release(&cut);
        return -1;
    }
    *ret = cut;
    return 0;
}

int source_capture_parse_time(const struct source *s, const char *text, uint64_t *ret_time_us,
                              struct ft_err *err)
{
    return cut_parse_time(text, capture_in(s)->generation, ret_time_us, err);
}

static uint64_t raw_bytes(const struct source *s, uint32_t index, bool of_snapshot)
{
    const struct capture_flow *f = &capture_in(s)->generation->flows[index];
    uint64_t sum = 0;

    for (size_t i = 0; i < f->segment_count; i++) {
        if ((f->segments[i].kind == SEGMENT_SNAPSHOT) == of_snapshot)
            sum += f->segments[i].raw_bytes;
    }
    return sum;
}

uint64_t source_capture_snapshot_bytes(const struct source *s, uint32_t index)
{
    return raw_bytes(s, index, true);
}

uint64_t source_capture_journal_bytes(const struct source *s, uint32_t index)
{
    return raw_bytes(s, index, false);
}

uint64_t source_capture_seek_time(const struct source *s, uint32_t index, uint64_t time_us)
{
    const struct capture_flow *f = &capture_in(s)->generation->flows[index];

    if (f->stable_lsn == 0)
        return 0;
    for (size_t i = 0; i < f->segment_count; i++) {
        const struct segment_info *segment = &f->segments[i];

        if (segment->kind != SEGMENT_SNAPSHOT && segment->last_time_us >= time_us)
            return segment->start_lsn < f->stable_lsn ? f->stable_lsn : segment->start_lsn;
    }
    return f->next_lsn;
}

/* Generations and segments come with a new manifest. */
static bool stamp(const struct source *s, struct stat *ret)
{
    return fstatat(capture_in(s)->capture->dirfd, CAPTURE_MANIFEST, ret, 0) == 0;
}

const struct capture *source_capture_directory(const struct source *s)
{
    return s->kind->release == source_capture_release ? capture_in(s)->capture : NULL;
}

/*
 * The feed
 */

struct capture_feed {
    struct flow_reader *reader;
    bool at_journal_block; /* the next block says where in the flow it lies */
};

static void feed_free(void *feed)
{
    struct capture_feed *f = feed;

    if (f == NULL)
        return;
    flow_reader_free(f->reader);
    free(f);
}

static int feed_open(struct source_stream *st, struct flow_decoder_options *decoder,
                     struct ft_err *err)
{
    const struct source_capture *s = capture_in(st->source);
    const struct capture_flow *flow = &s->generation->flows[st->index];
    struct capture_feed *f = calloc(1, sizeof(*f));

    if (f == NULL)
        return err_nomem(err, "a source");
    st->feed = f;
    if (flow->eof_token[0] != '\0')
        decoder->token = flow->eof_token;
    if (s->capture->redis) {
        decoder->commands = FLOW_COMMANDS_BY_OFFSET;
        decoder->snapshot_next_lsn = flow->stable_lsn;
    }
    if (flow_reader_new(&f->reader, s->capture, s->generation, st->index, err) != 0)
        return err_wrap(err, "\"%s\": flow %" PRIu32, s->base.path, st->index);
    return 0;
}

/* A flow without a journal so far is at its end then. */
static int feed_start_journal(struct source_stream *st, struct ft_err *err)
{
    struct capture_feed *f = st->feed;
    uint64_t first_lsn = source_lsns(st->source, st->index).first;
    uint64_t lsn = st->options.start_lsn != 0 ? st->options.start_lsn : first_lsn;

    f->at_journal_block = true;
    if (flow_reader_seek_lsn(f->reader, lsn, err) != 0 ||
        flow_decoder_start_journal(st->decoder, 0, lsn, 0, err) != 0)
        return err_wrap(err, "\"%s\": flow %" PRIu32, st->source->path, st->index);
    return 0;
}

static int feed_next(struct source_stream *st, struct ft_err *err)
{
    struct capture_feed *f = st->feed;
    struct segment_block block;
    enum segment_kind kind;
    enum step step = flow_reader_next(f->reader, &block, &kind, err);

    if (step == STEP_ERROR)
        return -1;
    if (step != STEP_ITEM && st->options.follow)
        return 0;
    if (step != STEP_ITEM) {
        flow_decoder_close(st->decoder);
        return 1;
    }
    st->bytes += block.raw_bytes;
    if (f->at_journal_block) {
        f->at_journal_block = false;
        if (flow_decoder_start_journal(st->decoder, block.stream_offset, block.first_lsn,
                                       block.dbid, err) != 0)
            return -1;
    }
    if (flow_decoder_push(st->decoder, source_flow_part(kind), block.payload, block.time_us, err) !=
        0)
        return -1;
    return 1;
}

/* The decoder names flow and LSN itself; what the store says gets them here. */
static void feed_place(const struct source_stream *st, bool reading, struct ft_err *err)
{
    const struct capture_feed *f = st->feed;

    if (reading) {
        err_wrap(err, "\"%s\": flow %" PRIu32 ", next LSN %" PRIu64, st->source->path, st->index,
                 flow_decoder_next_lsn(st->decoder));
    } else {
        err_wrap(err, "\"%s/%s\"", st->source->path, flow_reader_where(f->reader));
    }
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

const struct source_feed source_capture_feed = {
    .open = feed_open,
    .start_journal = feed_start_journal,
    .next = feed_next,
    .place = feed_place,
    .free = feed_free,
};

const struct source_kind source_capture_kind = {
    .name = "capture",
    .capabilities = SOURCE_HAS_JOURNAL | SOURCE_WAS_RECEIVED | SOURCE_CAN_SEEK | SOURCE_CAN_FOLLOW |
                    SOURCE_HAS_GENERATIONS | SOURCE_OF_DRAGONFLY | SOURCE_LSN_IS_OFFSET,
    .size = sizeof(struct source_capture),
    .feed = &source_capture_feed,
    .bid = bid,
    .open = open_capture,
    .release = source_capture_release,
    .identify = source_capture_identify,
    .contains = contains,
    .snapshot_bytes = source_capture_snapshot_bytes,
    .journal_bytes = source_capture_journal_bytes,
    .resolve_cut = source_capture_resolve_cut,
    .parse_time = source_capture_parse_time,
    .seek_time = source_capture_seek_time,
    .stamp = stamp,
};
