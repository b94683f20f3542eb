#include "replay/replay_impl.h"

#include "replay/position/replay_dead.h"
#include "replay/position/replay_node.h"

/* The source was the target of a replay once. */
static void note_own_key(void *context, struct bytes key)
{
    struct replay *r = context;
    char shown[60];

    if (!atomic_exchange(&r->own_noted, true))
        replay_report_note(&r->report,
                           "keys like \"%s\" are left out: this is how a replay calls its own",
                           bytes_escape(key, shown, sizeof(shown)));
}

uint64_t replay_restore_max(const struct replay *r)
{
    uint64_t bytes = replay_request_limit(&r->set).bytes / 2; /* the rest is for the key */
    uint64_t arg_max = r->target.arg_max;

    return arg_max == 0 || (bytes != 0 && bytes < arg_max) ? bytes : arg_max;
}

bool replay_is_limited(const struct replay *r)
{
    const struct reach_limit limit = replay_request_limit(&r->set);

    return limit.args != 0 || limit.bytes != 0;
}

int replay_end_refused(struct replay *r, struct ft_err *err)
{
    struct ft_err ignored = FT_ERR_INIT; /* it is found again by the next run then */

    for (size_t n = 0; n < r->set.node_count; n++)
        (void)replay_node_drain(&r->set.nodes[n], &ignored);
    return err_set(err, FT_ERR_PROTOCOL, "the target refused a command");
}

struct replay_rules replay_rules_of(struct replay *r)
{
    return (struct replay_rules){
        .filter = &r->o->filter,
        .map = &r->o->map,
        .kept = &r->kept,
        .source = r->source,
        .id = r->set.id,
        .ttl = r->o->ttl,
        .shift_ms = r->shift_ms,
        .json_as = r->o->json_as,
        .kind = r->target.kind,
        .version = r->target.version,
        .cluster = r->target.cluster,
        .no_restore = r->rights.no_restore,
        .on_own_key = note_own_key,
        .context = r,
    };
}
