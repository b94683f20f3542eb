/*
 * replay_pops.h - keys of a capture that LMPOP or BLMPOP with COUNT may have popped more from than is known.
 *
 * What it is   Such a pop of several elements is journalled as LPOP or RPOP of one. Which of a journal's pops
 *              are meant so, no record tells; where the source was asked and says that there were some, every
 *              key that a record pops one element from may be concerned.
 * Reading      The journal of the newest generation, from where the last reading ended, as far as it is on
 *              disk.
 * Threads      One.
 */
#ifndef FLOWTAPE_REPLAY_REPLAY_POPS_H
#define FLOWTAPE_REPLAY_REPLAY_POPS_H

#include "command/suspect.h"

/* Zeroed at first. */
struct replay_pops {
    struct suspect_report keys; /* found since it was released last */
    uint32_t generation;
    uint32_t flow_count;
    uint64_t *next_lsn;
};

int replay_pops_read(struct replay_pops *p, const char *capture, struct ft_err *err);
void replay_pops_release(struct replay_pops *p);

#endif
