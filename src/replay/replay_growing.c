#include "replay/replay_growing.h"

#include <inttypes.h>

#include "replay/replay_cancel.h"

/* Something comes every few milliseconds, or the source has to be waited for: then what has gathered goes at once. */
#define WAIT_FIRST_MS 2u
#define WAIT_MAX_MS   20u

void replay_growing_init(struct replay_growing *g, struct live_flows *live, uint32_t generation,
                         int cancel_fd)
{
    *g = (struct replay_growing){
        .live = live, .generation = generation, .cancel_fd = cancel_fd, .cause = FT_ERR_INIT};
    (void)pthread_mutex_init(&g->mu, NULL); /* default attributes: cannot fail on Linux */
}

void replay_growing_release(struct replay_growing *g)
{
    (void)pthread_mutex_destroy(&g->mu); /* nobody holds it any more */
}

void replay_growing_break(struct replay_growing *g, const struct ft_err *cause)
{
    pthread_mutex_lock(&g->mu);
    if (!atomic_load(&g->broken))
        g->cause = *cause;
    atomic_store(&g->broken, true);
    pthread_mutex_unlock(&g->mu);
}

static int tell_cause(struct replay_growing *g, struct ft_err *err)
{
    pthread_mutex_lock(&g->mu);
    *err = g->cause;
    pthread_mutex_unlock(&g->mu);
    return -1;
}

int replay_growing_check(struct replay_growing *g, struct ft_err *err)
{
    struct live_state state;

    if (atomic_load(&g->broken))
        return tell_cause(g, err);
    live_flows_state(g->live, &state);
    if (state.generation == g->generation && (state.ready || !state.ended))
        return 0;
    return err_set(err, FT_ERR_NET,
                   "the full sync of generation %" PRIu32 " ended before it was complete",
                   g->generation);
}

int replay_growing_wait(struct replay_growing *g, uint32_t *wait_ms, struct ft_err *err)
{
    uint32_t doubled_ms = 2 * *wait_ms < WAIT_MAX_MS ? 2 * *wait_ms : WAIT_MAX_MS;

    *wait_ms = *wait_ms == 0 ? WAIT_FIRST_MS : doubled_ms;
    if (replay_cancel_sleep(g->cancel_fd, *wait_ms, err) != 0)
        return -1;
    return replay_growing_check(g, err);
}

int replay_growing_await(struct replay_growing *g, struct ft_err *err)
{
    struct live_state state = {0};
    uint32_t wait_ms = 0;

    for (;;) {
        if (replay_growing_check(g, err) != 0)
            return -1;
        live_flows_state(g->live, &state);
        if (state.replayable == g->generation)
            return 0;
        if (replay_growing_wait(g, &wait_ms, err) != 0)
            return -1;
    }
}
