#include "input/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "command/translation.h"
#include "input/cut.h"
#include "input/left_out.h"
#include "input/source_aof.h"
#include "input/source_capture.h"
#include "input/source_compressed.h"
#include "input/source_dfs.h"
#include "input/source_kind.h"
#include "input/source_nodes.h"
#include "input/source_packed.h"
#include "input/source_rdb.h"
#include "input/source_set.h"

/* All kinds of INPUT. */
static const struct source_kind *const kinds[] = {
    &source_capture_kind, &source_dfs_kind, &source_rdb_kind, &source_compressed_kind,
    &source_packed_kind,  &source_set_kind, &source_aof_kind,
};

static const struct source_kind *find_kind(const char *path, const struct stat *status)
{
    const struct source_kind *best = NULL;
    enum source_bid highest = SOURCE_BID_NONE;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        enum source_bid bid = kinds[i]->bid(path, status);

        if (bid > highest) {
            highest = bid;
            best = kinds[i];
        }
    }
    return best;
}

static unsigned release_of(const struct source_info *info)
{
    unsigned major;
    unsigned minor;

    if (!info->dragonfly)
        return 0;
    if (strncmp(info->version, "df-", 3) != 0)
        return SOURCE_RELEASE_OLD;
    return sscanf(info->version, "df-v%3u.%2u", &major, &minor) == 2 ? major * 100 + minor : 0;
}

/* The struct of a kind, as its `open` expects it. */
static struct source *source_new(const struct source_kind *kind, const char *path)
{
    struct source *s = calloc(1, kind->size);

    if (s == NULL)
        return NULL;
    s->kind = kind;
    s->capabilities = kind->capabilities;
    s->cancel_fd = -1;
    s->path = strdup(path);
    if (s->path == NULL) {
        free(s);
        return NULL;
    }
    return s;
}

static int open_source(struct source **ret, const char *path, uint32_t generation, bool growing,
                       struct ft_err *err)
{
    const struct source_kind *kind;
    struct stat status;
    struct source *s;

    if (stat(path, &status) != 0)
        return err_errno(err, errno, "could not open \"%s\"", path);
    kind = find_kind(path, &status);
    if (kind == NULL)
        return err_set(err, FT_ERR_USAGE, "\"%s\" is neither a file nor a directory", path);
    if (generation != 0 && (kind->capabilities & SOURCE_HAS_GENERATIONS) == 0)
        return err_set(err, FT_ERR_USAGE, "\"%s\" has no generations", path);
    s = source_new(kind, path);
    if (s == NULL)
        return err_nomem(err, "a source");
    s->growing = growing;
    if (kind->open(s, generation, err) != 0) {
        source_free(s);
        return -1;
    }
    if (s->left_out != NULL && left_out_add(s->left_out, err) != 0) {
        source_free(s);
        return -1;
    }
    s->release = s->of_redis ? SOURCE_RELEASE_REDIS : release_of(&s->info);
    *ret = s;
    return 0;
}

int source_open(struct source **ret, const char *path, uint32_t generation, struct ft_err *err)
{
    return open_source(ret, path, generation, false, err);
}

int source_open_growing(struct source **ret, const char *path, uint32_t generation,
                        struct ft_err *err)
{
    return open_source(ret, path, generation, true, err);
}

void source_free(struct source *s)
{
    if (s == NULL)
        return;
    s->kind->release(s);
    owner_guard_release(&s->guard);
    free(s->left_out);
    free(s->lsns);
    free(s->path);
    free(s);
}

const char *source_kind_name(const struct source *s)
{
    return s->kind->name;
}

bool source_can(const struct source *s, enum source_capability capability)
{
    return (s->capabilities & (unsigned)capability) != 0;
}

char *source_directory_of(const char *path)
{
    char *copy = strdup(path);
    char *slash;
    char *real;

    if (copy == NULL)
        return NULL;
    slash = strrchr(copy, '/');
    if (slash != NULL)
        slash[slash == copy ? 1 : 0] = '\0';
    real = realpath(slash == NULL ? "." : copy, NULL);
    free(copy);
    return real;
}

bool source_contains(const struct source *s, const char *path)
{
    char *directory = source_directory_of(path);
    bool found = s->kind->contains(s, path, directory);

    free(directory);
    return found;
}

const char *source_stream_file(const struct source *s, uint32_t index)
{
    return s->kind->stream_file == NULL ? NULL : s->kind->stream_file(s, index);
}

uint64_t source_snapshot_bytes(const struct source *s)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; s->kind->snapshot_bytes != NULL && i < s->stream_count; i++)
        sum += s->kind->snapshot_bytes(s, i);
    return sum;
}

uint64_t source_journal_bytes(const struct source *s)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; s->kind->journal_bytes != NULL && i < s->stream_count; i++)
        sum += s->kind->journal_bytes(s, i);
    return sum;
}

uint64_t source_bytes(const struct source *s)
{
    uint64_t snapshot = source_snapshot_bytes(s);

    return snapshot == 0 ? 0 : snapshot + source_journal_bytes(s);
}

int source_identify(const struct source *s, int cancel_fd, uint8_t ret[SOURCE_ID_SIZE],
                    struct ft_err *err)
{
    return s->kind->identify(s, cancel_fd, ret, err);
}

int source_resolve_base(const struct source *s, const char *at, struct cut *ret, struct ft_err *err)
{
    if (s->kind->resolve_cut != NULL)
        return s->kind->resolve_cut(s, at, ret, err);
    if (strcmp(at, "snapshot") != 0 && strcmp(at, "end") != 0) {
        return err_set(err, FT_ERR_USAGE, "--at %s: \"%s\" has one state only, its snapshot", at,
                       s->path);
    }
    *ret = (struct cut){0};
    return 0;
}

int source_resolve_cut(const struct source *s, const char *at, struct cut *ret, struct ft_err *err)
{
    struct cut cut;

    if (source_resolve_base(s, at, &cut, err) != 0)
        return -1;
    if (source_nodes_check_rest(s, &cut, err) != 0) {
        cut_release(&cut);
        return -1;
    }
    *ret = cut;
    return 0;
}

int source_parse_time(const struct source *s, const char *text, uint64_t *ret_time_us,
                      struct ft_err *err)
{
    return s->kind->parse_time(s, text, ret_time_us, err);
}

struct lsn_range source_lsns(const struct source *s, uint32_t index)
{
    return s->lsns == NULL ? (struct lsn_range){0} : s->lsns[index];
}

int source_first_lsns(const struct source *s, uint64_t **ret, struct ft_err *err)
{
    uint64_t *first = calloc(s->stream_count + 1u, sizeof(*first));

    if (first == NULL)
        return err_nomem(err, "the flows");
    for (uint32_t i = 0; i < s->stream_count; i++)
        first[i] = source_lsns(s, i).first;
    *ret = first;
    return 0;
}

uint64_t source_seek_time(const struct source *s, uint32_t index, uint64_t time_us)
{
    return s->kind->seek_time(s, index, time_us);
}

unsigned source_journal_release(const struct source *s)
{
    return source_can(s, SOURCE_HAS_JOURNAL) ? s->release : 0;
}

bool source_stamp(const struct source *s, struct stat *ret)
{
    return s->kind->stamp(s, ret);
}
