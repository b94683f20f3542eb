/* item/flow_decoder.h. Input: options, the size of the pieces, where the journal begins (two bytes, in
 * units of four), the flow. */
#include "fuzz/fuzz.h"
#include "item/flow_decoder.h"

struct feed {
    struct bytes in;
    size_t size;
    size_t snapshot_left;
    bool file;
};

/* false: there is no more */
static bool push(struct flow_decoder *d, struct feed *f, int *ret_rc, struct ft_err *err)
{
    bool snapshot = f->file || f->snapshot_left > 0;
    size_t most = snapshot && !f->file ? f->snapshot_left : f->in.n;
    size_t n = f->size < most ? f->size : most;

    if (n == 0)
        return false;
    *ret_rc = flow_decoder_push(d, snapshot ? FLOW_PART_SNAPSHOT : FLOW_PART_JOURNAL,
                                bytes_of(f->in.p, n), 1, err);
    f->in = bytes_of(f->in.p + n, f->in.n - n);
    f->snapshot_left -= f->snapshot_left > n ? n : f->snapshot_left;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct feed f = {.in = bytes_of(p, n)};
    uint8_t flags = fuzz_byte(&f.in);
    struct flow_decoder_options options = {.rdb = {.skip_values = flags & 1,
                                                   .dragonfly = flags & 2,
                                                   .detect = !(flags & 2),
                                                   .max_item_bytes = FUZZ_ITEM_BYTES},
                                           .file = flags & 4,
                                           .skip_args = flags & 8};
    struct ft_err err = FT_ERR_INIT;
    struct flow_decoder *d;
    struct item item;
    enum step step;
    int rc = 0;

    f.size = 1 + (size_t)fuzz_byte(&f.in) * 16;
    f.snapshot_left = 4 * ((size_t)fuzz_byte(&f.in) << 8 | fuzz_byte(&f.in));
    f.snapshot_left = f.snapshot_left < f.in.n ? f.snapshot_left : f.in.n;
    f.file = options.file;
    fuzz_must(flow_decoder_new(&d, &options, &err) == 0);
    do {
        if (!push(d, &f, &rc, &err))
            flow_decoder_close(d);
        while (rc == 0 && (step = flow_decoder_next(d, &item, &err)) == STEP_ITEM)
            ;
        if (rc != 0)
            step = STEP_ERROR;
    } while (step == STEP_MORE);
    fuzz_result(step == STEP_ERROR ? -1 : 0, &err);
    flow_decoder_free(d);
    return 0;
}
