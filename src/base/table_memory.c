#include "base/table_memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fsutil.h"

static int map(struct table_memory *ret, size_t size_bytes, const char *what, struct ft_err *err)
{
    const char *dir;
    void *p = MAP_FAILED;
    int fd = fs_open_unnamed(&dir, err);
    int rc;

    if (fd < 0)
        return err_wrap(err, "%s", what);
    rc = fs_take_room(fd, size_bytes);
    if (rc == 0) {
        p = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        rc = errno;
    }
    (void)close(fd); /* the mapping keeps it */
    if (p == MAP_FAILED)
        return err_errno(err, rc, "%s: %zu bytes in \"%s\" (TMPDIR)", what, size_bytes, dir);
    *ret = (struct table_memory){p, size_bytes, true};
    return 0;
}

int table_memory_init(struct table_memory *ret, size_t size_bytes, const char *what,
                      struct ft_err *err)
{
    void *p;

    if (size_bytes > TABLE_MEMORY_HEAP_BYTES)
        return map(ret, size_bytes, what, err);
    p = calloc(1, size_bytes);
    if (p == NULL)
        return err_nomem(err, what);
    *ret = (struct table_memory){p, size_bytes, false};
    return 0;
}

void table_memory_release(struct table_memory *m)
{
    if (m->mapped)
        (void)munmap(m->p, m->size_bytes); /* it is ours */
    else
        free(m->p);
    *m = (struct table_memory){0};
}
