#include "lib/t_capture.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/recording.h"
#include "store/capture.h"
#include "store/segment_writer.h"

#define BLOCK_BYTES   (16u << 10)
#define BLOCK_RECORDS 50u

const char *t_recording(const char *name)
{
    static char path[512];
    const char *fixtures = getenv("T_FIXTURES");

    (void)snprintf(path, sizeof(path), "%s/recordings/%s", fixtures == NULL ? "fixtures" : fixtures,
                   name);
    return path;
}

struct builder {
    struct capture *capture;
    struct generation *generation;
    const struct recording_flow *flow;
    uint32_t index;
    uint64_t time_us;
};

static int append(struct builder *b, struct segment_writer *w, uint64_t from, uint64_t to,
                  struct segment_block *block, struct ft_err *err)
{
    block->raw_bytes = (uint32_t)(to - from);
    block->payload = bytes_of(b->flow->bytes.p + from, to - from);
    block->stream_offset = from;
    block->time_us = b->time_us;
    b->time_us += 1000000;
    return segment_writer_append(w, block, 1, err);
}

static int add_snapshot(struct builder *b, struct segment_writer *w, struct ft_err *err)
{
    uint64_t end = b->flow->stable_start;

    for (uint64_t from = 0; from < end; from += BLOCK_BYTES) {
        uint64_t to = end - from > BLOCK_BYTES ? from + BLOCK_BYTES : end;
        struct segment_block block = {.flags = SEGMENT_BLOCK_CONTINUED};

        if (to == end) {
            block.flags = SEGMENT_BLOCK_END;
            block.first_lsn = b->flow->first_lsn;
        }
        if (append(b, w, from, to, &block, err) != 0)
            return -1;
    }
    return 0;
}

/* Whole records, BLOCK_RECORDS of them in a block; what lies behind the last one goes with it. */
static int add_journal(struct builder *b, struct segment_writer *w, struct ft_err *err)
{
    const struct recording_flow *f = b->flow;
    uint64_t count = f->final_lsn - f->first_lsn;
    uint64_t from = f->stable_start;

    for (uint64_t i = 0; i < count; i += BLOCK_RECORDS) {
        uint64_t n = count - i < BLOCK_RECORDS ? count - i : BLOCK_RECORDS;
        uint64_t to = i + n == count ? f->bytes.n : f->ends[i + n - 1];
        struct segment_block block = {.first_lsn = f->first_lsn + i, .record_count = (uint32_t)n};

        if (append(b, w, from, to, &block, err) != 0)
            return -1;
        from = to;
    }
    return 0;
}

static int add_segment(struct builder *b, enum segment_kind kind, struct ft_err *err)
{
    char name[SEGMENT_NAME_MAX];
    struct segment_writer *w;
    struct segment_info info;
    struct segment_id id;
    int rc;

    capture_segment_id(b->capture, b->generation, b->index, kind,
                       kind == SEGMENT_JOURNAL ? b->flow->first_lsn : 0, &id, name);
    if (segment_writer_create(&w, b->capture->dirfd, name, &id, err) != 0)
        return -1;
    rc = kind == SEGMENT_SNAPSHOT ? add_snapshot(b, w, err) : add_journal(b, w, err);
    if (rc == 0)
        rc = segment_writer_seal(w, &info, err);
    if (rc == 0)
        rc = capture_add_segment(b->generation, b->index, &info, err);
    segment_writer_free(w);
    return rc;
}

static int add_flow(struct builder *b, const struct recording *r, uint32_t index,
                    struct ft_err *err)
{
    b->flow = &r->flows[index];
    b->index = index;
    b->time_us = T_CAPTURE_TIME_US;
    if (add_segment(b, SEGMENT_SNAPSHOT, err) != 0)
        return -1;
    if (b->flow->final_lsn == b->flow->first_lsn)
        return 0;
    return add_segment(b, SEGMENT_JOURNAL, err);
}

int t_capture_make(const char *path, const char *recording_path, struct ft_err *err)
{
    struct capture_recovery recovery;
    struct builder b = {0};
    struct recording *r;
    int rc;

    if (recording_open(&r, recording_path, NULL, err) != 0)
        return -1;
    rc = capture_open_write(&b.capture, path, "127.0.0.1:6379", &recovery, err);
    if (rc == 0)
        rc = capture_begin_generation(b.capture, r->replication_id, r->protocol, r->flow_count,
                                      &b.generation, err);
    for (uint32_t i = 0; rc == 0 && i < r->flow_count; i++)
        rc = add_flow(&b, r, i, err);
    if (rc == 0) {
        b.generation->sharding = SHARDING_KEY;
        rc = capture_save(b.capture, err);
    }
    capture_free(b.capture);
    recording_free(r);
    return rc;
}
