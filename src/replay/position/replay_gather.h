/*
 * replay_gather.h - batches of a cluster's nodes, by slot, out of many records.
 *
 * What it is   On a cluster the SETs of a batch are of many slots, and a command has the keys of one. So records are gathered
 *              in a window, the longer the further the replay is behind, and go to their nodes slot by slot, in batches as
 *              large as ever, where the SETs of a slot are one MSET. While one window is sent the next one is filled.
 * Positions    A batch has all that the window holds of some slots. So what it writes is a lane (replay_state.h): the slots up
 *              to here are as far as the end of the window. The last one of a node writes the position, and removes the lane. So every
 *              batch has its effects and what is known of them in one step, as ever.
 * Order        Of a slot it stays. Records of which not all keys are known to be independent are not gathered, nor are
 *              transactions of the source: what is in windows is sent before them, and they before what is gathered after them.
 * Threads      The driver's.
 */
#ifndef FLOWTAPE_REPLAY_POSITION_REPLAY_GATHER_H
#define FLOWTAPE_REPLAY_POSITION_REPLAY_GATHER_H

#include "replay/position/replay_position_set.h"
#include "replay/position/replay_window.h"

struct replay_gather {
    struct replay_window windows[2];
    struct replay_window *filling, *sending;
    struct replay_window_command command; /* the one that is read */
    uint32_t *rest;                       /* of the slot that is put: what is no such SET */
    size_t rest_cap;
    uint64_t *next;       /* per flow: the end of the window that is sent */
    size_t sending_nodes; /* that have not had all of it */
    size_t limit;         /* commands until a window is full */
    size_t due;           /* commands in `filling` when more is to be sent */
    bool on;              /* what is put is gathered */
};

int replay_gather_new(struct replay_gather **ret, uint32_t flow_count, struct ft_err *err);
void replay_gather_free(struct replay_gather *g);
/* replay_gather_put - of a record for this node. */
int replay_gather_put(struct replay_node *node, const char *tag, const struct bytes *args,
                      size_t count, struct ft_err *err);
/* replay_gather_is_full - the window that is filled should be sent. */
bool replay_gather_is_full(const struct replay_gather *g);
/* replay_gather_is_empty - nothing is in windows. NULL: likewise. */
bool replay_gather_is_empty(const struct replay_gather *g);
/* replay_gather_has_none - nothing for this node is. */
bool replay_gather_has_none(const struct replay_node *node);
/* replay_gather_turn - what was gathered is the window to be sent; the one before has been. soon: nothing more is there to be
 * read, so that the next ones are to be small. */
void replay_gather_turn(struct replay_position_set *set, bool soon);
/* replay_gather_fill - the node's next slots into its batch, until it has so much. */
int replay_gather_fill(struct replay_node *node, size_t commands, size_t bytes, struct ft_err *err);
/* replay_gather_put_lane - into the batch: how far the node is within the window. */
int replay_gather_put_lane(struct replay_node *node, struct ft_err *err);
/* replay_gather_end_node - the batch has the last of the window for this node: no lane any more. */
int replay_gather_end_node(struct replay_node *node, struct ft_err *err);

#endif
