#include "serve/serve.h"

#include <inttypes.h>
#include <stdlib.h>

#include "audit/forecast.h"
#include "base/parse.h"
#include "serve/dragonfly_service.h"
#include "serve/listener.h"
#include "serve/redis_service.h"
#include "serve/serve_live.h"
#include "state/fold.h"
#include "state/fold_plan.h"

/*
 * A loss that is found in the middle of a state leaves a replica that tries it again for ever. It has to be known from the
 * beginning which keys are left out, and of a live capture which are suspect: for what the journal makes of these.
 */
static int read_before(struct serve_options *o, const struct source *source,
                       struct serve_result *result, struct ft_err *err)
{
    const struct forecast_options options = {.target = o->target, .json_as = o->json_as};
    struct forecast forecast;
    uint64_t losses;
    uint64_t at = 0;
    int rc;

    if (!o->fail_on_loss && o->live == NULL && !source_can(source, SOURCE_HAS_JOURNAL))
        return 0;
    rc = forecast_run(&forecast, source, &options, err);
    losses = forecast.losses.losses;
    o->keys = forecast.keys;
    if (rc == 0 && o->live != NULL)
        rc = serve_suspects_add_from(&o->live->suspects, &forecast.suspects, &at, err);
    if (rc == 0)
        rc = loss_learn(&result->losses, &forecast.losses, err);
    if (rc == 0 && losses != 0 && o->fail_on_loss) {
        loss_release(&result->losses);
        result->losses = forecast.losses;
        loss_init(&forecast.losses);
        rc = err_set(err, FT_ERR_LOSS, "%" PRIu64 " thing%s cannot be kept on Redis %s", losses,
                     plural(losses), o->target->name);
    }
    forecast_release(&forecast);
    return rc;
}

/* Is there anything to apply for the state at the end of the full sync? */
static int find_in_sync(const struct serve_options *o, const struct source *source, bool *ret,
                        struct ft_err *err)
{
    struct fold_plan *plan = NULL;
    struct cut cut = {0};
    int rc = -1;

    if (source_resolve_base(source, "snapshot", &cut, err) == 0 &&
        fold_plan_new(&plan, source, &cut, err) == 0) {
        const struct fold_plan_options options = {
            .cut = &cut, .target = o->target, .json_as = o->json_as};

        rc = fold_plan_scan(plan, &options, err);
    }
    if (rc == 0)
        *ret = !fold_plan_is_empty(plan);
    fold_plan_free(plan);
    cut_release(&cut);
    return rc;
}

/* What a replica would find out is found out before it comes. */
static int check_engine(const struct serve_options *o, const struct source *source,
                        struct ft_err *err)
{
    struct ft_err cause = FT_ERR_INIT;
    bool needed = o->state_at_end;

    if (!source_can(source, SOURCE_HAS_JOURNAL) ||
        fold_check_server(o->redis_server, o->cancel_fd, &cause) == 0)
        return 0;
    if (!needed && find_in_sync(o, source, &needed, err) != 0)
        return -1;
    return needed ? err_copy(err, &cause) : 0;
}

/* The newest that is complete, when there is one. */
static int await_generation(const struct serve_options *o, uint32_t *ret, struct ft_err *err)
{
    struct live_waiter *waiter;
    struct live_state state;
    int rc = 0;

    if (live_waiter_new(&waiter, o->live->flows, LIVE_WAIT(LIVE_DURABLE), err) != 0)
        return -1;
    serve_suspects_clear(&o->live->suspects);
    live_flows_state(o->live->flows, &state);
    while (rc >= 0 && state.replayable == 0 && !state.ended) {
        rc = live_waiter_wait(waiter, -1, o->cancel_fd, err);
        live_flows_state(o->live->flows, &state);
    }
    live_waiter_free(waiter);
    *ret = state.replayable; /* 0: opening the input says what is missing */
    return rc < 0 ? -1 : 0;
}

static int serve_generation(const struct serve_options *o, const struct listener *listener,
                            struct serve_progress *progress, struct serve_result *result,
                            bool was_read, bool *ret_turned_over, struct ft_err *err)
{
    struct serve_options own = *o;
    uint32_t generation = o->generation;
    struct source *source;
    int rc;

    if (o->live != NULL && await_generation(o, &generation, err) != 0)
        return -1;
    if (source_open(&source, o->input, generation, err) != 0)
        return -1;
    source->cancel_fd = o->cancel_fd;
    own.follow = o->live != NULL || (o->follow && source_can(source, SOURCE_CAN_FOLLOW));
    result->generation = source->generation;
    if (o->as == SERVE_AS_DRAGONFLY) {
        rc = dragonfly_service_run(&own, source, listener, progress, result, ret_turned_over, err);
        source_free(source);
        return rc;
    }
    rc = was_read ? 0 : read_before(&own, source, result, err);
    if (rc == 0)
        rc = check_engine(o, source, err);
    if (rc == 0)
        rc = redis_service_run(&own, source, listener, progress, result, ret_turned_over, err);
    source_free(source);
    return rc;
}

int serve_run(const struct serve_options *options, struct serve_progress *progress,
              struct serve_result *result, struct ft_err *err)
{
    struct listener listener;
    bool was_read = options->known != NULL;
    bool turned_over = true;
    int rc = 0;

    loss_init(&result->losses);
    loss_init(&result->state_losses);
    if ((was_read && loss_learn(&result->losses, options->known, err) != 0) ||
        listener_open(&listener, &options->listen, err) != 0)
        return -1;
    while (rc == 0 && turned_over) {
        rc = serve_generation(options, &listener, progress, result, was_read, &turned_over, err);
        was_read = false;
        if (rc == 0 && turned_over)
            serve_note(options, "a newer generation is there: every replica gets all of it");
    }
    listener_close(&listener);
    if (rc != 0 && err->kind == FT_ERR_CANCELLED) {
        err_clear(err);
        return 0;
    }
    return rc;
}

void serve_result_release(struct serve_result *result)
{
    loss_release(&result->losses);
    loss_release(&result->state_losses);
    suspect_release(&result->suspects);
    free(result->replicas);
    result->replicas = NULL;
    result->replica_count = 0;
}
