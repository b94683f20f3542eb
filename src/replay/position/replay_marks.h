/*
 * replay_marks.h - how far each slot of a cluster is whose target runs no scripts.
 *
 * What it is   A transaction has the keys of one slot alone. So each slot has a HASH of its own, its mark, which goes with
 *              its keys wherever they go, and which their transactions change: replay_slots.h. It may be ahead of its
 *              node's position, never ahead of its keys.
 * Fields       seq         counts the slot's transactions; who connects sets it to a random number, so that nothing in
 *                          flight from before is executed. So every slot has a mark, used or not
 *              flow:<i>    LSN of the first record of the flow that is not applied; none: the node's position
 *              e:..., d:...  as in a position (replay_state.h)
 * State        marks is there before the first of them is; version REPLAY_STATE_BY_SLOT says that all are, and that they count.
 * Replies      Who claims, resets or removes marks uses the connections of the nodes, and listens to their replies: see
 *              replay_nodes_listen.
 * Threads      The driver's.
 */
#ifndef FLOWTAPE_REPLAY_POSITION_REPLAY_MARKS_H
#define FLOWTAPE_REPLAY_POSITION_REPLAY_MARKS_H

#include "replay/position/replay_position_set.h"

struct replay_mark_record {
    uint64_t flow, lsn;
};

struct replay_mark {
    uint64_t seq;
    uint64_t *lsn; /* per flow, as it was read; NULL: none */
    /* d: fields that its next transaction removes */
    struct replay_mark_record *forget;
    size_t forget_count;
};

/* replay_marks_load - of all slots, whose nodes' positions have been read: as they are, or where they do not count, new
 * ones, if the target runs no scripts. */
int replay_marks_load(struct replay_position_set *set, struct ft_err *err);
/* replay_marks_reset - new ones, where there are some or will be. */
int replay_marks_reset(struct replay_position_set *set, struct ft_err *err);
/* replay_marks_remove - of the state's capture, if there are, or may be, any. */
int replay_marks_remove(struct replay_position_set *set, struct ft_err *err);
/* replay_marks_of - as replay_position_of, of the slot's mark as it was read; 0: it says nothing. */
uint64_t replay_marks_of(const struct replay_position_set *set, uint32_t flow, uint16_t slot);
/* replay_marks_highest - of any slot. */
uint64_t replay_marks_highest(const struct replay_position_set *set, uint32_t flow);
/* replay_marks_get - NULL: marks have not been loaded. */
struct replay_mark *replay_marks_get(const struct replay_position_set *set, uint16_t slot);
/* replay_marks_name - the key. */
void replay_marks_name(const struct replay_position_set *set, uint16_t slot,
                       char key[REPLAY_KEY_SIZE]);
void replay_marks_free(struct replay_marks *marks);

#endif
