/* rdb/rdb_stream.h. Input: options, the size of the pieces, the stream. */
#include "fuzz/fuzz.h"
#include "rdb/rdb_stream.h"

static enum step next(void *stream, struct window *w, struct ft_err *err)
{
    struct rdb_item item;

    return rdb_stream_next(stream, w, &item, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct bytes in = bytes_of(p, n);
    uint8_t flags = fuzz_byte(&in), size = fuzz_byte(&in);
    struct rdb_stream_options options = {.skip_values = flags & 1,
                                         .dragonfly = flags & 2,
                                         .detect = flags & 4,
                                         .max_item_bytes = FUZZ_ITEM_BYTES};
    struct ft_err err = FT_ERR_INIT;
    struct rdb_stream *s;

    fuzz_must(rdb_stream_new(&s, &options, &err) == 0);
    fuzz_feed(in, size, s, next);
    rdb_stream_free(s);
    return 0;
}
