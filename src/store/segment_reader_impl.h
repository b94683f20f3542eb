/*
 * segment_reader_impl.h - what the files of the segment reader share: segment_reader_open.c (the file, its
 * header, index and trailer), segment_reader.c (the blocks) and segment_reader_seek.c (places and sums).
 */
#ifndef FLOWTAPE_STORE_SEGMENT_READER_IMPL_H
#define FLOWTAPE_STORE_SEGMENT_READER_IMPL_H

#include <sys/types.h>

#include "store/segment_format.h"
#include "store/segment_reader.h"

/* One read asks for so much beyond what is needed at once. */
#define READ_AHEAD_BYTES (256u * 1024)

struct segment_reader {
    int fd;
    bool sealed;
    char name[PARTIAL_NAME_MAX]; /* as it was opened, for messages */
    struct segment_id id;
    uint32_t header_bytes;
    struct segment_tally tally; /* tally.file_offset is where the next block lies */
    bool from_start;            /* the tally has seen all blocks, not only those after a seek */
    uint64_t file_bytes;        /* when last looked at */
    /* sealed: blocks lie before limit, the index after it; open: whole items lie before it */
    uint64_t limit;
    struct segment_trailer trailer;
    struct buf index;
    size_t index_next;  /* the next entry that the walk has to meet */
    struct buf in;      /* bytes of the file */
    uint64_t in_offset; /* where in the file they lie */
    struct buf raw;     /* the decompressed payload */
};

static inline size_t reader_index_count(const struct segment_reader *r)
{
    return r->index.n / INDEX_ENTRY_BYTES;
}

static inline struct index_entry reader_index_at(const struct segment_reader *r, size_t i)
{
    return index_entry_decode(r->index.p + i * INDEX_ENTRY_BYTES);
}

/* reader_fail_at - says in which file and where an error was. Returns -1. */
int reader_fail_at(const struct segment_reader *r, uint64_t offset, struct ft_err *err);
int reader_corrupt_at(const struct segment_reader *r, uint64_t offset, const char *what,
                      struct ft_err *err);

/* reader_look_at_size - the file's, into r->file_bytes. */
int reader_look_at_size(struct segment_reader *r, struct ft_err *err);
/* reader_pread_some - up to n bytes; fewer only at the end of the file. */
ssize_t reader_pread_some(const struct segment_reader *r, uint8_t *p, size_t n, uint64_t offset,
                          struct ft_err *err);
/*
 * reader_view - the n bytes at offset, through the read-ahead buffer. The result is shorter than n
 * only where the file ends; p is NULL after an error. Valid until the next call.
 */
struct bytes reader_view(struct segment_reader *r, uint64_t offset, size_t n, struct ft_err *err);

/* What is after the blocks of a sealed segment; both check all they read. */
int reader_read_trailer(struct segment_reader *r, struct segment_trailer *ret, struct ft_err *err);
int reader_read_index(struct segment_reader *r, const struct segment_trailer *t,
                      struct ft_err *err);

/*
 * reader_walk_step - the header of the block at t->file_offset, which must lie whole before `end`, and
 * t moved after it. *far (false at first): headers lie far apart and are read one by one.
 */
int reader_walk_step(struct segment_reader *r, struct segment_tally *t, uint64_t end, bool *far,
                     struct block_header *ret, struct ft_err *err);
/* reader_is_torn - damage, which is where an open segment ends for now? Then err is cleared. */
bool reader_is_torn(struct ft_err *err);

#endif
