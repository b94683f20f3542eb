#include <stdio.h>

#include "base/clock.h"
#include "lib/stamp.h"
#include "lib/standin.h"
#include "rdb/rdb_len.h"

static int put_packed(struct buf *b, uint64_t v, struct ft_err *err)
{
    uint8_t out[RDB_LEN_MAX_SIZE];

    return buf_append(b, out, rdb_len_put(out, v), err);
}

static int put_arg(struct buf *b, const char *arg, struct ft_err *err)
{
    return put_packed(b, strlen(arg), err) != 0 ? -1 : buf_append_str(b, arg, err);
}

/* SELECT 0, COMMAND with a txid of its own, for one shard, of three words. */
static int make_stamp(struct buf *b, const char *key, uint64_t txid, struct ft_err *err)
{
    char number[STAMP_SIZE];

    (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)stamp_now_ns()); /* fits */
    buf_clear(b);
    if (buf_append(b, "\x06\x00\x0a", 3, err) != 0 || put_packed(b, txid, err) != 0 ||
        buf_append(b, "\x01\x03", 2, err) != 0 ||
        put_packed(b, strlen("RPUSH") + strlen(key) + strlen(number), err) != 0)
        return -1;
    return put_arg(b, "RPUSH", err) != 0 || put_arg(b, key, err) != 0 ? -1
                                                                      : put_arg(b, number, err);
}

enum step standin_next_stamp(struct standin *m, struct standin_flow *own,
                             const struct dragonfly_flow *f, struct dragonfly_piece *ret,
                             struct ft_err *err)
{
    uint64_t now_us = clock_mono_us();
    char key[STAMP_SIZE];

    if (own->stamps_began_us == 0)
        own->stamps_began_us = now_us;
    if (now_us < own->stamps_began_us + own->stamps * 1000000 / m->options.stamps)
        return STEP_END;
    stamp_key(f->index, m->recording->flow_count, key);
    if (make_stamp(&own->made, key, 1000000 + own->stamps, err) != 0)
        return STEP_ERROR;
    own->stamp_record = (struct dragonfly_record){0, (uint32_t)own->made.n};
    pthread_mutex_lock(&m->mu);
    own->stamps++;
    pthread_mutex_unlock(&m->mu);
    *ret = (struct dragonfly_piece){
        .bytes = buf_bytes(&own->made),
        .offset = DRAGONFLY_MADE,
        .stable = true,
        .journal = true,
        .lsn = f->sent_lsn,
        .records = &own->stamp_record,
        .record_count = 1,
    };
    return STEP_ITEM;
}
