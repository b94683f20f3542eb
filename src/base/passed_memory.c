#include "base/passed_memory.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct node {
    struct node *next;
    struct memory_area area;
};

static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static struct node *nodes;
static atomic_size_t count; /* of them: nearly always there is none to be looked for */

int memory_area_add(struct memory_area area)
{
    struct node *n = malloc(sizeof(*n));

    if (n == NULL)
        return -1;
    n->area = area;
    pthread_mutex_lock(&mu);
    n->next = nodes;
    nodes = n;
    atomic_fetch_add(&count, 1);
    pthread_mutex_unlock(&mu);
    return 0;
}

/* With mu held: what leads to the area that has this byte, or to NULL. */
static struct node **find(const void *p)
{
    struct node **link = &nodes;

    while (*link != NULL && (uintptr_t)p - (uintptr_t)(*link)->area.p >= (*link)->area.size)
        link = &(*link)->next;
    return link;
}

struct memory_area memory_area_of(const void *p)
{
    struct memory_area ret = {.kind = MEMORY_OTHER, .fd = -1};
    struct node *n;

    if (atomic_load(&count) == 0)
        return ret;
    pthread_mutex_lock(&mu);
    n = *find(p);
    if (n != NULL)
        ret = n->area;
    pthread_mutex_unlock(&mu);
    return ret;
}

struct memory_area memory_area_take(const void *p)
{
    struct memory_area ret = {.kind = MEMORY_OTHER, .fd = -1};
    struct node **link;
    struct node *n;

    pthread_mutex_lock(&mu);
    link = find(p);
    n = *link;
    if (n != NULL) {
        ret = n->area;
        *link = n->next;
        atomic_fetch_sub(&count, 1);
    }
    pthread_mutex_unlock(&mu);
    free(n);
    return ret;
}

void *memory_area_remap(const void *p, size_t size)
{
    struct memory_area *area;
    void *moved;

    pthread_mutex_lock(&mu);
    area = &(*find(p))->area;
    moved = mremap(area->p, area->size, size, MREMAP_MAYMOVE);
    if (moved != MAP_FAILED) {
        area->p = moved;
        area->size = size;
    }
    pthread_mutex_unlock(&mu);
    return moved == MAP_FAILED ? NULL : moved;
}

void memory_area_replace(const void *p, struct memory_area area)
{
    pthread_mutex_lock(&mu);
    (*find(p))->area = area;
    pthread_mutex_unlock(&mu);
}

/*
 * What lies up to a stride before is dropped once more: the element at which a reader was when it reported is looked at after that,
 * and with a page that is read the kernel maps some of its neighbours.
 */
void memory_passed(const void *p, size_t n)
{
    const struct memory_area area = memory_area_of(p);
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t begin = (uintptr_t)area.p;
    uintptr_t from = (uintptr_t)p;

    if (area.kind == MEMORY_OTHER)
        return;
    from -= from - begin < MEMORY_STRIDE ? from - begin : MEMORY_STRIDE;
    from = from / page * page;
    (void)madvise((void *)from, (uintptr_t)p + n - from,
                  MADV_DONTNEED); /* no harm if it is not done */
}
