#include "archive/work_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fsutil.h"
#include "base/parse.h"
#include "base/temp_dir.h"

/* Slashes at the end would make the name of the working directory one within DIR. */
static char *working_name(const char *directory, const char *suffix)
{
    size_t n = strlen(directory);
    char *name;

    while (n > 1 && directory[n - 1] == '/')
        n--;
    return asprintf(&name, "%.*s%s", (int)n, directory, suffix) < 0 ? NULL : name;
}

/* *ret: is there nothing in a directory, but perhaps a file of this name? */
static int look_for_anything(int dirfd, const char *path, const char *but, bool *ret,
                             struct ft_err *err)
{
    int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;
    bool empty = dir != NULL;

    if (dir == NULL) {
        err_errno(err, errno, "could not open directory \"%s\"", path);
        if (fd >= 0)
            (void)close(fd); /* opened to read */
        return -1;
    }
    while (empty && (e = readdir(dir)) != NULL) {
        empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
                strcmp(e->d_name, but) == 0;
    }
    (void)closedir(dir); /* was only read */
    *ret = empty;
    return 0;
}

/* An empty directory may be there: the rename replaces it. */
int work_dir_check_target(const char *target, struct ft_err *err)
{
    int fd = open(target, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    bool empty = false;
    int rc = 0;

    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0 && errno != ENOTDIR && errno != ELOOP)
        return err_errno(err, errno, "could not open directory \"%s\"", target);
    if (fd >= 0) {
        rc = look_for_anything(fd, target, "", &empty, err);
        (void)close(fd); /* opened to read */
    }
    if (rc != 0 || empty)
        return rc;
    return err_set(err, FT_ERR_STATE, "\"%s\" is there already", target);
}

static int open_locked(struct work_dir *w, struct ft_err *err)
{
    bool held = false;

    if (mkdir(w->path, 0700) != 0 && errno != EEXIST)
        return err_errno(err, errno, "could not create directory \"%s\"", w->path);
    w->fd = open(w->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (w->fd < 0)
        return err_errno(err, errno, "could not open directory \"%s\"", w->path);
    if (fs_lock_dir(w->fd, &held, err) == 0)
        return 0;
    w->keep = true;
    return held ? err_set(err, FT_ERR_STATE, "another process is at work in \"%s\"", w->path) : -1;
}

int work_dir_open(struct work_dir *ret, const char *target, const char *suffix, struct ft_err *err)
{
    struct work_dir w = {.target = strdup(target), .path = working_name(target, suffix), .fd = -1};

    if (w.target == NULL || w.path == NULL)
        err_nomem(err, "a directory's name");
    else if (work_dir_check_target(target, err) == 0 && open_locked(&w, err) == 0) {
        *ret = w;
        return 0;
    }
    (void)work_dir_release(&w, err);
    return -1;
}

int work_dir_begin(struct work_dir *w, const char *name, struct bytes text, struct ft_err *err)
{
    struct ft_err ignored = FT_ERR_INIT;
    char unfinished[sizeof(CAPTURE_MANIFEST ".tmp")]; /* the longer one of both */
    struct buf before = {0};
    bool empty;
    bool same;

    same = fs_read_file(w->fd, name, text.n, &before, &ignored) == 0 &&
           bytes_eq(buf_bytes(&before), text);
    buf_release(&before);
    if (same)
        return 0;
    (void)snprintf(unfinished, sizeof(unfinished), "%s.tmp", name);
    if (look_for_anything(w->fd, w->path, unfinished, &empty, err) != 0)
        return -1;
    if (empty)
        return fs_replace_file(w->fd, name, text, err);
    w->keep = true;
    return err_set(
        err, FT_ERR_STATE,
        "\"%s\" holds something else, perhaps a part of another archive; remove it first", w->path);
}

int work_dir_finish(struct work_dir *w, struct ft_err *err)
{
    if (fs_sync_dir(w->fd, ".", err) != 0)
        return -1;
    return fs_rename_durable(AT_FDCWD, w->path, w->target, err);
}

bool work_dir_release(struct work_dir *w, const struct ft_err *err)
{
    bool stays = w->fd >= 0 && err != NULL &&
                 (err->kind == FT_ERR_CANCELLED || err->kind == FT_ERR_IO ||
                  err->kind == FT_ERR_NET || err->kind == FT_ERR_TIMEOUT);

    if (w->fd >= 0 && err != NULL && !stays && !w->keep)
        temp_dir_remove_tree(w->path);
    if (w->fd >= 0)
        (void)close(w->fd); /* opened to read */
    free(w->path);
    free(w->target);
    *w = (struct work_dir){.fd = -1};
    return stays;
}

uint64_t work_dir_missing_bytes(int dirfd, const struct capture *c)
{
    uint64_t sum = 0;

    for (size_t g = 0; g < c->generation_count; g++) {
        for (uint32_t i = 0; i < c->generations[g].flow_count; i++) {
            const struct capture_flow *f = &c->generations[g].flows[i];

            for (size_t s = 0; s < f->segment_count; s++) {
                uint64_t bytes = f->segments[s].file_bytes;
                struct stat st;

                if (fstatat(dirfd, f->segments[s].name, &st, AT_SYMLINK_NOFOLLOW) != 0)
                    sum = bytes > UINT64_MAX - sum ? UINT64_MAX : sum + bytes;
            }
        }
    }
    return sum;
}

int work_dir_check_room(int dirfd, const char *path, uint64_t bytes, struct ft_err *err)
{
    char needed[FORMAT_SIZE];
    char there[FORMAT_SIZE];
    struct statvfs fs;
    uint64_t room;

    if (fstatvfs(dirfd, &fs) != 0)
        return err_errno(err, errno, "could not look at the room in \"%s\"", path);
    room = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (bytes <= room)
        return 0;
    return err_set(err, FT_ERR_STATE, "\"%s\" has room for %s, the archive needs %s more", path,
                   format_size(room, there), format_size(bytes - room, needed));
}

int work_dir_make_parent(int dirfd, const char *segment, struct ft_err *err)
{
    char dir[SEGMENT_NAME_MAX];

    (void)snprintf(dir, sizeof(dir), "%s", segment); /* the same size */
    dir[strcspn(dir, "/")] = '\0';
    if (mkdirat(dirfd, dir, 0700) != 0 && errno != EEXIST)
        return err_errno(err, errno, "could not create directory \"%s\"", dir);
    return 0;
}
