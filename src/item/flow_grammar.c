#include "item/flow_grammar.h"

#include <inttypes.h>
#include <stdlib.h>

#include "journal/redis_reader.h"
#include "rdb/rdb_version.h"

/* The first record of any source. */
#define FIRST_LSN 1u

enum phase {
    PHASE_FIRST_BYTE, /* resumed: journal or increment? Of a Redis: RDB stream or commands? */
    PHASE_RDB,
    PHASE_TOKEN,
    PHASE_SNAPSHOT_END, /* of a Redis: no token comes, but the snapshot's end has not been said yet */
    PHASE_JOURNAL,
    PHASE_END, /* of a file's RDB stream */
};

struct flow_grammar {
    struct flow_grammar_options options;
    enum phase phase;
    bool increment; /* the RDB stream is, or was, one */
    bool gap;
    bool lsn_known;
    uint64_t next_lsn;
    uint64_t stable_lsn;
    struct rdb_stream *rdb;
    struct journal_reader *journal;
    struct redis_reader *commands; /* in place of it; NULL: a Dragonfly's */
    uint32_t stream_db;            /* in effect where they begin */

    /* An open journal blob. Its reader lives as long as the RDB stream: old sources select the database
     * once for many blobs. */
    struct journal_reader *blob_reader;
    struct window blob;
    bool in_blob;
    uint64_t blob_offset;
};

static int start_rdb(struct flow_grammar *g, struct ft_err *err)
{
    rdb_stream_free(g->rdb);
    g->rdb = NULL;
    g->phase = PHASE_RDB;
    journal_reader_set_db(g->blob_reader, 0);
    return rdb_stream_new(&g->rdb, &g->options.rdb, err);
}

int flow_grammar_new(struct flow_grammar **ret, const struct flow_grammar_options *options,
                     struct ft_err *err)
{
    struct flow_grammar *g = calloc(1, sizeof(*g));

    if (g == NULL)
        return err_nomem(err, "a flow's grammar");
    g->options = *options;
    window_init(&g->blob, 0, 0);
    if (journal_reader_new(&g->blob_reader, options->skip_args, 0, err) != 0 ||
        journal_reader_new(&g->journal, options->skip_args, 0, err) != 0 ||
        (options->commands != FLOW_JOURNAL &&
         redis_reader_new(&g->commands, options->skip_args, 0, err) != 0) ||
        start_rdb(g, err) != 0) {
        flow_grammar_free(g);
        return -1;
    }
    if (options->commands != FLOW_JOURNAL) {
        g->phase = PHASE_FIRST_BYTE;
        g->lsn_known = true;
        g->stable_lsn = options->snapshot_next_lsn != 0 ? options->snapshot_next_lsn : FIRST_LSN;
    }
    *ret = g;
    return 0;
}

/* The database in effect for what follows. */
static void set_db(struct flow_grammar *g, uint32_t dbid)
{
    if (g->commands != NULL)
        redis_reader_set_db(g->commands, dbid);
    else
        journal_reader_set_db(g->journal, dbid);
}

void flow_grammar_resume(struct flow_grammar *g, uint64_t next_lsn)
{
    g->phase = g->commands != NULL ? PHASE_JOURNAL : PHASE_FIRST_BYTE;
    g->lsn_known = true;
    g->next_lsn = next_lsn;
    g->stable_lsn = next_lsn;
}

void flow_grammar_start_journal(struct flow_grammar *g, uint64_t next_lsn, uint32_t dbid)
{
    g->phase = PHASE_JOURNAL;
    g->lsn_known = true;
    g->next_lsn = next_lsn;
    set_db(g, dbid);
}

int flow_grammar_start_increment(struct flow_grammar *g, struct ft_err *err)
{
    g->increment = true;
    return start_rdb(g, err);
}

void flow_grammar_start_rdb(struct flow_grammar *g, const struct rdb_place *place)
{
    g->phase = PHASE_RDB;
    rdb_stream_start_at(g->rdb, place);
}

/* The context that every error of a flow has. */
static enum step flow_error(const struct flow_grammar *g, struct ft_err *err)
{
    if (g->options.file)
        return STEP_ERROR;
    if (g->phase == PHASE_JOURNAL)
        (void)err_wrap(err, "flow %" PRIu32 ", LSN %" PRIu64, g->options.flow, g->next_lsn);
    else
        (void)err_wrap(err, "flow %" PRIu32, g->options.flow);
    return STEP_ERROR;
}

/* Of a Redis, whose file may well be empty. */
static enum step first_byte_of_redis(struct flow_grammar *g, const struct window *in)
{
    if (window_left(in) == 0 && !in->closed)
        return STEP_MORE;
    g->phase = window_left(in) != 0 && rdb_header_begins(window_at(in), window_left(in))
                   ? PHASE_RDB
                   : PHASE_SNAPSHOT_END;
    return STEP_ITEM;
}

static enum step first_byte(struct flow_grammar *g, const struct window *in, struct ft_err *err)
{
    if (g->commands != NULL)
        return first_byte_of_redis(g, in);
    if (window_left(in) == 0)
        return in->closed ? STEP_END : STEP_MORE;
    if (*window_at(in) == 'R')
        return flow_grammar_start_increment(g, err) == 0 ? STEP_ITEM : STEP_ERROR;
    flow_grammar_start_journal(g, g->next_lsn, 0);
    return STEP_ITEM;
}

/* --- records --- */

static bool is_command(enum journal_op op)
{
    return op == JOURNAL_OP_COMMAND || op == JOURNAL_OP_MULTI_COMMAND || op == JOURNAL_OP_EXPIRED;
}

/* Fills ret from its record, which counts where it is part of a journal. */
static enum step take_record(struct flow_grammar *g, struct item *ret, bool counts,
                             struct ft_err *err)
{
    const struct journal_record *record = &ret->record;

    ret->is_record = true;
    ret->flow = g->options.flow;
    ret->lsn = 0;
    ret->kind = is_command(record->op) ? ITEM_COMMAND : ITEM_OTHER;
    if (record->op == JOURNAL_OP_LSN && counts && g->lsn_known && record->lsn + 1 != g->next_lsn) {
        g->gap = true;
        (void)err_at(err, FT_ERR_CORRUPT, ret->offset,
                     "LSN mark says %" PRIu64 ", counted %" PRIu64, record->lsn, g->next_lsn - 1);
        return flow_error(g, err);
    }
    if (record->counted && counts)
        ret->lsn = g->next_lsn++;
    return STEP_ITEM;
}

static enum step next_in_blob(struct flow_grammar *g, struct item *ret, struct ft_err *err)
{
    enum step step = journal_reader_next(g->blob_reader, &g->blob, &ret->record, err);

    if (step == STEP_ERROR) {
        (void)err_wrap(err, "journal blob at offset %" PRIu64, g->blob_offset);
        return flow_error(g, err);
    }
    if (step != STEP_ITEM) {
        g->in_blob = false;
        return STEP_END;
    }
    g->in_blob = window_left(&g->blob) > 0 || !journal_reader_at_boundary(g->blob_reader);
    ret->offset = g->blob_offset;
    return take_record(g, ret, g->increment, err);
}

static enum step next_command(struct flow_grammar *g, struct window *in, struct item *ret,
                              struct ft_err *err)
{
    uint64_t from = window_offset(in);
    enum step step = redis_reader_next(g->commands, in, &ret->record, err);

    if (step == STEP_ERROR)
        return flow_error(g, err);
    if (g->options.commands == FLOW_COMMANDS_BY_OFFSET)
        g->next_lsn += window_offset(in) - from;
    if (step != STEP_ITEM)
        return step;
    ret->offset = ret->record.offset;
    if (g->options.commands == FLOW_COMMANDS_COUNTED)
        return take_record(g, ret, true, err);
    step = take_record(g, ret, false, err);
    ret->lsn = g->next_lsn - 1; /* whatever it is: who has read it is past it */
    return step;
}

static enum step next_in_journal(struct flow_grammar *g, struct window *in, struct item *ret,
                                 struct ft_err *err)
{
    enum step step = journal_reader_next(g->journal, in, &ret->record, err);

    if (step == STEP_ERROR)
        return flow_error(g, err);
    if (step != STEP_ITEM)
        return step;
    ret->offset = ret->record.offset;
    return take_record(g, ret, true, err);
}

/* --- the RDB stream --- */

/* Of all but entries. */
static enum item_kind kind_of(enum rdb_item_kind kind)
{
    switch (kind) {
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

static int take_journal_offset(struct flow_grammar *g, const struct rdb_item *item,
                               struct ft_err *err)
{
    uint64_t lsn = item->number;

    if (lsn < FIRST_LSN)
        return err_at(err, FT_ERR_CORRUPT, item->offset, "JOURNAL_OFFSET is 0, LSNs begin at 1");
    if (g->increment && lsn != g->next_lsn) {
        g->gap = true;
        return err_at(err, FT_ERR_CORRUPT, item->offset,
                      "JOURNAL_OFFSET says %" PRIu64 ", counted %" PRIu64, lsn, g->next_lsn);
    }
    g->lsn_known = true;
    g->stable_lsn = lsn;
    return 0;
}

/* A blob too long to be held counts by what it says itself. */
static int open_blob(struct flow_grammar *g, const struct rdb_item *item, struct ft_err *err)
{
    if (item->skipped_bytes > 0) {
        if (g->increment)
            g->next_lsn += item->number;
        return 0;
    }
    window_init(&g->blob, 0, 0);
    g->blob.closed = true;
    g->blob_offset = item->offset;
    g->in_blob = true;
    return window_push(&g->blob, item->bytes, err);
}

/* The stream has ended: does it say at which LSN the journal begins? */
static int take_eof(struct flow_grammar *g, const struct rdb_item *item, struct ft_err *err)
{
    if (g->options.file)
        return 0;
    g->phase = g->commands != NULL && g->options.token == NULL ? PHASE_SNAPSHOT_END : PHASE_TOKEN;
    if (g->lsn_known)
        return 0;
    if (g->options.offset_required)
        return err_at(err, FT_ERR_CORRUPT, item->offset,
                      "the RDB stream ends without the LSN that follows it");
    g->stable_lsn = FIRST_LSN;
    return 0;
}

/* A replica passes on what it gets itself: then the commands begin in a database that was selected before. */
static void take_stream_db(struct flow_grammar *g, const struct rdb_item *item)
{
    uint64_t db;

    if (bytes_eq_str(item->name, "repl-stream-db") && bytes_to_u64(item->bytes, &db) &&
        db <= INT32_MAX)
        g->stream_db = (uint32_t)db;
}

static enum step take_other(struct flow_grammar *g, struct item *ret, struct ft_err *err)
{
    int rc = 0;

    ret->kind = kind_of(ret->rdb.kind);
    if (ret->rdb.kind == RDB_ITEM_JOURNAL_OFFSET)
        rc = take_journal_offset(g, &ret->rdb, err);
    else if (ret->rdb.kind == RDB_ITEM_JOURNAL_BLOB)
        rc = open_blob(g, &ret->rdb, err);
    else if (ret->rdb.kind == RDB_ITEM_EOF)
        rc = take_eof(g, &ret->rdb, err);
    else if (ret->rdb.kind == RDB_ITEM_AUX && g->options.commands == FLOW_COMMANDS_BY_OFFSET)
        take_stream_db(g, &ret->rdb);
    return rc == 0 ? STEP_ITEM : flow_error(g, err);
}

static enum step next_in_rdb(struct flow_grammar *g, struct window *in, struct item *ret,
                             struct ft_err *err)
{
    enum step step = rdb_stream_next(g->rdb, in, &ret->rdb, err);

    if (step == STEP_ERROR)
        return flow_error(g, err);
    if (step != STEP_ITEM) {
        if (step == STEP_END)
            g->phase = PHASE_END;
        return step;
    }
    ret->is_record = false;
    ret->flow = g->options.flow;
    ret->offset = ret->rdb.offset;
    ret->lsn = 0;
    ret->kind = ITEM_ENTRY;
    /* first: most of what a snapshot consists of */
    return ret->rdb.kind == RDB_ITEM_ENTRY ? STEP_ITEM : take_other(g, ret, err);
}

static void end_snapshot(struct flow_grammar *g, const struct window *in, struct item *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->kind = ITEM_SNAPSHOT_END;
    ret->flow = g->options.flow;
    ret->offset = window_offset(in);
    if (!g->increment)
        g->next_lsn = g->stable_lsn;
    ret->lsn = g->next_lsn;
    g->phase = PHASE_JOURNAL;
    set_db(g, g->stream_db);
}

static enum step next_token(struct flow_grammar *g, struct window *in, struct item *ret,
                            struct ft_err *err)
{
    const uint8_t *at = window_at(in);

    if (window_left(in) < FLOW_TOKEN_SIZE) {
        if (!in->closed)
            return STEP_MORE;
        (void)err_at(err, FT_ERR_CORRUPT, window_offset(in),
                     "the stream ends within the token: wanted %d bytes, got %zu", FLOW_TOKEN_SIZE,
                     window_left(in));
        return flow_error(g, err);
    }
    if (g->options.token != NULL && memcmp(at, g->options.token, FLOW_TOKEN_SIZE) != 0) {
        char seen[FLOW_TOKEN_SIZE * 4 + 4];

        (void)err_at(err, FT_ERR_CORRUPT, window_offset(in),
                     "wrong token after the RDB stream: wanted \"%.40s\", got \"%s\"",
                     g->options.token,
                     bytes_escape(bytes_of(at, FLOW_TOKEN_SIZE), seen, sizeof(seen)));
        return flow_error(g, err);
    }
    end_snapshot(g, in, ret);
    window_consume(in, FLOW_TOKEN_SIZE);
    return STEP_ITEM;
}

static enum step next_of_phase(struct flow_grammar *g, struct window *in, struct item *ret,
                               struct ft_err *err)
{
    enum step step;

    if (g->phase == PHASE_FIRST_BYTE) {
        step = first_byte(g, in, err);
        return step == STEP_ITEM ? flow_grammar_next(g, in, ret, err) : step;
    }
    if (g->in_blob) {
        step = next_in_blob(g, ret, err);
        if (step != STEP_END)
            return step;
    }
    if (g->phase == PHASE_RDB) {
        step = next_in_rdb(g, in, ret, err);
        if (step != STEP_END)
            return step;
    }
    if (g->phase == PHASE_SNAPSHOT_END) {
        end_snapshot(g, in, ret);
        return STEP_ITEM;
    }
    return g->phase == PHASE_TOKEN ? next_token(g, in, ret, err) : STEP_END;
}

/* First what most of a long capture, and of a snapshot, consists of. */
enum step flow_grammar_next(struct flow_grammar *g, struct window *in, struct item *ret,
                            struct ft_err *err)
{
    enum step step;

    if (g->phase == PHASE_JOURNAL)
        return g->commands != NULL ? next_command(g, in, ret, err)
                                   : next_in_journal(g, in, ret, err);
    if (g->phase == PHASE_RDB && !g->in_blob && (step = next_in_rdb(g, in, ret, err)) != STEP_END)
        return step;
    return next_of_phase(g, in, ret, err);
}

size_t flow_grammar_pass(struct flow_grammar *g, struct window *in)
{
    uint64_t from = window_offset(in);
    size_t passed;

    if (g->phase == PHASE_RDB && !g->in_blob)
        return rdb_stream_pass(g->rdb, in);
    if (g->phase != PHASE_JOURNAL || g->commands == NULL)
        return 0;
    passed = redis_reader_pass(g->commands, in);
    g->next_lsn +=
        g->options.commands == FLOW_COMMANDS_BY_OFFSET ? window_offset(in) - from : passed;
    return passed;
}

int flow_grammar_run(struct flow_grammar *g, struct window *in, struct rdb_run *ret,
                     struct ft_err *err)
{
    ret->count = 0;
    return g->phase == PHASE_RDB && !g->in_blob ? rdb_stream_run(g->rdb, in, ret, err) : 0;
}

enum flow_part flow_grammar_part(const struct flow_grammar *g)
{
    if (g->phase == PHASE_FIRST_BYTE)
        return 0;
    if (g->phase == PHASE_JOURNAL)
        return FLOW_PART_JOURNAL;
    return g->increment ? FLOW_PART_INCREMENT : FLOW_PART_SNAPSHOT;
}

bool flow_grammar_at_boundary(const struct flow_grammar *g)
{
    switch (g->phase) {
    case PHASE_RDB:
        return !g->in_blob && rdb_stream_at_boundary(g->rdb);
    case PHASE_TOKEN:
    case PHASE_SNAPSHOT_END:
        return false;
    case PHASE_JOURNAL:
        return g->commands != NULL ? redis_reader_at_boundary(g->commands)
                                   : journal_reader_at_boundary(g->journal);
    default:
        return true;
    }
}

bool flow_grammar_boundary(const struct flow_grammar *g, struct flow_boundary *ret)
{
    if (!flow_grammar_at_boundary(g))
        return false;
    *ret = (struct flow_boundary){.next_lsn = g->next_lsn,
                                  .stable_lsn = g->stable_lsn,
                                  .lsn_known = g->lsn_known,
                                  .dbid = g->commands != NULL ? redis_reader_db(g->commands)
                                                              : journal_reader_db(g->journal)};
    return true;
}

uint64_t flow_grammar_next_lsn(const struct flow_grammar *g)
{
    return g->next_lsn;
}

uint64_t flow_grammar_time_us(const struct flow_grammar *g)
{
    return g->commands != NULL ? redis_reader_time_us(g->commands) : 0;
}

bool flow_grammar_is_dragonfly(const struct flow_grammar *g)
{
    return rdb_stream_is_dragonfly(g->rdb);
}

bool flow_grammar_has_gap(const struct flow_grammar *g)
{
    return g->gap;
}

void flow_grammar_free(struct flow_grammar *g)
{
    if (g == NULL)
        return;
    rdb_stream_free(g->rdb);
    journal_reader_free(g->journal);
    redis_reader_free(g->commands);
    journal_reader_free(g->blob_reader);
    window_release(&g->blob);
    free(g);
}
