/* journal/redis_reader.h. Input: options, the size of the pieces, the commands. */
#include "fuzz/fuzz.h"
#include "journal/redis_reader.h"

static enum step next(void *reader, struct window *w, struct ft_err *err)
{
    struct journal_record record;

    return redis_reader_next(reader, w, &record, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct bytes in = bytes_of(p, n);
    bool skip = fuzz_byte(&in) & 1;
    size_t size = 1 + (size_t)fuzz_byte(&in);
    struct ft_err err = FT_ERR_INIT;
    struct redis_reader *r;

    fuzz_must(redis_reader_new(&r, skip, FUZZ_ITEM_BYTES, &err) == 0);
    fuzz_feed(in, size, r, next);
    redis_reader_free(r);
    return 0;
}
