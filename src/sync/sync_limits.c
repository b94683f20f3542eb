#include "sync/sync_limits.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parse.h"
#include "sync/sync_half.h"

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

static bool disk_is_full(struct sync *s)
{
    const struct sync_options *o = s->o;
    char limit[FORMAT_SIZE];
    char size[FORMAT_SIZE];
    struct statvfs fs;
    uint64_t bytes;

    if (o->min_free_bytes == 0 || statvfs(o->capture.directory, &fs) != 0)
        return false;
    bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (bytes >= o->min_free_bytes)
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
