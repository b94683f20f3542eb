/*
 * replay_window.h - commands gathered by the slot of their key.
 *
 * What it is   A window is filled, sorted, read slot by slot, and cleared. Those of a slot are read in the order in which they
 *              were put.
 * Memory       What was put, and some 30 bytes for each command; 260 KiB for the slots.
 * Threads      Not shared.
 */
#ifndef FLOWTAPE_REPLAY_POSITION_REPLAY_WINDOW_H
#define FLOWTAPE_REPLAY_POSITION_REPLAY_WINDOW_H

#include "base/buf.h"
#include "item/slot.h"

/* Commands of neighbouring slots lie together, so that those that are read one after the other are near. */
#define REPLAY_WINDOW_PARTS 64u

/* A zeroed one is empty. */
struct replay_window {
    struct buf parts[REPLAY_WINDOW_PARTS];
    size_t bytes;     /* of all */
    uint32_t *places; /* of commands, in their part; sorted: by slot */
    uint16_t *slots;  /* theirs, as they were put */
    uint32_t *unsorted;
    size_t commands, cap;
    uint32_t most_of_slot;      /* commands of the slot that has most ... */
    uint64_t largest_slot;      /* ... and the bytes of the one that has most of these */
    uint32_t count[SLOT_COUNT]; /* commands of each slot */
    uint64_t sizes[SLOT_COUNT]; /* bytes of each */
    uint32_t first[SLOT_COUNT]; /* sorted: where its places begin */
};

struct replay_window_command {
    const char *tag;
    struct bytes *args; /* owned, for as many as `cap`; what they point to is the window's */
    size_t count, cap;
};

int replay_window_put(struct replay_window *w, uint16_t slot, const char *tag,
                      const struct bytes *args, size_t count, struct ft_err *err);
/* replay_window_sort - nothing is put any more until it is cleared. */
void replay_window_sort(struct replay_window *w);
/* replay_window_read - a command of the slot, whose numbers are count[slot] from first[slot] on. */
int replay_window_read(const struct replay_window *w, uint16_t slot, uint32_t number,
                       struct replay_window_command *ret, struct ft_err *err);
/* replay_window_ahead - the slot is read soon: its commands are fetched from memory meanwhile. */
void replay_window_ahead(const struct replay_window *w, uint16_t slot);
void replay_window_clear(struct replay_window *w);
void replay_window_release(struct replay_window *w);

#endif
