/*
 * source_stretches.h - one stream of a source, a file of entries, read by several threads.
 *
 * How it works  The file is read in pieces of a fixed size, each by the thread that comes first. One thread after the other,
 *               in the order of the pieces, passes over the entries of its piece without reading them
 *               (rdb/rdb_stream_place.h), cuts off what is whole, and leaves the rest to the next one. Such a stretch is
 *               then read as a stream of its own, while others cut and read theirs. From where a file cannot be cut any
 *               more (compressed blobs, chunks of large values, its end, damage) it is one stretch.
 * Result        What each stretch has brought, its part, is added up in the order of the stretches, up to the one in which an
 *               error ends the stream. So the sum is that of one thread: the items are the same, the errors and their places are
 *               the same, and so are the bytes that were read until then.
 * Memory        A piece for each thread, or up to two MiB while entries are larger than that. Of one that is larger still nothing is held
 *               while its end is looked for; it is read once more, as a stretch of its own.
 * Threads       `run` in any of them, `add` in one at a time.
 */
#ifndef FLOWTAPE_INPUT_SOURCE_STRETCHES_H
#define FLOWTAPE_INPUT_SOURCE_STRETCHES_H

#include "input/source.h"

/* What is done with each stretch. */
struct stretch_work {
    void *context;
    size_t part_bytes; /* a part begins zeroed */
    /* run - reads the stream up to STEP_END or STEP_MORE. 0; 1: nothing that follows in the file counts; -1. */
    int (*run)(void *context, void *part, struct source_stream *stream, struct ft_err *err);
    int (*add)(void *context, void *part, struct ft_err *err);
    void (*release)(void *part);
};

/* source_stretches_threads - how many are worth their while; 1: it is not to be cut. */
unsigned source_stretches_threads(const struct source *source, uint32_t index);
/* source_stretches_run - options: as of a stream that is read whole, without those of a journal. The error is that of the
 * first stretch that has one. threads: 1: the stream is not cut, and is one part. */
int source_stretches_run(const struct source *source, uint32_t index,
                         const struct source_stream_options *options,
                         const struct stretch_work *work, unsigned threads, struct ft_err *err);

#endif
