/*
 * large_memory.h - memory for something larger than a program should hold: a value of many megabytes.
 *
 * What it is   A mapped file without a name in $TMPDIR (/tmp), whose pages leave the process as passed_memory.h says.
 *              What large_memory_write puts there never enters it. Space in the file is allocated at once, so that a
 *              full disk does not become a signal later; if there is none, or no file can be made, the heap is used.
 * Errors       FT_ERR_NOMEM; FT_ERR_IO from large_memory_view.
 * Threads      Any; an area is changed by one thread at a time.
 */
#ifndef FLOWTAPE_BASE_LARGE_MEMORY_H
#define FLOWTAPE_BASE_LARGE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Anything smaller belongs on the heap. */
#define LARGE_MEMORY_MIN_BYTES ((size_t)16 << 20)

/*
 * large_memory_grow - size bytes, more than LARGE_MEMORY_MIN_BYTES, beginning with the first `used` bytes of p. p is on the heap
 * (or NULL) if old_size is no more than that, else an area. The result may be elsewhere. NULL: an error, and p is unchanged.
 */
void *large_memory_grow(void *p, size_t old_size, size_t used, size_t size, struct ft_err *err);
/* large_memory_write - n bytes at offset of the area p. */
int large_memory_write(void *p, size_t offset, const void *from, size_t n, struct ft_err *err);
/* large_memory_view - a read-only map of a file, which remains the caller's. */
const void *large_memory_view(int fd, size_t size, const char *name, struct ft_err *err);
void large_memory_free(const void *p);
/* large_memory_has - is p in an area? */
bool large_memory_has(const void *p);

#endif
