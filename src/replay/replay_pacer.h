/*
 * replay_pacer.h - --rate: so many keys or bytes a second, by all threads together.
 *
 * Threads      The pacer: any. A payer: one per thread that sends.
 */
#ifndef FLOWTAPE_REPLAY_REPLAY_PACER_H
#define FLOWTAPE_REPLAY_REPLAY_PACER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/pace.h"

struct replay_pacer {
    bool by_keys;  /* else by bytes */
    int cancel_fd; /* readable: no waiting any more; -1: never */
    pthread_mutex_t mu;
    struct pace pace; /* per_second 0: no limit; else guarded by mu */
    uint64_t paid;    /* keys or bytes, by all; guarded by mu */
};

struct replay_payer {
    struct replay_pacer *pacer;
    uint64_t drained; /* paid by all when it had nothing in flight */
    /* waits for all answers: a target that stands still is not to get everything at once later */
    int (*drain)(void *context, struct ft_err *err);
    void *context;
};

/* replay_pacer_init - both 0: no limit. */
void replay_pacer_init(struct replay_pacer *p, uint64_t keys, uint64_t bytes, int cancel_fd);
void replay_pacer_release(struct replay_pacer *p);
/* replay_pay - for one key or record of so many bytes, which was sent; waits as long as the rate wants it. */
int replay_pay(struct replay_payer *p, size_t bytes, struct ft_err *err);

#endif
