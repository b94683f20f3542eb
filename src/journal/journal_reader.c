#include "journal/journal_reader.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/item_limit.h"
#include "codec/packed.h"

#define DBID_MAX UINT16_MAX

struct journal_reader {
    bool skip_args;          /* constant, as is the next */
    size_t max_record_bytes; /* collecting */
    uint32_t db;

    /* the record being read */
    bool begun; /* a SELECT, or (skipping) a head was consumed */
    uint64_t offset;
    struct journal_record record; /* skipping: the head that was read */
    uint64_t args_left;           /* skipping: arguments that are not passed over yet */
    uint64_t bytes_left;          /* ... their bytes */
    uint64_t skip_left;           /* ... of the argument we are in */
    size_t need;                  /* collecting: it makes no sense to look at fewer bytes */
    struct bytes *args;
    size_t args_cap;
};

int journal_reader_new(struct journal_reader **ret, bool skip_args, size_t max_record_bytes,
                       struct ft_err *err)
{
    struct journal_reader *r = calloc(1, sizeof(*r));

    if (r == NULL)
        return err_nomem(err, "a journal reader");
    r->skip_args = skip_args;
    r->max_record_bytes = max_record_bytes != 0 ? max_record_bytes : item_limit();
    *ret = r;
    return 0;
}

void journal_reader_free(struct journal_reader *r)
{
    if (r == NULL)
        return;
    free(r->args);
    free(r);
}

void journal_reader_set_db(struct journal_reader *r, uint32_t dbid)
{
    r->db = dbid;
}

uint32_t journal_reader_db(const struct journal_reader *r)
{
    return r->db;
}

bool journal_reader_at_boundary(const struct journal_reader *r)
{
    return !r->begun;
}

#define journal_bad(in, at, err, ...) \
    ((void)err_at(err, FT_ERR_CORRUPT, window_offset(in) + (at), __VA_ARGS__), STEP_ERROR)

/* A number at p[*at], which is moved after it. */
static inline enum step read_number(const struct window *in, size_t *at, uint64_t *ret,
                                    struct ft_err *err)
{
    int used = packed_get(window_at(in) + *at, window_left(in) - *at, ret);

    if (used <= 0)
        return used == 0 ? STEP_MORE : journal_bad(in, *at, err, "bad number in the journal");
    *at += (size_t)used;
    return STEP_ITEM;
}

static enum step read_select(struct journal_reader *r, struct window *in, struct ft_err *err)
{
    size_t at = 1;
    uint64_t db;
    enum step step = read_number(in, &at, &db, err);

    if (step != STEP_ITEM)
        return step;
    if (db > DBID_MAX)
        return journal_bad(in, 1, err, "database number %" PRIu64 " in the journal", db);
    r->db = (uint32_t)db;
    r->begun = true;
    window_consume(in, at);
    return STEP_ITEM;
}

/* txid, shards, and where the opcode has them the payload's two numbers. */
static enum step read_head(const struct window *in, struct journal_record *rec, size_t *at,
                           struct ft_err *err)
{
    uint64_t args = 0;
    enum step step = read_number(in, at, &rec->txid, err);

    if (step == STEP_ITEM)
        step = read_number(in, at, &rec->shard_count, err);
    if (step != STEP_ITEM || rec->op == JOURNAL_OP_EXEC)
        return step;
    step = read_number(in, at, &args, err);
    if (step == STEP_ITEM)
        step = read_number(in, at, &rec->arg_bytes, err);
    if (step != STEP_ITEM)
        return step;
    if (args == 0)
        return journal_bad(in, 0, err, "a command without arguments");
    rec->arg_count = (size_t)args;
    return STEP_ITEM;
}

static void set_name(struct journal_record *rec, const uint8_t *p, size_t n)
{
    if (n > JOURNAL_NAME_MAX - 1)
        n = JOURNAL_NAME_MAX - 1;
    for (size_t i = 0; i < n; i++)
        rec->name[i] = (char)(p[i] >= 'a' && p[i] <= 'z' ? p[i] - 'a' + 'A' : p[i]);
    rec->name[n] = '\0';
}

/* ---- collecting ---- */

/* At least `bytes` more are needed after `at`. */
static enum step want(struct journal_reader *r, const struct window *in, size_t at, uint64_t bytes,
                      struct ft_err *err)
{
    if (at > r->max_record_bytes || bytes > r->max_record_bytes - at) {
        (void)err_at(err, FT_ERR_LIMIT, window_offset(in),
                     "a command of %" PRIu64 " bytes, more than the limit of %zu (--max-item)",
                     bytes, r->max_record_bytes);
        return STEP_ERROR;
    }
    r->need = at + (size_t)bytes;
    return STEP_MORE;
}

static enum step collect_args(struct journal_reader *r, const struct window *in,
                              struct journal_record *rec, size_t *at, struct ft_err *err)
{
    uint64_t bytes_left = rec->arg_bytes;
    size_t size = window_left(in);
    const uint8_t *p = window_at(in);

    if (bytes_left > r->max_record_bytes)
        return want(r, in, *at, bytes_left, err);
    if (rec->arg_count > item_limit_args(r->max_record_bytes)) {
        (void)err_at(
            err, FT_ERR_LIMIT, window_offset(in),
            "a command of %zu arguments, more than the limit of %zu that --max-item allows",
            rec->arg_count, item_limit_args(r->max_record_bytes));
        return STEP_ERROR;
    }
    /* each argument has a length of at least one byte */
    if (size - *at < bytes_left + rec->arg_count)
        return want(r, in, *at, bytes_left + rec->arg_count, err);
    if (ARRAY_RESERVE(&r->args, &r->args_cap, rec->arg_count, "a command's arguments", err) != 0)
        return STEP_ERROR;
    for (size_t i = 0; i < rec->arg_count; i++) {
        uint64_t n;
        enum step step = read_number(in, at, &n, err);

        if (step == STEP_MORE)
            return want(r, in, *at, bytes_left + (rec->arg_count - i), err);
        if (step == STEP_ERROR)
            return step;
        if (n > bytes_left)
            return journal_bad(in, *at, err, "an argument goes beyond the end of its command");
        if (n > size - *at)
            return want(r, in, *at, bytes_left + (rec->arg_count - i - 1), err);
        r->args[i] = bytes_of(p + *at, (size_t)n);
        *at += (size_t)n;
        bytes_left -= n;
    }
    if (bytes_left != 0)
        return journal_bad(in, 0, err, "the arguments of a command are shorter than it says");
    rec->args = r->args;
    set_name(rec, rec->args[0].p, rec->args[0].n);
    return STEP_ITEM;
}

/* ---- skipping ---- */

static enum step skip_arg(struct journal_reader *r, struct window *in, struct ft_err *err)
{
    size_t at = 0;
    uint64_t n;
    enum step step = read_number(in, &at, &n, err);

    if (step != STEP_ITEM)
        return step;
    if (n > r->bytes_left)
        return journal_bad(in, 0, err, "an argument goes beyond the end of its command");
    if (r->args_left == r->record.arg_count) { /* the name */
        size_t shown = n < JOURNAL_NAME_MAX ? (size_t)n : JOURNAL_NAME_MAX;

        if (window_left(in) - at < shown)
            return STEP_MORE;
        set_name(&r->record, window_at(in) + at, shown);
    }
    window_consume(in, at);
    r->args_left--;
    r->bytes_left -= n;
    r->skip_left = n;
    return STEP_ITEM;
}

static enum step skip_args(struct journal_reader *r, struct window *in, struct ft_err *err)
{
    for (;;) {
        size_t left = window_left(in);
        enum step step;

        if (r->skip_left > left) {
            r->skip_left -= left;
            window_consume(in, left);
            return STEP_MORE;
        }
        window_consume(in, (size_t)r->skip_left);
        r->skip_left = 0;
        if (r->args_left == 0)
            break;
        step = skip_arg(r, in, err);
        if (step != STEP_ITEM)
            return step;
    }
    if (r->bytes_left != 0)
        return journal_bad(in, 0, err, "the arguments of a command are shorter than it says");
    return STEP_ITEM;
}

static enum step skip_command(struct journal_reader *r, struct window *in,
                              const struct journal_record *head, size_t at, struct ft_err *err)
{
    window_consume(in, at);
    r->record = *head;
    r->begun = true;
    r->args_left = head->arg_count;
    r->bytes_left = head->arg_bytes;
    r->skip_left = 0;
    return skip_args(r, in, err);
}

/* A command of which all is here, as nearly always. False: it is not, or is damaged, which is seen argument by argument. */
static bool skip_whole(const struct window *in, struct journal_record *rec, size_t *at)
{
    const uint8_t *p = window_at(in);
    const size_t size = window_left(in);
    uint64_t bytes_left = rec->arg_bytes;
    size_t end = *at;

    for (size_t i = 0; i < rec->arg_count; i++) {
        uint64_t n;
        int used = packed_get(p + end, size - end, &n);

        if (used <= 0 || n > bytes_left || n > size - end - (size_t)used)
            return false;
        end += (size_t)used;
        if (i == 0)
            set_name(rec, p + end, (size_t)n);
        end += (size_t)n;
        bytes_left -= n;
    }
    if (bytes_left != 0)
        return false;
    *at = end;
    return true;
}

/* ---- records ---- */

static enum step read_command(struct journal_reader *r, struct window *in,
                              struct journal_record *rec, struct ft_err *err)
{
    size_t at = 1;
    enum step step = read_head(in, rec, &at, err);

    if (step != STEP_ITEM)
        return step;
    if (r->skip_args && rec->arg_count != 0) {
        if (rec->arg_bytes <= window_left(in) - at && skip_whole(in, rec, &at)) {
            window_consume(in, at);
            return STEP_ITEM;
        }
        step = skip_command(r, in, rec, at, err);
        if (step == STEP_ITEM)
            *rec = r->record;
        return step;
    }
    if (rec->arg_count != 0)
        step = collect_args(r, in, rec, &at, err);
    if (step == STEP_ITEM)
        window_consume(in, at);
    return step;
}

static enum step read_lsn(struct window *in, struct journal_record *rec, struct ft_err *err)
{
    size_t at = 1;
    enum step step = read_number(in, &at, &rec->lsn, err);

    if (step == STEP_ITEM)
        window_consume(in, at);
    return step;
}

static enum step read_record(struct journal_reader *r, struct window *in,
                             struct journal_record *rec, struct ft_err *err)
{
    unsigned op = window_at(in)[0];

    memset(rec, 0, sizeof(*rec));
    rec->op = (enum journal_op)op;
    rec->offset = r->offset;
    rec->dbid = r->db;
    rec->counted = op != JOURNAL_OP_LSN;
    switch (op) {
    case JOURNAL_OP_COMMAND:
    case JOURNAL_OP_EXPIRED:
    case JOURNAL_OP_MULTI_COMMAND:
    case JOURNAL_OP_EXEC:
        return read_command(r, in, rec, err);
    case JOURNAL_OP_PING:
        window_consume(in, 1);
        return STEP_ITEM;
    case JOURNAL_OP_LSN:
        return read_lsn(in, rec, err);
    default:
        (void)err_at(err, FT_ERR_UNSUPPORTED, window_offset(in), "unknown journal opcode %u", op);
        return STEP_ERROR;
    }
}

static enum step next_record(struct journal_reader *r, struct window *in,
                             struct journal_record *ret, struct ft_err *err)
{
    enum step step;

    if (r->record.arg_count != 0) { /* skipping, in the middle of one */
        step = skip_args(r, in, err);
        if (step == STEP_ITEM)
            *ret = r->record;
        return step;
    }
    if (window_left(in) < r->need)
        return STEP_MORE;
    for (;;) {
        if (window_left(in) == 0)
            return STEP_MORE;
        if (!r->begun)
            r->offset = window_offset(in);
        if (window_at(in)[0] != JOURNAL_OP_SELECT)
            return read_record(r, in, ret, err);
        step = read_select(r, in, err);
        if (step != STEP_ITEM)
            return step;
    }
}

enum step journal_reader_next(struct journal_reader *r, struct window *in,
                              struct journal_record *ret, struct ft_err *err)
{
    enum step step = next_record(r, in, ret, err);

    if (step == STEP_ITEM) {
        r->begun = false;
        r->need = 0;
        r->record.arg_count = 0;
    }
    if (step != STEP_MORE || !in->closed)
        return step;
    if (window_left(in) == 0 && !r->begun)
        return STEP_END;
    (void)err_at(err, FT_ERR_CORRUPT, r->offset, "the journal ends within the record that begins");
    return STEP_ERROR;
}
