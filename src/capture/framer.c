#include "capture/framer.h"

#include <inttypes.h>
#include <stdlib.h>

#include "item/flow_grammar.h"

/* Enough keys to tell the rules apart; hashing all of them would cost without need. A Redis has no such rule. */
#define SHARDING_KEYS 65536u
/* An item that is skipped leaves little behind; more than this is a fault of ours or an attack. */
#define FRAMER_HELD_MAX (4u << 20)

struct framer {
    uint32_t flow;
    uint32_t flow_count;
    char token[FLOW_TOKEN_SIZE];
    struct window in;
    struct flow_grammar *grammar;
    bool redis;
    uint64_t rdb_end_offset; /* that was announced; 0: none was */
    bool flushed;            /* inside the full sync */
    struct framer_state state;
};

int framer_new(struct framer **ret, const struct framer_options *options, struct ft_err *err)
{
    struct flow_grammar_options grammar = {
        .rdb = {.skip_values = true, .dragonfly = !options->redis},
        .flow = options->flow,
        .skip_args = true,
        .offset_required = options->offset_expected,
        .commands = options->redis ? FLOW_COMMANDS_BY_OFFSET : FLOW_JOURNAL,
        .snapshot_next_lsn = options->start_lsn,
    };
    struct framer *f = calloc(1, sizeof(*f));

    if (f == NULL)
        return err_nomem(err, "a framer");
    f->flow = options->flow;
    f->flow_count = options->flow_count;
    f->redis = options->redis;
    if (options->rdb_bytes != 0)
        f->rdb_end_offset = options->start_offset + options->rdb_bytes;
    if (options->eof_token[0] != '\0') {
        memcpy(f->token, options->eof_token, FLOW_TOKEN_SIZE);
        grammar.token = f->token;
    }
    window_init(&f->in, options->start_offset, FRAMER_HELD_MAX);
    f->state.boundary = options->start_offset;
    f->state.kind = SEGMENT_SNAPSHOT;
    if (flow_grammar_new(&f->grammar, &grammar, err) != 0) {
        framer_free(f);
        return -1;
    }
    if (options->resumed) {
        if (options->redis)
            flow_grammar_start_journal(f->grammar, options->start_lsn, options->start_dbid);
        else
            flow_grammar_resume(f->grammar, options->start_lsn);
        f->state.dbid = options->start_dbid;
        f->state.kind = SEGMENT_JOURNAL;
        f->state.lsn_known = true;
        f->state.stable_lsn = options->start_lsn;
        f->state.next_lsn = options->start_lsn;
    }
    *ret = f;
    return 0;
}

/*
 * What is left of an item is seldom in the window's own buffer: the session receives one piece after the
 * other into the same block, so the bytes before a piece are the end of the piece before. Then it is
 * enough to look at both as one. Only when the block changes, the left-over is copied (framer_detach).
 */
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

static bool is_flush(const struct journal_record *record)
{
    return strcmp(record->name, "FLUSHALL") == 0 || strcmp(record->name, "FLUSHDB") == 0 ||
           strcmp(record->name, "DFLYCLUSTER") == 0; /* FLUSHSLOTS is the only one journalled */
}

/* A Dragonfly that hands over waits for its PING to be acknowledged, a Redis for nothing but what it asks for. */
static bool asks_for_ack(const struct framer *f, const struct journal_record *record)
{
    return record->op == JOURNAL_OP_PING && (!f->redis || record->name[0] == 'R'); /* REPLCONF */
}

/*
 * MIGRATE sends a key as RESTORE-ASKING; a slot that moves as a whole is announced by CLUSTER. A Dragonfly says nothing before it gives slots
 * up: of DFLYCLUSTER, FLUSHSLOTS is the only one journalled.
 */
static bool is_import(const struct framer *f, const struct journal_record *record)
{
    if (!f->redis)
        return record->name[0] == 'D' && strcmp(record->name, "DFLYCLUSTER") == 0;
    return strcmp(record->name, "RESTORE-ASKING") == 0 || strcmp(record->name, "CLUSTER") == 0;
}

static void note_release(struct framer *f, const struct rdb_item *item)
{
    if (!bytes_eq_str(item->name, "df-ver") || item->bytes.n >= sizeof(f->state.release))
        return;
    memcpy(f->state.release, item->bytes.p, item->bytes.n);
    f->state.release[item->bytes.n] = '\0';
    text_make_printable(f->state.release, sizeof(f->state.release));
}

/* Of a Dragonfly some keys are wanted first. */
static bool wants_keys(const struct framer *f)
{
    return !f->redis && f->state.sharding.keys < SHARDING_KEYS;
}

static enum framer_event take_rdb_item(struct framer *f, const struct rdb_item *item)
{
    switch (item->kind) {
    case RDB_ITEM_ENTRY:
        f->state.keys++;
        if (item->entry.key.n > 0 && wants_keys(f))
            sharding_tally_key(&f->state.sharding, item->entry.key, f->flow, f->flow_count);
        return FRAMER_MORE;
    case RDB_ITEM_AUX:
        note_release(f, item);
        return FRAMER_MORE;
    case RDB_ITEM_JOURNAL_BLOB:
        f->state.has_blobs = true;
        return FRAMER_MORE;
    case RDB_ITEM_FULLSYNC_END:
        return FRAMER_FULLSYNC_END;
    default:
        return FRAMER_MORE;
    }
}

static enum framer_event take_item(struct framer *f, const struct item *item, struct ft_err *err)
{
    if (item->kind == ITEM_SNAPSHOT_END) {
        if (f->rdb_end_offset != 0 && f->rdb_end_offset != item->offset) {
            (void)err_at(err, FT_ERR_CORRUPT, item->offset,
                         "flow %" PRIu32
                         ": the RDB ends here, and was announced to end at %" PRIu64,
                         f->flow, f->rdb_end_offset);
            return FRAMER_ERROR;
        }
        f->state.kind = SEGMENT_JOURNAL;
        return FRAMER_STREAM_END;
    }
    if (!item->is_record)
        return take_rdb_item(f, &item->rdb);
    if (f->state.kind != SEGMENT_SNAPSHOT)
        f->state.imports += is_import(f, &item->record);
    if (f->state.kind == SEGMENT_SNAPSHOT) {
        f->flushed = f->flushed || is_flush(&item->record);
    } else if (f->state.kind == SEGMENT_JOURNAL) {
        f->state.records += item->record.counted;
        if (asks_for_ack(f, &item->record))
            f->state.ping_lsn = flow_grammar_next_lsn(f->grammar);
    }
    return FRAMER_MORE;
}

/* Where the window's position lies between items: note what holds there. */
static bool note_boundary(struct framer *f)
{
    struct flow_boundary boundary;

    if (!flow_grammar_boundary(f->grammar, &boundary))
        return false;
    f->state.boundary = window_offset(&f->in);
    f->state.next_lsn = boundary.next_lsn;
    f->state.stable_lsn = boundary.stable_lsn;
    f->state.lsn_known = boundary.lsn_known;
    f->state.dbid = boundary.dbid;
    return true;
}

/* What is nothing but counted is passed over in one go, and what holds after it is noted once. */
static void pass_counted(struct framer *f)
{
    size_t passed = flow_grammar_pass(f->grammar, &f->in);

    if (passed == 0)
        return;
    if (flow_grammar_part(f->grammar) == FLOW_PART_JOURNAL)
        f->state.records += passed;
    else
        f->state.keys += passed;
    (void)note_boundary(f); /* there is none within a transaction or a compressed blob */
}

enum framer_event framer_run(struct framer *f, struct ft_err *err)
{
    struct item item;
    enum step step;

    for (;;) {
        enum framer_event event;

        if (!wants_keys(f))
            pass_counted(f);
        step = flow_grammar_next(f->grammar, &f->in, &item, err);
        if (step != STEP_ITEM)
            break;
        if (flow_grammar_part(f->grammar) == FLOW_PART_INCREMENT)
            f->state.kind = SEGMENT_INCREMENT;
        event = take_item(f, &item, err);
        if (note_boundary(f) && f->flushed) /* there is no use in what follows */
            return FRAMER_FLUSH;
        if (event != FRAMER_MORE)
            return event;
    }
    if (step == STEP_MORE)
        return note_boundary(f) && f->flushed ? FRAMER_FLUSH : FRAMER_MORE;
    return flow_grammar_has_gap(f->grammar) ? FRAMER_GAP : FRAMER_ERROR;
}

const struct framer_state *framer_state(const struct framer *f)
{
    return &f->state;
}

void framer_free(struct framer *f)
{
    if (f == NULL)
        return;
    flow_grammar_free(f->grammar);
    window_release(&f->in);
    free(f);
}
