#include "lib/t_capture.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/recording.h"
#include "store/capture.h"
#include "store/segment_writer.h"

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
    const struct t_capture_form *form;
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
    uint64_t step = b->form->block_bytes;

    for (uint64_t from = 0; from < end; from += step) {
        uint64_t to = end - from > step ? from + step : end;
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

/* A block of whole records may be too large for one. */
static int add_records(struct builder *b, struct segment_writer *w, uint64_t from, uint64_t to,
                       struct segment_block *block, struct ft_err *err)
{
    while (to - from > SEGMENT_BLOCK_MAX) {
        struct segment_block part = {.flags = SEGMENT_BLOCK_CONTINUED,
                                     .first_lsn = block->first_lsn};

        if (append(b, w, from, from + SEGMENT_BLOCK_MAX, &part, err) != 0)
            return -1;
        from += SEGMENT_BLOCK_MAX;
    }
    return append(b, w, from, to, block, err);
}

struct part {
    uint64_t from, to; /* bytes */
    uint64_t lsn, next_lsn;
};

/* Whole records, block_records of them in a block; what lies behind the last one goes with it. */
static int add_journal(struct builder *b, struct segment_writer *w, const struct part *p,
                       struct ft_err *err)
{
    const struct recording_flow *f = b->flow;
    uint64_t from = p->from;
    uint64_t lsn = p->lsn;

    do {
        uint64_t left = p->next_lsn - lsn;
        uint64_t n = left < b->form->block_records ? left : b->form->block_records;
        uint64_t to = n == left ? p->to : f->ends[lsn + n - 1 - f->first_lsn];
        struct segment_block block = {.first_lsn = lsn, .record_count = (uint32_t)n};

        if (n == 1 ? add_records(b, w, from, to, &block, err) != 0
                   : append(b, w, from, to, &block, err) != 0)
            return -1;
        from = to;
        lsn += n;
    } while (lsn < p->next_lsn);
    return 0;
}

/* p: NULL: the snapshot. */
static int add_segment(struct builder *b, const struct part *p, struct ft_err *err)
{
    char name[SEGMENT_NAME_MAX];
    struct segment_writer *w;
    struct segment_info info;
    struct segment_id id;
    int rc;

    capture_segment_id(b->capture, b->generation, b->index,
                       p == NULL ? SEGMENT_SNAPSHOT : SEGMENT_JOURNAL, p == NULL ? 0 : p->lsn, &id,
                       name);
    if (segment_writer_create(&w, b->capture->dirfd, name, &id, err) != 0)
        return -1;
    rc = p == NULL ? add_snapshot(b, w, err) : add_journal(b, w, p, err);
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
    const struct recording_flow *f = &r->flows[index];
    const struct part first = {f->stable_start, f->first_bytes, f->first_lsn, f->first_final_lsn};

    b->flow = f;
    b->index = index;
    b->time_us = T_CAPTURE_TIME_US;
    if (add_segment(b, NULL, err) != 0)
        return -1;
    return first.from == first.to ? 0 : add_segment(b, &first, err);
}

int t_capture_begin(struct capture **ret, const char *path, const struct recording *r,
                    const struct t_capture_form *form, struct ft_err *err)
{
    struct capture_recovery recovery;
    struct builder b = {.form = form};
    int rc = capture_open_write(&b.capture, path, "127.0.0.1:6379", &recovery, err);

    if (rc == 0)
        rc = capture_begin_generation(b.capture, r->replication_id, form->protocol, r->flow_count,
                                      &b.generation, err);
    for (uint32_t i = 0; rc == 0 && i < r->flow_count; i++)
        rc = add_flow(&b, r, i, err);
    if (rc == 0) {
        b.generation->sharding = SHARDING_KEY;
        (void)snprintf(b.generation->source_version, sizeof(b.generation->source_version), "%s",
                       form->release);
        rc = capture_save(b.capture, err);
    }
    if (rc != 0)
        capture_free(b.capture);
    else
        *ret = b.capture;
    return rc;
}

int t_capture_extend(struct capture *c, const struct recording *r,
                     const struct t_capture_form *form, struct ft_err *err)
{
    struct builder b = {.capture = c, .generation = capture_newest(c), .form = form};

    for (uint32_t i = 0; i < r->flow_count; i++) {
        const struct recording_flow *f = &r->flows[i];
        const struct part second = {f->first_bytes, f->bytes.n, f->first_final_lsn, f->final_lsn};

        b.flow = f;
        b.index = i;
        b.time_us = T_CAPTURE_TIME_US;
        if (second.from != second.to && add_segment(&b, &second, err) != 0)
            return -1;
    }
    return capture_save(c, err);
}

int t_capture_make(const char *path, const char *recording_path, struct ft_err *err)
{
    struct t_capture_form form = {16u << 10, 50, 0, ""};
    struct recording *r;
    struct capture *c;
    int rc;

    if (recording_open(&r, recording_path, NULL, err) != 0)
        return -1;
    form.protocol = r->protocol;
    rc = t_capture_begin(&c, path, r, &form, err);
    if (rc == 0)
        capture_free(c);
    recording_free(r);
    return rc;
}
