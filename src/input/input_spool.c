#include "input/input_spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fsutil.h"

#define STDIN_NAME "-"
#define COPY_BYTES (256u << 10)

static int copy(int from, int to, const char *name, const char *dir, struct ft_err *err)
{
    char *buffer = malloc(COPY_BYTES);
    ssize_t n = 1;
    int rc = 0;

    if (buffer == NULL)
        return err_nomem(err, "a read buffer");
    while (rc == 0 && n != 0) {
        n = read(from, buffer, COPY_BYTES);
        if (n < 0 && errno != EINTR)
            rc = err_errno(err, errno, "could not read \"%s\"", name);
        else if (n > 0)
            rc = fs_write_all(to, buffer, (size_t)n, dir, err);
    }
    free(buffer);
    return rc;
}

static int spool(int from, const char *name, char **ret, struct ft_err *err)
{
    const char *dir = NULL;
    int fd = fs_open_unnamed(&dir, err);

    if (fd < 0)
        return -1;
    if (copy(from, fd, name, dir, err) != 0) {
        (void)close(fd);
        return -1;
    }
    if (asprintf(ret, "/proc/self/fd/%d", fd) < 0) {
        (void)close(fd);
        return err_nomem(err, "a path");
    }
    return 0;
}

int input_spool(const char *path, char **ret, struct ft_err *err)
{
    struct stat st;
    int fd;
    int rc;

    if (strcmp(path, STDIN_NAME) == 0)
        return spool(STDIN_FILENO, "standard input", ret, err);
    if (stat(path, &st) != 0 || S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) {
        *ret = strdup(path);
        return *ret != NULL ? 0 : err_nomem(err, "a path");
    }
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, errno, "could not open \"%s\"", path);
    rc = spool(fd, path, ret, err);
    (void)close(fd); /* opened to read */
    return rc;
}
