#include "replay/replay_connect.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "replay/position/replay_claims.h"
#include "replay/position/replay_node.h"
#include "replay/replay_impl.h"
#include "replay/replay_rights.h"

/*
 * What the target tells
 */

static void take_note(void *context, const char *text)
{
    replay_report_note(&((struct replay *)context)->report, "%s", text);
}

static int sleep_while(void *context, uint64_t ms, struct ft_err *err)
{
    return replay_sleep(context, ms, err);
}

static void take_count(void *context, const char *name, uint64_t commands, uint64_t bytes)
{
    struct replay_node_count count = {.commands = commands, .bytes = bytes};

    (void)snprintf(count.name, sizeof(count.name), "%s", name); /* fits */
    replay_report_node(&((struct replay *)context)->report, &count);
}

void replay_connect_init(struct replay *r)
{
    const struct target_host host = {
        .cancel_fd = r->o->cancel_fd,
        .give_up_ms = r->o->give_up_ms,
        .sent_bytes = &r->report.progress->bytes,
        .note = take_note,
        .sleep = sleep_while,
        .count = take_count,
        .context = r,
    };

    target_client_init(&r->target, r->o->target, &host);
    atomic_store(&r->target.no_eval, (r->o->without & RIGHTS_EVAL) != 0);
    r->target.was_reached = r->o->known_target;
}

/*
 * The right to write
 */

static void lose_lease(void *context, const struct ft_err *err)
{
    replay_report_fail(&((struct replay *)context)->report, err);
}

int replay_take_lease(struct replay *r, struct ft_err *err)
{
    /* only an existing state is of interest to who forgets it, or sends dead letters again */
    const struct lease_terms terms = {
        .key = r->set.state_key,
        .may_create = !r->started && !r->o->forget && r->o->retry_dead_letters == NULL,
        .take_over = r->o->take_over,
        .quiet = r->started,
        .lost = lose_lease,
        .context = r,
    };

    if (r->o->dry_run)
        return lease_look(&r->target, &terms, err);
    return lease_take(&r->lease, &r->target, &terms, err);
}

void replay_end_lease(struct replay *r, bool give_back)
{
    lease_end(r->lease, give_back);
    r->lease = NULL;
}

/* Before the lease, as that makes a state; and again, as a claim counts only with a state or a lease. Of two that begin at
 * the same moment one finds the other so, whether it wants a share or the target alone. */
static int take_place(struct replay *r, struct ft_err *err)
{
    if (r->o->forget)
        return replay_take_lease(r, err);
    if (r->set.shared && r->rights.no_eval)
        return err_set(err, FT_ERR_PROTOCOL,
                       "--shared-target needs EVAL, which the target does not allow: two replays "
                       "could claim the same keys");
    if (replay_claims_take(&r->set, err) != 0 || replay_take_lease(r, err) != 0)
        return -1;
    return replay_claims_take(&r->set, err);
}

/*
 * One attempt
 */

int replay_take_without(unsigned *ret, const char *text, struct ft_err *err)
{
    return rights_take_without(ret, text, err);
}

/* What may be done beside a replay (forgetting its state, sending dead letters) leaves the connections
 * of others alone. */
static const char *owner_of(const struct replay *r)
{
    return r->beside || r->o->dry_run || r->o->forget || r->o->only_keys != NULL ||
                   r->o->retry_dead_letters != NULL
               ? NULL
               : r->set.id;
}

int replay_connect(struct replay *r, struct ft_err *err)
{
    int rc = target_client_open(&r->target, owner_of(r), err);

    replay_report_connected(&r->report, r->target.version, r->target.cluster,
                            r->target.kind == NULL ? NULL : r->target.kind->name);
    if (rc != 0)
        return -1;
    /* only who has the lease may close connections of others */
    if (replay_nodes_open(&r->set, err) != 0)
        return -1;
    if (replay_claims_find(&r->set, err) != 0)
        return -1;
    if (r->o->dry_run)
        return 0;
    /* the claim and the lease are the first things that are written */
    if (replay_check_rights(r, err) != 0 || take_place(r, err) != 0)
        return -1;
    return target_client_close_others(&r->target, err);
}

void replay_disconnect(struct replay *r)
{
    replay_end_lease(r, false);
    replay_nodes_close(&r->set);
    target_client_close(&r->target);
    replay_report_resent(&r->report, target_client_take_resent(&r->target));
}
