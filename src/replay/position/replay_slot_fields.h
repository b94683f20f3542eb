/*
 * replay_slot_fields.h - fields of marks (replay_marks.h) that come with a batch, beside those of its commands.
 *
 * Threads      Not shared.
 */
#ifndef FLOWTAPE_REPLAY_POSITION_REPLAY_SLOT_FIELDS_H
#define FLOWTAPE_REPLAY_POSITION_REPLAY_SLOT_FIELDS_H

#include "replay/position/replay_steps.h"

/* A zeroed one is empty. */
struct replay_slot_fields {
    struct replay_steps texts; /* a name and a value each */
    uint16_t *slots;           /* whose mark it goes to */
    size_t count, cap;
};

int replay_slot_fields_add(struct replay_slot_fields *f, uint16_t slot, struct bytes name,
                           struct bytes value, struct ft_err *err);
void replay_slot_fields_clear(struct replay_slot_fields *f);
void replay_slot_fields_release(struct replay_slot_fields *f);

#endif
