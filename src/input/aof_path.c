#include "input/aof_path.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "input/aof_manifest.h"
#include "rdb/rdb_version.h"
#include "store/capture.h"

/* Names as redis-server has them by default (appendfilename, appenddirname). */
#define AOF_DIR    "appendonlydir"
#define AOF_NAME   "appendonly.aof"
#define AOF_SUFFIX ".aof"
/* In which the AUX fields in front of an RDB's keys lie. */
#define HEAD_BYTES 512
/* EOF and checksum of an RDB */
#define RDB_END_BYTES 9
/* What a manifest begins with. */
#define MANIFEST_LINE "file "

static bool ends_with(const char *text, const char *suffix)
{
    size_t n = strlen(text);
    size_t m = strlen(suffix);

    return n >= m && strcmp(text + n - m, suffix) == 0;
}

static char *join(const char *directory, const char *name)
{
    char *path;

    return asprintf(&path, "%s/%s", directory, name) < 0 ? NULL : path;
}

/* The directory of a path, as a path. */
static char *parent_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL)
        return strdup(".");
    return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

/* The first bytes of a file into head, the last into end, as many as there are; false: it cannot be read. */
static bool look_into(const char *path, uint8_t *head, size_t *head_size, uint8_t *end,
                      size_t *end_size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    ssize_t n = -1, m = -1;

    if (fd < 0)
        return false;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
        off_t at = status.st_size > (off_t)*end_size ? status.st_size - (off_t)*end_size : 0;

        n = pread(fd, head, *head_size, 0);
        m = pread(fd, end, *end_size, at);
    }
    (void)close(fd); /* was only read */
    *head_size = n > 0 ? (size_t)n : 0;
    *end_size = m > 0 ? (size_t)m : 0;
    return n >= 0 && m >= 0;
}

/* An RDB that says of itself that commands follow it, or that does not end as one does. */
static bool has_tail(const char *path, struct bytes head, struct bytes end)
{
    static const char number[] = "aof-preamble\xc0\x01";
    static const char text[] = "aof-preamble\x01"
                               "1";

    if (memmem(head.p, head.n, number, sizeof(number) - 1) != NULL ||
        memmem(head.p, head.n, text, sizeof(text) - 1) != NULL || ends_with(path, AOF_SUFFIX))
        return true;
    return end.n >= 2 && memcmp(end.p + end.n - 2, "\r\n", 2) == 0;
}

static enum source_bid bid_on_file(const char *path)
{
    uint8_t head[HEAD_BYTES], end[RDB_END_BYTES];
    size_t head_size = sizeof(head), end_size = sizeof(end);

    if (!look_into(path, head, &head_size, end, &end_size) || head_size == 0)
        return SOURCE_BID_NONE;
    if (ends_with(path, AOF_MANIFEST_SUFFIX) &&
        (head[0] == '#' || (head_size > strlen(MANIFEST_LINE) &&
                            memcmp(head, MANIFEST_LINE, strlen(MANIFEST_LINE)) == 0)))
        return SOURCE_BID_SURE;
    if (head_size > 1 && head[0] == '*' && isdigit(head[1]))
        return SOURCE_BID_SURE;
    if (head_size > 3 && memcmp(head, "#TS:", 4) == 0)
        return SOURCE_BID_SURE;
    if (rdb_header_begins(head, head_size) &&
        has_tail(path, bytes_of(head, head_size), bytes_of(end, end_size)))
        return SOURCE_BID_LOOKS;
    return SOURCE_BID_NONE;
}

/* The manifest in a directory, to be freed. Returns 1, 0: there is none, -1: there are several. */
static int find_manifest(const char *directory, char **ret, struct ft_err *err)
{
    DIR *dir = opendir(directory);
    const struct dirent *entry;
    char *found = NULL;
    int count = 0;

    if (dir == NULL)
        return err_errno(err, errno, "could not look into \"%s\"", directory);
    while ((entry = readdir(dir)) != NULL) {
        if (!ends_with(entry->d_name, AOF_MANIFEST_SUFFIX))
            continue;
        free(found);
        found = join(directory, entry->d_name);
        count++;
    }
    (void)closedir(dir); /* was only read */
    if (count == 1 && found != NULL) {
        *ret = found;
        return 1;
    }
    free(found);
    if (count == 1)
        return err_nomem(err, "a file name");
    if (count > 1) {
        return err_set(err, FT_ERR_USAGE,
                       "\"%s\" holds %d manifests of append-only files: name one of them",
                       directory, count);
    }
    return 0;
}

/* Is the file a part that the manifest names? Returns 1, 0, -1. */
static int is_part(const char *manifest, const char *path, struct ft_err *err)
{
    struct aof_manifest m = {0};
    int found = 0;

    if (aof_manifest_read(&m, manifest, err) != 0)
        return -1;
    for (size_t i = 0; i < m.count; i++)
        found |= strcmp(m.names[i], base_name(path)) == 0;
    aof_manifest_release(&m);
    return found;
}

/* The manifest that names a file beside it as a part. Returns as find_manifest. */
static int manifest_of_part(const char *path, char **ret, struct ft_err *err)
{
    char *directory = NULL;
    char *manifest = NULL;
    int found = 0;

    /* as those of redis-server: NAME.aof.1.base.rdb, NAME.aof.1.base.aof, NAME.aof.1.incr.aof */
    if (strstr(base_name(path), ".base.") == NULL && strstr(base_name(path), ".incr.") == NULL)
        return 0;
    directory = parent_of(path);
    if (directory == NULL)
        return err_nomem(err, "a directory's name");
    found = find_manifest(directory, &manifest, err);
    if (found > 0)
        found = is_part(manifest, path, err);
    if (found > 0)
        *ret = manifest;
    else
        free(manifest);
    free(directory);
    return found;
}

/* A directory: the manifest in it, or in the appendonlydir below, or the one file of a Redis up to 6.2. */
static int find_in_directory(const char *path, char **ret, struct ft_err *err)
{
    char *below = join(path, AOF_DIR);
    char *file = join(path, AOF_NAME);
    int found = below == NULL || file == NULL ? err_nomem(err, "a file name")
                                              : find_manifest(path, ret, err);

    if (found == 0 && access(below, F_OK) == 0)
        found = find_manifest(below, ret, err);
    if (found == 0 && access(file, F_OK) == 0) {
        *ret = file;
        file = NULL;
        found = 1;
    }
    free(below);
    free(file);
    return found;
}

/* The manifest or the one file that the path stands for, to be freed. Returns as find_manifest. */
static int resolve(const char *path, bool is_directory, char **ret, struct ft_err *err)
{
    int found = is_directory ? find_in_directory(path, ret, err) : manifest_of_part(path, ret, err);

    if (found != 0)
        return found;
    *ret = strdup(path);
    return *ret == NULL ? err_nomem(err, "a file name") : 0;
}

enum source_bid aof_path_bid(const char *path, const struct stat *status)
{
    struct ft_err ignored = FT_ERR_INIT;
    char *resolved = NULL;
    int found;

    if (S_ISDIR(status->st_mode) && capture_is_dir(path))
        return SOURCE_BID_NONE;
    found = resolve(path, S_ISDIR(status->st_mode), &resolved, &ignored);
    free(resolved);
    if (found != 0) /* opening it tells what is wrong with it */
        return SOURCE_BID_SURE;
    return S_ISDIR(status->st_mode) ? SOURCE_BID_NONE : bid_on_file(path);
}

static int add_parts(struct source_files *f, size_t *count, const char *manifest,
                     struct ft_err *err)
{
    struct aof_manifest m = {0};
    char *directory = parent_of(manifest);
    int rc = directory == NULL ? err_nomem(err, "a directory's name")
                               : aof_manifest_read(&m, manifest, err);

    for (size_t i = 0; rc == 0 && i < m.count; i++) {
        rc = source_files_add(f, count, join(directory, m.names[i]), err);
        if (rc == 0 && access(f->files[i], R_OK) != 0) {
            rc = err_errno(err, errno, "could not open \"%s\", which \"%s\" names", f->files[i],
                           manifest);
        }
    }
    aof_manifest_release(&m);
    free(directory);
    return rc;
}

int aof_path_find(struct source_files *f, size_t *ret_count, struct ft_err *err)
{
    const char *path = f->base.path;
    struct stat status;
    char *resolved = NULL;
    int rc;

    *ret_count = 0;
    if (stat(path, &status) != 0)
        return err_errno(err, errno, "could not open \"%s\"", path);
    if (resolve(path, S_ISDIR(status.st_mode), &resolved, err) < 0)
        return -1;
    if (ends_with(resolved, AOF_MANIFEST_SUFFIX)) {
        rc = add_parts(f, ret_count, resolved, err);
        free(resolved);
        return rc;
    }
    return source_files_add(f, ret_count, resolved, err);
}
