#include "replay/position/replay_position_set.h"

#include <stdlib.h>

void replay_position_set_init(struct replay_position_set *set, struct replay_report *report,
                              struct target_client *target)
{
    *set = (struct replay_position_set){.report = report, .target = target};
    /* default attributes: cannot fail on Linux */
    (void)pthread_mutex_init(&set->letters_mu, NULL);
    (void)pthread_mutex_init(&set->note_mu, NULL);
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
                                     uint64_t lsn, uint32_t db, const struct bytes *words,
                                     size_t count, struct ft_err *err)
{
    return set->note_refused == NULL
               ? 0
               : set->note_refused(set->owner, flow, lsn, db, words, count, err);
}

int replay_position_set_list_refused(const struct replay_position_set *set, struct ft_err *err)
{
    return set->list_refused == NULL ? 0 : set->list_refused(set->owner, err);
}
