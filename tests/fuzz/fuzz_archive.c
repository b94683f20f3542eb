/* archive/packed_reader.h: an archive of a capture, its segments as blocks (first byte even) or as bytes. Input: that
 * byte, the archive. */
#include "archive/packed_reader.h"
#include "fuzz/fuzz.h"

static void read_all(struct packed_reader *r, bool blocks, struct ft_err *err)
{
    const struct segment_info *info;
    struct segment_block block;
    struct segment_id id;
    char piece[4096];
    enum step step;
    size_t n;

    while ((step = packed_next(r, &info, &id, err)) == STEP_ITEM) {
        n = 1;
        while (blocks && (step = packed_next_block(r, &block, err)) == STEP_ITEM)
            fuzz_must(block.raw_bytes <= SEGMENT_BLOCK_MAX);
        while (!blocks && n != 0 && step != STEP_ERROR) {
            if (packed_read(r, piece, sizeof(piece), &n, err) != 0)
                step = STEP_ERROR;
        }
        if (step == STEP_ERROR)
            break;
    }
    if (step == STEP_ERROR)
        fuzz_error(err);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct ft_err err = FT_ERR_INIT;
    struct packed_reader *r;
    char path[400];

    if (n == 0)
        return 0;
    fuzz_file(fuzz_directory(), "archive", bytes_of(p + 1, n - 1));
    (void)snprintf(path, sizeof(path), "%s/archive", fuzz_directory());
    if (packed_open(&r, path, -1, &err) == 0) {
        read_all(r, p[0] % 2 == 0, &err);
        packed_free(r);
    } else {
        fuzz_error(&err);
    }
    return 0;
}
