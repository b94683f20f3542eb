/* rdb/rdb_stream.h. Input: options, the size of the pieces, the stream. */
#include "fuzz/fuzz.h"
#include "rdb/rdb_stream.h"

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
    struct rdb_item item;
    struct window w;
    enum step step;

    fuzz_must(rdb_stream_new(&s, &options, &err) == 0);
    window_init(&w, 0, FUZZ_ITEM_BYTES);
    do {
        step = rdb_stream_next(s, &w, &item, &err);
        if (step == STEP_MORE && !w.closed) {
            size_t piece = in.n < size || size == 0 ? in.n : size;

            w.closed = piece == 0;
            if (window_push(&w, bytes_of(in.p, piece), &err) != 0)
                step = STEP_ERROR;
            in.p += piece;
            in.n -= piece;
        } else if (step == STEP_MORE) {
            abort(); /* there will be no more */
        }
    } while (step == STEP_ITEM || step == STEP_MORE);
    fuzz_result(step == STEP_ERROR ? -1 : 0, &err);
    window_release(&w);
    rdb_stream_free(s);
    return 0;
}
