#include "input/source_dfs.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/parse.h"
#include "input/dfs_shards.h"
#include "input/source_aux.h"
#include "input/source_files.h"

#define SUMMARY_SUFFIX "-summary.dfs"
/* "-0000.dfs" */
#define MEMBER_SUFFIX_SIZE 9
#define DFS_MEMBERS_MAX    1024
/* All files of a save are begun at once; their times may be rounded, and a busy disk takes a while. */
#define SAVE_APART_MAX_S 20

static bool ends_with(const char *text, const char *suffix)
{
    size_t n = strlen(text);
    size_t m = strlen(suffix);

    return n >= m && strcmp(text + n - m, suffix) == 0;
}

/* The part of the name that all files of a set share; 0: not a name of a set's file. */
static size_t stem_of(const char *path)
{
    size_t n = strlen(path);
    const char *tail = path + n - MEMBER_SUFFIX_SIZE;

    if (ends_with(path, SUMMARY_SUFFIX))
        return n - strlen(SUMMARY_SUFFIX);
    if (n <= MEMBER_SUFFIX_SIZE || !ends_with(path, ".dfs") || tail[0] != '-')
        return 0;
    for (int i = 1; i <= 4; i++) {
        if (!isdigit((unsigned char)tail[i]))
            return 0;
    }
    return n - MEMBER_SUFFIX_SIZE;
}

/* By its name alone: what is wrong with it, or missing, opening it tells. */
static enum source_bid bid(const char *path, const struct stat *status)
{
    return !S_ISDIR(status->st_mode) && stem_of(path) != 0 ? SOURCE_BID_LOOKS : SOURCE_BID_NONE;
}

/* A name without its directory. */
static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

/* Would two names in one directory, whether there or not, be of one set? */
static bool is_of_set(const char *member, const char *path)
{
    const char *own = base_name(member);
    const char *name = base_name(path);
    size_t stem = stem_of(own);

    return stem != 0 && stem_of(name) == stem && memcmp(own, name, stem) == 0;
}

static char *member_name(const char *path, size_t stem, uint32_t shard)
{
    char *name = NULL;

    if (asprintf(&name, "%.*s-%04" PRIu32 ".dfs", (int)stem, path, shard) < 0)
        return NULL;
    return name;
}

/* All members that lie beside the named file, from 0000 on. */
static int find_members(struct source *s, size_t stem, struct ft_err *err)
{
    size_t count = 0;

    for (uint32_t shard = 0; shard < DFS_MEMBERS_MAX; shard++) {
        char *name = member_name(s->path, stem, shard);

        if (name != NULL && access(name, F_OK) != 0) {
            free(name);
            break;
        }
        if (source_files_add(source_files_of(s), &count, name, err) != 0)
            return -1;
    }
    s->stream_count = (uint32_t)count;
    if (count == 0) {
        return err_set(err, FT_ERR_IO, "could not find \"%.*s-0000.dfs\" beside \"%s\"", (int)stem,
                       s->path, s->path);
    }
    return 0;
}

/* The highest number of a member in the directory. */
static int last_number(const struct source *s, uint32_t *ret, struct ft_err *err)
{
    size_t directory_size = (size_t)(base_name(s->path) - s->path);
    char *directory = directory_size == 0 ? strdup(".") : strndup(s->path, directory_size);
    const struct dirent *entry;
    uint32_t last = 0;
    DIR *dir;

    if (directory == NULL)
        return err_nomem(err, "a directory's name");
    dir = opendir(directory);
    if (dir == NULL) {
        (void)err_set(err, FT_ERR_IO, "could not look into \"%s\"", directory);
        free(directory);
        return -1;
    }
    while ((entry = readdir(dir)) != NULL) {
        const char *name = entry->d_name;
        uint32_t number;

        if (!is_of_set(s->path, name) || ends_with(name, SUMMARY_SUFFIX))
            continue;
        number = (uint32_t)strtoul(name + strlen(name) - MEMBER_SUFFIX_SIZE + 1, NULL, 10);
        last = number > last ? number : last;
    }
    (void)closedir(dir); /* was only read */
    free(directory);
    *ret = last;
    return 0;
}

static int check_gap(const struct source *s, size_t stem, struct ft_err *err)
{
    uint32_t last;

    if (last_number(s, &last, err) != 0)
        return -1;
    if (last < s->stream_count)
        return 0;
    return err_set(err, FT_ERR_CORRUPT,
                   "\"%.*s-%04" PRIu32 ".dfs\" is missing: \"%.*s-%04" PRIu32
                   ".dfs\" is there, of this snapshot or of another one",
                   (int)stem, s->path, s->stream_count, (int)stem, s->path, last);
}

static uint64_t distance(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

static int check_member(const struct source *s, uint32_t index, const struct source_aux *summary,
                        const struct source_aux *member, struct ft_err *err)
{
    const char *file = source_files_name(s, index);
    uint64_t wanted_s = summary->info.ctime_s;
    uint64_t saved_s = member->info.ctime_s;

    if (strcmp(member->snapshot_id, summary->snapshot_id) != 0) {
        return err_set(err, FT_ERR_CORRUPT,
                       "\"%s\" belongs to another snapshot: snapshot-id \"%s\", wanted \"%s\"",
                       file, member->snapshot_id, summary->snapshot_id);
    }
    if (member->has_shard_id && member->shard_id != index) {
        return err_set(err, FT_ERR_CORRUPT, "\"%s\" says that it is shard %" PRIu64, file,
                       member->shard_id);
    }
    if (strcmp(member->info.version, summary->info.version) != 0) {
        return err_set(err, FT_ERR_CORRUPT,
                       "\"%s\" belongs to another snapshot: it was saved by \"%s\", not by \"%s\"",
                       file, member->info.version, summary->info.version);
    }
    if (wanted_s != 0 && saved_s != 0 && distance(saved_s, wanted_s) > SAVE_APART_MAX_S) {
        return err_set(err, FT_ERR_CORRUPT,
                       "\"%s\" belongs to another snapshot: it was saved %" PRIu64 " s %s", file,
                       distance(saved_s, wanted_s),
                       saved_s < wanted_s ? "before the others" : "after the others");
    }
    return 0;
}

/* `summary` is that file's, or the first member's where there is none. */
static int check_set(struct source *s, size_t stem, const struct source_aux *summary,
                     struct ft_err *err)
{
    uint32_t wanted = s->stream_count;

    if (summary->has_shard_count) {
        if (summary->shard_count == 0 || summary->shard_count > s->stream_count) {
            return err_set(err, FT_ERR_CORRUPT,
                           "\"%s\": the snapshot has %" PRIu64 " shard%s, files found: %" PRIu32,
                           s->path, summary->shard_count, plural(summary->shard_count),
                           s->stream_count);
        }
        wanted = (uint32_t)summary->shard_count;
    } else if (check_gap(s, stem, err) != 0) {
        return -1;
    }
    for (uint32_t i = 0; i < wanted; i++) {
        struct source_aux member;

        if (source_read_aux(s, i, &member, err) != 0 ||
            check_member(s, i, summary, &member, err) != 0)
            return -1;
    }
    s->stream_count = wanted;
    return summary->has_shard_count ? 0 : dfs_shards_check(s, err);
}

/* The summary becomes the last stream. Members between the last shard and it are of an older, larger set:
 * they stay unused. */
static void add_summary(struct source_files *f, size_t count)
{
    uint32_t shards = f->base.stream_count++;
    char *unused = f->files[shards];

    f->files[shards] = f->files[count - 1];
    f->files[count - 1] = unused;
}

/* Returns 1: there is a summary, 0: there is none, and the first member has to tell. */
static int find_summary(struct source *s, size_t stem, size_t *count, struct ft_err *err)
{
    char *name = NULL;

    if (asprintf(&name, "%.*s%s", (int)stem, s->path, SUMMARY_SUFFIX) < 0)
        return err_nomem(err, "a file name");
    if (access(name, F_OK) != 0) {
        free(name);
        return 0;
    }
    return source_files_add(source_files_of(s), count, name, err) != 0 ? -1 : 1;
}

static int open_set(struct source *s, uint32_t generation, struct ft_err *err)
{
    size_t stem = stem_of(s->path);
    struct source_aux summary;
    size_t count;
    int has_summary;

    (void)generation; /* has none */
    if (find_members(s, stem, err) != 0)
        return -1;
    count = s->stream_count;
    has_summary = find_summary(s, stem, &count, err);
    if (has_summary < 0 ||
        source_read_aux(s, has_summary ? (uint32_t)count - 1 : 0, &summary, err) != 0)
        return -1;
    s->info = summary.info;
    s->began_us = s->info.ctime_s * 1000000;
    if (check_set(s, stem, &summary, err) != 0)
        return -1;
    if (has_summary)
        add_summary(source_files_of(s), count);
    return 0;
}

static bool contains(const struct source *s, const char *path, const char *directory)
{
    char *own = source_directory_of(s->path);
    bool found =
        own != NULL && directory != NULL && strcmp(directory, own) == 0 && is_of_set(s->path, path);

    free(own);
    return found || source_files_have(s, path);
}

const struct source_kind source_dfs_kind = {
    .name = "dfs",
    .capabilities = SOURCE_OF_DRAGONFLY | SOURCE_CAN_CUT,
    .size = sizeof(struct source_files),
    .feed = &source_files_feed,
    .bid = bid,
    .open = open_set,
    .release = source_files_release,
    .identify = source_files_identify,
    .contains = contains,
    .stream_file = source_files_name,
    .snapshot_bytes = source_files_bytes,
};
