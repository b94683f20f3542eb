/* rdb/rdb_stream.h, rdb/rdb_stream_place.h. Input: options, the size of the pieces, the stream. */
#include <xxhash.h>

#include "fuzz/fuzz.h"
#include "rdb/rdb_stream_place.h"

static enum step next(void *stream, struct window *w, struct ft_err *err)
{
    struct rdb_item item;

    return rdb_stream_next(stream, w, &item, err);
}

static struct rdb_stream *open_stream(const struct rdb_stream_options *options)
{
    struct ft_err err = FT_ERR_INIT;
    struct rdb_stream *s;

    fuzz_must(rdb_stream_new(&s, options, &err) == 0);
    return s;
}

/* The last place that one finds who sees this much of it. */
static struct rdb_place find_place(struct rdb_stream_options options, struct bytes in)
{
    struct rdb_place place = {0};
    struct ft_err err = FT_ERR_INIT;
    struct rdb_stream *s;
    struct window w;

    options.skip_values = true;
    s = open_stream(&options);
    window_init(&w, 0, 0);
    fuzz_must(window_push(&w, in, &err) == 0);
    fuzz_must(rdb_stream_find_place(s, &w, &place) != STEP_ITEM);
    fuzz_must(place.offset <= in.n);
    window_release(&w);
    rdb_stream_free(s);
    return place;
}

static uint64_t hash_seeded(struct bytes b, uint64_t seed)
{
    return XXH3_64bits_withSeed(b.n == 0 ? (const void *)"" : b.p, b.n, seed);
}

static uint64_t hash_of(const struct rdb_item *item)
{
    const struct rdb_entry *e = &item->entry;
    uint64_t hash = hash_seeded(item->bytes, item->offset ^ (uint64_t)item->kind << 48);

    if (item->kind != RDB_ITEM_ENTRY)
        return hash_seeded(item->name, hash ^ item->number);
    hash = hash_seeded(e->key, hash ^ e->db ^ (uint64_t)e->type << 32);
    return hash_seeded(e->raw, hash ^ (uint64_t)e->expire_ms ^ e->value_bytes);
}

/* Of all items from the place on, and of how it ends. from: where the parser is to begin, or NULL. */
static uint64_t read_from(const struct rdb_stream_options *options, struct bytes in,
                          const struct rdb_place *from, uint64_t offset)
{
    struct rdb_stream *s = open_stream(options);
    struct ft_err err = FT_ERR_INIT;
    struct rdb_item item;
    uint64_t hash = 0;
    struct window w;
    enum step step;

    window_init(&w, from == NULL ? 0 : offset, 0);
    if (from != NULL) {
        rdb_stream_start_at(s, from);
        in = bytes_of(in.p + offset, in.n - (size_t)offset);
    }
    fuzz_must(window_push(&w, in, &err) == 0);
    w.closed = true;
    while ((step = rdb_stream_next(s, &w, &item, &err)) == STEP_ITEM) {
        if (item.offset >= offset)
            hash = hash * 31 + hash_of(&item);
    }
    hash = hash_seeded(bytes_str(err.msg), hash ^ (uint64_t)step);
    window_release(&w);
    rdb_stream_free(s);
    return hash;
}

/* From a place the same is read as from the beginning. */
static void check_place(const struct rdb_stream_options *options, struct bytes in, size_t seen)
{
    struct rdb_place place = find_place(*options, bytes_of(in.p, seen < in.n ? seen : in.n));

    if (place.offset != 0)
        fuzz_must(read_from(options, in, NULL, place.offset) ==
                  read_from(options, in, &place, place.offset));
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct bytes in = bytes_of(p, n);
    uint8_t flags = fuzz_byte(&in), size = fuzz_byte(&in);
    struct rdb_stream_options options = {.skip_values = flags & 1,
                                         .dragonfly = flags & 2,
                                         .detect = flags & 4,
                                         .max_item_bytes = FUZZ_ITEM_BYTES};
    struct rdb_stream *s = open_stream(&options);

    fuzz_feed(in, size, s, next);
    rdb_stream_free(s);
    check_place(&options, in, size == 0 ? in.n : size * 8u);
    return 0;
}
