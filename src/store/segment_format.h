/*
 * segment_format.h - the layout of a segment's headers, index and trailer, and the rules by which blocks
 * follow each other. For the store only.
 *
 * Format   doc/format-capture.md. All integers are little-endian.
 */
#ifndef FLOWTAPE_STORE_SEGMENT_FORMAT_H
#define FLOWTAPE_STORE_SEGMENT_FORMAT_H

#include "store/segment.h"

#define SEGMENT_HEADER_BYTES     96u
#define SEGMENT_HEADER_BYTES_MAX 4096u /* later minor versions may append fields */
#define BLOCK_HEADER_BYTES       64u
#define INDEX_HEAD_BYTES         8u
#define INDEX_ENTRY_BYTES        32u
#define INDEX_CRC_BYTES          4u
#define TRAILER_BYTES            96u
/* At least so much of the file lies between two index entries. */
#define INDEX_SPACING_BYTES 65536u

/* Offsets, LSNs and counts stay below 2^63, times before the year 10000. */
#define SEGMENT_NUMBER_MAX  ((uint64_t)INT64_MAX)
#define SEGMENT_TIME_MAX_US UINT64_C(253402300799999999)

#define PARTIAL_NAME_MAX (SEGMENT_NAME_MAX + sizeof(SEGMENT_PARTIAL_SUFFIX))

void segment_header_encode(const struct segment_id *id, uint8_t out[SEGMENT_HEADER_BYTES]);
/*
 * segment_header_size - the length of the header that begins with these SEGMENT_HEADER_BYTES. -1:
 * FT_ERR_CORRUPT (other magic, impossible length), FT_ERR_UNSUPPORTED (newer major).
 */
int segment_header_size(const uint8_t *p, uint32_t *ret_bytes, struct ft_err *err);
/* segment_header_decode - all `n` bytes of a header. FT_ERR_CORRUPT. */
int segment_header_decode(const uint8_t *p, uint32_t n, struct segment_id *ret, struct ft_err *err);

/* A block header; codec, sizes, LSNs and times of segment_block, payload not touched. */
struct block_header {
    struct segment_block block; /* payload.n is the stored length, payload.p NULL */
    uint32_t payload_crc;
};
void block_header_encode(const struct segment_block *b, uint8_t out[BLOCK_HEADER_BYTES]);
/* block_header_decode - FT_ERR_CORRUPT; FT_ERR_UNSUPPORTED for a codec or flag of the future. */
int block_header_decode(const uint8_t *p, struct block_header *ret, struct ft_err *err);

static inline uint64_t block_file_bytes(const struct segment_block *b)
{
    return BLOCK_HEADER_BYTES + (uint64_t)b->payload.n;
}

/* Where a walk through the blocks is: the sums of all that came before. */
struct segment_tally {
    uint64_t file_offset; /* of the next block */
    uint64_t stream_offset;
    uint64_t next_lsn;
    uint64_t block_count;
    uint64_t first_time_us;
    uint64_t last_time_us;
    bool continued; /* the last block was CONTINUED */
    bool ended;     /* the last block was END */
};
void segment_tally_start(struct segment_tally *t, const struct segment_id *id,
                         uint64_t header_bytes);
/* segment_tally_add - check that the block may follow, then count it; `t` untouched on failure. */
int segment_tally_add(struct segment_tally *t, const struct segment_id *id,
                      const struct segment_block *b, struct ft_err *err);
/* segment_tally_info - as segment_info, but for name, sealed and digest. */
void segment_tally_info(const struct segment_tally *t, const struct segment_id *id,
                        struct segment_info *ret);

struct index_entry {
    uint64_t file_offset;
    uint64_t stream_offset;
    uint64_t first_lsn;
    uint64_t time_us;
};
void index_entry_encode(const struct index_entry *e, uint8_t out[INDEX_ENTRY_BYTES]);
struct index_entry index_entry_decode(const uint8_t *p);

struct segment_trailer {
    uint64_t index_offset;
    uint64_t raw_bytes;
    uint64_t block_count;
    uint64_t next_lsn;
    uint64_t first_time_us;
    uint64_t last_time_us;
    uint64_t digest;
    bool ended;
};
void segment_trailer_encode(const struct segment_trailer *t, uint8_t out[TRAILER_BYTES]);
int segment_trailer_decode(const uint8_t *p, struct segment_trailer *ret, struct ft_err *err);

/* segment_index_magic - the four bytes an index begins with. */
extern const uint8_t segment_index_magic[4];

/*
 * segment_parent_open - the directory that holds `name` ("gen-0001/x" or "x" under dirfd);
 * *ret_base is the part of name after it. Durable renames need the directory itself.
 */
int segment_parent_open(int dirfd, const char *name, const char **ret_base, struct ft_err *err);

#endif
