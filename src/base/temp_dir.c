#include "base/temp_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define OPEN_DIRECTORIES 8

int temp_dir_make(struct temp_dir *ret, struct ft_err *err)
{
    const char *parent = getenv("TMPDIR");
    struct temp_dir d = {.fd = -1};

    if (parent == NULL || parent[0] == '\0')
        parent = "/tmp";
    if (asprintf(&d.path, "%s/flowtape-XXXXXX", parent) < 0)
        return err_nomem(err, "the name of a directory");
    if (mkdtemp(d.path) == NULL) {
        err_errno(err, errno, "could not make a directory in \"%s\" (TMPDIR)", parent);
        free(d.path);
        return -1;
    }
    d.fd = open(d.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d.fd < 0) {
        err_errno(err, errno, "could not open directory \"%s\"", d.path);
        temp_dir_release(&d);
        return -1;
    }
    *ret = d;
    return 0;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    (void)remove(path); /* what cannot be removed stays */
    return 0;
}

void temp_dir_remove_tree(const char *path)
{
    (void)nftw(path, remove_one, OPEN_DIRECTORIES, FTW_DEPTH | FTW_PHYS); /* likewise */
}

void temp_dir_release(struct temp_dir *d)
{
    if (d->path == NULL)
        return;
    if (d->fd >= 0)
        (void)close(d->fd); /* opened to read */
    temp_dir_remove_tree(d->path);
    free(d->path);
    *d = (struct temp_dir){.fd = -1};
}
