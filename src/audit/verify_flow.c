#include "audit/verify_flow.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/parse.h"
#include "input/source_capture.h"
#include "item/flow_decoder.h"
#include "store/archived_list.h"
#include "store/segment_reader_open.h"
#include "store/segment_reader_seek.h"

/* One flow of a generation on its way through the checks. */
struct flow_check {
    struct verify_report *report;
    uint32_t flow;
    bool redis; /* or else a Dragonfly, whose journal says the database again after each connect */
    struct verify_items items;
    struct flow_decoder *decoder;
    struct source_large *large;
    bool has_permit;      /* of large */
    bool decoding;        /* false once something broke */
    uint64_t offset;      /* of the next block's first byte in the flow */
    uint64_t next_lsn;    /* 0: not known */
    bool continued;       /* the last block was CONTINUED */
    bool archived;        /* a segment that is not here was named */
    const char *file;     /* of the segment under check */
    uint64_t file_offset; /* of the block under check */
};

static int found_text(struct flow_check *c, struct ft_err *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int found_text(struct flow_check *c, struct ft_err *err, const char *fmt, ...)
{
    char text[200];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap); /* a cut text is still a text */
    va_end(ap);
    return verify_report_finding(c->report, c->file, c->file_offset, text, err);
}

/* The plain entries after one. */
static int decode_runs(struct flow_check *c, struct ft_err *what)
{
    do {
        if (flow_decoder_run(c->decoder, &c->items.run, what) != 0 ||
            verify_items_run(&c->items, what) != 0)
            return -1;
    } while (c->items.run.count != 0);
    return 0;
}

/* Takes from the decoder what it has. *ret_end: STEP_MORE, STEP_END or STEP_ERROR (then in what). */
static enum step decode(struct flow_check *c, struct ft_err *what)
{
    struct item item;
    enum step step;

    while ((step = flow_decoder_next(c->decoder, &item, what)) == STEP_ITEM) {
        if (verify_item(&c->items, &item, what) != 0 ||
            (item.kind == ITEM_ENTRY && decode_runs(c, what) != 0))
            return STEP_ERROR;
    }
    return step;
}

static int check_payload(struct flow_check *c, const struct segment_block *block,
                         enum segment_kind kind, struct ft_err *err)
{
    struct ft_err what = FT_ERR_INIT;

    if (!c->decoding)
        return 0;
    if (flow_decoder_push(c->decoder, source_flow_part(kind), block->payload, block->time_us,
                          &what) == 0 &&
        decode(c, &what) != STEP_ERROR) {
        source_large_want(c->large, &c->has_permit,
                          flow_decoder_held_bytes(c->decoder) > SOURCE_LARGE_BYTES);
        return 0;
    }
    c->decoding = false;
    return verify_report_found(c->report, c->file, block->file_offset, &what, err);
}

static int check_joins(struct flow_check *c, const struct segment_block *block,
                       enum segment_kind kind, struct ft_err *err)
{
    bool counts = kind != SEGMENT_SNAPSHOT;

    if (block->stream_offset != c->offset &&
        found_text(c, err, "block starts at stream offset %" PRIu64 ", wanted %" PRIu64,
                   block->stream_offset, c->offset) != 0)
        return -1;
    if (counts && c->next_lsn != 0 && block->first_lsn != c->next_lsn &&
        found_text(c, err, "block starts at LSN %" PRIu64 ", wanted %" PRIu64, block->first_lsn,
                   c->next_lsn) != 0)
        return -1;
    c->offset = block->stream_offset + block->raw_bytes;
    if (counts)
        c->next_lsn = block->first_lsn + block->record_count;
    else if (block->flags & SEGMENT_BLOCK_END)
        c->next_lsn = block->first_lsn;
    c->continued = (block->flags & SEGMENT_BLOCK_CONTINUED) != 0;
    return 0;
}

/* Commands of a Redis do not say their database: who begins at a block takes it from there. Before the block is decoded. */
static int check_db(struct flow_check *c, const struct segment_block *block, struct ft_err *err)
{
    struct flow_boundary here;
    uint64_t offset;

    if (!c->decoding || !flow_decoder_boundary(c->decoder, &here, &offset) ||
        here.dbid == block->dbid)
        return 0;
    return found_text(c, err, "block starts in database %" PRIu32 ", by its records in %" PRIu32,
                      block->dbid, here.dbid);
}

/* After each whole block the decoder must have counted what the block claims. */
static int check_count(struct flow_check *c, struct ft_err *err)
{
    uint64_t counted;

    if (!c->decoding)
        return 0;
    counted = flow_decoder_next_lsn(c->decoder);
    if (counted == c->next_lsn)
        return 0;
    c->decoding = false;
    return found_text(c, err,
                      "the next LSN is %" PRIu64 " by the block, %" PRIu64 " by its records",
                      c->next_lsn, counted);
}

static int check_block(struct flow_check *c, const struct segment_block *block,
                       enum segment_kind kind, struct ft_err *err)
{
    c->file_offset = block->file_offset;
    c->report->blocks++;
    c->report->bytes += block->raw_bytes;
    read_progress_add(c->report->progress, block->raw_bytes);
    if (c->redis && kind != SEGMENT_SNAPSHOT && check_db(c, block, err) != 0)
        return -1;
    if (check_joins(c, block, kind, err) != 0 || check_payload(c, block, kind, err) != 0)
        return -1;
    return check_count(c, err);
}

static int note_torn(struct flow_check *c, uint64_t torn_bytes, struct ft_err *err)
{
    char text[160];

    if (torn_bytes == 0)
        return 0;
    (void)snprintf(text, sizeof(text),
                   "open segment: %" PRIu64 " byte%s after the last whole block will be cut when "
                   "the capture is resumed",
                   torn_bytes, plural(torn_bytes)); /* fits */
    return verify_report_note(c->report, c->file, text, err);
}

static int check_blocks(struct flow_check *c, struct segment_reader *reader, enum segment_kind kind,
                        struct ft_err *err)
{
    struct ft_err what = FT_ERR_INIT;
    struct segment_block block;
    uint64_t torn_bytes = 0;
    enum step step;

    while ((step = segment_reader_next(reader, &block, &torn_bytes, &what)) == STEP_ITEM) {
        if (check_block(c, &block, kind, err) != 0)
            return -1;
    }
    if (step == STEP_ERROR) {
        c->decoding = false;
        if (kind != SEGMENT_SNAPSHOT)
            err_wrap(&what, "flow %" PRIu32 ", next LSN %" PRIu64, c->flow, c->next_lsn);
        return verify_report_found(c->report, c->file, what.offset, &what, err);
    }
    if (step == STEP_MORE)
        return note_torn(c, torn_bytes, err);
    if (c->continued)
        return found_text(c, err, "the sealed segment ends within an item");
    return 0;
}

/* What the manifest lists against what the trailer says. */
static int check_listing(struct flow_check *c, struct segment_reader *reader,
                         const struct segment_info *listed, struct ft_err *err)
{
    struct ft_err what = FT_ERR_INIT;
    struct segment_info seen;

    if (!listed->sealed)
        return 0;
    if (segment_reader_info(reader, &seen, &what) != 0)
        return verify_report_found(c->report, c->file, what.offset, &what, err);
    if (seen.raw_bytes == listed->raw_bytes && seen.next_lsn == listed->next_lsn &&
        seen.digest == listed->digest && seen.start_offset == listed->start_offset)
        return 0;
    c->file_offset = FT_NO_OFFSET;
    return found_text(c, err,
                      "the manifest lists %" PRIu64 " byte%s up to LSN %" PRIu64
                      ", the segment has %" PRIu64 " up to %" PRIu64,
                      listed->raw_bytes, plural(listed->raw_bytes), listed->next_lsn,
                      seen.raw_bytes, seen.next_lsn);
}

static bool is_archived_only(const struct capture *capture, const struct segment_info *listed)
{
    return listed->sealed && faccessat(capture->dirfd, listed->name, F_OK, 0) != 0 &&
           archived_list_names(capture->dirfd, listed->name, listed->digest);
}

/* The segments after it are checked block by block: there is nothing to decode them with. */
static int pass_archived(struct flow_check *c, const struct segment_info *listed,
                         struct ft_err *err)
{
    char text[SEGMENT_NAME_MAX + sizeof(ARCHIVED_AND_GONE)];

    c->decoding = false;
    c->offset = listed->start_offset + listed->raw_bytes;
    c->next_lsn = listed->next_lsn;
    c->continued = false;
    if (c->archived)
        return 0; /* once for a flow */
    c->archived = true;
    (void)snprintf(text, sizeof(text), ARCHIVED_AND_GONE, listed->name); /* fits */
    return verify_report_incomplete(c->report, listed->name, text, err);
}

static int check_segment(struct flow_check *c, const struct capture *capture,
                         const struct generation *g, uint32_t flow,
                         const struct segment_info *listed, struct ft_err *err)
{
    struct segment_id expected = {
        .generation = g->id, .flow = flow, .ordinal = listed->ordinal, .kind = listed->kind};
    struct ft_err what = FT_ERR_INIT;
    struct segment_reader *reader;
    int rc;

    memcpy(expected.capture_id, capture->id, sizeof(expected.capture_id));
    c->file = listed->name;
    c->file_offset = 0;
    if (is_archived_only(capture, listed))
        return pass_archived(c, listed, err);
    c->report->segments++;
    if (segment_reader_open(&reader, capture->dirfd, listed->name, &expected, &what) != 0) {
        c->decoding = false;
        c->offset = listed->start_offset + listed->raw_bytes;
        c->next_lsn = listed->next_lsn;
        return verify_report_found(c->report, c->file, what.offset, &what, err);
    }
    rc = check_listing(c, reader, listed, err);
    if (rc == 0)
        rc = check_blocks(c, reader, listed->kind, err);
    segment_reader_free(reader);
    return rc;
}

static enum step next_packed(struct verify_segments *cc, const struct segment_info *listed,
                             struct ft_err *what)
{
    const struct segment_info *info;
    struct segment_id id;
    enum step step = packed_next(cc->packed, &info, &id, what);

    if (step == STEP_ITEM && strcmp(info->name, listed->name) == 0)
        return STEP_ITEM;
    (void)err_set(what, FT_ERR_CORRUPT, "segment \"%s\" is not where it should be", listed->name);
    return STEP_ERROR;
}

/* After damage there is nothing by which the next member could be found. */
static int check_packed_segment(struct flow_check *c, struct verify_segments *cc,
                                const struct segment_info *listed, struct ft_err *err)
{
    struct ft_err what = FT_ERR_INIT;
    struct segment_block block;
    enum step step;

    c->file = listed->name;
    c->file_offset = 0;
    if (cc->broken) {
        c->decoding = false;
        return 0;
    }
    c->report->segments++;
    step = next_packed(cc, listed, &what);
    while (step == STEP_ITEM) {
        step = packed_next_block(cc->packed, &block, &what);
        if (step == STEP_ITEM && check_block(c, &block, listed->kind, err) != 0)
            return -1;
    }
    if (step != STEP_ERROR)
        return 0;
    cc->broken = true;
    c->decoding = false;
    return verify_report_found(c->report, c->file, what.offset, &what, err);
}

/* A flow whose capture goes on may end anywhere; a complete snapshot must be complete. */
static int check_end(struct flow_check *c, const struct capture_flow *flow, struct ft_err *err)
{
    if (!c->decoding || flow->segment_count == 0)
        return 0;
    if (flow->snapshot_complete && flow_decoder_next_lsn(c->decoder) == 0)
        return found_text(c, err, "the snapshot is listed as complete but has no end");
    return 0;
}

int verify_flow(struct verify_report *r, struct verify_keys *keys, struct verify_segments *segments,
                const struct generation *g, uint32_t flow, struct source_large *large,
                struct ft_err *err)
{
    const struct capture_flow *f = &g->flows[flow];
    struct flow_decoder_options options = {
        .rdb = {.dragonfly = !segments->capture->redis},
        .flow = flow,
        .token = f->eof_token[0] != '\0' ? f->eof_token : NULL,
        .commands = segments->capture->redis ? FLOW_COMMANDS_BY_OFFSET : FLOW_JOURNAL,
        .snapshot_next_lsn = f->stable_lsn,
    };
    struct flow_check c = {
        .report = r,
        .items = {.report = r, .keys = keys},
        .flow = flow,
        .redis = segments->capture->redis,
        .large = large,
        .decoding = true,
        .file = CAPTURE_MANIFEST,
    };
    int rc = verify_items_init(&c.items, err);

    if (rc == 0)
        rc = flow_decoder_new(&c.decoder, &options, err);
    for (size_t i = 0; rc == 0 && i < f->segment_count; i++) {
        rc = segments->packed != NULL
                 ? check_packed_segment(&c, segments, &f->segments[i], err)
                 : check_segment(&c, segments->capture, g, flow, &f->segments[i], err);
    }
    if (rc == 0)
        rc = check_end(&c, f, err);
    verify_items_release(&c.items);
    flow_decoder_free(c.decoder);
    source_large_want(large, &c.has_permit, false);
    return rc;
}
