#include "lib/master_int.h"

#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "lib/stamp.h"

static int put_arg(struct buf *b, const char *arg, struct ft_err *err)
{
    if (put_packed(b, strlen(arg), err) != 0)
        return -1;
    return buf_append_str(b, arg, err);
}

/* COMMAND with a txid of its own, for one shard, of three words. */
static int make_stamp(struct buf *b, const char *key, uint64_t txid, struct ft_err *err)
{
    char number[STAMP_SIZE];

    (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)stamp_now_ns()); /* fits */
    buf_clear(b);
    if (buf_append(b, "\x0a", 1, err) != 0 || put_packed(b, txid, err) != 0 ||
        buf_append(b, "\x01\x03", 2, err) != 0 ||
        put_packed(b, strlen("RPUSH") + strlen(key) + strlen(number), err) != 0)
        return -1;
    return put_arg(b, "RPUSH", err) != 0 || put_arg(b, key, err) != 0 ? -1
                                                                      : put_arg(b, number, err);
}

/* The record is counted before it is sent: its ACK may be there at once. */
static bool count_stamp(struct flow *f)
{
    struct master *m = f->session->master;
    bool on;

    pthread_mutex_lock(&m->mu);
    on = !f->session->dead && !f->session->takeover;
    f->stamped += on;
    pthread_mutex_unlock(&m->mu);
    return on;
}

void send_stamps(struct flow *f)
{
    const struct master *m = f->session->master;
    struct ft_err err = FT_ERR_INIT;
    char key[STAMP_SIZE];
    struct buf record = {0};
    uint64_t began_us = clock_mono_us();
    bool on = send_all(f, (const uint8_t *)"\x06\x00", 2); /* SELECT 0 */

    stamp_key(f->index, m->recording->flow_count, key);
    for (uint64_t i = 0; on && count_stamp(f); i++) {
        uint64_t due_us = began_us + i * 1000000 / m->options.stamps;
        uint64_t now_us = clock_mono_us();
        uint64_t left_us = due_us > now_us ? due_us - now_us : 0;
        struct timespec wait = {(time_t)(left_us / 1000000), (long)(left_us % 1000000) * 1000};

        (void)nanosleep(&wait, NULL);
        on = make_stamp(&record, key, 1000000 + i, &err) == 0 && send_all(f, record.p, record.n);
    }
    buf_release(&record);
}
