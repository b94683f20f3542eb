#include "item/flow_decoder.h"

#include <inttypes.h>
#include <stdlib.h>

#include "rdb/rdb_version.h"

/* A Dragonfly fills its files up with old bytes of a buffer to a multiple of this. */
#define FILE_UNIT_BYTES 4096u

struct flow_decoder {
    struct flow_decoder_options options;
    struct flow_grammar *grammar;
    enum flow_part part; /* of the pieces pushed */
    struct window in;
    uint64_t time_us;
    uint64_t tail_at; /* where the RDB of a file ends; 0: not there yet */
    bool done;        /* a file to its last byte */
};

int flow_decoder_new(struct flow_decoder **ret, const struct flow_decoder_options *options,
                     struct ft_err *err)
{
    const struct flow_grammar_options grammar = {
        .rdb = options->rdb,
        .flow = options->flow,
        .file = options->file,
        .skip_args = options->skip_args,
        .token = options->token,
        .commands = options->commands,
        .snapshot_next_lsn = options->snapshot_next_lsn,
    };
    struct flow_decoder *d = calloc(1, sizeof(*d));

    if (d == NULL)
        return err_nomem(err, "a flow decoder");
    d->options = *options;
    d->part = FLOW_PART_SNAPSHOT;
    window_init(&d->in, 0, 0);
    if (flow_grammar_new(&d->grammar, &grammar, err) != 0) {
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
    d->part = FLOW_PART_JOURNAL;
    d->in.offset = offset;
    flow_grammar_start_journal(d->grammar, next_lsn, dbid);
    return 0;
}

int flow_decoder_start_rdb(struct flow_decoder *d, const struct rdb_place *place,
                           struct ft_err *err)
{
    if (window_left(&d->in) != 0)
        return err_set(err, FT_ERR_BUG, "a flow decoder was moved while it held data");
    d->in.offset = place->offset;
    flow_grammar_start_rdb(d->grammar, place);
    return 0;
}

/* What is over was understood to its last byte. */
static bool at_part_end(const struct flow_decoder *d)
{
    return flow_grammar_at_boundary(d->grammar) && window_left(&d->in) == 0;
}

/*
 * Between two parts everything of the first one must have been understood. Only an increment may lack its end, where
 * the connection was lost: what it has counts.
 */
static int change_part(struct flow_decoder *d, enum flow_part part, struct ft_err *err)
{
    bool cut = flow_grammar_part(d->grammar) == FLOW_PART_INCREMENT;

    if (!at_part_end(d) || (!cut && flow_grammar_part(d->grammar) != FLOW_PART_JOURNAL)) {
        return err_at(err, FT_ERR_CORRUPT, window_offset(&d->in),
                      "flow %" PRIu32 ": a part of the flow ends early", d->options.flow);
    }
    if (part == FLOW_PART_SNAPSHOT)
        return err_at(err, FT_ERR_CORRUPT, window_offset(&d->in),
                      "flow %" PRIu32 ": a second full sync in one generation", d->options.flow);
    if (part == FLOW_PART_INCREMENT && flow_grammar_start_increment(d->grammar, err) != 0)
        return -1;
    if (part == FLOW_PART_JOURNAL && cut)
        flow_grammar_start_journal(d->grammar, flow_grammar_next_lsn(d->grammar), 0);
    d->part = part;
    return 0;
}

/* One increment after another: the token has ended the first one, or an RDB stream begins where an item should. */
static bool begins_another(const struct flow_decoder *d, enum flow_part part, struct bytes piece)
{
    if (part != FLOW_PART_INCREMENT || d->part != part || piece.n == 0)
        return false;
    return flow_grammar_part(d->grammar) == FLOW_PART_JOURNAL ||
           (at_part_end(d) && piece.p[0] == 'R');
}

static int before_push(struct flow_decoder *d, enum flow_part part, struct bytes piece,
                       uint64_t time_us, struct ft_err *err)
{
    if ((part != d->part || begins_another(d, part, piece)) && change_part(d, part, err) != 0)
        return -1;
    d->time_us = time_us;
    return 0;
}

int flow_decoder_push(struct flow_decoder *d, enum flow_part part, struct bytes piece,
                      uint64_t time_us, struct ft_err *err)
{
    return before_push(d, part, piece, time_us, err) == 0 ? window_push(&d->in, piece, err) : -1;
}

int flow_decoder_push_behind(struct flow_decoder *d, enum flow_part part, struct window_piece piece,
                             uint64_t time_us, struct ft_err *err)
{
    if (before_push(d, part, bytes_of(piece.p, piece.n), time_us, err) != 0)
        return -1;
    return window_push_behind(&d->in, piece, err);
}

void flow_decoder_close(struct flow_decoder *d)
{
    d->in.closed = true;
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
        d->done = true;
        return STEP_END;
    }
    err_at(err, FT_ERR_CORRUPT, d->tail_at,
           "bytes that are not the padding to a multiple of %u follow the RDB, they begin",
           FILE_UNIT_BYTES);
    return STEP_ERROR;
}

/*
 * Nothing may follow the RDB of a Redis: an append-only file of Redis 4 to 6 begins with one, and its commands are newer
 * than it. One that is known as such is read as another kind of input; here its end is missing.
 */
static enum step refuse_tail(struct flow_decoder *d, struct ft_err *err)
{
    const uint8_t *p = window_at(&d->in);

    if (p[0] == '*')
        err_at(
            err, FT_ERR_UNSUPPORTED, d->tail_at,
            "commands of an append-only file follow the RDB: uncompressed and under a name that ends with .aof "
            "they are read; they begin");
    else if (rdb_header_begins(p, window_left(&d->in)))
        err_at(err, FT_ERR_CORRUPT, d->tail_at, "another RDB follows the first one, it begins");
    else
        err_at(err, FT_ERR_CORRUPT, d->tail_at,
               "bytes that belong to nothing follow the RDB, they begin");
    return STEP_ERROR;
}

static enum step next_tail(struct flow_decoder *d, struct ft_err *err)
{
    if (flow_grammar_is_dragonfly(d->grammar))
        return pass_padding(d, err);
    if (window_left(&d->in) != 0)
        return refuse_tail(d, err);
    if (!d->in.closed)
        return STEP_MORE;
    d->done = true;
    return STEP_END;
}

static enum step next_item(struct flow_decoder *d, struct item *ret, struct ft_err *err)
{
    enum step step = STEP_END;

    if (d->done)
        return STEP_END;
    if (d->tail_at == 0)
        step = flow_grammar_next(d->grammar, &d->in, ret, err);
    ret->time_us = flow_grammar_time_us(d->grammar);
    if (ret->time_us == 0)
        ret->time_us = d->time_us;
    if (step != STEP_END || !d->options.file)
        return step;
    if (d->tail_at == 0)
        d->tail_at = window_offset(&d->in);
    return next_tail(d, err);
}

enum step flow_decoder_next(struct flow_decoder *d, struct item *ret, struct ft_err *err)
{
    enum step step = next_item(d, ret, err);

    if (step == STEP_MORE && window_keep(&d->in, err) != 0)
        return STEP_ERROR;
    return step;
}

int flow_decoder_run(struct flow_decoder *d, struct rdb_run *ret, struct ft_err *err)
{
    return flow_grammar_run(d->grammar, &d->in, ret, err);
}

uint64_t flow_decoder_next_lsn(const struct flow_decoder *d)
{
    return flow_grammar_next_lsn(d->grammar);
}

bool flow_decoder_boundary(const struct flow_decoder *d, struct flow_boundary *ret,
                           uint64_t *ret_offset)
{
    if (!flow_grammar_boundary(d->grammar, ret))
        return false;
    *ret_offset = window_offset(&d->in);
    return true;
}

uint64_t flow_decoder_time_us(const struct flow_decoder *d)
{
    return flow_grammar_time_us(d->grammar);
}

size_t flow_decoder_held_bytes(const struct flow_decoder *d)
{
    return d->in.own.cap;
}

void flow_decoder_free(struct flow_decoder *d)
{
    if (d == NULL)
        return;
    flow_grammar_free(d->grammar);
    window_release(&d->in);
    free(d);
}
