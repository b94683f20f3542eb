#include "sync/sync_limits.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parse.h"
#include "sync/sync_worker.h"

#define LOOK_EVERY_MS 500u

/* Files of a directory and of those in it; what vanishes meanwhile counts as nothing. */
static uint64_t size_of_dir(int parent, const char *name, bool deep)
{
    int fd = openat(parent, name, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    uint64_t bytes = 0;
    struct dirent *entry;
    struct stat st;

    if (dir == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return 0;
    }
    while ((entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        if (S_ISREG(st.st_mode))
            bytes += (uint64_t)st.st_size;
        else if (S_ISDIR(st.st_mode) && deep)
            bytes += size_of_dir(fd, entry->d_name, false);
    }
    (void)closedir(dir);
    return bytes;
}

static bool dir_is_full(struct sync *s)
{
    const struct sync_options *o = s->o;
    char limit[FORMAT_SIZE];
    char size[FORMAT_SIZE];
    uint64_t bytes;

    if (o->max_dir_bytes == 0)
        return false;
    bytes = size_of_dir(AT_FDCWD, o->capture.directory, true);
    if (bytes < o->max_dir_bytes)
        return false;
    sync_note(s, "\"%s\" holds %s, --max-dir-size is %s: the capture ends here",
              o->capture.directory, format_size(bytes, size), format_size(o->max_dir_bytes, limit));
    return true;
}

/* Has the file system less left than it should? Of a directory that is still to be made, that of the one it will be in. */
static bool has_too_little(const struct sync_options *o, uint64_t *ret_bytes)
{
    const char *slash = strrchr(o->capture.directory, '/');
    char parent[PATH_MAX] = ".";
    struct statvfs fs;

    if (o->min_free_bytes == 0)
        return false;
    if (slash != NULL)
        (void)snprintf(parent, sizeof(parent), "%.*s", (int)(slash - o->capture.directory) + 1,
                       o->capture.directory); /* a longer one is no path */
    if (statvfs(o->capture.directory, &fs) != 0 && statvfs(parent, &fs) != 0)
        return false;
    *ret_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    return *ret_bytes < o->min_free_bytes;
}

int sync_check_free(const struct sync *s, struct ft_err *err)
{
    char limit[FORMAT_SIZE];
    char size[FORMAT_SIZE];
    uint64_t bytes;

    if (!has_too_little(s->o, &bytes))
        return 0;
    return err_set(err, FT_ERR_STATE,
                   "the file system of \"%s\" has %s left, --min-free is %s: nothing is begun",
                   s->o->capture.directory, format_size(bytes, size),
                   format_size(s->o->min_free_bytes, limit));
}

static bool disk_is_full(struct sync *s)
{
    const struct sync_options *o = s->o;
    char limit[FORMAT_SIZE];
    char size[FORMAT_SIZE];
    uint64_t bytes;

    if (!has_too_little(o, &bytes))
        return false;
    sync_note(s, "the file system of \"%s\" has %s left, --min-free is %s: the capture ends here",
              o->capture.directory, format_size(bytes, size),
              format_size(o->min_free_bytes, limit));
    return true;
}

void sync_check_limits(struct sync *s)
{
    uint64_t now_ms = clock_mono_ms();

    if (s->full || s->taken_over || now_ms - s->limits_ms < LOOK_EVERY_MS)
        return;
    s->limits_ms = now_ms;
    if (!dir_is_full(s) && !disk_is_full(s))
        return;
    s->full = true;
    sync_cancel(&s->capture);
}
