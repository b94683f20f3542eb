/*
 * store/segment.h. Input: options, a segment's file. Its checksums are made right where the headers can
 * be found, so that what lies behind them is reached.
 */
#include "base/crc32c.h"
#include "base/endian.h"
#include "fuzz/fuzz.h"
#include "store/segment_format.h"
#include "store/segment_reader_open.h"
#include "store/segment_reader_seek.h"
#include "store/segment_writer.h"

static void mend(uint8_t *p, size_t n)
{
    store_le32(p + n - 4, crc32c(0, p, n - 4));
}

/* The header, block after block as far as their lengths go, and the trailer. */
static void mend_all(uint8_t *p, size_t n)
{
    size_t at = SEGMENT_HEADER_BYTES;

    if (n < SEGMENT_HEADER_BYTES + TRAILER_BYTES)
        return;
    mend(p, SEGMENT_HEADER_BYTES);
    while (n - at >= BLOCK_HEADER_BYTES) {
        struct block_header h;
        struct ft_err err = FT_ERR_INIT;

        mend(p + at, BLOCK_HEADER_BYTES);
        if (block_header_decode(p + at, &h, &err) != 0 ||
            h.block.payload.n > n - at - BLOCK_HEADER_BYTES)
            break;
        store_le32(p + at + 56, crc32c(0, p + at + BLOCK_HEADER_BYTES, h.block.payload.n));
        mend(p + at, BLOCK_HEADER_BYTES);
        at += BLOCK_HEADER_BYTES + h.block.payload.n;
    }
    mend(p + n - TRAILER_BYTES, TRAILER_BYTES);
}

static void read_all(int dirfd, const char *name)
{
    struct ft_err err = FT_ERR_INIT;
    struct segment_block block;
    struct segment_reader *r;
    struct segment_info info;
    uint64_t torn;
    enum step step;

    if (segment_reader_open(&r, dirfd, name, NULL, &err) != 0) {
        fuzz_error(&err);
        return;
    }
    while ((step = segment_reader_next(r, &block, &torn, &err)) == STEP_ITEM)
        fuzz_must(block.payload.n == block.raw_bytes);
    fuzz_result(step == STEP_ERROR ? -1 : 0, &err);
    segment_reader_free(r);
    err_clear(&err);
    fuzz_must(segment_reader_open(&r, dirfd, name, NULL, &err) == 0);
    fuzz_result(segment_reader_seek(r, true, 12, &err), &err);
    err_clear(&err);
    fuzz_result(segment_reader_info(r, &info, &err), &err);
    err_clear(&err);
    segment_reader_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    static int dirfd = -1;
    struct bytes in = bytes_of(p, n);
    uint8_t flags = fuzz_byte(&in);
    uint8_t *file = malloc(in.n > 0 ? in.n : 1);
    struct ft_err err = FT_ERR_INIT;
    struct segment_info info;
    uint64_t cut;
    bool removed;

    if (dirfd < 0)
        dirfd = open(fuzz_directory(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    fuzz_must(dirfd >= 0 && file != NULL);
    if (in.n > 0)
        memcpy(file, in.p, in.n);
    if (!(flags & 1))
        mend_all(file, in.n);
    (void)unlinkat(dirfd, "s", 0); /* recovery may have sealed the one before */
    fuzz_file(fuzz_directory(), flags & 2 ? "s" : "s.partial", bytes_of(file, in.n));
    read_all(dirfd, "s");
    if (!(flags & 2))
        fuzz_result(segment_recover(dirfd, "s", NULL, &info, &removed, &cut, &err), &err);
    (void)unlinkat(dirfd, "s", 0);
    (void)unlinkat(dirfd, "s.partial", 0);
    free(file);
    return 0;
}
