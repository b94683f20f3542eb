#include "replay/position/replay_window.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/endian.h"

/* Of a command: how many arguments it has, its tag with a zero, its arguments; each text with its length in front. */
#define NUMBER_SIZE 4
/* What a part holds on to for the next window. */
#define PART_KEEP_BYTES (512u << 10)
/* Of a slot's commands: no processor fetches more at a time. */
#define AHEAD_MAX  16u
#define CACHE_LINE 64u

static size_t part_of(uint16_t slot)
{
    return slot / (SLOT_COUNT / REPLAY_WINDOW_PARTS);
}

static void put_text(struct buf *out, struct bytes text)
{
    store_le32(out->p + out->n, (uint32_t)text.n);
    memcpy(out->p + out->n + NUMBER_SIZE, text.p, text.n);
    out->n += NUMBER_SIZE + text.n;
}

static const uint8_t *take_text(const uint8_t *p, struct bytes *ret)
{
    *ret = bytes_of(p + NUMBER_SIZE, load_le32(p));
    return p + NUMBER_SIZE + ret->n;
}

static int reserve_places(struct replay_window *w, struct ft_err *err)
{
    size_t places = w->cap;
    size_t unsorted = w->cap;
    size_t slots = w->cap;

    if (w->commands < w->cap)
        return 0;
    if (ARRAY_RESERVE(&w->places, &places, w->commands + 1, "a window", err) != 0 ||
        ARRAY_RESERVE(&w->unsorted, &unsorted, w->commands + 1, "a window", err) != 0 ||
        ARRAY_RESERVE(&w->slots, &slots, w->commands + 1, "a window", err) != 0)
        return -1;
    w->cap = places < unsorted ? places : unsorted;
    w->cap = slots < w->cap ? slots : w->cap;
    return 0;
}

int replay_window_put(struct replay_window *w, uint16_t slot, const char *tag,
                      const struct bytes *args, size_t count, struct ft_err *err)
{
    struct buf *part = &w->parts[part_of(slot)];
    const struct bytes tag_text = bytes_of(tag, strlen(tag) + 1);
    size_t size = 2 * NUMBER_SIZE + tag_text.n;

    for (size_t i = 0; i < count; i++)
        size += NUMBER_SIZE + args[i].n;
    if (size > UINT32_MAX - part->n)
        return err_set(err, FT_ERR_BUG, "a window of more than 4 GiB");
    if (reserve_places(w, err) != 0 || buf_reserve(part, size, err) != 0)
        return -1;
    w->unsorted[w->commands] = (uint32_t)part->n;
    w->slots[w->commands++] = slot;
    if (++w->count[slot] > w->most_of_slot)
        w->most_of_slot = w->count[slot];
    w->sizes[slot] += size;
    if (w->sizes[slot] > w->largest_slot)
        w->largest_slot = w->sizes[slot];
    w->bytes += size;
    store_le32(part->p + part->n, (uint32_t)count);
    part->n += NUMBER_SIZE;
    put_text(part, tag_text);
    for (size_t i = 0; i < count; i++)
        put_text(part, args[i]);
    return 0;
}

void replay_window_sort(struct replay_window *w)
{
    uint32_t at = 0;

    for (uint32_t slot = 0; slot < SLOT_COUNT; slot++) {
        w->first[slot] = at;
        at += w->count[slot];
    }
    for (size_t i = 0; i < w->commands; i++)
        w->places[w->first[w->slots[i]]++] = w->unsorted[i];
    for (uint32_t slot = 0; slot < SLOT_COUNT; slot++)
        w->first[slot] -= w->count[slot];
}

int replay_window_read(const struct replay_window *w, uint16_t slot, uint32_t number,
                       struct replay_window_command *ret, struct ft_err *err)
{
    const uint8_t *p = w->parts[part_of(slot)].p + w->places[number];
    struct bytes tag;

    ret->count = load_le32(p);
    if (ARRAY_RESERVE(&ret->args, &ret->cap, ret->count, "a command", err) != 0)
        return -1;
    p = take_text(p + NUMBER_SIZE, &tag);
    ret->tag = (const char *)tag.p;
    for (size_t i = 0; i < ret->count; i++)
        p = take_text(p, &ret->args[i]);
    return 0;
}

void replay_window_ahead(const struct replay_window *w, uint16_t slot)
{
    const struct buf *part = &w->parts[part_of(slot)];
    const uint32_t first = w->first[slot];
    const uint32_t count = w->count[slot] < AHEAD_MAX ? w->count[slot] : AHEAD_MAX;

    for (uint32_t i = first; i < first + count; i++) {
        const uint32_t at = w->places[i];

        __builtin_prefetch(part->p + at);
        if (part->n - at > CACHE_LINE)
            __builtin_prefetch(part->p + at + CACHE_LINE);
    }
}

void replay_window_clear(struct replay_window *w)
{
    for (size_t i = 0; i < REPLAY_WINDOW_PARTS; i++) {
        buf_clear(&w->parts[i]);
        buf_trim(&w->parts[i], PART_KEEP_BYTES);
    }
    w->bytes = 0;
    w->commands = 0;
    w->most_of_slot = 0;
    w->largest_slot = 0;
    memset(w->count, 0, sizeof(w->count));
    memset(w->sizes, 0, sizeof(w->sizes));
}

void replay_window_release(struct replay_window *w)
{
    for (size_t i = 0; i < REPLAY_WINDOW_PARTS; i++)
        buf_release(&w->parts[i]);
    free(w->places);
    free(w->unsorted);
    free(w->slots);
}
