#include "serve/command_reader.h"

/* The first byte of a client that speaks TLS; no command begins so. */
#define TLS_RECORD 0x16

/* What has been given out is dropped before more comes. */
int command_reader_push(struct command_reader *r, struct bytes bytes, struct ft_err *err)
{
    buf_consume(&r->in, r->pos);
    r->pos = 0;
    return buf_append(&r->in, bytes.p, bytes.n, err);
}

void command_reader_release(struct command_reader *r)
{
    buf_release(&r->in);
}

static enum step refuse(struct ft_err *err, const char *what)
{
    (void)err_set(err, FT_ERR_PROTOCOL, "%s", what); /* returns -1 as well */
    return STEP_ERROR;
}

/* A line from *at on, without its end; *at comes after it. */
static enum step take_line(const struct command_reader *r, size_t *at, struct bytes *ret,
                           struct ft_err *err)
{
    const uint8_t *from = r->in.p + *at;
    size_t left = r->in.n - *at;
    const uint8_t *end = left == 0 ? NULL : memchr(from, '\n', left);
    size_t n;

    if (end == NULL)
        return left > COMMAND_BYTES_MAX ? refuse(err, "a line without an end") : STEP_MORE;
    n = (size_t)(end - from);
    *at += n + 1;
    if (n > 0 && from[n - 1] == '\r')
        n--;
    *ret = bytes_of(from, n);
    return STEP_ITEM;
}

/* "*3" or "$5": the number after the sign. */
static enum step take_number(const struct command_reader *r, size_t *at, char sign, uint64_t max,
                             uint64_t *ret, struct ft_err *err)
{
    struct bytes line;
    enum step step = take_line(r, at, &line, err);

    if (step != STEP_ITEM)
        return step;
    if (line.n == 0 || line.p[0] != (uint8_t)sign ||
        !bytes_to_u64(bytes_of(line.p + 1, line.n - 1), ret) || *ret > max)
        return refuse(err, "not a command in RESP");
    return STEP_ITEM;
}

static enum step take_array(struct command_reader *r, size_t *at, struct ft_err *err)
{
    uint64_t count;
    enum step step = take_number(r, at, '*', COMMAND_ARGS_MAX, &count, err);

    for (uint64_t i = 0; step == STEP_ITEM && i < count; i++) {
        uint64_t n;

        step = take_number(r, at, '$', COMMAND_BYTES_MAX, &n, err);
        if (step != STEP_ITEM)
            return step;
        if (*at > COMMAND_BYTES_MAX + r->pos)
            return refuse(err, "too long a command");
        if (r->in.n - *at < n + 2)
            return STEP_MORE;
        if (memcmp(r->in.p + *at + n, "\r\n", 2) != 0)
            return refuse(err, "not a command in RESP");
        r->args[i] = bytes_of(r->in.p + *at, (size_t)n);
        *at += (size_t)n + 2;
    }
    r->count = (size_t)count;
    return step;
}

static enum step take_args(struct command_reader *r, size_t *at, struct ft_err *err)
{
    struct bytes line;
    enum step step = take_line(r, at, &line, err);
    size_t i = 0;

    if (step != STEP_ITEM)
        return step;
    r->count = 0;
    while (i < line.n) {
        bool quoted = line.p[i] == '"';
        size_t from = i + quoted;

        if (line.p[i] == ' ' || line.p[i] == '\t') {
            i++;
            continue;
        }
        for (i = from; i < line.n && (quoted ? line.p[i] != '"' : line.p[i] != ' '); i++)
            ;
        if (r->count == COMMAND_ARGS_MAX || (quoted && i == line.n))
            return refuse(err, "not a command on one line");
        r->args[r->count++] = bytes_of(line.p + from, i - from);
        i += quoted;
    }
    return STEP_ITEM;
}

enum step command_reader_next(struct command_reader *r, struct ft_err *err)
{
    size_t at = r->pos;
    enum step step;

    if (at == r->in.n)
        return STEP_MORE;
    if (r->in.p[at] == TLS_RECORD)
        return refuse(err, "TLS, which is not spoken here (--tls-cert), instead of a command");
    step = r->in.p[at] == '*' ? take_array(r, &at, err) : take_args(r, &at, err);
    if (step == STEP_ITEM)
        r->pos = at;
    return step;
}
