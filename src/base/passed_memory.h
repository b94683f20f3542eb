/*
 * passed_memory.h - pages of mapped files that a reader does not need in memory any more.
 *
 * What it is   Code that walks through something large, from one end to the other, reports now and then how far it is.
 *              If the memory is a map of a file, the process drops those pages. This is always safe: a page that is
 *              needed again is read from the file again. For any other memory nothing happens.
 * Areas        Maps register here. There are few at any time.
 * Threads      Any. An area must not be unmapped while another thread reads it.
 */
#ifndef FLOWTAPE_BASE_PASSED_MEMORY_H
#define FLOWTAPE_BASE_PASSED_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* How much to read between two calls of memory_passed. */
#define MEMORY_STRIDE ((size_t)2 << 20)

/* memory_passed - these n bytes, in any memory, and the stride before them will not be needed soon. */
void memory_passed(const void *p, size_t n);

/* memory_pass - for a reader that is at `at` and has reported all before `from`: reports the rest once there is a stride of it.
 * Returns the new `from`. */
static inline const uint8_t *memory_pass(const uint8_t *from, const uint8_t *at)
{
    if ((size_t)(at - from) < MEMORY_STRIDE)
        return from;
    memory_passed(from, (size_t)(at - from));
    return at;
}

enum memory_area_kind {
    MEMORY_OTHER, /* the heap, or not registered */
    MEMORY_FILE,  /* a map of a file of its own */
    MEMORY_VIEW,  /* a read-only map of a file that belongs to somebody else */
};

struct memory_area {
    enum memory_area_kind kind;
    uint8_t *p;
    size_t size;
    int fd; /* of MEMORY_FILE */
};

/* memory_area_add - register an area. -1: out of memory. */
int memory_area_add(struct memory_area area);
/* memory_area_of - the area that contains p, or one of the kind MEMORY_OTHER. */
struct memory_area memory_area_of(const void *p);
/* memory_area_take - the same, and unregister it. */
struct memory_area memory_area_take(const void *p);
/* memory_area_remap - map more of the area's file, possibly elsewhere. Registered throughout, so that memory_passed never takes other
 * memory at the old address for the area's. NULL: it failed, and nothing has changed. */
void *memory_area_remap(const void *p, size_t size);
/* memory_area_replace - register `area` in place of the one that begins at p. */
void memory_area_replace(const void *p, struct memory_area area);

#endif
