/*
 * passed_memory.h - memory that may leave the process when it has been looked at: maps of files.
 *
 * What it is   Who goes through something that may be large, from one end to the other, says now and then what it is done with. If
 *              it is a map of a file, its pages are let go of. That is never wrong: what is needed again comes back by itself. Of any
 *              other memory nothing happens.
 * Areas        What has been mapped is known here; there is little of it at any time.
 * Threads      Any. An area may not be unmapped while somebody goes through it.
 */
#ifndef FLOWTAPE_BASE_PASSED_MEMORY_H
#define FLOWTAPE_BASE_PASSED_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* How much to look at between two calls of memory_passed. */
#define MEMORY_STRIDE ((size_t)2 << 20)

/* memory_passed - these bytes, in any memory, will not be looked at soon. */
void memory_passed(const void *p, size_t n);

/* memory_pass - of who goes through memory and is at `at`, having told of what lies before `from`: the new `from`. */
static inline const uint8_t *memory_pass(const uint8_t *from, const uint8_t *at)
{
    if ((size_t)(at - from) < MEMORY_STRIDE)
        return from;
    memory_passed(from, (size_t)(at - from));
    return at;
}

enum memory_area_kind {
    MEMORY_OTHER, /* of the heap, or not known here */
    MEMORY_FILE,  /* a map of a file that is there for nothing else */
    MEMORY_VIEW,  /* a map of somebody's file */
};

struct memory_area {
    enum memory_area_kind kind;
    uint8_t *p;
    size_t size;
    int fd; /* of MEMORY_FILE */
};

/* memory_area_add - it is known from now on. -1: there is no memory for that. */
int memory_area_add(struct memory_area area);
/* memory_area_of - what has this byte. */
struct memory_area memory_area_of(const void *p);
/* memory_area_take - the same, and it is not known any more. */
struct memory_area memory_area_take(const void *p);
/* memory_area_remap - more of the file that is mapped there; nobody takes what lies where it was for a part of it. NULL: an error, and
 * nothing has changed. */
void *memory_area_remap(const void *p, size_t size);
/* memory_area_replace - this one is in the place of the one that begins there. */
void memory_area_replace(const void *p, struct memory_area area);

#endif
