#include "base/table_memory.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file_io.h"

static int map(struct table_memory *ret, size_t size_bytes, const char *what, struct ft_err *err)
{
    void *p;
    int fd = fs_map_unnamed(&p, size_bytes, err);

    if (fd < 0)
        return err_wrap(err, "%s", what);
    (void)close(fd); /* the mapping keeps it */
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
