/*
 * recorder.h - from received blocks to durable segments of one generation.
 *
 * What it is   Threads between the flows and the disk. Writers, each for some of the flows, take
 *              their blocks in the order they were put, append them to segment files, and seal
 *              those. The syncer makes what was written durable and publishes, per flow, the LSN
 *              up to which it is: the only LSN that may be acknowledged. So a slow disk does not
 *              stop a flow from draining its socket while the block budget lasts.
 * Blocks       recorder_take, fill, recorder_put. All blocks together stay within buffer_bytes, but
 *              for a smallest number without which flows would wait for each other.
 * Failure      The first failed write or sync ends it: nothing more is written or published as
 *              durable, takes return NULL, event_fd is written, recorder_finish gives the error.
 *              What was durable stays valid.
 * Threads      take, put, give_back, durable: any thread, one per flow at a time. The rest: the
 *              thread that made it. The capture is the recorder's from new to finish.
 */
#ifndef FLOWTAPE_CAPTURE_RECORDER_H
#define FLOWTAPE_CAPTURE_RECORDER_H

#include "capture/recorder_block.h"
#include "store/capture.h"
#include "store/live_flows.h"
#include "store/retention.h"

enum recorder_sync {
    RECORDER_SYNC_INTERVAL, /* at most sync_interval_ms after a write */
    RECORDER_SYNC_ALWAYS,   /* after each write; writes that come meanwhile share the next one */
    RECORDER_SYNC_SEGMENT,  /* when a segment is complete, or when asked for */
};

struct recorder_options {
    enum recorder_sync sync;
    uint32_t sync_interval_ms;
    uint64_t segment_bytes; /* a new segment is begun at the first boundary after this */
    size_t buffer_bytes;
    struct codec_spec codec;
    struct retention retain; /* looked at whenever a segment is complete */
    struct live_flows *live; /* told what is written and what is durable; may be NULL */
    int event_fd;            /* woken on failure and when a snapshot has become durable */
};

struct recorder;

int recorder_new(struct recorder **ret, struct capture *capture, struct generation *generation,
                 const struct recorder_options *options, struct ft_err *err);
/* recorder_block_bytes - how much of the stream one block takes. */
size_t recorder_block_bytes(const struct recorder *r);
/* recorder_set_wake - a descriptor to wake when the flow's durable LSN has moved; before the flow's
 * first put. */
void recorder_set_wake(struct recorder *r, uint32_t flow, int wake_fd);
/* recorder_take - an empty block, waiting for one; NULL after a failure. */
struct recorder_block *recorder_take(struct recorder *r);
/* recorder_put - hand a filled block over. */
void recorder_put(struct recorder *r, struct recorder_block *b);
/* recorder_give_back - a block that was not needed. */
void recorder_give_back(struct recorder *r, struct recorder_block *b);
/* recorder_durable_lsn - the next LSN wanted of this flow by what is on disk; 0: none yet. */
uint64_t recorder_durable_lsn(const struct recorder *r, uint32_t flow);
/* recorder_snapshots_durable - flows whose snapshot is complete on disk. */
uint32_t recorder_snapshots_durable(const struct recorder *r);
/* recorder_pruned - generations that were removed by options.retain; after recorder_finish. */
const struct retention_sum *recorder_pruned(const struct recorder *r);
bool recorder_failed(const struct recorder *r);
/* recorder_describe - what the flows have found out about the source; saved in the manifest. */
void recorder_describe(struct recorder *r, enum sharding_rule rule,
                       enum snapshot_records snapshot_records, const char *release);
/*
 * recorder_finish - write what was put, sync, seal every segment, save the manifest, end the
 * threads. A flow that ends inside an item is cut back to the boundary before. No thread may use
 * the recorder any more, but for recorder_durable_lsn until recorder_free.
 */
int recorder_finish(struct recorder *r, struct ft_err *err);
/* recorder_free - after recorder_finish, or when no thread was ever given the recorder. */
void recorder_free(struct recorder *r);

#endif
