#include "base/fsutil.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int fs_read_file(int dirfd, const char *name, size_t limit_bytes, struct buf *ret,
                 struct ft_err *err)
{
    struct buf content = {0};
    int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
    int rc = -1;

    if (fd < 0)
        return err_errno(err, errno, "could not open \"%s\"", name);
    for (;;) {
        ssize_t got;

        if (buf_reserve(&content, 65536, err) != 0)
            goto out;
        got = read(fd, content.p + content.n, 65536);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            err_errno(err, errno, "could not read \"%s\"", name);
            goto out;
        }
        if (got == 0)
            break;
        content.n += (size_t)got;
        if (content.n > limit_bytes) {
            err_set(err, FT_ERR_LIMIT, "\"%s\" is larger than %zu bytes", name, limit_bytes);
            goto out;
        }
    }
    buf_release(ret);
    *ret = content;
    content = (struct buf){0};
    rc = 0;
out:
    buf_release(&content);
    (void)close(fd); /* opened to read */
    return rc;
}

int fs_sync(int fd, const char *name, struct ft_err *err)
{
    if (fdatasync(fd) != 0)
        return err_errno(err, errno, "could not sync \"%s\"", name);
    return 0;
}

int fs_sync_dir(int dirfd, const char *name, struct ft_err *err)
{
    int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = 0;

    if (fd < 0)
        return err_errno(err, errno, "could not open directory \"%s\"", name);
    if (fsync(fd) != 0)
        rc = err_errno(err, errno, "could not sync directory \"%s\"", name);
    (void)close(fd); /* opened to read */
    return rc;
}

/* The directory part of a name, "." when it has none. */
static int sync_parent(int dirfd, const char *name, struct ft_err *err)
{
    const char *slash = strrchr(name, '/');
    char parent[PATH_MAX];

    if (slash == NULL)
        return fs_sync_dir(dirfd, ".", err);
    if ((size_t)(slash - name) >= sizeof(parent))
        return err_set(err, FT_ERR_USAGE, "file name \"%s\" is too long", name);
    memcpy(parent, name, (size_t)(slash - name));
    parent[slash - name] = '\0';
    return fs_sync_dir(dirfd, slash == name ? "/" : parent, err);
}

int fs_rename_durable(int dirfd, const char *from, const char *to, struct ft_err *err)
{
    if (renameat(dirfd, from, dirfd, to) != 0)
        return err_errno(err, errno, "could not rename \"%s\" to \"%s\"", from, to);
    return sync_parent(dirfd, to, err);
}

int fs_replace_file(int dirfd, const char *name, struct bytes content, struct ft_err *err)
{
    char tmp[PATH_MAX];
    int fd;
    int rc = -1;

    if (snprintf(tmp, sizeof(tmp), "%s.tmp", name) >= (int)sizeof(tmp))
        return err_set(err, FT_ERR_USAGE, "file name \"%s\" is too long", name);
    (void)unlinkat(dirfd, tmp,
                   0); /* what a killed run left; if it stays, it cannot be made again */
    fd = openat(dirfd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_errno(err, errno, "could not create \"%s\"", tmp);
    if (fs_write_all(fd, content.p, content.n, tmp, err) == 0 && fs_sync(fd, tmp, err) == 0)
        rc = 0;
    if (close(fd) != 0 && rc == 0)
        rc = err_errno(err, errno, "could not close \"%s\"", tmp);
    if (rc == 0)
        rc = fs_rename_durable(dirfd, tmp, name, err);
    if (rc != 0)
        (void)unlinkat(dirfd, tmp, 0); /* the error that counts is set already */
    return rc;
}

/* Not every file system can lock a directory: what it says then. */
static bool cannot_lock_directory(int sys_errno)
{
    return sys_errno == EBADF || sys_errno == EINVAL || sys_errno == EOPNOTSUPP ||
           sys_errno == ENOLCK || sys_errno == ENOSYS;
}

int fs_lock_dir(int dirfd, bool *ret_held, struct ft_err *err)
{
    *ret_held = false;
    if (flock(dirfd, LOCK_EX | LOCK_NB) == 0 || cannot_lock_directory(errno))
        return 0;
    if (errno != EWOULDBLOCK)
        return err_errno(err, errno, "could not lock a directory");
    *ret_held = true;
    return -1;
}

int fs_lock(int dirfd, const char *name, bool *ret_held, struct ft_err *err)
{
    int fd = openat(dirfd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

    *ret_held = false;
    if (fd < 0)
        return err_errno(err, errno, "could not open lock file \"%s\"", name);
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    if (errno == EWOULDBLOCK)
        *ret_held = true;
    else
        err_errno(err, errno, "could not lock \"%s\"", name);
    (void)close(fd); /* nothing was written */
    return -1;
}

/* What vanishes meanwhile counts as nothing. A set of captures has nodes, which have generations. */
#define TREE_LEVELS 2u
static uint64_t size_below(int parent, const char *name, unsigned levels)
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
        else if (S_ISDIR(st.st_mode) && levels > 0)
            bytes += size_below(fd, entry->d_name, levels - 1);
    }
    (void)closedir(dir);
    return bytes;
}

uint64_t fs_tree_bytes(const char *dir)
{
    return size_below(AT_FDCWD, dir, TREE_LEVELS);
}
