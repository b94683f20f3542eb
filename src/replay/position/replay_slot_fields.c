#include "replay/position/replay_slot_fields.h"

#include <stdlib.h>

#include "base/array.h"

int replay_slot_fields_add(struct replay_slot_fields *f, uint16_t slot, struct bytes name,
                           struct bytes value, struct ft_err *err)
{
    if (ARRAY_RESERVE(&f->slots, &f->cap, f->count + 1, "a position", err) != 0 ||
        replay_steps_field(&f->texts, name, value, err) != 0)
        return -1;
    f->slots[f->count++] = slot;
    return 0;
}

void replay_slot_fields_clear(struct replay_slot_fields *f)
{
    replay_steps_clear(&f->texts);
    f->count = 0;
}

void replay_slot_fields_release(struct replay_slot_fields *f)
{
    replay_steps_release(&f->texts);
    free(f->slots);
}
