#include "input/source.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "command/translation.h"
#include "input/dfs_set.h"
#include "input/sharding.h"
#include "input/source_aux.h"

const char *source_kind_name(enum source_kind kind)
{
    static const char *const names[] = {
        [SOURCE_CAPTURE] = "capture",
        [SOURCE_DFS] = "dfs",
        [SOURCE_RDB] = "rdb",
    };

    return names[kind];
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
    struct source_aux aux;

    s->files = calloc(2, sizeof(*s->files));
    if (s->files == NULL || (s->files[0] = strdup(s->path)) == NULL)
        return err_nomem(err, "a file name");
    s->stream_count = 1;
    if (source_read_aux(s, 0, &aux, err) != 0)
        return -1;
    s->info = aux.info;
    return 0;
}

static int open_capture(struct source *s, uint32_t generation, struct ft_err *err)
{
    struct source_aux aux;

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
    if (source_read_aux(s, 0, &aux, err) != 0)
        return -1;
    s->info = aux.info;
    if (s->sharding == SHARDING_UNKNOWN && s->stream_count > 1)
        return sharding_learn(s, &s->sharding, err);
    return 0;
}

int source_open(struct source **ret, const char *path, uint32_t generation, struct ft_err *err)
{
    struct source *s = calloc(1, sizeof(*s));
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
    } else if (dfs_set_has_name(path)) {
        s->kind = SOURCE_DFS;
        rc = dfs_set_open(s, err);
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

bool source_contains(const struct source *s, const char *path)
{
    char *directory = directory_of(path);
    char *top = s->kind == SOURCE_CAPTURE ? realpath(s->path, NULL) : directory_of(s->path);
    bool found = false;

    if (directory != NULL && top != NULL) {
        if (s->kind == SOURCE_CAPTURE)
            found = is_below(directory, top);
        else if (s->kind == SOURCE_DFS)
            found = strcmp(directory, top) == 0 && dfs_set_is_of(s->path, path);
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
