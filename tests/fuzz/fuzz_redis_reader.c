/* journal/redis_reader.h. Input: options, the size of the pieces, the commands. */
#include "fuzz/fuzz.h"
#include "journal/redis_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct bytes in = bytes_of(p, n);
    bool skip = fuzz_byte(&in) & 1;
    size_t size = 1 + (size_t)fuzz_byte(&in);
    struct ft_err err = FT_ERR_INIT;
    struct journal_record record;
    struct redis_reader *r;
    struct window w;
    enum step step;

    fuzz_must(redis_reader_new(&r, skip, FUZZ_ITEM_BYTES, &err) == 0);
    window_init(&w, 0, FUZZ_ITEM_BYTES);
    do {
        step = redis_reader_next(r, &w, &record, &err);
        if (step == STEP_MORE) {
            size_t piece = in.n < size ? in.n : size;

            fuzz_must(!w.closed);
            w.closed = piece == 0;
            if (window_push(&w, bytes_of(in.p, piece), &err) != 0)
                step = STEP_ERROR;
            in = bytes_of(in.p + piece, in.n - piece);
        }
    } while (step == STEP_ITEM || step == STEP_MORE);
    fuzz_result(step == STEP_ERROR ? -1 : 0, &err);
    window_release(&w);
    redis_reader_free(r);
    return 0;
}
