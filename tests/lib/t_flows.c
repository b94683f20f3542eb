#include "lib/t_flows.h"
#include "store/segment_writer.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/endian.h"
#include "base/fsutil.h"

const char *t_flows_release = "df-v1.40.1";

#define TOKEN "0123456789abcdef0123456789abcdef01234567"

struct flow_builder {
    struct capture *capture;
    struct generation *generation;
    uint32_t flow;
    const struct t_flow_records *records;
    struct segment_writer *writer;
    uint64_t offset;
    uint64_t lsn;
    struct buf buf;
};

static int put(struct buf *b, const void *p, size_t n)
{
    struct ft_err err = FT_ERR_INIT;

    return buf_append(b, p, n, &err);
}

static int put_byte(struct buf *b, unsigned value)
{
    uint8_t byte = (uint8_t)value;

    return put(b, &byte, 1);
}

/* As rdb_len.h has it. */
static void put_number(struct buf *b, size_t value)
{
    uint8_t wide[5] = {0x80};

    if (value < 1u << 6) {
        (void)put_byte(b, (unsigned)value);
    } else if (value < 1u << 14) {
        (void)put_byte(b, 0x40 | (unsigned)(value >> 8));
        (void)put_byte(b, value & 0xff);
    } else {
        store_be32(wide + 1, (uint32_t)value);
        (void)put(b, wide, sizeof(wide));
    }
}

/* The next of the words of a text. */
static bool next_arg(const char **at, struct bytes *ret)
{
    size_t n = strcspn(*at, " ");

    if (n == 0)
        return false;
    *ret = bytes_of(*at, n);
    *at += n + ((*at)[n] == ' ');
    return true;
}

/* SELECT and COMMAND. */
static int put_record(struct buf *b, const struct t_record *r)
{
    struct bytes arg;
    size_t total = 0;
    size_t count = 0;

    for (const char *at = r->text; next_arg(&at, &arg); count++)
        total += arg.n;
    (void)put_byte(b, 0x06);
    (void)put_byte(b, r->db);
    (void)put_byte(b, 0x0a);
    (void)put_byte(b, r->txid);
    (void)put_byte(b, 1);
    put_number(b, count);
    put_number(b, total);
    for (const char *at = r->text; next_arg(&at, &arg);) {
        put_number(b, arg.n);
        if (put(b, arg.p, arg.n) != 0)
            return -1;
    }
    return 0;
}

static int put_in_sync(struct buf *b, const struct t_record *r)
{
    struct buf record = {0};
    int rc = put_record(&record, r);

    if (record.n >= 64)
        rc = -1;
    (void)put_byte(b, 0xd2);
    (void)put_byte(b, 1);
    (void)put_byte(b, (unsigned)record.n);
    (void)put(b, record.p, record.n);
    buf_release(&record);
    return rc;
}

static int put_snapshot(struct flow_builder *f)
{
    static const uint8_t head[] = "REDIS0009\xfa\x06"
                                  "df-ver";
    uint8_t number[8] = {0};
    char key[32];
    int n = snprintf(key, sizeof(key), "key-of-flow-%u", (unsigned)f->flow);

    (void)put(&f->buf, head, sizeof(head) - 1);
    put_number(&f->buf, strlen(t_flows_release));
    (void)put(&f->buf, t_flows_release, strlen(t_flows_release));
    (void)put(&f->buf, "\xfe", 2); /* its NUL is database 0 */
    for (size_t i = 0; f->records->in_sync[i].text != NULL; i++) {
        if (put_in_sync(&f->buf, &f->records->in_sync[i]) != 0)
            return -1;
    }
    (void)put_byte(&f->buf, 0);
    (void)put_byte(&f->buf, (unsigned)n);
    (void)put(&f->buf, key, (size_t)n);
    (void)put(&f->buf, "\x01v\xc8", 3);
    (void)put(&f->buf, number, 8);
    (void)put_byte(&f->buf, 0xd3);
    store_le64(number, T_FLOWS_LSN);
    (void)put(&f->buf, number, 8);
    (void)put_byte(&f->buf, 0xff);
    store_le64(number, 0);
    (void)put(&f->buf, number, 8);
    return put(&f->buf, TOKEN, 40);
}

static int append(struct flow_builder *f, struct segment_block *block, struct ft_err *err)
{
    struct segment_block continued = {
        .flags = SEGMENT_BLOCK_CONTINUED, .first_lsn = block->first_lsn, .time_us = block->time_us};
    struct bytes left = buf_bytes(&f->buf);

    while (true) {
        bool last = left.n <= SEGMENT_BLOCK_MAX;
        struct segment_block *b = last ? block : &continued;

        b->payload = bytes_of(left.p, last ? left.n : SEGMENT_BLOCK_MAX);
        b->raw_bytes = (uint32_t)b->payload.n;
        b->stream_offset = f->offset;
        f->offset += b->payload.n;
        if (segment_writer_append(f->writer, b, 1, err) != 0)
            return -1;
        if (last)
            return 0;
        left = bytes_of(left.p + b->payload.n, left.n - b->payload.n);
    }
}

static int start(struct flow_builder *f, enum segment_kind kind, uint64_t lsn, struct ft_err *err)
{
    char name[SEGMENT_NAME_MAX];
    struct segment_id id;

    capture_segment_id(f->capture, f->generation, f->flow, kind, lsn, &id, name);
    return segment_writer_create(&f->writer, f->capture->dirfd, name, &id, err);
}

static int finish(struct flow_builder *f, struct ft_err *err)
{
    struct segment_info info;
    int rc = segment_writer_seal(f->writer, &info, err);

    if (rc == 0)
        rc = capture_add_segment(f->generation, f->flow, &info, err);
    segment_writer_free(f->writer);
    f->writer = NULL;
    return rc;
}

static int add_snapshot(struct flow_builder *f, struct ft_err *err)
{
    struct segment_block block = {
        .flags = SEGMENT_BLOCK_END, .first_lsn = T_FLOWS_LSN, .time_us = T_FLOWS_TIME_US};

    buf_clear(&f->buf);
    if (put_snapshot(f) != 0)
        return err_set(err, FT_ERR_BUG, "a record is too long for this test");
    if (start(f, SEGMENT_SNAPSHOT, 0, err) != 0 || append(f, &block, err) != 0)
        return -1;
    return finish(f, err);
}

static int add_record(struct flow_builder *f, const struct t_record *r, uint64_t lsn,
                      struct ft_err *err)
{
    struct segment_block block = {.first_lsn = lsn,
                                  .record_count = 1,
                                  .time_us = T_FLOWS_TIME_US + r->second * UINT64_C(1000000)};

    buf_clear(&f->buf);
    if (put_record(&f->buf, r) != 0)
        return err_set(err, FT_ERR_BUG, "a record is too long for this test");
    return append(f, &block, err);
}

static int add_journal(struct flow_builder *f, struct ft_err *err)
{
    const struct t_record *r = f->records->records;

    if (r->text == NULL)
        return 0;
    if (start(f, SEGMENT_JOURNAL, T_FLOWS_LSN, err) != 0)
        return -1;
    for (uint64_t lsn = T_FLOWS_LSN; r->text != NULL; r++, lsn++) {
        if (add_record(f, r, lsn, err) != 0)
            return -1;
    }
    return finish(f, err);
}

int t_flows_make(const char *path, const struct t_flow_records *flows, uint32_t flow_count,
                 enum sharding_rule rule, struct ft_err *err)
{
    struct capture_recovery recovery;
    struct flow_builder f = {0};
    int rc = capture_open_write(&f.capture, path, "127.0.0.1:6379", &recovery, err);

    if (rc != 0)
        return -1;
    rc = capture_begin_generation(f.capture, "bd4c8f1f8a3d4e0fb2d4a3f5c1e6d7a8b9c0d1e2", 5,
                                  flow_count, &f.generation, err);
    for (uint32_t i = 0; rc == 0 && i < flow_count; i++) {
        f.flow = i;
        f.records = &flows[i];
        f.offset = 0;
        rc = add_snapshot(&f, err) != 0 ? -1 : add_journal(&f, err);
    }
    if (rc == 0) {
        f.generation->sharding = rule;
        f.generation->snapshot_records = SNAPSHOT_RECORDS_SOME;
        rc = capture_save(f.capture, err);
    }
    segment_writer_free(f.writer);
    buf_release(&f.buf);
    capture_free(f.capture);
    return rc;
}

struct t_growing {
    struct capture *capture;
    struct generation *generation;
    uint32_t flow_count;
    struct flow_builder *flows;
    uint64_t *next_lsn;
};

int t_growing_new(struct t_growing **ret, const char *path, uint32_t flow_count,
                  enum sharding_rule rule, struct ft_err *err)
{
    static const struct t_flow_records nothing;
    struct capture_recovery recovery;
    struct t_growing *g = calloc(1, sizeof(*g));
    int rc = -1;

    if (g == NULL)
        return err_nomem(err, "a capture");
    g->flow_count = flow_count;
    g->flows = calloc(flow_count, sizeof(*g->flows));
    g->next_lsn = calloc(flow_count, sizeof(*g->next_lsn));
    if (g->flows == NULL || g->next_lsn == NULL)
        (void)err_nomem(err, "a capture");
    else if (capture_open_write(&g->capture, path, "127.0.0.1:6379", &recovery, err) == 0)
        rc = capture_begin_generation(g->capture, "bd4c8f1f8a3d4e0fb2d4a3f5c1e6d7a8b9c0d1e2", 5,
                                      flow_count, &g->generation, err);
    for (uint32_t i = 0; rc == 0 && i < flow_count; i++) {
        g->flows[i] = (struct flow_builder){
            .capture = g->capture, .generation = g->generation, .flow = i, .records = &nothing};
        g->next_lsn[i] = T_FLOWS_LSN;
        rc = add_snapshot(&g->flows[i], err);
    }
    if (rc == 0) {
        g->generation->sharding = rule;
        g->generation->snapshot_records = SNAPSHOT_RECORDS_SOME;
        rc = capture_save(g->capture, err);
    }
    if (rc != 0)
        t_growing_free(g);
    else
        *ret = g;
    return rc;
}

int t_growing_add(struct t_growing *g, uint32_t flow, const struct t_record *record,
                  struct ft_err *err)
{
    struct flow_builder *f = &g->flows[flow];

    if (f->writer == NULL && start(f, SEGMENT_JOURNAL, g->next_lsn[flow], err) != 0)
        return -1;
    return add_record(f, record, g->next_lsn[flow]++, err);
}

int t_growing_seal(struct t_growing *g, uint32_t flow, struct ft_err *err)
{
    return finish(&g->flows[flow], err) != 0 ? -1 : capture_save(g->capture, err);
}

int t_growing_crash(struct t_growing *g, uint32_t flow, struct ft_err *err)
{
    struct flow_builder *f = &g->flows[flow];
    static const uint8_t torn[100];
    int rc = fs_write_all(segment_writer_fd(f->writer), torn, sizeof(torn), "the segment", err);

    segment_writer_free(f->writer);
    f->writer = NULL;
    return rc;
}

int t_growing_recover(struct t_growing *g, uint32_t flow, struct ft_err *err)
{
    char name[SEGMENT_NAME_MAX];
    struct segment_info info;
    struct segment_id id;
    uint64_t cut_bytes;
    bool removed;

    capture_segment_id(g->capture, g->generation, flow, SEGMENT_JOURNAL,
                       g->generation->flows[flow].next_lsn, &id, name);
    if (segment_recover(g->capture->dirfd, name, NULL, &info, &removed, &cut_bytes, err) != 0)
        return -1;
    if (!removed && capture_add_segment(g->generation, flow, &info, err) != 0)
        return -1;
    return capture_save(g->capture, err);
}

void t_growing_free(struct t_growing *g)
{
    for (uint32_t i = 0; g->flows != NULL && i < g->flow_count; i++) {
        segment_writer_free(g->flows[i].writer);
        buf_release(&g->flows[i].buf);
    }
    capture_free(g->capture);
    free(g->flows);
    free(g->next_lsn);
    free(g);
}
