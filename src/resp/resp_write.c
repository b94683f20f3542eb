#include "resp/resp_write.h"

#include <stdlib.h>

/* A mark, a number and CR LF twice. */
#define HEAD_SIZE 28

/* '*' or '$', a number, CR LF; room was made before. */
static void put_head(struct buf *out, uint8_t mark, size_t number)
{
    buf_push(out, mark);
    out->n += i64_to_text((int64_t)number, (char *)out->p + out->n);
    memcpy(out->p + out->n, "\r\n", 2);
    out->n += 2;
}

/* "$" and "\r\n" twice, and the digits. */
size_t resp_command_size(const struct bytes *args, size_t count)
{
    size_t bytes = HEAD_SIZE;

    for (size_t i = 0; i < count; i++) {
        bytes += args[i].n + 6;
        for (size_t n = args[i].n; n >= 10; n /= 10)
            bytes++;
    }
    return bytes;
}

int resp_put_command(struct buf *out, const struct bytes *args, size_t count, struct ft_err *err)
{
    size_t need = HEAD_SIZE;

    for (size_t i = 0; i < count; i++)
        need += args[i].n + HEAD_SIZE;
    if (buf_reserve(out, need, err) != 0)
        return -1;
    put_head(out, '*', count);
    for (size_t i = 0; i < count; i++) {
        put_head(out, '$', args[i].n);
        if (args[i].n != 0)
            memcpy(out->p + out->n, args[i].p, args[i].n);
        out->n += args[i].n;
        memcpy(out->p + out->n, "\r\n", 2);
        out->n += 2;
    }
    return 0;
}

static int put_head_alone(struct buf *out, uint8_t mark, size_t number, struct ft_err *err)
{
    if (buf_reserve(out, HEAD_SIZE, err) != 0)
        return -1;
    put_head(out, mark, number);
    return 0;
}

int resp_put_command_head(struct buf *out, size_t count, struct ft_err *err)
{
    return put_head_alone(out, '*', count, err);
}

int resp_put_arg_head(struct buf *out, size_t size_bytes, struct ft_err *err)
{
    return put_head_alone(out, '$', size_bytes, err);
}

/* A mark, a number and CR LF. */
static bool take_head(struct bytes *in, uint8_t mark, size_t *ret)
{
    size_t number = 0;
    size_t at = 1;

    if (in->n == 0 || in->p[0] != mark)
        return false;
    for (; at < in->n && in->p[at] >= '0' && in->p[at] <= '9' && number < SIZE_MAX / 100; at++)
        number = 10 * number + (in->p[at] - '0');
    if (at + 2 > in->n || memcmp(in->p + at, "\r\n", 2) != 0)
        return false;
    *in = bytes_of(in->p + at + 2, in->n - at - 2);
    *ret = number;
    return true;
}

bool resp_take_arg(struct bytes *in, struct bytes *ret)
{
    size_t n;

    if (!take_head(in, '$', &n) || n > in->n || in->n - n < 2)
        return false;
    *ret = bytes_of(in->p, n);
    *in = bytes_of(in->p + n + 2, in->n - n - 2);
    return true;
}

int resp_take_command(struct bytes command, struct bytes **ret_args, size_t *ret_count,
                      struct ft_err *err)
{
    struct bytes *args;
    size_t count;

    if (!take_head(&command, '*', &count) || count == 0 || count > command.n)
        return err_set(err, FT_ERR_BUG, "what was sent is not a command");
    args = calloc(count, sizeof(*args));
    if (args == NULL)
        return err_nomem(err, "a command");
    for (size_t i = 0; i < count; i++) {
        if (!resp_take_arg(&command, &args[i])) {
            free(args);
            return err_set(err, FT_ERR_BUG, "what was sent is not a command");
        }
    }
    *ret_args = args;
    *ret_count = count;
    return 0;
}
