#include "replay/replay_pacer.h"

#include "base/clock.h"
#include "replay/replay_cancel.h"

/* So much of a second's worth may be in flight before its answers are awaited. */
#define IN_FLIGHT_PART 2u
/* Not worth going to sleep for. */
#define EARLY_US 2000u

void replay_pacer_init(struct replay_pacer *p, uint64_t keys, uint64_t bytes, int cancel_fd)
{
    *p = (struct replay_pacer){
        .by_keys = keys != 0,
        .cancel_fd = cancel_fd,
        .pace.per_second = keys != 0 ? keys : bytes,
    };
    (void)pthread_mutex_init(&p->mu, NULL); /* default attributes: cannot fail on Linux */
}

void replay_pacer_release(struct replay_pacer *p)
{
    (void)pthread_mutex_destroy(&p->mu); /* nobody holds it any more */
}

static uint64_t paid_by_all(struct replay_pacer *p)
{
    uint64_t paid;

    pthread_mutex_lock(&p->mu);
    paid = p->paid;
    pthread_mutex_unlock(&p->mu);
    return paid;
}

int replay_pay(struct replay_payer *payer, size_t bytes, struct ft_err *err)
{
    struct replay_pacer *p = payer->pacer;
    const uint64_t amount = p->by_keys ? 1 : bytes;
    uint64_t due_us;
    uint64_t paid;
    uint64_t now_us;

    if (p->pace.per_second == 0)
        return 0;
    pthread_mutex_lock(&p->mu);
    p->paid += amount;
    paid = p->paid;
    due_us = pace_take(&p->pace, amount, clock_mono_us());
    pthread_mutex_unlock(&p->mu);
    if (paid - payer->drained > p->pace.per_second / IN_FLIGHT_PART) {
        if (payer->drain(payer->context, err) != 0)
            return -1;
        payer->drained = paid_by_all(p);
    }
    now_us = clock_mono_us();
    return now_us + EARLY_US >= due_us
               ? 0
               : replay_cancel_sleep(p->cancel_fd, (due_us - now_us) / 1000, err);
}
