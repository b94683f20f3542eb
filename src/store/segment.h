/*
 * segment.h - one segment file: a header, blocks, and, once sealed, an index and a trailer.
 *
 * What it is   The on-disk form of a stretch of one flow. The bytes are what the source sent;
 *              blocks frame them, check them and say when and with which LSNs they came. The
 *              complete specification, offsets included, is doc/format-capture.md.
 * Names        "NAME.partial" while it is written, "NAME" once sealed (durable rename).
 * Blocks       End between items where they can. An item larger than a block is spread over blocks
 *              marked CONTINUED; a segment is never sealed after a CONTINUED block. What follows
 *              the last block that ends between items does not count: recovery and a seal cut it
 *              off, readers of an open segment do not hand it out, segment_info does not contain
 *              it. Records completed in a CONTINUED block must not be acknowledged before that.
 * LSNs         first_lsn is the LSN of the first counted record that is completed in the block,
 *              record_count how many are: the next LSN after it is their sum. In snapshot segments
 *              both are 0, but for the last block (END), whose first_lsn is the LSN that follows
 *              the stream (JOURNAL_OFFSET). Offsets and LSNs stay below 2^63, times before the
 *              year 10000: anything else is refused.
 */
#ifndef FLOWTAPE_STORE_SEGMENT_H
#define FLOWTAPE_STORE_SEGMENT_H

#include <stdbool.h>

#include "base/buf.h"
#include "codec/codec.h"

#define SEGMENT_MAJOR   1
#define SEGMENT_MINOR   0
#define CAPTURE_ID_SIZE 16
/* The most one block may hold before compression. */
#define SEGMENT_BLOCK_MAX      (1u << 20)
#define SEGMENT_PARTIAL_SUFFIX ".partial"
#define SEGMENT_NAME_MAX       96

enum segment_kind {
    SEGMENT_SNAPSHOT = 1,  /* the RDB stream of a full sync, EOF and token included */
    SEGMENT_JOURNAL = 2,   /* raw journal */
    SEGMENT_INCREMENT = 3, /* the RDB-framed journal that masters of 1.11-1.20 and 1.31-1.34 send
                              after PARTIAL, EOF and token included */
};
/* segment_kind_name - "snapshot", "journal", "increment"; NULL for another number. */
const char *segment_kind_name(unsigned kind);

/* What the header says. */
struct segment_id {
    uint8_t capture_id[CAPTURE_ID_SIZE];
    uint32_t generation;
    uint32_t flow;
    uint32_t ordinal; /* counts all segments of the flow in the generation, from 0 */
    enum segment_kind kind;
    uint64_t start_offset; /* of its first byte among all bytes of flow and generation */
    uint64_t start_lsn;    /* journal and increment: the next LSN when it began; else 0 */
    uint64_t created_us;
};

#define SEGMENT_BLOCK_CONTINUED 0x01u /* its last item continues in the next block */
#define SEGMENT_BLOCK_END       0x02u /* the snapshot or increment is complete: token verified */

/* A block as the writer takes it and the reader gives it. */
struct segment_block {
    enum codec_id codec; /* of the stored payload */
    uint8_t flags;
    uint32_t raw_bytes;
    struct bytes payload; /* writer: stored form; reader: decompressed */
    uint64_t stream_offset;
    uint64_t first_lsn;
    uint32_t record_count;
    uint32_t dbid;        /* journal database in effect at its first byte */
    uint64_t time_us;     /* when its last byte was received */
    uint64_t file_offset; /* reader only */
};

/* A segment as the manifest lists it and inspect shows it; of an open one its whole items. */
struct segment_info {
    char name[SEGMENT_NAME_MAX]; /* without .partial, relative to the capture directory */
    bool sealed;
    enum segment_kind kind;
    uint32_t ordinal;
    uint64_t start_offset;
    uint64_t raw_bytes;
    uint64_t file_bytes;
    uint64_t block_count;
    uint64_t start_lsn;
    uint64_t next_lsn; /* after its last complete record; snapshot: 0, or JOURNAL_OFFSET if ended */
    uint64_t first_time_us;
    uint64_t last_time_us;
    bool ended;      /* holds the END block */
    uint64_t digest; /* XXH3-64 of the sealed file's bytes up to the index */
};

#endif
