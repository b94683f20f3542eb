#include "replay/replay_setup.h"

#include <stdlib.h>

#include "replay/replay_connect.h"
#include "replay/replay_follow.h"
#include "replay/replay_input.h"
#include "replay/replay_refused.h"

static int note_refused(void *owner, uint32_t flow, uint64_t lsn, uint32_t db,
                        const struct bytes *args, size_t count, struct ft_err *err)
{
    return replay_refused_add(owner, flow, lsn, db, args, count, err);
}

static int list_refused(void *owner, struct ft_err *err)
{
    return replay_refused_save(owner, err);
}

void replay_setup(struct replay *r, const struct replay_options *options,
                  struct replay_progress *progress, struct loss_report *losses,
                  struct replay_result *result)
{
    const struct replay_position_terms terms = {
        .claim = &options->map.claim,
        .filter = &options->filter,
        .accept_errors = options->accept_errors,
        .note_refused = note_refused,
        .list_refused = list_refused,
        .owner = r,
    };

    *r = (struct replay){.o = options};
    replay_report_init(&r->report, progress, losses, result);
    r->report.fail_on_loss = options->fail_on_loss;
    r->report.on_note = options->on_note;
    r->report.context = options->context;
    replay_connect_init(r);
    replay_position_set_init(&r->set, &r->report, &r->target, &terms);
    if (replay_is_limited(r)) /* a batch would be one request of many arguments */
        atomic_store(&r->target.no_eval, true);
    (void)pthread_mutex_init(&r->refused_mu, NULL); /* default attributes: cannot fail on Linux */
    replay_pacer_init(&r->pacer, options->rate_keys, options->rate_bytes, options->cancel_fd);
}

void replay_teardown(struct replay *r)
{
    replay_follow_close(r);
    if (r->source != NULL)
        replay_input_close(r);
    replay_position_set_release(&r->set);
    key_set_release(&r->kept);
    key_set_release(&r->kept_libraries);
    buf_release(&r->refused);
    target_client_release(&r->target);
    free(r->flushed);
    replay_report_release(&r->report);
    replay_pacer_release(&r->pacer);
    (void)pthread_mutex_destroy(&r->refused_mu); /* nobody holds it any more */
}

int replay_setup_letters(struct replay *r, struct ft_err *err)
{
    const char *again = r->o->retry_dead_letters;
    const char *path = again != NULL ? again : r->o->dead_letters;

    return path == NULL ? 0 : replay_position_set_open_letters(&r->set, path, again != NULL, err);
}
