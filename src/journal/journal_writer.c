#include "journal/journal_writer.h"

#include "codec/packed.h"

static int put_number(struct buf *out, uint64_t value, struct ft_err *err)
{
    if (buf_reserve(out, PACKED_MAX_SIZE, err) != 0)
        return -1;
    out->n += packed_put(out->p + out->n, value);
    return 0;
}

static int put_numbers(struct buf *out, const uint64_t *values, size_t count, struct ft_err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (put_number(out, values[i], err) != 0)
            return -1;
    }
    return 0;
}

int journal_put_record(struct buf *out, const struct journal_record *r, struct ft_err *err)
{
    const uint64_t head[] = {JOURNAL_OP_SELECT, r->dbid, r->op, r->txid, r->shard_count};
    uint64_t payload[] = {r->arg_count, 0};

    for (size_t i = 0; i < r->arg_count; i++)
        payload[1] += r->args[i].n;
    if (put_numbers(out, head, 5, err) != 0)
        return -1;
    if (r->op == JOURNAL_OP_EXEC)
        return 0;
    if (put_numbers(out, payload, 2, err) != 0)
        return -1;
    for (size_t i = 0; i < r->arg_count; i++) {
        if (put_number(out, r->args[i].n, err) != 0 ||
            buf_append(out, r->args[i].p, r->args[i].n, err) != 0)
            return -1;
    }
    return 0;
}

int journal_put_lsn(struct buf *out, uint64_t lsn, struct ft_err *err)
{
    const uint64_t mark[] = {JOURNAL_OP_LSN, lsn};

    return put_numbers(out, mark, 2, err);
}

int journal_put_ping(struct buf *out, struct ft_err *err)
{
    return put_number(out, JOURNAL_OP_PING, err);
}
