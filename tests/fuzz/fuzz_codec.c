/* codec/lzf.h, codec/codec.h, rdb/rdb_string.h. Input: which, the size of the output (two bytes), bytes. */
#include "codec/codec.h"
#include "codec/lzf.h"
#include "fuzz/fuzz.h"
#include "rdb/rdb_string.h"

/* A frame may say that it becomes very much: this is as much as is looked at. */
#define FRAME_BYTES_MAX ((size_t)4 << 20)

static void unframe(enum codec_id id, struct bytes in, size_t room, struct ft_err *err)
{
    uint8_t *out = malloc(room);
    struct frame_decoder *d;
    size_t n, total = 0;
    enum step step;

    fuzz_must(out != NULL && frame_decoder_new(&d, id, err) == 0);
    do {
        size_t before = in.n;

        step = frame_decoder_run(d, &in, out, room, &n, err);
        fuzz_must(n <= room && in.n <= before);
        total += n;
        if (step == STEP_MORE && n == 0 && in.n == 0)
            break;
    } while (step == STEP_MORE && total < FRAME_BYTES_MAX);
    fuzz_result(step == STEP_ERROR ? -1 : 0, err);
    frame_decoder_free(d);
    free(out);
}

static void unpack(enum codec_id id, struct bytes in, size_t room, struct ft_err *err)
{
    uint8_t *out = malloc(room);

    fuzz_must(out != NULL);
    fuzz_result(codec_block_decompress(id, in, out, room, err), err);
    free(out);
}

static void take_strings(struct bytes in, struct ft_err *err)
{
    struct buf scratch = {.limit_bytes = FUZZ_ITEM_BYTES};
    struct bytes s, rest = in;
    int rc = 0;

    while (rc == 0 && in.n > 0)
        rc = rdb_string_take(&in, &s, &scratch, err);
    fuzz_result(rc, err);
    buf_release(&scratch);
    for (err_clear(err), rc = 0; rc == 0 && rest.n > 0;)
        rc = rdb_string_skip(&rest, err);
    fuzz_result(rc, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct bytes in = bytes_of(p, n);
    uint8_t which = fuzz_byte(&in);
    size_t room = 1 + ((size_t)fuzz_byte(&in) << 8 | fuzz_byte(&in));
    struct ft_err err = FT_ERR_INIT;
    uint8_t *out;

    switch (which % 6) {
    case 0:
        out = malloc(room);
        fuzz_must(out != NULL);
        (void)lzf_decompress(in, out, room);
        free(out);
        break;
    case 1:
        unpack(CODEC_LZ4, in, room, &err);
        break;
    case 2:
        unpack(CODEC_ZSTD, in, room, &err);
        break;
    case 3:
        unframe(CODEC_LZ4, in, room, &err);
        break;
    case 4:
        unframe(CODEC_ZSTD, in, room, &err);
        break;
    default:
        take_strings(in, &err);
        break;
    }
    return 0;
}
