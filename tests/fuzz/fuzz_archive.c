/*
 * archive/packed_reader.h, archive/unpack.h: an archive of a capture, its segments as blocks, as bytes, or unpacked.
 * Input: which, the archive.
 */
#include "archive/packed_reader.h"
#include "archive/unpack.h"
#include "base/temp_dir.h"
#include "fuzz/fuzz.h"

enum {
    AS_BLOCKS,
    AS_BYTES,
    UNPACKED,
    USES,
};

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

/* After a failure nothing has the name. */
static void unpack(const char *path, struct ft_err *err)
{
    struct unpack_progress progress = {0};
    struct unpack_options options = {.input = path, .cancel_fd = -1, .progress = &progress};
    char directory[400], work[420];
    struct unpack_result result;
    struct capture *c;

    (void)snprintf(directory, sizeof(directory), "%s/unpacked", fuzz_directory());
    options.directory = directory;
    if (unpack_run(&options, &result, err) == 0) {
        fuzz_must(capture_open_read(&c, directory, err) == 0);
        capture_free(c);
        temp_dir_remove_tree(directory);
        return;
    }
    fuzz_error(err);
    fuzz_must(access(directory, F_OK) != 0);
    /* where it may go on */
    (void)snprintf(work, sizeof(work), "%s.unpacking", directory);
    temp_dir_remove_tree(work);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct bytes in = bytes_of(p, n);
    uint8_t use = fuzz_byte(&in) % USES;
    struct ft_err err = FT_ERR_INIT;
    struct packed_reader *r;
    char path[400];

    fuzz_file(fuzz_directory(), "archive", in);
    (void)snprintf(path, sizeof(path), "%s/archive", fuzz_directory());
    if (use == UNPACKED) {
        unpack(path, &err);
    } else if (packed_open(&r, path, -1, &err) == 0) {
        read_all(r, use == AS_BLOCKS, &err);
        packed_free(r);
    } else {
        fuzz_error(&err);
    }
    return 0;
}
