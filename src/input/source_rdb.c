#include "input/source_rdb.h"

#include "input/source_files.h"

/* The file may have any name: what nobody else knows is tried as one. */
static enum source_bid bid(const char *path, const struct stat *status)
{
    (void)path;
    return S_ISDIR(status->st_mode) ? SOURCE_BID_NONE : SOURCE_BID_OTHER;
}

const struct source_kind source_rdb_kind = {
    .name = "rdb",
    .capabilities = SOURCE_KEYS_MAY_REPEAT | SOURCE_CAN_CUT,
    .size = sizeof(struct source_files),
    .feed = &source_files_feed,
    .bid = bid,
    .open = source_files_open_one,
    .release = source_files_release,
    .identify = source_files_identify,
    .contains = source_files_contain,
    .stream_file = source_files_name,
    .snapshot_bytes = source_files_bytes,
};
