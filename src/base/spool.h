/*
 * spool.h - bytes that are put one behind the other and read again later, more than memory should hold.
 *
 * What it is   The last SPOOL_MEMORY_BYTES or fewer are in memory; what came before them is in a file
 *              without a name in $TMPDIR (/tmp). A zeroed spool is empty.
 * Errors       FT_ERR_NOMEM, FT_ERR_IO.
 * Threads      None of its own.
 */
#ifndef FLOWTAPE_BASE_SPOOL_H
#define FLOWTAPE_BASE_SPOOL_H

#include "base/buf.h"

#define SPOOL_MEMORY_BYTES (1u << 20)

struct spool {
    struct buf tail;
    bool has_file;
    int fd;
    uint64_t in_file;
};

int spool_append(struct spool *s, const void *p, size_t n, struct ft_err *err);
uint64_t spool_size(const struct spool *s);
/* spool_read - exactly n bytes that were put at this offset; they must be there. */
int spool_read(const struct spool *s, uint64_t offset, void *p, size_t n, struct ft_err *err);
void spool_release(struct spool *s);

#endif
