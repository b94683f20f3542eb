/* capture/framer.h. Input: options, the size of the pieces, the stream as a source sends it. */
#include "capture/framer.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct bytes in = bytes_of(p, n);
    uint8_t flags = fuzz_byte(&in);
    size_t size = 1 + (size_t)fuzz_byte(&in) * 16;
    struct framer_options options = {.flow_count = 1 + (flags >> 4),
                                     .eof_token = "0123456789012345678901234567890123456789",
                                     .resumed = flags & 1,
                                     .start_lsn = 10,
                                     .offset_expected = flags & 2,
                                     .redis = flags & 4,
                                     .rdb_bytes = (flags & 12) == 12 ? 60 : 0};
    enum framer_event event = FRAMER_MORE;
    struct ft_err err = FT_ERR_INIT;
    struct framer *f;

    fuzz_must(framer_new(&f, &options, &err) == 0);
    while (in.n > 0 && event == FRAMER_MORE) {
        size_t piece = in.n < size ? in.n : size;

        if (framer_feed(f, bytes_of(in.p, piece), 0, &err) != 0) {
            event = FRAMER_ERROR;
            break;
        }
        in = bytes_of(in.p + piece, in.n - piece);
        do
            event = framer_run(f, &err);
        while (event == FRAMER_FULLSYNC_END || event == FRAMER_STREAM_END);
    }
    fuzz_result(event == FRAMER_ERROR ? -1 : 0, &err);
    fuzz_must(framer_state(f)->boundary <= n);
    framer_free(f);
    return 0;
}
