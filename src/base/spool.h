/*
 * spool.h - bytes that are put one after the other and read again later, more than memory should hold.
 *
 * What it is   The last SPOOL_MEMORY_BYTES or fewer are in memory; what came before them is in a file
 *              without a name in $TMPDIR (/tmp). A zeroed spool is empty. What is put with one call and
 *              is larger goes to the file from where it lies.
 * Errors       FT_ERR_NOMEM, also for want of room in the file.
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
    size_t memory_bytes; /* what may be in memory; 0: SPOOL_MEMORY_BYTES. May be changed any time */
    const void *map;
};

int spool_append(struct spool *s, const void *p, size_t n, struct ft_err *err);
uint64_t spool_size(const struct spool *s);
/* spool_read - exactly n bytes that were put at this offset; they must be there. */
int spool_read(const struct spool *s, uint64_t offset, void *p, size_t n, struct ft_err *err);
/* spool_overwrite - n bytes that were put at this offset; other threads may do the same elsewhere. */
int spool_overwrite(struct spool *s, uint64_t offset, const void *p, size_t n, struct ft_err *err);
/* spool_copy - append all of another one. */
int spool_copy(struct spool *s, const struct spool *from, struct ft_err *err);
/* spool_flush - everything so far to the file. */
int spool_flush(struct spool *s, struct ft_err *err);
/* spool_view - all of it as one run of bytes, from memory or from the mapped file; valid until
 * spool_release. Nothing may be put any more. */
int spool_view(struct spool *s, struct bytes *ret, struct ft_err *err);
/* spool_passed - of a view: what lies before will not be looked at soon, and need not be in memory. */
void spool_passed(const struct spool *s, size_t offset);
void spool_release(struct spool *s);

#endif
