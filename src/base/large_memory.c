#include "base/large_memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file_io.h"
#include "base/passed_memory.h"

#define SHOWN_NAME "a temporary file"

static void release(struct memory_area area)
{
    if (area.kind == MEMORY_OTHER)
        free(area.p);
    else
        (void)munmap(area.p, area.size); /* it is ours */
    if (area.kind == MEMORY_FILE)
        (void)close(area.fd); /* nothing in it is wanted any more */
}

static void *no_memory(size_t size, struct ft_err *err)
{
    (void)err_set(err, FT_ERR_NOMEM, "could not allocate %zu bytes", size);
    return NULL;
}

/* With the first `used` bytes of `from`. */
static bool on_heap(struct memory_area *ret, const void *from, size_t used, size_t size)
{
    *ret = (struct memory_area){.kind = MEMORY_OTHER, .p = malloc(size), .size = size, .fd = -1};
    if (ret->p == NULL)
        return false;
    if (used != 0)
        memcpy(ret->p, from, used);
    return true;
}

static bool in_file(struct memory_area *ret, const void *from, size_t used, size_t size)
{
    struct ft_err ignored = FT_ERR_INIT; /* the heap is the other way */
    void *p;

    *ret = (struct memory_area){.kind = MEMORY_FILE, .size = size};
    ret->fd = fs_map_unnamed(&p, size, &ignored);
    if (ret->fd < 0)
        return false;
    ret->p = p;
    if (fs_pwrite_all(ret->fd, from, used, 0, SHOWN_NAME, &ignored) == 0)
        return true;
    release(*ret);
    return false;
}

static void *first(void *p, size_t used, size_t size, struct ft_err *err)
{
    struct memory_area area;

    if (!in_file(&area, p, used, size) && !on_heap(&area, p, used, size))
        return no_memory(size, err);
    if (memory_area_add(area) != 0) {
        release(area);
        return no_memory(size, err);
    }
    free(p);
    return area.p;
}

static void *move_to_heap(struct memory_area old, size_t used, size_t size)
{
    struct memory_area area;

    if (!on_heap(&area, old.p, used, size))
        return NULL;
    memory_area_replace(old.p, area);
    release(old);
    return area.p;
}

void *large_memory_grow(void *p, size_t old_size, size_t used, size_t size, struct ft_err *err)
{
    struct memory_area old;
    void *ret = NULL;

    if (old_size <= LARGE_MEMORY_MIN_BYTES)
        return first(p, used, size, err);
    old = memory_area_of(p);
    if (old.kind == MEMORY_FILE && fs_take_room(old.fd, size) == 0)
        ret = memory_area_remap(p, size);
    if (ret == NULL)
        ret = move_to_heap(old, used, size);
    return ret != NULL ? ret : no_memory(size, err);
}

int large_memory_write(void *p, size_t offset, const void *from, size_t n, struct ft_err *err)
{
    const struct memory_area area = memory_area_of(p);

    if (area.kind != MEMORY_FILE)
        memcpy((uint8_t *)p + offset, from, n);
    else if (fs_pwrite_all(area.fd, from, n, offset, SHOWN_NAME, err) != 0)
        return fs_unnamed_failed(err);
    return 0;
}

const void *large_memory_view(int fd, size_t size, const char *name, struct ft_err *err)
{
    struct memory_area area = {.kind = MEMORY_VIEW, .size = size, .fd = fd};
    void *p = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);

    if (p == MAP_FAILED) {
        (void)err_errno(err, errno, "could not map \"%s\"", name);
        return NULL;
    }
    area.p = p;
    if (memory_area_add(area) != 0) {
        release(area);
        return no_memory(size, err);
    }
    return p;
}

void large_memory_free(const void *p)
{
    release(memory_area_take(p));
}

bool large_memory_has(const void *p)
{
    return memory_area_of(p).p != NULL;
}
