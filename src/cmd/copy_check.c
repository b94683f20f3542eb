#include "cmd/copy_check.h"

#include <inttypes.h>

#define SHOWN       10u
#define ROUNDS      3u
#define INTERVAL_MS 200u
#define SLACK_MS    1000u

void copy_check_init(struct copy_check *c)
{
    *c = (struct copy_check){.examples = {.max = SHOWN}};
    loss_init(&c->losses);
}

static int take_found(void *context, const struct diff_found *found, struct ft_err *err)
{
    struct copy_check *c = context;

    return diff_examples_add(&c->examples, found, err);
}

int copy_check_run(struct copy_check *c, const struct replay_options *o, struct ft_err *err)
{
    struct diff_options *run = &c->args.run;

    *run = (struct diff_options){
        .rules = {.filter = &o->filter,
                  .map = &o->map,
                  .ttl = o->ttl,
                  .json_as = o->json_as,
                  .slack_ms = SLACK_MS},
        .redis_server = "redis-server",
        .rounds = ROUNDS,
        .interval_ms = INTERVAL_MS,
        .rate_keys = o->rate_keys,
        .show = SHOWN,
        .cancel_fd = o->cancel_fd,
        .on_found = take_found,
        .context = c,
    };
    run->input[DIFF_A] =
        (struct diff_input){.name = o->input, .at = o->at, .generation = o->generation};
    run->input[DIFF_B] = (struct diff_input){.name = uri_address(o->target, c->args.names[DIFF_B]),
                                             .uri = o->target};
    atomic_store(&c->begun, true);
    if (diff_run(run, &c->progress, &c->losses, &c->result, err) != 0)
        return err_wrap(err, "--check");
    c->done = true;
    return 0;
}

void copy_check_show(struct progress *p, const struct copy_check *c)
{
    progress_show(p, "check: %" PRIu64 " keys of the input, %" PRIu64 " of the target",
                  (uint64_t)atomic_load(&c->progress.keys[DIFF_A]),
                  (uint64_t)atomic_load(&c->progress.keys[DIFF_B]));
}

bool copy_check_is_equal(const struct copy_check *c)
{
    return c->done && diff_is_equal(&c->result);
}

void copy_check_print(const struct copy_check *c)
{
    if (c->done)
        diff_print(&c->args, &c->result, &c->examples, &c->losses);
}

json_t *copy_check_to_json(const struct copy_check *c)
{
    return c->done ? diff_to_json(&c->args, &c->result, &c->examples, &c->losses) : json_null();
}

void copy_check_release(struct copy_check *c)
{
    diff_examples_release(&c->examples);
    loss_release(&c->losses);
}
