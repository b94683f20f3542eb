#include "resp/resp_write.h"

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

int resp_put_command(struct buf *out, const struct bytes *words, size_t count, struct ft_err *err)
{
    size_t need = HEAD_SIZE;

    for (size_t i = 0; i < count; i++)
        need += words[i].n + HEAD_SIZE;
    if (buf_reserve(out, need, err) != 0)
        return -1;
    put_head(out, '*', count);
    for (size_t i = 0; i < count; i++) {
        put_head(out, '$', words[i].n);
        if (words[i].n != 0)
            memcpy(out->p + out->n, words[i].p, words[i].n);
        out->n += words[i].n;
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

int resp_put_word_head(struct buf *out, size_t size_bytes, struct ft_err *err)
{
    return put_head_alone(out, '$', size_bytes, err);
}
