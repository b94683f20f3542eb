/* journal/redis_reader.h. Input: options, the size of the pieces, the commands. */
#include "fuzz/fuzz.h"
#include "journal/redis_reader.h"

static enum step next(void *reader, struct window *w, struct ft_err *err)
{
    struct journal_record record;

    return redis_reader_next(reader, w, &record, err);
}

static enum step pass_and_next(void *reader, struct window *w, struct ft_err *err)
{
    uint64_t at = window_offset(w);
    size_t passed = redis_reader_pass(reader, w);

    fuzz_must(passed <= window_offset(w) - at);
    return next(reader, w, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct bytes in = bytes_of(p, n);
    uint8_t flags = fuzz_byte(&in);
    bool skip = flags & 1;
    size_t size = 1 + (size_t)fuzz_byte(&in);
    struct ft_err err = FT_ERR_INIT;
    struct redis_reader *r;

    fuzz_must(redis_reader_new(&r, skip, FUZZ_ITEM_BYTES, &err) == 0);
    fuzz_feed(in, size, r, skip && (flags & 2) ? pass_and_next : next);
    redis_reader_free(r);
    return 0;
}
