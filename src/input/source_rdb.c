#include "input/source_rdb.h"

#include "input/source_aux.h"
#include "input/source_files.h"

/* The file may have any name: what nobody else knows is tried as one. */
static enum source_bid bid(const char *path, const struct stat *status)
{
    (void)path;
    return S_ISDIR(status->st_mode) ? SOURCE_BID_NONE : SOURCE_BID_OTHER;
}

static int open_file(struct source *s, uint32_t generation, struct ft_err *err)
{
    struct source_aux aux;
    size_t count = 0;

    (void)generation; /* has none */
    if (source_files_add(source_files_of(s), &count, strdup(s->path), err) != 0)
        return -1;
    s->stream_count = 1;
    if (source_read_aux(s, 0, &aux, err) != 0)
        return -1;
    s->info = aux.info;
    s->began_us = s->info.ctime_s * 1000000;
    return 0;
}

static bool contains(const struct source *s, const char *path, const char *directory)
{
    (void)directory;
    return source_files_have(s, path);
}

const struct source_kind source_rdb_kind = {
    .name = "rdb",
    .capabilities = SOURCE_KEYS_MAY_REPEAT,
    .size = sizeof(struct source_files),
    .feed = &source_files_feed,
    .bid = bid,
    .open = open_file,
    .release = source_files_release,
    .identify = source_files_identify,
    .contains = contains,
    .stream_file = source_files_name,
};
