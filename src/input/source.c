#include "input/source.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command/translate.h"
#include "input/sharding.h"

#define SUMMARY_SUFFIX "-summary.dfs"
/* "-0000.dfs" */
#define MEMBER_SUFFIX_SIZE 9
#define DFS_MEMBERS_MAX    1024

/* What one file's AUX fields say about its place in a .dfs set. */
struct file_aux {
    struct source_info info;
    char snapshot_id[64];
    bool has_shard_count;
    uint64_t shard_count;
    bool has_shard_id;
    uint64_t shard_id;
};

const char *source_kind_name(enum source_kind kind)
{
    static const char *const names[] = {
        [SOURCE_CAPTURE] = "capture",
        [SOURCE_DFS] = "dfs",
        [SOURCE_RDB] = "rdb",
    };

    return names[kind];
}

static void copy_text(char *out, size_t out_size, struct bytes text)
{
    size_t n = text.n < out_size - 1 ? text.n : out_size - 1;

    memcpy(out, text.p, n);
    out[n] = '\0';
}

static void note_aux(struct file_aux *aux, const struct rdb_item *item)
{
    struct bytes name = item->name;
    struct bytes value = item->bytes;

    if (bytes_eq_str(name, "ctime"))
        (void)bytes_to_u64(value, &aux->info.ctime_s); /* stays 0 when it is no number */
    else if (bytes_eq_str(name, "used-mem"))
        (void)bytes_to_u64(value, &aux->info.used_mem); /* likewise */
    else if (bytes_eq_str(name, "df-ver"))
        copy_text(aux->info.version, sizeof(aux->info.version), value);
    else if (bytes_eq_str(name, "redis-ver") && aux->info.version[0] == '\0')
        copy_text(aux->info.version, sizeof(aux->info.version), value);
    else if (bytes_eq_str(name, "snapshot-id"))
        copy_text(aux->snapshot_id, sizeof(aux->snapshot_id), value);
    else if (bytes_eq_str(name, "shard-count"))
        aux->has_shard_count = bytes_to_u64(value, &aux->shard_count);
    else if (bytes_eq_str(name, "shard-id"))
        aux->has_shard_id = bytes_to_u64(value, &aux->shard_id);
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

/* Reads a stream's head: header and AUX fields. */
static int read_aux(const struct source *s, uint32_t index, struct file_aux *ret,
                    struct ft_err *err)
{
    struct source_stream_options options = {.skip_values = true, .snapshot_only = true};
    struct source_stream *st;
    struct item item;
    enum step step;

    memset(ret, 0, sizeof(*ret));
    if (source_stream_open(&st, s, index, &options, err) != 0)
        return -1;
    while ((step = source_stream_next(st, &item, err)) == STEP_ITEM) {
        if (item.kind == ITEM_AUX)
            note_aux(ret, &item.rdb);
        else if (!item.is_record && item.rdb.kind == RDB_ITEM_HEADER)
            ret->info.rdb_version = (unsigned)item.rdb.number;
        else
            break;
    }
    ret->info.dragonfly = s->kind != SOURCE_RDB || strncmp(ret->info.version, "df-", 3) == 0;
    source_stream_free(st);
    return step == STEP_ERROR ? -1 : 0;
}

static bool ends_with(const char *text, const char *suffix)
{
    size_t n = strlen(text);
    size_t m = strlen(suffix);

    return n >= m && strcmp(text + n - m, suffix) == 0;
}

/* The part of the name that all files of a set share; 0: not a name of a set's file. */
static size_t dfs_stem(const char *path)
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

static int add_file(struct source *s, size_t *count, char *file, struct ft_err *err)
{
    char **grown;

    if (file == NULL)
        return err_nomem(err, "a file name");
    grown = realloc(s->files, (*count + 2) * sizeof(*grown)); /* a NULL ends the list */
    if (grown == NULL) {
        free(file);
        return err_nomem(err, "a file name");
    }
    s->files = grown;
    s->files[(*count)++] = file;
    s->files[*count] = NULL;
    return 0;
}

static char *dfs_name(const char *path, size_t stem, uint32_t shard)
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
        char *name = dfs_name(s->path, stem, shard);

        if (name != NULL && access(name, F_OK) != 0) {
            free(name);
            break;
        }
        if (add_file(s, &count, name, err) != 0)
            return -1;
    }
    s->stream_count = (uint32_t)count;
    if (count == 0) {
        return err_set(err, FT_ERR_IO, "could not find \"%.*s-0000.dfs\" beside \"%s\"", (int)stem,
                       s->path, s->path);
    }
    return 0;
}

/* A stale member of an older save with more shards has another snapshot id and is left out, as
 * Dragonfly does; any other disagreement is an error. */
static int check_member(const struct source *s, uint32_t index, const struct file_aux *summary,
                        const struct file_aux *member, struct ft_err *err)
{
    if (strcmp(member->snapshot_id, summary->snapshot_id) != 0) {
        return err_set(err, FT_ERR_CORRUPT,
                       "\"%s\" belongs to another snapshot: snapshot-id \"%s\", wanted \"%s\"",
                       s->files[index], member->snapshot_id, summary->snapshot_id);
    }
    if (member->has_shard_id && member->shard_id != index) {
        return err_set(err, FT_ERR_CORRUPT, "\"%s\" says that it is shard %" PRIu64,
                       s->files[index], member->shard_id);
    }
    return 0;
}

static int check_set(struct source *s, const struct file_aux *summary, struct ft_err *err)
{
    uint32_t wanted = s->stream_count;

    if (summary->has_shard_count) {
        if (summary->shard_count == 0 || summary->shard_count > s->stream_count) {
            return err_set(err, FT_ERR_CORRUPT,
                           "\"%s\": the snapshot has %" PRIu64 " shards, %" PRIu32
                           " files were found",
                           s->path, summary->shard_count, s->stream_count);
        }
        wanted = (uint32_t)summary->shard_count;
    }
    for (uint32_t i = 0; i < wanted; i++) {
        struct file_aux member;

        if (read_aux(s, i, &member, err) != 0 || check_member(s, i, summary, &member, err) != 0)
            return -1;
    }
    s->stream_count = wanted;
    return 0;
}

/* The summary becomes one more stream, behind the shards: it has the scripts and no keys. */
static int open_dfs(struct source *s, size_t stem, struct ft_err *err)
{
    struct file_aux summary;
    size_t count;
    char *name = NULL;

    if (find_members(s, stem, err) != 0)
        return -1;
    count = s->stream_count;
    if (asprintf(&name, "%.*s%s", (int)stem, s->path, SUMMARY_SUFFIX) < 0)
        return err_nomem(err, "a file name");
    if (access(name, F_OK) != 0) {
        free(name);
        if (read_aux(s, 0, &summary, err) != 0)
            return -1;
        s->info = summary.info;
        return check_set(s, &summary, err);
    }
    if (add_file(s, &count, name, err) != 0)
        return -1;
    if (read_aux(s, (uint32_t)count - 1, &summary, err) != 0)
        return -1;
    s->info = summary.info;
    if (check_set(s, &summary, err) != 0)
        return -1;
    /* stale members between the last shard and the summary stay unused */
    if (s->stream_count < count - 1) {
        char *stale = s->files[s->stream_count];

        s->files[s->stream_count] = s->files[count - 1];
        s->files[count - 1] = stale;
    }
    s->stream_count++;
    return 0;
}

static void free_files(struct source *s)
{
    if (s->files == NULL)
        return;
    for (size_t i = 0; s->files[i] != NULL; i++)
        free(s->files[i]);
    free(s->files);
}

static int open_rdb(struct source *s, struct ft_err *err)
{
    struct file_aux aux;
    size_t count = 0;

    if (add_file(s, &count, strdup(s->path), err) != 0)
        return -1;
    s->stream_count = 1;
    if (read_aux(s, 0, &aux, err) != 0)
        return -1;
    s->info = aux.info;
    return 0;
}

static int open_capture(struct source *s, uint32_t generation, struct ft_err *err)
{
    struct file_aux aux;

    if (capture_open_read(&s->capture, s->path, err) != 0)
        return -1;
    s->generation = capture_find(s->capture, generation);
    if (s->generation == NULL && generation != 0)
        return err_set(err, FT_ERR_USAGE, "\"%s\" has no generation %" PRIu32, s->path, generation);
    if (s->generation == NULL) {
        return err_set(err, FT_ERR_STATE,
                       "\"%s\" holds no complete snapshot yet; run capture again to finish it",
                       s->path);
    }
    s->stream_count = s->generation->flow_count;
    s->sharding = s->generation->sharding;
    if (read_aux(s, 0, &aux, err) != 0)
        return -1;
    s->info = aux.info;
    if (s->sharding == SHARDING_UNKNOWN && s->stream_count > 1)
        return sharding_learn(s, &s->sharding, err);
    return 0;
}

int source_open(struct source **ret, const char *path, uint32_t generation, struct ft_err *err)
{
    struct source *s = calloc(1, sizeof(*s));
    size_t stem = dfs_stem(path);
    struct stat status;
    int rc;

    if (s == NULL || (s->path = strdup(path)) == NULL ||
        (s->disproved = calloc(1, sizeof(*s->disproved))) == NULL) {
        source_free(s);
        return err_nomem(err, "a source");
    }
    s->cancel_fd = -1;
    if (stat(path, &status) != 0) {
        rc = err_errno(err, errno, "could not open \"%s\"", path);
    } else if (S_ISDIR(status.st_mode)) {
        s->kind = SOURCE_CAPTURE;
        rc = open_capture(s, generation, err);
    } else if (stem != 0) {
        s->kind = SOURCE_DFS;
        rc = open_dfs(s, stem, err);
    } else {
        s->kind = SOURCE_RDB;
        rc = open_rdb(s, err);
    }
    if (rc != 0) {
        source_free(s);
        return -1;
    }
    s->release = release_of(&s->info);
    *ret = s;
    return 0;
}

unsigned source_journal_release(const struct source *s)
{
    return s->kind == SOURCE_CAPTURE ? s->release : 0;
}

/* The directory in which a name lies, without links; NULL: there is none. */
static char *directory_of(const char *path)
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

static bool is_below(const char *directory, const char *top)
{
    size_t n = strlen(top);

    return strncmp(directory, top, n) == 0 && (directory[n] == '\0' || directory[n] == '/');
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat status_a;
    struct stat status_b;

    return stat(a, &status_a) == 0 && stat(b, &status_b) == 0 &&
           status_a.st_dev == status_b.st_dev && status_a.st_ino == status_b.st_ino;
}

/* A name without its directory. */
static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

/* The name of a member, also of one that is not there. */
static bool is_member_name(const struct source *s, const char *path)
{
    const char *own = base_name(s->path);
    const char *name = base_name(path);
    size_t stem = dfs_stem(own);

    return stem != 0 && dfs_stem(name) == stem && memcmp(own, name, stem) == 0;
}

bool source_contains(const struct source *s, const char *path)
{
    char *directory = directory_of(path);
    char *top = s->kind == SOURCE_CAPTURE ? realpath(s->path, NULL) : directory_of(s->path);
    bool found = false;

    if (directory != NULL && top != NULL) {
        if (s->kind == SOURCE_CAPTURE)
            found = is_below(directory, top);
        else if (s->kind == SOURCE_DFS)
            found = strcmp(directory, top) == 0 && is_member_name(s, path);
    }
    for (size_t i = 0; !found && s->files != NULL && s->files[i] != NULL; i++)
        found = is_same_file(s->files[i], path);
    free(directory);
    free(top);
    return found;
}

void source_free(struct source *s)
{
    if (s == NULL)
        return;
    free_files(s);
    capture_free(s->capture);
    free(s->path);
    free(s->disproved);
    free(s);
}
