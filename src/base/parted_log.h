/*
 * parted_log.h - records of one size, for a data set of any size, sorted into parts by one of their bytes.
 *
 * What it is   Each part collects a block in memory and appends it to a spool (spool.h); so adding writes in sequence
 *              and never searches. In the end one part after the other, which then fits into memory, is read.
 *              Records of a part come in the order in which they were added.
 * Memory       A block for each part, then the spool's file.
 * Errors       FT_ERR_NOMEM, also for want of room in the file.
 * Threads      parted_log_add locks; reading is for after the last has been added.
 */
#ifndef FLOWTAPE_BASE_PARTED_LOG_H
#define FLOWTAPE_BASE_PARTED_LOG_H

#include "base/bytes.h"
#include "base/err.h"

#define PARTED_LOG_PARTS 256u

struct parted_log;

struct parted_log_options {
    size_t record_bytes;
    size_t part_byte;     /* which byte of a record says its part; it should be as good as random */
    size_t block_records; /* in memory, for each part */
    const char *what;     /* for messages; a literal */
};

int parted_log_new(struct parted_log **ret, const struct parted_log_options *options,
                   struct ft_err *err);
/* parted_log_add - count records, one after the other. */
int parted_log_add(struct parted_log *l, const void *records, size_t count, struct ft_err *err);
/* parted_log_count - records of a part. */
size_t parted_log_count(const struct parted_log *l, unsigned part);

/* Takes some of a part's records, one after the other. */
typedef int parted_log_fn(void *context, const void *records, size_t count, struct ft_err *err);

int parted_log_read(const struct parted_log *l, unsigned part, parted_log_fn *take, void *context,
                    struct ft_err *err);
void parted_log_free(struct parted_log *l);

#endif
