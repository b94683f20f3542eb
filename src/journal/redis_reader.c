#include "journal/redis_reader.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/types.h>

#include "base/array.h"
#include "base/item_limit.h"

/* "*1048576", "$536870912" */
#define NUMBER_LINE_MAX 32u
/* AOF_ANNOTATION_LINE_MAX_LEN of redis-check-aof */
#define NOTE_LINE_MAX 1024u
/* Skipping: what is longer than this is consumed before all of it is there. */
#define SKIP_FROM     4096u
#define SKIP_NAME_MAX (SKIP_FROM / 2)
#define DBID_MAX      UINT16_MAX
/* Skipping: arguments that are looked at, if the command is short: those of RREPLAY up to the database. */
#define SKIP_ARGS_KEPT 4u
/* Numbers of more digits than this are left to read_number, which looks for overflow. */
#define PLAIN_DIGITS_MAX 9
/* The shortest argument: "$0", no byte, and two line ends. */
#define ARG_BYTES_MIN 6u
/* RREPLAY within RREPLAY: a command that went from one active replica to the next. */
#define REPLAY_DEPTH_MAX 16

/* An argument, counted from the window's position, as the window may move while the command is incomplete. */
struct span {
    size_t at, n;
};

struct redis_reader {
    bool skip_args;          /* constant, as is the next */
    size_t max_record_bytes; /* collecting */
    uint32_t db;
    uint32_t record_db;    /* of the command being read, which may not be that */
    uint64_t transactions; /* begun so far: their numbers are txids */
    bool in_transaction;
    uint64_t transaction_at;
    uint64_t time_us;

    /* the command being read */
    bool begun;    /* its head was understood */
    bool consumed; /* skipping: some of it is not in the window any more */
    uint64_t offset;
    size_t at; /* how far it was understood, from the window's position */
    size_t arg_count;
    size_t args_read;
    uint64_t arg_bytes;
    bool in_arg; /* its length was read */
    uint64_t arg_left;
    char name[JOURNAL_NAME_MAX];
    size_t name_size;

    struct span *spans;
    size_t span_cap;
    struct bytes *args;
    size_t arg_cap;
};

int redis_reader_new(struct redis_reader **ret, bool skip_args, size_t max_record_bytes,
                     struct ft_err *err)
{
    struct redis_reader *r = calloc(1, sizeof(*r));

    if (r == NULL)
        return err_nomem(err, "a reader of commands");
    r->skip_args = skip_args;
    r->max_record_bytes = max_record_bytes != 0 ? max_record_bytes : item_limit();
    *ret = r;
    return 0;
}

void redis_reader_free(struct redis_reader *r)
{
    if (r == NULL)
        return;
    free(r->spans);
    free(r->args);
    free(r);
}

void redis_reader_set_db(struct redis_reader *r, uint32_t dbid)
{
    r->db = dbid;
}

uint32_t redis_reader_db(const struct redis_reader *r)
{
    return r->db;
}

bool redis_reader_at_boundary(const struct redis_reader *r)
{
    return !r->in_transaction && !r->consumed;
}

uint64_t redis_reader_time_us(const struct redis_reader *r)
{
    return r->time_us;
}

/* A command that is damaged, or too large: the position is its beginning, by which it can be found in a file. */
#define command_bad(r, err, ...) \
    ((void)err_at(err, FT_ERR_CORRUPT, (r)->offset, __VA_ARGS__), STEP_ERROR)

static void set_name(struct redis_reader *r, struct bytes name)
{
    size_t n = name.n < JOURNAL_NAME_MAX ? name.n : JOURNAL_NAME_MAX - 1;

    for (size_t i = 0; i < n; i++)
        r->name[i] =
            (char)(name.p[i] >= 'a' && name.p[i] <= 'z' ? name.p[i] - 'a' + 'A' : name.p[i]);
    r->name[n] = '\0';
    r->name_size = n;
}

/* Is it this word, in upper case? Most names have another length, and equal ones are compared without a call. */
#define is_named(r, literal) \
    ((r)->name_size == sizeof(literal) - 1 && memcmp((r)->name, literal, sizeof(literal) - 1) == 0)

/* A line from p[*at] on, of at most max bytes, without its end; *at comes after it. */
static enum step read_line(struct redis_reader *r, const struct window *in, size_t *at, size_t max,
                           struct bytes *ret, struct ft_err *err)
{
    const uint8_t *p = window_at(in) + *at;
    size_t left = window_left(in) - *at;
    size_t looked_at = left < max ? left : max;
    const uint8_t *end = looked_at == 0 ? NULL : memchr(p, '\n', looked_at);

    if (end == NULL && looked_at == max)
        return command_bad(r, err, "a line without an end in the command that begins");
    if (end == NULL)
        return STEP_MORE;
    if (end == p || end[-1] != '\r')
        return command_bad(r, err,
                           "a line that does not end with CR and LF in the command that begins");
    *ret = bytes_of(p, (size_t)(end - p) - 1);
    *at += (size_t)(end - p) + 1;
    return STEP_ITEM;
}

/* "*3" or "$5": the number after the sign. */
static enum step read_number(struct redis_reader *r, const struct window *in, char sign,
                             uint64_t *ret, struct ft_err *err)
{
    struct bytes line;
    size_t at = r->at;
    enum step step;
    char shown[NUMBER_LINE_MAX * 4 + 4];

    if (window_left(in) > at && window_at(in)[at] != (uint8_t)sign) {
        return command_bad(r, err, "'%c' was expected, got \"%s\", in the command that begins",
                           sign,
                           bytes_escape(bytes_of(window_at(in) + at, 1), shown, sizeof(shown)));
    }
    step = read_line(r, in, &at, NUMBER_LINE_MAX, &line, err);
    if (step != STEP_ITEM)
        return step;
    if (!bytes_to_u64(bytes_of(line.p + 1, line.n - 1), ret)) {
        return command_bad(r, err, "\"%s\" is not a number in the command that begins",
                           bytes_escape(line, shown, sizeof(shown)));
    }
    r->at = at;
    return STEP_ITEM;
}

static enum step too_large(struct redis_reader *r, struct ft_err *err)
{
    (void)err_at(err, FT_ERR_LIMIT, r->offset,
                 "a command of more than %zu bytes (--max-item), or of more than %zu arguments, "
                 "begins",
                 r->max_record_bytes, item_limit_args(r->max_record_bytes));
    return STEP_ERROR;
}

static enum step read_head(struct redis_reader *r, const struct window *in, struct ft_err *err)
{
    uint64_t count;
    enum step step = read_number(r, in, '*', &count, err);

    if (step != STEP_ITEM)
        return step;
    if (count == 0)
        return command_bad(r, err, "a command without arguments begins");
    if (count > item_limit_args(r->max_record_bytes))
        return too_large(r, err);
    r->begun = true;
    r->arg_count = (size_t)count;
    r->args_read = 0;
    r->arg_bytes = 0;
    r->in_arg = false;
    return STEP_ITEM;
}

/* Skipping: all of a long command that was understood is let go of, and what is here of a long argument with it. */
static void let_go(struct redis_reader *r, struct window *in)
{
    size_t left;

    if (!r->skip_args || window_left(in) < SKIP_FROM)
        return;
    window_consume(in, r->at);
    r->at = 0;
    left = window_left(in);
    if (r->in_arg && r->args_read > 0) {
        size_t n = r->arg_left < left ? (size_t)r->arg_left : left;

        window_consume(in, n);
        r->arg_left -= n;
    }
    r->consumed = true;
}

/* The argument whose length was read. */
static enum step read_arg(struct redis_reader *r, struct window *in, struct ft_err *err)
{
    size_t left = window_left(in) - r->at;
    const uint8_t *p;

    if (r->arg_left > SIZE_MAX / 2)
        return too_large(r, err);
    if (left < r->arg_left + 2) {
        let_go(r, in);
        left = window_left(in) - r->at;
    }
    if (left < r->arg_left + 2)
        return STEP_MORE;
    p = window_at(in) + r->at;
    if (memcmp(p + r->arg_left, "\r\n", 2) != 0)
        return command_bad(r, err,
                           "an argument does not end with CR and LF in the command that begins");
    if (r->args_read == 0)
        set_name(r, bytes_of(p, (size_t)r->arg_left));
    if (!r->skip_args || r->args_read < SKIP_ARGS_KEPT) {
        if (ARRAY_RESERVE(&r->spans, &r->span_cap, r->args_read + 1, "a command's arguments",
                          err) != 0)
            return STEP_ERROR;
        r->spans[r->args_read] = (struct span){r->at, (size_t)r->arg_left};
    }
    r->at += (size_t)r->arg_left + 2;
    r->in_arg = false;
    r->args_read++;
    return STEP_ITEM;
}

static enum step read_args(struct redis_reader *r, struct window *in, struct ft_err *err)
{
    while (r->args_read < r->arg_count) {
        enum step step;

        if (!r->in_arg) {
            step = read_number(r, in, '$', &r->arg_left, err);
            if (step == STEP_MORE)
                let_go(r, in);
            if (step != STEP_ITEM)
                return step;
            if (r->args_read == 0 && r->skip_args && r->arg_left > SKIP_NAME_MAX)
                return command_bad(r, err, "a name of %" PRIu64 " bytes in the command that begins",
                                   r->arg_left);
            r->in_arg = true;
            r->arg_bytes += r->arg_left;
            if (!r->skip_args &&
                (r->arg_left > r->max_record_bytes || r->arg_bytes > r->max_record_bytes))
                return too_large(r, err);
        }
        step = read_arg(r, in, err);
        if (step != STEP_ITEM)
            return step;
    }
    return STEP_ITEM;
}

/* "#TS:1790000000", or anything else. */
static enum step read_note(struct redis_reader *r, struct window *in, struct ft_err *err)
{
    static const char mark[] = "#TS:";
    const size_t mark_size = sizeof(mark) - 1;
    struct bytes line;
    size_t at = 0;
    enum step step = read_line(r, in, &at, NOTE_LINE_MAX, &line, err);
    uint64_t time_s;

    if (step != STEP_ITEM)
        return step;
    if (line.n > mark_size && memcmp(line.p, mark, mark_size) == 0) {
        if (!bytes_to_u64(bytes_of(line.p + mark_size, line.n - mark_size), &time_s) ||
            time_s > UINT64_MAX / 1000000)
            return command_bad(r, err, "a #TS: line without a time begins");
        r->time_us = time_s * 1000000;
    }
    window_consume(in, at);
    return STEP_ITEM;
}

/* "*3\r\n", "$5\r\n" at the front of *in, which comes after it. */
static bool take_number(struct bytes *in, uint8_t sign, uint64_t *ret)
{
    const uint8_t *end = in->n == 0 ? NULL : memchr(in->p, '\n', in->n);
    size_t n = end == NULL ? 0 : (size_t)(end - in->p);

    if (n < 3 || in->p[0] != sign || end[-1] != '\r' ||
        !bytes_to_u64(bytes_of(in->p + 1, n - 2), ret))
        return false;
    *in = bytes_of(in->p + n + 1, in->n - n - 1);
    return true;
}

/* The arguments that follow a command's head, up to the end. args: where to, or NULL. */
static bool split_args(struct bytes in, uint64_t count, struct bytes *args)
{
    uint64_t n;

    for (size_t i = 0; i < count; i++) {
        if (!take_number(&in, '$', &n) || in.n < 2 || n > in.n - 2 ||
            memcmp(in.p + n, "\r\n", 2) != 0)
            return false;
        if (args != NULL)
            args[i] = bytes_of(in.p, (size_t)n);
        in = bytes_of(in.p + n + 2, in.n - (size_t)n - 2);
    }
    return in.n == 0;
}

/* One whole command becomes the one that is read: 1, and 0 if the bytes are anything else. */
static int take_inner(struct redis_reader *r, struct bytes in, struct ft_err *err)
{
    uint64_t count;

    if (!take_number(&in, '*', &count) || count == 0 ||
        count > item_limit_args(r->max_record_bytes) || !split_args(in, count, NULL))
        return 0;
    if (ARRAY_RESERVE(&r->args, &r->arg_cap, (size_t)count, "a command's arguments", err) != 0)
        return -1;
    (void)split_args(in, count, r->args); /* as it was before */
    r->arg_count = (size_t)count;
    r->arg_bytes = 0;
    for (size_t i = 0; i < r->arg_count; i++)
        r->arg_bytes += r->args[i].n;
    set_name(r, r->args[0]);
    return 1;
}

/*
 * RREPLAY uuid command [db [version]]: how an active replica of KeyDB propagates each command. What holds more than one
 * command, or none, stays what it is: a command that nobody knows.
 */
static int unwrap(struct redis_reader *r, struct ft_err *err)
{
    int rc = 1;

    for (int depth = 0; rc > 0 && depth < REPLAY_DEPTH_MAX; depth++) {
        const struct bytes *args = r->args;
        uint64_t db = r->record_db;

        if (!is_named(r, "RREPLAY") || r->arg_count < 3)
            return 0;
        if (r->arg_count > 3 && (!bytes_to_u64(args[3], &db) || db > DBID_MAX))
            return command_bad(r, err, "RREPLAY in a database that does not exist begins");
        rc = take_inner(r, args[2], err);
        if (rc > 0)
            r->record_db = (uint32_t)db;
    }
    return rc < 0 ? -1 : 0;
}

/* What is not a record by itself: 1. Else 0; -1: it is where it may not be. */
static int take_control(struct redis_reader *r, struct ft_err *err)
{
    uint64_t db;

    if (is_named(r, "SELECT") && r->arg_count == 2 && !r->consumed) {
        if (!bytes_to_u64(r->args[1], &db) || db > DBID_MAX)
            return command_bad(r, err, "SELECT of a database that does not exist begins");
        r->db = (uint32_t)db;
        return 1;
    }
    if (is_named(r, "MULTI") && r->arg_count == 1) {
        if (r->in_transaction)
            return command_bad(r, err, "MULTI within a transaction begins");
        r->in_transaction = true;
        r->transaction_at = r->offset;
        r->transactions++;
        return 1;
    }
    if (is_named(r, "EXEC") && r->arg_count == 1 && !r->in_transaction)
        return command_bad(r, err, "EXEC without a transaction begins");
    return 0;
}

static enum journal_op op_of(const struct redis_reader *r)
{
    if (is_named(r, "EXEC") && r->arg_count == 1)
        return JOURNAL_OP_EXEC;
    if (is_named(r, "PING") || is_named(r, "REPLCONF"))
        return JOURNAL_OP_PING;
    return JOURNAL_OP_COMMAND;
}

static void fill_record(struct redis_reader *r, struct journal_record *ret)
{
    /* one by one: clearing all of it first takes as long as reading a short command */
    ret->op = op_of(r);
    ret->offset = r->offset;
    ret->dbid = r->record_db;
    ret->txid = r->in_transaction ? r->transactions : 0;
    ret->shard_count = 1;
    ret->lsn = 0;
    ret->counted = ret->op == JOURNAL_OP_COMMAND;
    memcpy(ret->name, r->name, sizeof(ret->name));
    ret->arg_count = r->arg_count;
    ret->arg_bytes = r->arg_bytes;
    ret->args = r->skip_args ? NULL : r->args;
    if (ret->op == JOURNAL_OP_EXEC)
        r->in_transaction = false;
}

/* A whole command, of at bytes, whose arguments are known unless it was consumed: a record in ret (1), or none (0). */
static int take_command(struct redis_reader *r, struct window *in, size_t at,
                        struct journal_record *ret, struct ft_err *err)
{
    int control;

    r->record_db = r->db;
    if (!r->consumed && unwrap(r, err) != 0)
        return -1;
    control = take_control(r, err);
    if (control < 0)
        return -1;
    if (control == 0)
        fill_record(r, ret);
    window_consume(in, at);
    return control == 0;
}

/* How many arguments of a command are looked at. */
static size_t kept_args(const struct redis_reader *r, size_t count)
{
    return r->skip_args && count > SKIP_ARGS_KEPT ? SKIP_ARGS_KEPT : count;
}

/* As take_command, of the command that was read piece by piece. */
static int end_command(struct redis_reader *r, struct window *in, struct journal_record *ret,
                       struct ft_err *err)
{
    size_t kept = kept_args(r, r->arg_count);
    int is_record;

    if (!r->consumed) {
        if (ARRAY_RESERVE(&r->args, &r->arg_cap, kept, "a command's arguments", err) != 0)
            return -1;
        for (size_t i = 0; i < kept; i++)
            r->args[i] = bytes_of(window_at(in) + r->spans[i].at, r->spans[i].n);
    }
    is_record = take_command(r, in, r->at, ret, err);
    r->at = 0;
    r->begun = false;
    r->consumed = false;
    return is_record;
}

/* "*3\r\n", "$5\r\n" at *p, which comes after it; false also for all that may be good but is seldom. */
static inline bool plain_number(const uint8_t **p, const uint8_t *end, uint8_t sign, size_t *ret)
{
    const uint8_t *at = *p;
    const uint8_t *digits;
    size_t value = 0;

    if (at == end || *at != sign)
        return false;
    digits = ++at;
    for (; at < end && *at >= '0' && *at <= '9'; at++)
        value = value * 10 + (*at - (unsigned)'0'); /* too many of them are refused below */
    if (at == digits || at - digits > PLAIN_DIGITS_MAX || end - at < 2 || at[0] != '\r' ||
        at[1] != '\n')
        return false;
    *p = at + 2;
    *ret = value;
    return true;
}

/*
 * Nearly every command lies whole in the window and is as it should be. Such a one is read in one pass, which leaves no state
 * behind: the bytes after it, and in args as many of its arguments as are kept. NULL: it is none, so that read_pieces has to
 * read it from its beginning, and say what is wrong with it if anything is.
 */
static inline const uint8_t *plain_args(const uint8_t *p, const uint8_t *end, size_t count,
                                        struct bytes *args, size_t kept, size_t *ret_bytes)
{
    size_t bytes = 0;

    for (size_t i = 0; i < count; i++) {
        size_t n;

        if (!plain_number(&p, end, '$', &n) || (size_t)(end - p) < n + 2 || p[n] != '\r' ||
            p[n + 1] != '\n')
            return NULL;
        if (i < kept)
            args[i] = bytes_of(p, n);
        bytes += n;
        p += n + 2;
    }
    *ret_bytes = bytes;
    return p;
}

/* How many arguments follow; the table for them never grows by more than what is there could hold. */
static inline bool plain_head(const struct redis_reader *r, const uint8_t **p, const uint8_t *end,
                              size_t *ret_count)
{
    return plain_number(p, end, '*', ret_count) && *ret_count != 0 &&
           *ret_count <= (size_t)(end - *p) / ARG_BYTES_MIN &&
           *ret_count <= item_limit_args(r->max_record_bytes);
}

/* A plain command: its bytes; 0: it is none; -1: no memory. */
static ssize_t read_plain(struct redis_reader *r, const struct window *in, struct ft_err *err)
{
    const uint8_t *begin = window_at(in);
    const uint8_t *end = begin + window_left(in);
    const uint8_t *p = begin;
    size_t count, kept, arg_bytes;

    if (!plain_head(r, &p, end, &count))
        return 0;
    kept = kept_args(r, count);
    if (kept > r->arg_cap &&
        ARRAY_RESERVE(&r->args, &r->arg_cap, kept, "a command's arguments", err) != 0)
        return -1;
    p = plain_args(p, end, count, r->args, kept, &arg_bytes);
    if (p == NULL ||
        (r->skip_args ? r->args[0].n > SKIP_NAME_MAX : arg_bytes > r->max_record_bytes))
        return 0;
    r->arg_count = count;
    r->arg_bytes = arg_bytes;
    set_name(r, r->args[0]);
    return p - begin;
}

/* As redis_reader_next, of a command that read_plain has left, or of a line that is none. */
static enum step read_pieces(struct redis_reader *r, struct window *in, struct journal_record *ret,
                             int *ret_is_record, struct ft_err *err)
{
    enum step step = STEP_ITEM;

    *ret_is_record = 0;
    if (!r->begun && window_at(in)[0] == '#')
        return read_note(r, in, err);
    if (!r->begun)
        step = read_head(r, in, err);
    if (step == STEP_ITEM)
        step = read_args(r, in, err);
    if (step == STEP_ITEM)
        *ret_is_record = end_command(r, in, ret, err);
    return step;
}

static enum step next_record(struct redis_reader *r, struct window *in, struct journal_record *ret,
                             struct ft_err *err)
{
    int is_record = 0;

    while (is_record == 0) {
        ssize_t plain = 0;

        if (window_left(in) == 0)
            return STEP_MORE;
        if (!r->begun) {
            r->offset = window_offset(in);
            plain = read_plain(r, in, err);
        }
        if (plain > 0) {
            is_record = take_command(r, in, (size_t)plain, ret, err);
        } else if (plain < 0) {
            return STEP_ERROR;
        } else {
            enum step step = read_pieces(r, in, ret, &is_record, err);

            if (step != STEP_ITEM)
                return step;
        }
    }
    return is_record < 0 ? STEP_ERROR : STEP_ITEM;
}

/* May a command of this name be anything but a record that counts? Told by length and first letter, for many that are not. */
static inline bool may_matter(struct bytes name)
{
    if (name.n > SKIP_NAME_MAX)
        return true;
    switch (name.n == 0 ? '\0' : name.p[0] | 0x20) {
    case 's': /* SELECT */
        return name.n == 6;
    case 'm': /* MULTI */
        return name.n == 5;
    case 'e': /* EXEC */
    case 'p': /* PING */
        return name.n == 4;
    case 'c': /* CLUSTER */
        return name.n == 7;
    case 'r': /* RREPLAY, REPLCONF, RESTORE-ASKING */
        return name.n == 7 || name.n == 8 || name.n == 14;
    default:
        return false;
    }
}

size_t redis_reader_pass(const struct redis_reader *r, struct window *in)
{
    const uint8_t *p = window_at(in);
    const uint8_t *end = p + window_left(in);
    const uint8_t *passed = p;
    struct bytes name;
    size_t count, arg_bytes;
    size_t commands = 0;

    while (!r->begun && plain_head(r, &p, end, &count) &&
           (p = plain_args(p, end, count, &name, 1, &arg_bytes)) != NULL && !may_matter(name)) {
        passed = p;
        commands++;
    }
    window_consume(in, (size_t)(passed - window_at(in)));
    return commands;
}

enum step redis_reader_next(struct redis_reader *r, struct window *in, struct journal_record *ret,
                            struct ft_err *err)
{
    enum step step = next_record(r, in, ret, err);

    if (step != STEP_MORE || !in->closed)
        return step;
    /* a line with # that is cut holds nothing that could be missing */
    if (redis_reader_at_boundary(r) && (window_left(in) == 0 || window_at(in)[0] == '#'))
        return STEP_END;
    if (r->in_transaction)
        (void)err_at(err, FT_ERR_CORRUPT, r->transaction_at,
                     "the commands end within the transaction that begins");
    else
        (void)err_at(err, FT_ERR_CORRUPT, r->offset, "the commands end within the one that begins");
    return STEP_ERROR;
}
