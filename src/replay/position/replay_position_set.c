#include "replay/position/replay_position_set.h"

#include <stdio.h>
#include <stdlib.h>

void replay_position_set_init(struct replay_position_set *set, struct replay_report *report,
                              struct target_client *target,
                              const struct replay_position_terms *terms)
{
    *set = (struct replay_position_set){.report = report, .target = target, .terms = *terms};
    /* default attributes: cannot fail on Linux */
    (void)pthread_mutex_init(&set->letters_mu, NULL);
    (void)pthread_mutex_init(&set->note_mu, NULL);
    set->shared = terms->claim != NULL && !key_claim_is_empty(terms->claim);
    replay_position_set_name(set, "");
}

void replay_position_set_name(struct replay_position_set *set, const char *id)
{
    (void)snprintf(set->id, sizeof(set->id), "%s", id); /* fits: it has as many digits */
    if (set->shared)
        replay_shared_state_name(id, set->state_key);
    else
        (void)snprintf(set->state_key, sizeof(set->state_key), "%s", REPLAY_STATE_KEY); /* fits */
}

void replay_position_set_share(struct replay_position_set *set)
{
    set->shared = true;
    replay_shared_state_name(set->id, set->state_key);
}

int replay_position_set_open(struct replay_position_set *set, uint32_t flow_count, bool has_journal,
                             unsigned journal_release, struct ft_err *err)
{
    free(set->next);
    set->next = calloc(flow_count + 1u, sizeof(*set->next));
    if (set->next == NULL)
        return err_nomem(err, "the flows");
    set->flow_count = flow_count;
    set->has_journal = has_journal;
    set->journal_release = journal_release;
    return 0;
}

void replay_position_set_close(struct replay_position_set *set)
{
    set->flow_count = 0;
}

int replay_position_set_open_letters(struct replay_position_set *set, const char *path,
                                     bool must_exist, struct ft_err *err)
{
    return replay_letters_open(&set->letters, path, must_exist, err);
}

void replay_position_set_release(struct replay_position_set *set)
{
    replay_letters_close(set->letters);
    replay_state_release(&set->state);
    key_set_release(&set->noted);
    key_set_release(&set->lost);
    buf_release(&set->unsaved_lost);
    free(set->next);
    (void)pthread_mutex_destroy(&set->letters_mu); /* nobody holds them any more */
    (void)pthread_mutex_destroy(&set->note_mu);
}

int replay_position_set_note_refused(const struct replay_position_set *set, uint32_t flow,
                                     uint64_t lsn, uint32_t db, const struct bytes *args,
                                     size_t count, struct ft_err *err)
{
    return set->terms.note_refused == NULL
               ? 0
               : set->terms.note_refused(set->terms.owner, flow, lsn, db, args, count, err);
}

int replay_position_set_list_refused(const struct replay_position_set *set, struct ft_err *err)
{
    return set->terms.list_refused == NULL ? 0 : set->terms.list_refused(set->terms.owner, err);
}
