#include "base/output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fsutil.h"

/* So much is handed to the disk while more is being made, so that the sync at the end is short. */
#define WRITE_BEHIND_BYTES (8u << 20)

static int check_replaceable(const char *path, struct ft_err *err)
{
    struct stat status;

    if (lstat(path, &status) != 0 || S_ISREG(status.st_mode))
        return 0; /* a name that cannot be looked at cannot be created either */
    return err_set(err, FT_ERR_USAGE,
                   "\"%s\" is not a regular file and is not replaced (\"" OUTPUT_STDOUT_NAME
                   "\" is standard output)",
                   path);
}

char *output_file_temporary(const char *path)
{
    char *name;

    return asprintf(&name, "%s.tmp-XXXXXX", path) < 0 ? NULL : name;
}

static int open_stdout(struct output_file *f, struct ft_err *err)
{
    f->is_stdout = true;
    f->path = strdup("standard output");
    f->tmp_path = f->path == NULL ? NULL : strdup(f->path);
    if (f->tmp_path == NULL) {
        output_file_release(f);
        return err_nomem(err, "an output file");
    }
    f->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
    if (f->fd < 0) {
        err_errno(err, errno, "could not write to standard output");
        output_file_release(f);
        return -1;
    }
    return 0;
}

int output_file_open(struct output_file *ret, const char *path, struct ft_err *err)
{
    *ret = (struct output_file){.fd = -1};
    if (strcmp(path, OUTPUT_STDOUT_NAME) == 0)
        return open_stdout(ret, err);
    if (check_replaceable(path, err) != 0)
        return -1;
    ret->path = strdup(path);
    ret->tmp_path = output_file_temporary(path);
    if (ret->path == NULL || ret->tmp_path == NULL) {
        output_file_release(ret);
        return err_nomem(err, "an output file");
    }
    ret->fd = mkostemp(ret->tmp_path, O_CLOEXEC); /* creates it, for its owner only */
    if (ret->fd < 0) {
        err_errno(err, errno, "could not create a file beside \"%s\"", path);
        output_file_release(ret);
        return -1;
    }
    ret->temporary = true;
    return 0;
}

int output_file_append(struct output_file *ret, const char *path, struct ft_err *err)
{
    *ret = (struct output_file){.fd = -1, .path = strdup(path), .tmp_path = strdup(path)};
    if (ret->path == NULL || ret->tmp_path == NULL) {
        output_file_release(ret);
        return err_nomem(err, "an output file");
    }
    ret->fd = open(path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
    if (ret->fd < 0) {
        err_errno(err, errno, "could not open \"%s\"", path);
        output_file_release(ret);
        return -1;
    }
    return 0;
}

int output_file_adopt(struct output_file *ret, int fd, const char *name, struct ft_err *err)
{
    *ret = (struct output_file){.fd = fd, .path = strdup(name), .tmp_path = strdup(name)};
    if (ret->path != NULL && ret->tmp_path != NULL)
        return 0;
    free(ret->path);
    free(ret->tmp_path);
    (void)close(fd); /* nothing was written */
    *ret = (struct output_file){.fd = -1};
    return err_nomem(err, "an output file");
}

int output_file_write(struct output_file *f, struct bytes bytes, struct ft_err *err)
{
    if (fs_write_all(f->fd, bytes.p, bytes.n, f->tmp_path, err) != 0)
        return -1;
    f->bytes += bytes.n;
    if (!f->is_stdout && f->bytes - f->handed_over >= WRITE_BEHIND_BYTES) {
        (void)sync_file_range(f->fd, 0, 0, SYNC_FILE_RANGE_WRITE); /* only a hint */
        f->handed_over = f->bytes;
    }
    return 0;
}

int output_file_patch(struct output_file *f, uint64_t offset, struct bytes bytes,
                      struct ft_err *err)
{
    ssize_t n;

    do
        n = pwrite(f->fd, bytes.p, bytes.n, (off_t)offset);
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)bytes.n)
        return err_errno(err, n < 0 ? errno : ENOSPC, "could not write \"%s\"", f->tmp_path);
    return 0;
}

int output_file_finish(struct output_file *f, struct ft_err *err)
{
    if (!f->is_stdout && fs_sync(f->fd, f->tmp_path, err) != 0)
        return -1;
    if (f->temporary && fs_rename_durable(AT_FDCWD, f->tmp_path, f->path, err) != 0)
        return -1;
    f->temporary = false;
    return 0;
}

void output_file_release(struct output_file *f)
{
    if (f->path == NULL && f->tmp_path == NULL)
        return;
    if (f->fd >= 0)
        (void)close(f->fd); /* synced when finished, thrown away otherwise */
    if (f->temporary)
        (void)unlink(f->tmp_path); /* nothing more can be done about it */
    free(f->tmp_path);
    free(f->path);
    *f = (struct output_file){.fd = -1};
}
