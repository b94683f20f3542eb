#include "serve/dragonfly_tape.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/endian.h"
#include "item/flow_grammar.h"
#include "rdb/rdb_string.h"

/* EOF, its checksum, and the token: whatever else is in a stream, this belongs after STARTSTABLE. */
#define STREAM_END_BYTES (9u + FLOW_TOKEN_SIZE)

struct dragonfly_tape {
    struct flow_reader *reader;
    uint32_t flow;
    uint64_t stable_lsn;
    struct buf made[2]; /* pieces that are not stored: an empty increment and its end */
    unsigned made_next; /* of these */
    struct segment_block block;
    struct bytes left; /* of the block */
    /* the RDB stream */
    uint64_t snapshot_bytes;
    uint64_t gate;         /* where what follows FULLSYNC_END begins; UINT64_MAX: not known yet */
    uint64_t fullsync_end; /* the item that has it; UINT64_MAX: not seen */
    struct flow_grammar *grammar; /* until the gate is known */
    struct window stream;
    /* the journal */
    uint64_t wanted_lsn; /* records before this one are passed over */
    struct journal_reader *journal;
    struct window in;
    uint64_t item_end; /* of the last item that was read */
    struct dragonfly_record *records;
    size_t record_count;
    size_t record_cap;
    /* an increment */
    char segment[SEGMENT_NAME_MAX]; /* in which it lies; "": none */
    struct rdb_stream *increment;
    struct window increment_in;
    uint64_t increment_lsn;
    bool increment_done;
};

/*
 * An increment that has no records, as a master sends it when none came in between
 */

static int put_aux(struct buf *b, const char *name, const char *value, struct ft_err *err)
{
    if (buf_append(b, "\xfa", 1, err) != 0 || rdb_string_put(b, bytes_str(name), err) != 0)
        return -1;
    return rdb_string_put(b, bytes_str(value), err);
}

static int make_increment(struct dragonfly_tape *t, const char *release, uint64_t lsn,
                          const char *token, struct ft_err *err)
{
    static const uint8_t fullsync_end[9] = {0xc8};
    static const uint8_t eof[9] = {0xff};
    struct buf *head = &t->made[0];
    struct buf *tail = &t->made[1];
    uint8_t next[8];

    store_le64(next, lsn);
    if (buf_append_str(head, "REDIS0009", err) != 0 ||
        put_aux(head, "redis-ver", "6.2.11", err) != 0 ||
        (release[0] != '\0' && put_aux(head, "df-ver", release, err) != 0) ||
        buf_append(head, fullsync_end, sizeof(fullsync_end), err) != 0)
        return -1;
    if (buf_append(tail, "\xd3", 1, err) != 0 || buf_append(tail, next, sizeof(next), err) != 0 ||
        buf_append(tail, eof, sizeof(eof), err) != 0)
        return -1;
    return buf_append(tail, token, FLOW_TOKEN_SIZE, err);
}

static enum step next_made(struct dragonfly_tape *t, struct dragonfly_piece *ret)
{
    bool last = t->made_next == 1;

    *ret = (struct dragonfly_piece){
        .bytes = buf_bytes(&t->made[t->made_next++]),
        .offset = DRAGONFLY_MADE,
        .stable = last,
        .ends_stream = last,
        .lsn = t->wanted_lsn,
    };
    return STEP_ITEM;
}

/*
 * The RDB stream
 */

/* Looks for the first byte after the item in which FULLSYNC_END lies, which may be a compressed blob. */
static int find_gate(struct dragonfly_tape *t, struct ft_err *err)
{
    struct item item;
    enum step step = STEP_ITEM;

    if (t->gate != UINT64_MAX)
        return 0;
    if (window_push(&t->stream, t->block.payload, err) != 0)
        return -1;
    while (t->gate == UINT64_MAX && step == STEP_ITEM) {
        step = flow_grammar_next(t->grammar, &t->stream, &item, err);
        if (step == STEP_ERROR)
            return -1;
        if (step == STEP_ITEM && !item.is_record && item.rdb.kind == RDB_ITEM_FULLSYNC_END)
            t->fullsync_end = item.offset;
        if (t->fullsync_end == UINT64_MAX)
            continue;
        if (step == STEP_ITEM && !item.is_record && item.offset > t->fullsync_end)
            t->gate = item.offset;
        else if (flow_grammar_at_boundary(t->grammar))
            t->gate = window_offset(&t->stream);
    }
    if (t->gate != UINT64_MAX && t->gate > t->snapshot_bytes - STREAM_END_BYTES)
        t->gate = t->snapshot_bytes - STREAM_END_BYTES;
    return window_keep(&t->stream, err);
}

/* A block, or what lies of it on one side of the gate. */
static enum step take_stream(struct dragonfly_tape *t, struct dragonfly_piece *ret)
{
    uint64_t from = t->block.stream_offset + (t->block.raw_bytes - t->left.n);
    uint64_t gate = t->gate;
    size_t n = t->left.n;

    if (gate == UINT64_MAX)
        gate = t->snapshot_bytes - STREAM_END_BYTES;
    if (from < gate && gate - from < n)
        n = (size_t)(gate - from);
    *ret = (struct dragonfly_piece){
        .bytes = bytes_of(t->left.p, n),
        .offset = from,
        .time_us = t->block.time_us,
        .stable = from >= gate,
        .ends_stream = from + n == t->snapshot_bytes,
        .lsn = t->stable_lsn,
    };
    t->left = bytes_of(t->left.p + n, t->left.n - n);
    return STEP_ITEM;
}

/*
 * The journal
 */

static int add_record(struct dragonfly_tape *t, uint64_t base, uint64_t start, struct ft_err *err)
{
    struct dragonfly_record *r;

    if (ARRAY_RESERVE(&t->records, &t->record_cap, t->record_count + 1, "records", err) != 0)
        return -1;
    r = &t->records[t->record_count++];
    r->start = start < base ? 0 : (uint32_t)(start - base);
    r->end = (uint32_t)(window_offset(&t->in) - base);
    return 0;
}

/* Notes the records that end in these bytes, which follow those that were looked at before. */
static int find_records(struct dragonfly_tape *t, struct bytes bytes, struct ft_err *err)
{
    uint64_t base = window_offset(&t->in) + window_left(&t->in);
    struct journal_record record;
    enum step step;

    t->record_count = 0;
    if (window_push(&t->in, bytes, err) != 0)
        return -1;
    while ((step = journal_reader_next(t->journal, &t->in, &record, err)) == STEP_ITEM) {
        t->item_end = window_offset(&t->in);
        if (record.counted && add_record(t, base, record.offset, err) != 0)
            return -1;
    }
    return step == STEP_ERROR ? -1 : window_keep(&t->in, err);
}

/* How many of these bytes come before the record that is wanted; all of them if it is not among these. */
static size_t before_wanted(const struct dragonfly_tape *t, size_t n, uint64_t base, uint64_t lsn,
                            bool open)
{
    if (t->wanted_lsn <= lsn)
        return 0;
    if (t->wanted_lsn < lsn + t->record_count)
        return t->records[t->wanted_lsn - lsn].start;
    /* it begins here and ends in a later block */
    if (t->wanted_lsn == lsn + t->record_count && open && t->item_end - base < n)
        return t->item_end > base ? (size_t)(t->item_end - base) : 0;
    return n;
}

static void drop_records(struct dragonfly_tape *t, struct dragonfly_piece *p, size_t bytes)
{
    uint32_t count = 0;

    while (count < p->record_count && p->records[count].end <= bytes)
        count++;
    for (uint32_t i = count; i < p->record_count; i++) {
        struct dragonfly_record *r = &t->records[i];

        r->start = r->start > bytes ? r->start - (uint32_t)bytes : 0;
        r->end -= (uint32_t)bytes;
    }
    p->records += count;
    p->record_count -= count;
    p->lsn += count;
    p->bytes = bytes_of(p->bytes.p + bytes, p->bytes.n - bytes);
    p->offset = p->offset == DRAGONFLY_MADE ? DRAGONFLY_MADE : p->offset + bytes;
}

/* STEP_MORE: all of it comes before the record that is wanted. */
static enum step take_journal(struct dragonfly_tape *t, struct bytes bytes, uint64_t offset,
                              uint64_t lsn, bool open, struct dragonfly_piece *ret,
                              struct ft_err *err)
{
    uint64_t base = window_offset(&t->in) + window_left(&t->in);
    size_t skip;

    if (find_records(t, bytes, err) != 0)
        return STEP_ERROR;
    skip = before_wanted(t, bytes.n, base, lsn, open);
    if (skip == bytes.n)
        return STEP_MORE;
    *ret = (struct dragonfly_piece){
        .bytes = bytes,
        .offset = offset,
        .time_us = t->block.time_us,
        .stable = true,
        .journal = true,
        .open = open,
        .lsn = lsn,
        .records = t->records,
        .record_count = (uint32_t)t->record_count,
    };
    drop_records(t, ret, skip);
    return STEP_ITEM;
}

/*
 * Increments
 */

static void end_increment(struct dragonfly_tape *t)
{
    rdb_stream_free(t->increment);
    t->increment = NULL;
    window_release(&t->increment_in);
    t->segment[0] = '\0';
}

static int begin_increment(struct dragonfly_tape *t, const char *segment, struct ft_err *err)
{
    const struct rdb_stream_options options = {.dragonfly = true};

    end_increment(t);
    window_init(&t->increment_in, t->block.stream_offset, 0);
    t->increment_lsn = t->block.first_lsn;
    t->increment_done = false;
    (void)strncpy(t->segment, segment, sizeof(t->segment) - 1); /* one of these names fits */
    return rdb_stream_new(&t->increment, &options, err);
}

static int push_increment(struct dragonfly_tape *t, struct ft_err *err)
{
    const char *segment = flow_reader_where(t->reader);

    if (strcmp(segment, t->segment) != 0 && begin_increment(t, segment, err) != 0)
        return -1;
    t->left = bytes_of(NULL, 0);
    return window_push(&t->increment_in, t->block.payload, err);
}

/* The records of the next blob. STEP_MORE: another block is needed. */
static enum step take_increment(struct dragonfly_tape *t, struct dragonfly_piece *ret,
                                struct ft_err *err)
{
    struct rdb_item item;
    enum step step;

    while (!t->increment_done) {
        step = rdb_stream_next(t->increment, &t->increment_in, &item, err);
        if (step == STEP_END) { /* the token is left */
            t->increment_done = true;
            return STEP_MORE;
        }
        if (step != STEP_ITEM)
            return step;
        if (item.kind != RDB_ITEM_JOURNAL_BLOB)
            continue;
        step = take_journal(t, item.bytes, DRAGONFLY_MADE, t->increment_lsn, false, ret, err);
        t->increment_lsn += t->record_count;
        if (step != STEP_MORE)
            return step;
    }
    return STEP_MORE;
}

/*
 * Blocks
 */

static enum step take_block(struct dragonfly_tape *t, enum segment_kind kind,
                            struct dragonfly_piece *ret, struct ft_err *err)
{
    t->left = t->block.payload;
    if (kind == SEGMENT_SNAPSHOT) {
        if (find_gate(t, err) != 0)
            return STEP_ERROR;
        return t->left.n == 0 ? STEP_MORE : take_stream(t, ret);
    }
    if (kind == SEGMENT_INCREMENT)
        return push_increment(t, err) != 0 ? STEP_ERROR : take_increment(t, ret, err);
    end_increment(t);
    t->left = bytes_of(NULL, 0);
    if (t->block.raw_bytes == 0)
        return STEP_MORE;
    return take_journal(t, t->block.payload, t->block.stream_offset, t->block.first_lsn,
                        (t->block.flags & SEGMENT_BLOCK_CONTINUED) != 0, ret, err);
}

enum step dragonfly_tape_next(struct dragonfly_tape *t, struct dragonfly_piece *ret,
                              struct ft_err *err)
{
    enum segment_kind kind;
    enum step step = STEP_MORE;

    if (t->made_next < 2 && t->made[0].n != 0)
        return next_made(t, ret);
    if (t->left.n != 0)
        return take_stream(t, ret);
    if (t->increment != NULL)
        step = take_increment(t, ret, err);
    while (step == STEP_MORE) {
        step = flow_reader_next(t->reader, &t->block, &kind, err);
        if (step == STEP_ITEM)
            step = take_block(t, kind, ret, err);
    }
    if (step == STEP_ERROR)
        err_wrap(err, "\"%s\"", flow_reader_where(t->reader));
    return step;
}

static int open_tape(struct dragonfly_tape *t, const struct capture *c, const struct generation *g,
                     enum dragonfly_begin begin, uint64_t lsn, const char *token,
                     struct ft_err *err)
{
    const struct capture_flow *f = &g->flows[t->flow];
    const struct flow_grammar_options grammar = {
        .rdb = {.skip_values = true, .dragonfly = true},
        .flow = t->flow,
        .skip_args = true,
    };

    t->gate = t->fullsync_end = UINT64_MAX;
    t->stable_lsn = t->wanted_lsn = f->stable_lsn;
    for (size_t i = 0; i < f->segment_count; i++)
        t->snapshot_bytes += f->segments[i].kind == SEGMENT_SNAPSHOT ? f->segments[i].raw_bytes : 0;
    if (t->snapshot_bytes < STREAM_END_BYTES)
        return err_set(err, FT_ERR_CORRUPT, "flow %" PRIu32 ": a full sync of %" PRIu64 " bytes",
                       t->flow, t->snapshot_bytes);
    window_init(&t->stream, 0, 0);
    window_init(&t->in, 0, 0);
    if (flow_reader_new(&t->reader, c, g, t->flow, err) != 0 ||
        journal_reader_new(&t->journal, true, 0, err) != 0)
        return -1;
    if (begin == DRAGONFLY_FULL)
        return flow_grammar_new(&t->grammar, &grammar, err);
    t->wanted_lsn = lsn;
    if (begin == DRAGONFLY_PARTIAL_FRAMED &&
        make_increment(t, g->source_version, lsn, token, err) != 0)
        return -1;
    return flow_reader_seek_lsn(t->reader, lsn, err);
}

int dragonfly_tape_new(struct dragonfly_tape **ret, const struct capture *c,
                       const struct generation *g, uint32_t flow, enum dragonfly_begin begin,
                       uint64_t lsn, const char *token, struct ft_err *err)
{
    struct dragonfly_tape *t = calloc(1, sizeof(*t));

    if (t == NULL)
        return err_nomem(err, "a flow");
    t->flow = flow;
    if (open_tape(t, c, g, begin, lsn, token, err) != 0) {
        dragonfly_tape_free(t);
        return -1;
    }
    *ret = t;
    return 0;
}

void dragonfly_tape_free(struct dragonfly_tape *t)
{
    if (t == NULL)
        return;
    end_increment(t);
    flow_reader_free(t->reader);
    flow_grammar_free(t->grammar);
    journal_reader_free(t->journal);
    window_release(&t->stream);
    window_release(&t->in);
    buf_release(&t->made[0]);
    buf_release(&t->made[1]);
    free(t->records);
    free(t);
}
