/*
 * large_memory.h - memory for something larger than a program should hold: a value of many megabytes.
 *
 * What it is   A mapped file without a name in $TMPDIR (/tmp), whose pages leave the process as passed_memory.h tells; what is put by
 *              large_memory_write is not even looked at by it. Its room is taken at once, so that a full disk is no signal
 *              later: then, or where no file can be made, it is memory of the heap.
 * Errors       FT_ERR_NOMEM, FT_ERR_IO.
 * Threads      Any; an area is changed by one thread at a time.
 */
#ifndef FLOWTAPE_BASE_LARGE_MEMORY_H
#define FLOWTAPE_BASE_LARGE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* What is smaller is better off on the heap. */
#define LARGE_MEMORY_LEAST_BYTES ((size_t)16 << 20)

/*
 * large_memory_grow - size bytes, more than LARGE_MEMORY_LEAST_BYTES, of which the first `used` are those of p: of the heap (or NULL)
 * if old_size is no more than that. They may have moved. NULL: an error, and p is as it was.
 */
void *large_memory_grow(void *p, size_t old_size, size_t used, size_t size, struct ft_err *err);
/* large_memory_write - n bytes at offset of the area p. */
int large_memory_write(void *p, size_t offset, const void *from, size_t n, struct ft_err *err);
/* large_memory_view - to read a file, which stays the caller's and as it is. */
const void *large_memory_view(int fd, size_t size, const char *name, struct ft_err *err);
void large_memory_free(const void *p);
/* large_memory_has - is it an area? */
bool large_memory_has(const void *p);

#endif
