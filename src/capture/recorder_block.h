/*
 * recorder_block.h - a stretch of one flow on its way to disk.
 *
 * Threads      Whoever has it owns it: the flow that fills it, then a writer, then the pool.
 */
#ifndef FLOWTAPE_CAPTURE_RECORDER_BLOCK_H
#define FLOWTAPE_CAPTURE_RECORDER_BLOCK_H

#include "base/queue.h"
#include "store/segment.h"

struct recorder_block {
    struct queue_node node;
    uint32_t flow;
    enum segment_kind kind;
    bool urgent;                /* make it durable at once */
    uint64_t next_lsn;          /* after it; 0 within a snapshot */
    struct segment_block block; /* payload lies in data */
    uint8_t *data;
    size_t data_bytes; /* room */
};

#endif
