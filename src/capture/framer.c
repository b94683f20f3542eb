#include "capture/framer.h"

#include <inttypes.h>
#include <stdlib.h>

#include "journal/journal_reader.h"
#include "rdb/rdb_stream.h"

/* Enough keys to tell the rules apart; hashing all of them would cost without need. */
#define SHARDING_KEYS 65536u
/* An item that is skipped leaves little behind; more than this is a fault of ours or an attack. */
#define FRAMER_HELD_MAX (4u << 20)

enum framer_phase {
    PHASE_FIRST_BYTE, /* resumed: journal or RDB stream? */
    PHASE_STREAM,
    PHASE_TOKEN,
    PHASE_JOURNAL,
};

struct framer {
    enum framer_phase phase;
    uint32_t flow;
    uint32_t flow_count;
    bool offset_expected;
    bool increment; /* the stream goes on from start_lsn */
    char token[FRAMER_TOKEN_BYTES];
    struct window in;
    struct rdb_stream *stream;
    struct journal_reader *journal;
    /* journal blobs of the stream: their own reader, which lives as long as the stream */
    struct journal_reader *blob_reader;
    struct window blob;
    uint64_t next_lsn; /* of the last record read; state.next_lsn is that of the boundary */
    struct framer_state state;
};

static int open_stream(struct framer *f, struct ft_err *err)
{
    struct rdb_stream_options options = {.skip_values = true, .dragonfly = true};

    if (rdb_stream_new(&f->stream, &options, err) != 0)
        return -1;
    if (journal_reader_new(&f->blob_reader, true, 0, err) != 0)
        return -1;
    f->phase = PHASE_STREAM;
    return 0;
}

static void close_stream(struct framer *f)
{
    rdb_stream_free(f->stream);
    f->stream = NULL;
    journal_reader_free(f->blob_reader);
    f->blob_reader = NULL;
    window_release(&f->blob);
}

static int open_journal(struct framer *f, struct ft_err *err)
{
    if (journal_reader_new(&f->journal, true, 0, err) != 0)
        return -1;
    f->phase = PHASE_JOURNAL;
    f->state.kind = SEGMENT_JOURNAL;
    f->state.dbid = 0;
    return 0;
}

int framer_new(struct framer **ret, const struct framer_options *options, struct ft_err *err)
{
    struct framer *f = calloc(1, sizeof(*f));

    if (f == NULL)
        return err_nomem(err, "a framer");
    f->flow = options->flow;
    f->flow_count = options->flow_count;
    f->offset_expected = options->offset_expected;
    memcpy(f->token, options->eof_token, FRAMER_TOKEN_BYTES);
    window_init(&f->in, options->start_offset, FRAMER_HELD_MAX);
    f->state.boundary = options->start_offset;
    f->phase = PHASE_FIRST_BYTE;
    if (options->resumed) {
        f->state.kind = SEGMENT_JOURNAL;
        f->state.lsn_known = true;
        f->state.stable_lsn = options->start_lsn;
        f->state.next_lsn = options->start_lsn;
        f->next_lsn = options->start_lsn;
    } else {
        f->state.kind = SEGMENT_SNAPSHOT;
        if (open_stream(f, err) != 0) {
            framer_free(f);
            return -1;
        }
    }
    *ret = f;
    return 0;
}

/* Look at the left-over bytes where they lie now, without a copy. */
static void move_window(struct window *w, const uint8_t *end)
{
    size_t left = window_left(w);

    w->offset = window_offset(w);
    w->base = end - left;
    w->pos = 0;
    w->len = left;
}

int framer_feed(struct framer *f, struct bytes piece, size_t before, struct ft_err *err)
{
    if (window_left(&f->in) > 0 && window_left(&f->in) <= before) {
        move_window(&f->in, piece.p);
        f->in.len += piece.n;
        return 0;
    }
    return window_push(&f->in, piece, err);
}

int framer_detach(struct framer *f, struct ft_err *err)
{
    return window_push(&f->in, bytes_of(NULL, 0), err);
}

static void set_boundary(struct framer *f)
{
    f->state.boundary = window_offset(&f->in);
    f->state.next_lsn = f->next_lsn;
}

static enum framer_event first_byte(struct framer *f, struct ft_err *err)
{
    int rc;

    if (window_left(&f->in) == 0)
        return FRAMER_MORE;
    f->increment = *window_at(&f->in) == 'R';
    if (f->increment)
        f->state.kind = SEGMENT_INCREMENT;
    rc = f->increment ? open_stream(f, err) : open_journal(f, err);
    return rc == 0 ? framer_run(f, err) : FRAMER_ERROR;
}

static void check_sharding(struct framer *f, struct bytes key)
{
    if (f->state.sharding.keys < SHARDING_KEYS)
        sharding_tally_key(&f->state.sharding, key, f->flow, f->flow_count);
}

static bool is_flush(const struct journal_record *record)
{
    return strcmp(record->name, "FLUSHALL") == 0 || strcmp(record->name, "FLUSHDB") == 0 ||
           strcmp(record->name, "DFLYCLUSTER") == 0; /* FLUSHSLOTS is the only one journalled */
}

/* A record too long to be delivered is counted by the blob's own word, and is no flush. */
static enum framer_event look_into_blob(struct framer *f, const struct rdb_item *item,
                                        struct ft_err *err)
{
    struct journal_record record;
    enum step step = STEP_MORE;
    bool flush = false;

    if (item->skipped_bytes > 0) {
        f->next_lsn += item->number;
        return FRAMER_MORE;
    }
    if (window_push(&f->blob, item->bytes, err) != 0)
        return FRAMER_ERROR;
    while ((step = journal_reader_next(f->blob_reader, &f->blob, &record, err)) == STEP_ITEM) {
        if (record.counted)
            f->next_lsn++;
        flush = flush || is_flush(&record);
    }
    if (step == STEP_MORE &&
        (window_left(&f->blob) > 0 || !journal_reader_at_boundary(f->blob_reader))) {
        step = STEP_ERROR;
        (void)err_at(err, FT_ERR_CORRUPT, item->offset, "a journal blob ends inside a record");
    }
    if (step == STEP_ERROR) {
        (void)err_wrap(err, "in the journal blob at offset %" PRIu64, item->offset);
        return FRAMER_ERROR;
    }
    return flush && !f->increment ? FRAMER_FLUSH : FRAMER_MORE;
}

static enum framer_event take_offset(struct framer *f, uint64_t lsn)
{
    if (f->increment && lsn != f->next_lsn)
        return FRAMER_GAP;
    f->next_lsn = lsn;
    f->state.stable_lsn = lsn;
    f->state.lsn_known = true;
    return FRAMER_MORE;
}

static enum framer_event take_eof(struct framer *f, uint64_t offset, struct ft_err *err)
{
    if (!f->state.lsn_known && f->offset_expected) {
        (void)err_at(err, FT_ERR_CORRUPT, offset,
                     "the RDB stream ends without the LSN that follows it");
        return FRAMER_ERROR;
    }
    if (!f->state.lsn_known)
        f->next_lsn = 0; /* what journal blobs have counted up has no meaning */
    close_stream(f);
    f->phase = PHASE_TOKEN;
    return FRAMER_MORE;
}

static enum framer_event take_item(struct framer *f, const struct rdb_item *item,
                                   struct ft_err *err)
{
    switch (item->kind) {
    case RDB_ITEM_ENTRY:
        f->state.keys++;
        if (item->entry.key.n > 0)
            check_sharding(f, item->entry.key);
        return FRAMER_MORE;
    case RDB_ITEM_AUX:
        if (bytes_eq_str(item->name, "df-ver") && item->bytes.n < sizeof(f->state.release)) {
            memcpy(f->state.release, item->bytes.p, item->bytes.n);
            f->state.release[item->bytes.n] = '\0';
            text_make_printable(f->state.release, sizeof(f->state.release));
        }
        return FRAMER_MORE;
    case RDB_ITEM_JOURNAL_BLOB:
        f->state.has_blobs = true;
        return look_into_blob(f, item, err);
    case RDB_ITEM_JOURNAL_OFFSET:
        return take_offset(f, item->number);
    case RDB_ITEM_FULLSYNC_END:
        return FRAMER_FULLSYNC_END;
    case RDB_ITEM_EOF:
        return take_eof(f, item->offset, err);
    default:
        return FRAMER_MORE;
    }
}

/* In a snapshot LSNs of boundaries say nothing; in an increment they count its records. */
static void set_stream_boundary(struct framer *f)
{
    set_boundary(f);
    if (!f->increment)
        f->state.next_lsn = 0;
}

static enum framer_event run_stream(struct framer *f, struct ft_err *err)
{
    enum framer_event event = FRAMER_MORE;
    struct rdb_item item;
    enum step step;

    while ((step = rdb_stream_next(f->stream, &f->in, &item, err)) == STEP_ITEM) {
        event = take_item(f, &item, err);
        if (event == FRAMER_ERROR || event == FRAMER_GAP)
            return event;
        if (f->phase != PHASE_STREAM)
            return framer_run(f, err);
        if (rdb_stream_at_boundary(f->stream))
            set_stream_boundary(f);
        if (event != FRAMER_MORE)
            return event;
    }
    if (step == STEP_MORE && rdb_stream_at_boundary(f->stream))
        set_stream_boundary(f);
    return step == STEP_MORE ? FRAMER_MORE : FRAMER_ERROR;
}

static enum framer_event run_token(struct framer *f, struct ft_err *err)
{
    if (window_left(&f->in) < FRAMER_TOKEN_BYTES)
        return FRAMER_MORE;
    if (memcmp(window_at(&f->in), f->token, FRAMER_TOKEN_BYTES) != 0) {
        (void)err_at(err, FT_ERR_CORRUPT, window_offset(&f->in),
                     "the RDB stream is not followed by the token the source announced");
        return FRAMER_ERROR;
    }
    window_consume(&f->in, FRAMER_TOKEN_BYTES);
    if (open_journal(f, err) != 0)
        return FRAMER_ERROR;
    set_boundary(f);
    return FRAMER_STREAM_END;
}

static enum framer_event run_journal(struct framer *f, struct ft_err *err)
{
    struct journal_record record;
    enum step step;

    while ((step = journal_reader_next(f->journal, &f->in, &record, err)) == STEP_ITEM) {
        if (record.counted) {
            f->next_lsn++;
            f->state.records++;
        }
        if (record.op == JOURNAL_OP_PING)
            f->state.ping_lsn = f->next_lsn;
        if (record.op == JOURNAL_OP_LSN && f->state.lsn_known && record.lsn + 1 != f->next_lsn)
            return FRAMER_GAP;
        set_boundary(f);
        f->state.dbid = record.dbid;
    }
    if (step == STEP_MORE)
        return FRAMER_MORE;
    (void)err_wrap(err, "at LSN %" PRIu64, f->next_lsn);
    return FRAMER_ERROR;
}

enum framer_event framer_run(struct framer *f, struct ft_err *err)
{
    switch (f->phase) {
    case PHASE_FIRST_BYTE:
        return first_byte(f, err);
    case PHASE_STREAM:
        return run_stream(f, err);
    case PHASE_TOKEN:
        return run_token(f, err);
    case PHASE_JOURNAL:
        return run_journal(f, err);
    }
    (void)err_set(err, FT_ERR_BUG, "a framer is in no phase");
    return FRAMER_ERROR;
}

const struct framer_state *framer_state(const struct framer *f)
{
    return &f->state;
}

void framer_free(struct framer *f)
{
    if (f == NULL)
        return;
    close_stream(f);
    journal_reader_free(f->journal);
    window_release(&f->in);
    free(f);
}
