#include "sync/sync_check_pops.h"

#include "store/capture_set.h"

static bool holds_capture(const char *dir)
{
    return capture_is_dir(dir) || capture_set_is_dir(dir);
}

void sync_pops_begin(struct sync_check *c)
{
    struct ft_err err = FT_ERR_INIT;
    uint64_t calls;

    c->pops_seen = 0;
    if (!holds_capture(c->replay->input) && sync_source_pops(c->source, &calls, &err) == 0)
        c->pops_seen = calls;
}

void sync_pops_ask(struct sync_check *c)
{
    struct ft_err err = FT_ERR_INIT;

    if (sync_source_pops(c->source, &c->pops_calls, &err) == 0) {
        c->pops_due = c->pops_calls != c->pops_seen;
    } else if (err.kind == FT_ERR_PROTOCOL && !c->pops_refused) {
        c->pops_refused = true;
        c->on_note(c->context,
                   "the source does not report (INFO commandstats) whether LMPOP or BLMPOP "
                   "was used: with COUNT, these leave no trace in the journal");
    }
}

int sync_pops_read(struct sync_check *c, struct ft_err *err)
{
    return c->pops_due ? replay_pops_read(&c->pops, c->replay->input, err) : 0;
}

int sync_pops_list(struct sync_check *c, struct ft_err *err)
{
    struct buf key = {0};
    struct suspect s;
    uint64_t at = 0;
    int rc;

    sync_pops_ask(c);
    if (!c->pops_due)
        return 0;
    if (sync_pops_read(c, err) != 0)
        return -1;
    while ((rc = suspect_next(&c->pops.keys, &at, &key, &s, err)) > 0) {
        rc = c->kind->add(c->target, s.db, s.key, err);
        if (rc != 0)
            break;
    }
    buf_release(&key);
    if (rc != 0)
        return -1;
    suspect_release(&c->pops.keys); /* on the target's list; popped from again, they come again */
    c->pops_seen = c->pops_calls;
    c->pops_due = false;
    return 0;
}
