#include "input/source_packed.h"

#include "archive/packed_capture.h"
#include "archive/packed_reader.h"
#include "input/source_capture.h"
#include "input/source_files.h"

static enum source_bid bid(const char *path, const struct stat *status)
{
    return S_ISREG(status->st_mode) && packed_looks_so(path) ? SOURCE_BID_SURE : SOURCE_BID_NONE;
}

static int open_packed(struct source *s, uint32_t generation, struct ft_err *err)
{
    struct capture *capture;

    if (packed_capture_open(&capture, s->path, err) != 0)
        return -1;
    return source_capture_begin(s, capture, generation, err);
}

static bool contains(const struct source *s, const char *path, const char *directory)
{
    (void)directory;
    return source_files_same(s->path, path);
}

const struct source_kind source_packed_kind = {
    .name = "packed",
    .capabilities = SOURCE_HAS_JOURNAL | SOURCE_WAS_RECEIVED | SOURCE_CAN_SEEK |
                    SOURCE_HAS_GENERATIONS | SOURCE_OF_DRAGONFLY | SOURCE_LSN_IS_OFFSET,
    .size = sizeof(struct source_capture),
    .feed = &source_capture_feed,
    .bid = bid,
    .open = open_packed,
    .release = source_capture_release,
    .identify = source_capture_identify,
    .contains = contains,
    .snapshot_bytes = source_capture_snapshot_bytes,
    .journal_bytes = source_capture_journal_bytes,
    .resolve_cut = source_capture_resolve_cut,
    .parse_time = source_capture_parse_time,
    .seek_time = source_capture_seek_time,
};
