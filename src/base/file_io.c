#include "base/file_io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/passed_memory.h"

#define UNNAMED_SIZE 512

int fs_write_all(int fd, const void *p, size_t n, const char *name, struct ft_err *err)
{
    struct iovec iov = {.iov_base = (void *)(uintptr_t)p, .iov_len = n};

    return fs_writev_all(fd, &iov, 1, name, err);
}

/* How many can be written at once, in front of one that is large. */
static size_t small_pieces(const struct iovec *iov, size_t iov_count)
{
    size_t n = 0;

    while (n < iov_count && n < IOV_MAX && iov[n].iov_len <= MEMORY_STRIDE)
        n++;
    return n;
}

int fs_writev_all(int fd, struct iovec *iov, size_t iov_count, const char *name, struct ft_err *err)
{
    while (iov_count > 0) {
        size_t batch;
        ssize_t n;

        if (iov->iov_len == 0) {
            iov++;
            iov_count--;
            continue;
        }
        batch = small_pieces(iov, iov_count);
        if (batch == 0)
            n = write(fd, iov->iov_base, MEMORY_STRIDE);
        else
            n = writev(fd, iov, (int)batch);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(err, errno, "could not write \"%s\"", name);
        if (batch == 0)
            memory_passed(iov->iov_base, (size_t)n);
        while (n > 0 && iov_count > 0) {
            size_t step = (size_t)n < iov->iov_len ? (size_t)n : iov->iov_len;

            iov->iov_base = (uint8_t *)iov->iov_base + step;
            iov->iov_len -= step;
            n -= (ssize_t)step;
            if (iov->iov_len == 0) {
                iov++;
                iov_count--;
            }
        }
    }
    return 0;
}

int fs_pwrite_all(int fd, const void *p, size_t n, uint64_t offset, const char *name,
                  struct ft_err *err)
{
    size_t done = 0;

    while (done < n) {
        const uint8_t *from = (const uint8_t *)p + done;
        size_t piece = n - done < MEMORY_STRIDE ? n - done : MEMORY_STRIDE;
        ssize_t put = pwrite(fd, from, piece, (off_t)(offset + done));

        if (put < 0 && errno != EINTR)
            return err_errno(err, errno, "could not write \"%s\"", name);
        if (piece == MEMORY_STRIDE && put > 0)
            memory_passed(from, (size_t)put);
        done += put < 0 ? 0 : (size_t)put;
    }
    return 0;
}

int fs_pread_all(int fd, void *p, size_t n, uint64_t offset, const char *name, struct ft_err *err)
{
    size_t done = 0;

    while (done < n) {
        ssize_t got = pread(fd, (uint8_t *)p + done, n - done, (off_t)(offset + done));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_errno(err, errno, "could not read \"%s\"", name);
        if (got == 0) {
            return err_at(err, FT_ERR_CORRUPT, offset,
                          "\"%s\" is truncated: wanted %zu bytes, got %zu", name, n, done);
        }
        done += (size_t)got;
    }
    return 0;
}

const char *fs_temporary_dir(void)
{
    const char *dir = getenv("TMPDIR");

    return dir != NULL && dir[0] != '\0' ? dir : "/tmp";
}

int fs_unnamed_failed(struct ft_err *err)
{
    err->kind = FT_ERR_NOMEM;
    return err_wrap(err, "in \"%s\" (TMPDIR)", fs_temporary_dir());
}

int fs_open_unnamed(const char **ret_dir, struct ft_err *err)
{
    const char *dir = fs_temporary_dir();
    char name[UNNAMED_SIZE];
    int fd;

    *ret_dir = dir;
    if (snprintf(name, sizeof(name), "%s/flowtape-XXXXXX", dir) >= (int)sizeof(name))
        return err_set(err, FT_ERR_NOMEM, "the name of the directory in TMPDIR is too long");
    fd = mkostemp(name, O_CLOEXEC);
    if (fd < 0) {
        (void)err_errno(err, errno, "could not make a temporary file");
        return fs_unnamed_failed(err);
    }
    (void)unlink(name); /* nobody else needs the name */
    return fd;
}

int fs_take_room(int fd, size_t bytes)
{
    int rc;

    do
        rc = posix_fallocate(fd, 0, (off_t)bytes);
    while (rc == EINTR);
    return rc;
}

int fs_map_unnamed(void **ret, size_t bytes, struct ft_err *err)
{
    const char *dir;
    void *p = MAP_FAILED;
    int fd = fs_open_unnamed(&dir, err);
    int rc;

    if (fd < 0)
        return -1;
    rc = fs_take_room(fd, bytes);
    if (rc == 0) {
        p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        rc = errno;
    }
    if (p == MAP_FAILED) {
        (void)close(fd); /* there is nothing in it */
        (void)err_errno(err, rc, "could not make a temporary file of %zu bytes", bytes);
        return fs_unnamed_failed(err);
    }
    *ret = p;
    return fd;
}
