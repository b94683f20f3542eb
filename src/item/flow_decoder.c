#include "item/flow_decoder.h"

#include <inttypes.h>
#include <stdlib.h>

#include "rdb/rdb_version.h"

enum phase {
    PHASE_RDB,
    PHASE_TOKEN,
    PHASE_JOURNAL,
    PHASE_TAIL, /* what follows the RDB in a file */
    PHASE_DONE, /* of a file */
};

/* A Dragonfly fills its files up with old bytes of a buffer to a multiple of this. */
#define FILE_UNIT_BYTES 4096u

struct flow_decoder {
    struct flow_decoder_options options;
    enum phase phase;
    enum flow_part part;
    struct window in;
    uint64_t time_us;

    struct rdb_stream *rdb;
    uint64_t tail_at;        /* where the RDB of a file ends */
    uint64_t journal_offset; /* of the current RDB stream; 0: not seen */
    bool token_done;

    struct journal_reader *journal;
    uint64_t next_lsn;

    /* An open journal blob. Its reader lives as long as the RDB stream: on old masters the database
     * is selected once for many blobs. */
    struct journal_reader *blob_reader;
    struct window blob;
    bool in_blob;
    uint64_t blob_offset;
};

int flow_decoder_new(struct flow_decoder **ret, const struct flow_decoder_options *options,
                     struct ft_err *err)
{
    struct flow_decoder *d = calloc(1, sizeof(*d));

    if (d == NULL)
        return err_nomem(err, "a flow decoder");
    d->options = *options;
    d->part = FLOW_PART_SNAPSHOT;
    window_init(&d->in, 0, 0);
    window_init(&d->blob, 0, 0);
    if (rdb_stream_new(&d->rdb, &options->rdb, err) != 0 ||
        journal_reader_new(&d->blob_reader, options->skip_words, 0, err) != 0 ||
        journal_reader_new(&d->journal, options->skip_words, 0, err) != 0) {
        flow_decoder_free(d);
        return -1;
    }
    *ret = d;
    return 0;
}

int flow_decoder_start_journal(struct flow_decoder *d, uint64_t offset, uint64_t next_lsn,
                               uint32_t dbid, struct ft_err *err)
{
    if (window_left(&d->in) != 0)
        return err_set(err, FT_ERR_BUG, "a flow decoder was moved while it held data");
    d->phase = PHASE_JOURNAL;
    d->part = FLOW_PART_JOURNAL;
    d->token_done = true;
    d->next_lsn = next_lsn;
    d->in.offset = offset;
    journal_reader_set_db(d->journal, dbid);
    return 0;
}

/* Between two parts everything of the first one must have been understood. */
static int change_part(struct flow_decoder *d, enum flow_part part, struct ft_err *err)
{
    if (d->phase != PHASE_JOURNAL || !journal_reader_at_boundary(d->journal) ||
        window_left(&d->in) != 0) {
        return err_at(err, FT_ERR_CORRUPT, window_offset(&d->in),
                      "flow %" PRIu32 ": a part of the flow ends early", d->options.flow);
    }
    if (part == FLOW_PART_SNAPSHOT)
        return err_at(err, FT_ERR_CORRUPT, window_offset(&d->in),
                      "flow %" PRIu32 ": a second full sync in one generation", d->options.flow);
    if (part == FLOW_PART_INCREMENT) {
        rdb_stream_free(d->rdb);
        d->rdb = NULL;
        if (rdb_stream_new(&d->rdb, &d->options.rdb, err) != 0)
            return -1;
        d->phase = PHASE_RDB;
        d->journal_offset = 0;
        d->token_done = false;
    }
    d->part = part;
    return 0;
}

int flow_decoder_push(struct flow_decoder *d, enum flow_part part, struct bytes piece,
                      uint64_t time_us, struct ft_err *err)
{
    if (part != d->part && change_part(d, part, err) != 0)
        return -1;
    d->time_us = time_us;
    return window_push(&d->in, piece, err);
}

void flow_decoder_close(struct flow_decoder *d)
{
    d->in.closed = true;
}

static int wrap(const struct flow_decoder *d, struct ft_err *err)
{
    if (d->options.file)
        return -1;
    return err_wrap(err, "flow %" PRIu32, d->options.flow);
}

static int wrap_lsn(const struct flow_decoder *d, struct ft_err *err)
{
    return err_wrap(err, "flow %" PRIu32 ", LSN %" PRIu64, d->options.flow, d->next_lsn);
}

/* Fills ret from a record; false: a mark that was checked and has nothing more to say. */
static int take_record(struct flow_decoder *d, struct item *ret, bool has_lsn, struct ft_err *err)
{
    const struct journal_record *record = &ret->record;

    ret->is_record = true;
    ret->flow = d->options.flow;
    ret->time_us = d->time_us;
    ret->lsn = 0;
    ret->kind = ITEM_OTHER;
    if (record->op == JOURNAL_OP_LSN && has_lsn && record->lsn != d->next_lsn - 1) {
        return err_at(err, FT_ERR_CORRUPT, ret->offset,
                      "flow %" PRIu32 ": LSN mark says %" PRIu64 ", counted %" PRIu64,
                      d->options.flow, record->lsn, d->next_lsn - 1);
    }
    if (record->counted && has_lsn)
        ret->lsn = d->next_lsn++;
    if (record->op == JOURNAL_OP_COMMAND || record->op == JOURNAL_OP_MULTI_COMMAND ||
        record->op == JOURNAL_OP_EXPIRED)
        ret->kind = ITEM_COMMAND;
    return 0;
}

static enum step next_in_blob(struct flow_decoder *d, struct item *ret, struct ft_err *err)
{
    enum step step = journal_reader_next(d->blob_reader, &d->blob, &ret->record, err);
    bool has_lsn = d->part == FLOW_PART_INCREMENT;

    if (step == STEP_ERROR) {
        err_wrap(err, "journal blob at offset %" PRIu64, d->blob_offset);
        wrap(d, err);
        return STEP_ERROR;
    }
    if (step != STEP_ITEM) {
        d->in_blob = false;
        return STEP_END;
    }
    ret->offset = d->blob_offset;
    return take_record(d, ret, has_lsn, err) == 0 ? STEP_ITEM : STEP_ERROR;
}

static int open_blob(struct flow_decoder *d, const struct rdb_item *item, struct ft_err *err)
{
    window_init(&d->blob, 0, 0);
    d->blob.closed = true;
    d->blob_offset = item->offset;
    d->in_blob = true;
    return window_push(&d->blob, item->bytes, err);
}

static enum item_kind kind_of(enum rdb_item_kind kind)
{
    switch (kind) {
    case RDB_ITEM_ENTRY:
        return ITEM_ENTRY;
    case RDB_ITEM_AUX:
        return ITEM_AUX;
    case RDB_ITEM_FUNCTION:
    case RDB_ITEM_FUNCTION_PRE_GA:
        return ITEM_FUNCTION;
    case RDB_ITEM_MODULE_AUX:
        return ITEM_MODULE_AUX;
    default:
        return ITEM_OTHER;
    }
}

static int note_journal_offset(struct flow_decoder *d, uint64_t lsn, struct ft_err *err)
{
    if (lsn == 0)
        return err_at(err, FT_ERR_CORRUPT, window_offset(&d->in), "JOURNAL_OFFSET of 0");
    if (d->part == FLOW_PART_INCREMENT && lsn != d->next_lsn) {
        return err_at(err, FT_ERR_CORRUPT, window_offset(&d->in),
                      "JOURNAL_OFFSET says %" PRIu64 ", counted %" PRIu64, lsn, d->next_lsn);
    }
    d->journal_offset = lsn;
    return 0;
}

static enum step next_rdb(struct flow_decoder *d, struct item *ret, struct ft_err *err)
{
    enum step step = rdb_stream_next(d->rdb, &d->in, &ret->rdb, err);

    if (step == STEP_ERROR) {
        wrap(d, err);
        return STEP_ERROR;
    }
    if (step == STEP_END) {
        d->phase = d->options.file ? PHASE_TAIL : PHASE_TOKEN;
        d->tail_at = window_offset(&d->in);
        return STEP_END;
    }
    if (step == STEP_MORE)
        return STEP_MORE;
    ret->is_record = false;
    ret->kind = kind_of(ret->rdb.kind);
    ret->flow = d->options.flow;
    ret->offset = ret->rdb.offset;
    ret->time_us = d->time_us;
    ret->lsn = 0;
    if (ret->rdb.kind == RDB_ITEM_JOURNAL_OFFSET &&
        note_journal_offset(d, ret->rdb.number, err) != 0) {
        wrap(d, err);
        return STEP_ERROR;
    }
    if (ret->rdb.kind == RDB_ITEM_JOURNAL_BLOB && ret->rdb.skipped_bytes == 0 &&
        open_blob(d, &ret->rdb, err) != 0)
        return STEP_ERROR;
    return STEP_ITEM;
}

static enum step next_token(struct flow_decoder *d, struct item *ret, struct ft_err *err)
{
    const uint8_t *at = window_at(&d->in);

    if (window_left(&d->in) < FLOW_TOKEN_SIZE) {
        if (!d->in.closed)
            return STEP_MORE;
        err_at(err, FT_ERR_CORRUPT, window_offset(&d->in),
               "the stream ends within the token: wanted %d bytes, got %zu", FLOW_TOKEN_SIZE,
               window_left(&d->in));
        wrap(d, err);
        return STEP_ERROR;
    }
    if (d->options.token != NULL && memcmp(at, d->options.token, FLOW_TOKEN_SIZE) != 0) {
        char seen[FLOW_TOKEN_SIZE * 4 + 4];

        err_at(err, FT_ERR_CORRUPT, window_offset(&d->in),
               "wrong token behind the RDB stream: wanted \"%.40s\", got \"%s\"", d->options.token,
               bytes_escape(bytes_of(at, FLOW_TOKEN_SIZE), seen, sizeof(seen)));
        wrap(d, err);
        return STEP_ERROR;
    }
    memset(ret, 0, sizeof(*ret));
    ret->kind = ITEM_SNAPSHOT_END;
    ret->flow = d->options.flow;
    ret->offset = window_offset(&d->in);
    ret->time_us = d->time_us;
    ret->lsn = d->journal_offset;
    window_consume(&d->in, FLOW_TOKEN_SIZE);
    d->next_lsn = d->journal_offset;
    d->phase = PHASE_JOURNAL;
    d->token_done = true;
    return STEP_ITEM;
}

/* Passes over the padding of a Dragonfly's file. */
static enum step pass_padding(struct flow_decoder *d, struct ft_err *err)
{
    uint64_t end;

    window_consume(&d->in, window_left(&d->in));
    end = window_offset(&d->in);
    if (!d->in.closed && end - d->tail_at < FILE_UNIT_BYTES)
        return STEP_MORE;
    if (end == d->tail_at || (end - d->tail_at < FILE_UNIT_BYTES && end % FILE_UNIT_BYTES == 0)) {
        d->phase = PHASE_DONE;
        return STEP_END;
    }
    err_at(err, FT_ERR_CORRUPT, d->tail_at,
           "bytes that are not the padding to a multiple of %u follow the RDB, they begin",
           FILE_UNIT_BYTES);
    return STEP_ERROR;
}

/*
 * Nothing may follow the RDB of a Redis: an append-only file of Redis 4 to 6 begins with one, and its
 * commands are newer than it.
 */
static enum step refuse_tail(struct flow_decoder *d, struct ft_err *err)
{
    const uint8_t *p = window_at(&d->in);

    if (p[0] == '*')
        err_at(err, FT_ERR_UNSUPPORTED, d->tail_at,
               "commands of an append-only file follow the RDB, which is only its head: have a "
               "redis-server load it and save an RDB; they begin");
    else if (rdb_header_begins(p, window_left(&d->in)))
        err_at(err, FT_ERR_CORRUPT, d->tail_at, "another RDB follows the first one, it begins");
    else
        err_at(err, FT_ERR_CORRUPT, d->tail_at,
               "bytes that belong to nothing follow the RDB, they begin");
    return STEP_ERROR;
}

static enum step next_tail(struct flow_decoder *d, struct ft_err *err)
{
    if (rdb_stream_is_dragonfly(d->rdb))
        return pass_padding(d, err);
    if (window_left(&d->in) != 0)
        return refuse_tail(d, err);
    if (!d->in.closed)
        return STEP_MORE;
    d->phase = PHASE_DONE;
    return STEP_END;
}

static enum step next_journal(struct flow_decoder *d, struct item *ret, struct ft_err *err)
{
    enum step step = journal_reader_next(d->journal, &d->in, &ret->record, err);

    if (step == STEP_ERROR) {
        wrap_lsn(d, err);
        return STEP_ERROR;
    }
    if (step != STEP_ITEM)
        return step;
    if (d->next_lsn == 0) {
        err_at(err, FT_ERR_CORRUPT, ret->record.offset, "a journal without JOURNAL_OFFSET");
        wrap(d, err);
        return STEP_ERROR;
    }
    ret->offset = ret->record.offset;
    return take_record(d, ret, true, err) == 0 ? STEP_ITEM : STEP_ERROR;
}

static enum step next_item(struct flow_decoder *d, struct item *ret, struct ft_err *err)
{
    enum step step;

    if (d->in_blob) {
        step = next_in_blob(d, ret, err);
        if (step != STEP_END)
            return step;
    }
    if (d->phase == PHASE_RDB) {
        step = next_rdb(d, ret, err);
        if (step != STEP_END)
            return step;
    }
    if (d->phase == PHASE_TOKEN)
        return next_token(d, ret, err);
    if (d->phase == PHASE_TAIL)
        return next_tail(d, err);
    if (d->phase == PHASE_DONE)
        return STEP_END;
    return next_journal(d, ret, err);
}

enum step flow_decoder_next(struct flow_decoder *d, struct item *ret, struct ft_err *err)
{
    enum step step = next_item(d, ret, err);

    if (step == STEP_MORE && window_keep(&d->in, err) != 0)
        return STEP_ERROR;
    return step;
}

uint64_t flow_decoder_next_lsn(const struct flow_decoder *d)
{
    return d->next_lsn;
}

size_t flow_decoder_held_bytes(const struct flow_decoder *d)
{
    return d->in.own.cap;
}

bool flow_decoder_dragonfly(const struct flow_decoder *d)
{
    return rdb_stream_is_dragonfly(d->rdb);
}

void flow_decoder_free(struct flow_decoder *d)
{
    if (d == NULL)
        return;
    rdb_stream_free(d->rdb);
    journal_reader_free(d->journal);
    journal_reader_free(d->blob_reader);
    window_release(&d->in);
    window_release(&d->blob);
    free(d);
}
