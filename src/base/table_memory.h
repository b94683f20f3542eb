/*
 * table_memory.h - zeroed memory for a table that may become larger than a program's memory should.
 *
 * What it is   Up to TABLE_MEMORY_HEAP_BYTES from the heap; more is a mapped file without a name in
 *              $TMPDIR (/tmp), whose pages the kernel can write out. Its room is taken at once, so that
 *              a full disk is an error here and not a signal later.
 * Errors       FT_ERR_NOMEM, also for want of room in the file.
 * Threads      None of its own.
 */
#ifndef FLOWTAPE_BASE_TABLE_MEMORY_H
#define FLOWTAPE_BASE_TABLE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define TABLE_MEMORY_HEAP_BYTES ((size_t)32 << 20)

struct table_memory {
    void *p; /* NULL: none */
    size_t size_bytes;
    bool mapped;
};

/* table_memory_init - `what` is for the message. */
int table_memory_init(struct table_memory *ret, size_t size_bytes, const char *what,
                      struct ft_err *err);
void table_memory_release(struct table_memory *m);

#endif
