#include "audit/verify.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "archive/packed_reader.h"
#include "base/array.h"
#include "base/clock.h"
#include "base/parse.h"
#include "base/task_pool.h"
#include "input/repeated_keys.h"
#include "input/source_capture.h"
#include "input/source_stretches.h"
#include "item/entry_loss.h"
#include "pump/pump.h"
#include "rdb/value_check.h"
#include "store/archived_list.h"
#include "store/capture_set.h"
#include "store/segment_reader_open.h"
#include "store/segment_reader_seek.h"

/* The keys of one flow or file; the log is that of the whole snapshot. */
struct keys_check {
    struct key_log *log;
    struct key_log_batch batch;
    int64_t
        now_ms; /* what has ended by now is dropped by redis-server before it looks for the name */
};

/* What is checked of items, which the reader has checked already as far as it understands them. */
struct item_check {
    struct verify_report *report;
    struct keys_check *keys;
    struct value_check values;
    struct pump *pump;
};

/* A capture whose segments are files, or the members of an archive one after the other. */
struct capture_check {
    const struct capture *capture;
    struct packed_reader *packed; /* NULL: files */
    bool broken;                  /* the archive cannot be read beyond what was found */
};

/* One flow of a generation on its way through the checks. */
struct flow_check {
    struct verify_report *report;
    uint32_t flow;
    struct item_check items;
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

static int append(struct finding **list, size_t *count, const char *file, uint64_t offset,
                  const char *text, struct ft_err *err)
{
    struct finding *f;

    if (ARRAY_ADD_ROOM(list, *count, "a finding", err) != 0)
        return -1;
    f = &(*list)[*count];
    f->file = strdup(file);
    if (f->file == NULL)
        return err_nomem(err, "a finding");
    f->offset = offset;
    (void)snprintf(f->text, sizeof(f->text), "%s", text); /* the same size */
    (*count)++;
    return 0;
}

static int add_finding(struct verify_report *r, const char *file, uint64_t offset, const char *text,
                       struct ft_err *err)
{
    r->findings_total++;
    if (r->finding_count == FINDINGS_SHOWN_MAX)
        return 0;
    return append(&r->findings, &r->finding_count, file, offset, text, err);
}

/* An error of a check becomes a finding, unless it says that the check could not be made. */
static int found(struct verify_report *r, const char *file, uint64_t offset, struct ft_err *what,
                 struct ft_err *err)
{
    if (what->kind == FT_ERR_NOMEM || what->kind == FT_ERR_LIMIT || what->kind == FT_ERR_BUG) {
        *err = *what;
        return -1;
    }
    r->unread += what->kind == FT_ERR_UNSUPPORTED;
    return add_finding(r, file, offset, what->msg, err);
}

static int found_text(struct flow_check *c, struct ft_err *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int found_text(struct flow_check *c, struct ft_err *err, const char *fmt, ...)
{
    char text[200];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap); /* a cut text is still a text */
    va_end(ap);
    return add_finding(c->report, c->file, c->file_offset, text, err);
}

static bool is_noted(const struct verify_report *r, const struct finding *note)
{
    for (size_t i = 0; i < r->note_count; i++) {
        if (strcmp(r->notes[i].text, note->text) == 0 && strcmp(r->notes[i].file, note->file) == 0)
            return true;
    }
    return false;
}

/* What was found in one flow or file, after that of those before it. Of notes each once. */
static int add_part(struct verify_report *r, const struct verify_report *part, struct ft_err *err)
{
    for (size_t i = 0; i < part->finding_count; i++) {
        const struct finding *f = &part->findings[i];

        if (r->finding_count < FINDINGS_SHOWN_MAX &&
            append(&r->findings, &r->finding_count, f->file, f->offset, f->text, err) != 0)
            return -1;
    }
    for (size_t i = 0; i < part->note_count; i++) {
        const struct finding *f = &part->notes[i];

        if (!is_noted(r, f) &&
            append(&r->notes, &r->note_count, f->file, f->offset, f->text, err) != 0)
            return -1;
    }
    for (size_t i = 0; i < part->incomplete_count; i++) {
        const struct finding *f = &part->incomplete[i];

        if (append(&r->incomplete, &r->incomplete_count, f->file, f->offset, f->text, err) != 0)
            return -1;
    }
    r->findings_total += part->findings_total;
    r->unread += part->unread;
    r->segments += part->segments;
    r->blocks += part->blocks;
    r->bytes += part->bytes;
    r->keys += part->keys;
    r->records += part->records;
    return 0;
}

static int check_entry(void *context, const struct item *item, struct ft_err *err)
{
    const struct rdb_entry *entry = &item->rdb.entry;
    struct item_check *c = context;

    c->report->keys++;
    if (!entry_is_over(entry, c->keys->now_ms) &&
        key_log_add(c->keys->log, &c->keys->batch, entry->db, entry->key, err) != 0)
        return -1;
    return value_check_run(&c->values, entry->type, entry->value, err);
}

static int count_record(void *context, const struct item *item, const struct translation *t,
                        struct ft_err *err)
{
    struct item_check *c = context;

    (void)item;
    (void)t;
    (void)err;
    c->report->records++;
    return 0;
}

static int item_check_init(struct item_check *c, struct ft_err *err)
{
    const struct pump_options options = {.as_is = true, .expired_ms = PUMP_NOTHING_EXPIRED};
    const struct item_sink sink = {.context = c, .entry = check_entry, .record = count_record};

    return pump_new(&c->pump, &options, &sink, err);
}

static void item_check_release(struct item_check *c)
{
    pump_free(c->pump);
    value_check_release(&c->values);
}

static int check_item(struct item_check *c, const struct item *item, struct ft_err *err)
{
    if (pump_item(c->pump, item, err) == 0)
        return 0;
    return err_wrap(err, "offset %" PRIu64, item->offset);
}

/* Takes from the decoder what it has. *ret_end: STEP_MORE, STEP_END or STEP_ERROR (then in what). */
static enum step decode(struct flow_check *c, struct ft_err *what)
{
    struct item item;
    enum step step;

    while ((step = flow_decoder_next(c->decoder, &item, what)) == STEP_ITEM) {
        if (check_item(&c->items, &item, what) != 0)
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
    return found(c->report, c->file, block->file_offset, &what, err);
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
    return append(&c->report->notes, &c->report->note_count, c->file, FT_NO_OFFSET, text, err);
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
        return found(c->report, c->file, what.offset, &what, err);
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
        return found(c->report, c->file, what.offset, &what, err);
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
    return append(&c->report->incomplete, &c->report->incomplete_count, listed->name, FT_NO_OFFSET,
                  text, err);
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
        return found(c->report, c->file, what.offset, &what, err);
    }
    rc = check_listing(c, reader, listed, err);
    if (rc == 0)
        rc = check_blocks(c, reader, listed->kind, err);
    segment_reader_free(reader);
    return rc;
}

static enum step next_packed(struct capture_check *cc, const struct segment_info *listed,
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
static int check_packed_segment(struct flow_check *c, struct capture_check *cc,
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
    return found(c->report, c->file, what.offset, &what, err);
}

/* The digests of all members, which are the last one. */
static int check_packed_end(struct verify_report *r, struct capture_check *cc, struct ft_err *err)
{
    struct ft_err what = FT_ERR_INIT;
    const struct segment_info *info;
    struct segment_id id;

    if (cc->packed == NULL || cc->broken || packed_next(cc->packed, &info, &id, &what) == STEP_END)
        return 0;
    (void)err_set(&what, FT_ERR_CORRUPT, "more segments than were looked for"); /* unless it says */
    return found(r, cc->capture->path, what.offset, &what, err);
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

/* What is checked flow by flow, or file by file, several at a time. */
struct parts_check {
    struct capture_check *capture; /* or else the source */
    const struct generation *generation;
    const struct source *source;
    struct keys_check keys; /* each part begins with */
    struct source_large *large;
    struct verify_report *parts;
};

static int check_flow(struct verify_report *r, struct keys_check *keys, struct parts_check *all,
                      uint32_t flow, struct ft_err *err)
{
    struct capture_check *cc = all->capture;
    const struct generation *g = all->generation;
    const struct capture_flow *f = &g->flows[flow];
    struct flow_decoder_options options = {
        .rdb = {.dragonfly = !cc->capture->redis},
        .flow = flow,
        .token = f->eof_token[0] != '\0' ? f->eof_token : NULL,
        .commands = cc->capture->redis ? FLOW_COMMANDS_BY_OFFSET : FLOW_JOURNAL,
        .snapshot_next_lsn = f->stable_lsn,
    };
    struct flow_check c = {
        .report = r,
        .items = {.report = r, .keys = keys},
        .flow = flow,
        .large = all->large,
        .decoding = true,
        .file = CAPTURE_MANIFEST,
    };
    int rc = item_check_init(&c.items, err);

    if (rc == 0)
        rc = flow_decoder_new(&c.decoder, &options, err);
    for (size_t i = 0; rc == 0 && i < f->segment_count; i++) {
        rc = cc->packed != NULL ? check_packed_segment(&c, cc, &f->segments[i], err)
                                : check_segment(&c, cc->capture, g, flow, &f->segments[i], err);
    }
    if (rc == 0)
        rc = check_end(&c, f, err);
    item_check_release(&c.items);
    flow_decoder_free(c.decoder);
    source_large_want(all->large, &c.has_permit, false);
    return rc;
}

struct repeats {
    struct verify_report *report;
    const struct source *source;
};

static int found_again(void *context, uint32_t stream, struct ft_err *what, struct ft_err *err)
{
    struct repeats *r = context;
    const char *file = source_stream_file(r->source, stream);

    if (file == NULL)
        (void)err_wrap(what, "flow %" PRIu32, stream);
    return add_finding(r->report, file != NULL ? file : r->source->path, FT_NO_OFFSET, what->msg,
                       err);
}

/* Keys that come twice have to be read again by name, which a damaged input may not allow. */
static int check_repeats(struct verify_report *r, const struct source *source,
                         struct keys_check *keys, struct ft_err *err)
{
    struct repeats repeats = {r, source};

    return repeated_keys_find(source, keys->log, found_again, &repeats, err);
}

static int check_generation_keys(struct verify_report *r, const struct capture *capture,
                                 const struct generation *g, struct keys_check *keys,
                                 struct ft_err *err)
{
    struct source *source;
    int rc;

    if (r->findings_total != 0 || r->incomplete_count != 0 || g->state != GENERATION_COMPLETE)
        return 0;
    if (source_open(&source, capture->path, g->id, err) != 0)
        return -1;
    rc = check_repeats(r, source, keys, err);
    source_free(source);
    return rc;
}

static int verify_stream(struct verify_report *r, struct parts_check *all, uint32_t index,
                         struct ft_err *err);

static int check_part(void *context, uint32_t index, struct ft_err *err)
{
    struct parts_check *all = context;
    struct keys_check keys = all->keys;

    if (all->source != NULL)
        return verify_stream(&all->parts[index], all, index, err);
    if (check_flow(&all->parts[index], &keys, all, index, err) != 0)
        return -1;
    return key_log_flush(keys.log, &keys.batch, err);
}

/* The members of an archive have to be read one after the other. */
static int check_parts(struct verify_report *r, struct parts_check *all, uint32_t count,
                       struct ft_err *err)
{
    bool packed = all->capture != NULL && all->capture->packed != NULL;
    int rc;

    all->parts = calloc(count + 1u, sizeof(*all->parts));
    if (all->parts == NULL || source_large_new(&all->large, err) != 0) {
        free(all->parts);
        return err_nomem(err, "the checks of all flows");
    }
    for (uint32_t i = 0; i < count; i++)
        all->parts[i].progress = r->progress;
    rc = task_pool_run(count, packed ? 1 : count, check_part, all, err);
    for (uint32_t i = 0; i < count; i++) {
        if (rc == 0)
            rc = add_part(r, &all->parts[i], err);
        verify_report_release(&all->parts[i]);
    }
    source_large_free(all->large);
    free(all->parts);
    return rc;
}

static int check_generation(struct verify_report *r, struct capture_check *cc,
                            const struct generation *g, struct ft_err *err)
{
    struct parts_check all = {
        .capture = cc, .generation = g, .keys = {.now_ms = (int64_t)(clock_wall_us() / 1000)}};
    int rc = key_log_new(&all.keys.log, err);

    if (rc == 0)
        rc = check_parts(r, &all, g->flow_count, err);
    if (rc == 0)
        rc = check_generation_keys(r, cc->capture, g, &all.keys, err);
    key_log_free(all.keys.log);
    return rc;
}

static int add_incomplete(struct verify_report *r, const char *text, struct ft_err *err)
{
    return append(&r->incomplete, &r->incomplete_count, CAPTURE_MANIFEST, FT_NO_OFFSET, text, err);
}

/* Is the full sync whole that the capture is about? */
static int check_complete(struct verify_report *r, const struct capture *capture,
                          struct ft_err *err)
{
    const struct generation *newest = capture_newest(capture);
    const struct generation *whole = capture_find(capture, 0);
    uint32_t done = 0;
    char text[300];
    size_t n;

    if (newest == NULL)
        return add_incomplete(r, "the capture was ended before its first full sync", err);
    if (newest->state == GENERATION_COMPLETE)
        return 0;
    for (uint32_t i = 0; i < newest->flow_count; i++)
        done += newest->flows[i].snapshot_complete;
    n = (size_t)snprintf(text, sizeof(text),
                         "the full sync of generation %" PRIu32 " is not complete: %" PRIu32
                         " of %" PRIu32 " flow%s %s theirs whole; ",
                         newest->id, done, newest->flow_count, plural(newest->flow_count),
                         done == 1 ? "has" : "have");
    if (whole == NULL)
        (void)snprintf(text + n, sizeof(text) - n, "running the capture again makes a new one");
    else
        (void)snprintf(text + n, sizeof(text) - n,
                       "generation %" PRIu32 ", which is complete, is what other commands read",
                       whole->id);
    return add_incomplete(r, text, err);
}

static uint64_t bytes_to_check(const struct capture *capture)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < capture->generation_count; i++) {
        const struct generation *g = &capture->generations[i];

        for (uint32_t flow = 0; g->state != GENERATION_ABANDONED && flow < g->flow_count; flow++)
            sum += g->flows[flow].raw_bytes;
    }
    return sum;
}

static int check_generations(struct verify_report *r, struct capture_check *cc, struct ft_err *err)
{
    const struct capture *capture = cc->capture;

    read_progress_begin(r->progress, "checking", bytes_to_check(capture));
    for (size_t i = 0; i < capture->generation_count; i++) {
        const struct generation *g = &capture->generations[i];

        if (g->state == GENERATION_ABANDONED)
            continue;
        r->generations++;
        if (check_generation(r, cc, g, err) != 0)
            return -1;
    }
    if (check_packed_end(r, cc, err) != 0)
        return -1;
    return check_complete(r, capture, err);
}

/* It could not even be opened: is that a finding? */
static int not_opened(struct verify_report *r, const char *file, struct ft_err *what,
                      struct ft_err *err)
{
    if (what->kind == FT_ERR_CORRUPT)
        return found(r, file, what->offset, what, err);
    *err = *what;
    return -1;
}

static int verify_capture(struct verify_report *r, const char *path, struct ft_err *err)
{
    struct ft_err what = FT_ERR_INIT;
    struct capture_check cc = {0};
    struct capture *capture;
    int rc;

    if (capture_open_read(&capture, path, &what) != 0)
        return not_opened(r, CAPTURE_MANIFEST, &what, err);
    cc.capture = capture;
    rc = check_generations(r, &cc, err);
    capture_free(capture);
    return rc;
}

static int verify_packed(struct verify_report *r, const char *path, struct ft_err *err)
{
    struct ft_err what = FT_ERR_INIT;
    struct capture_check cc = {0};
    int rc;

    if (packed_open(&cc.packed, path, -1, &what) != 0)
        return not_opened(r, path, &what, err);
    cc.capture = packed_capture(cc.packed);
    rc = check_generations(r, &cc, err);
    packed_free(cc.packed);
    return rc;
}

/* Names of files are those within a capture: of a set they begin with the node's. */
static int name_node(struct finding *list, size_t from, size_t count, const char *directory,
                     struct ft_err *err)
{
    for (size_t i = from; i < count; i++) {
        char *name;

        if (asprintf(&name, "%s/%s", directory, list[i].file) < 0)
            return err_nomem(err, "a finding");
        free(list[i].file);
        list[i].file = name;
    }
    return 0;
}

static int verify_node(struct verify_report *r, const struct capture_set *set, uint32_t node,
                       struct ft_err *err)
{
    const char *directory = set->nodes[node].directory;
    size_t findings = r->finding_count;
    size_t notes = r->note_count;
    size_t incomplete = r->incomplete_count;
    char *path = capture_set_node_path(set, node);
    int rc;

    if (path == NULL)
        return err_nomem(err, "a path");
    if (!capture_set_has(set, NULL, node) && access(path, F_OK) != 0) {
        free(path); /* it joined when the capture ended, or has left, and the set is packed */
        return 0;
    }
    rc = !capture_is_dir(path) && packed_looks_so(path) ? verify_packed(r, path, err)
                                                        : verify_capture(r, path, err);
    free(path);
    if (rc != 0 || name_node(r->findings, findings, r->finding_count, directory, err) != 0 ||
        name_node(r->notes, notes, r->note_count, directory, err) != 0)
        return -1;
    return name_node(r->incomplete, incomplete, r->incomplete_count, directory, err);
}

/* Of each node its capture, as if it were alone; and there has to be a whole generation of all. */
static int verify_set(struct verify_report *r, const char *path, struct ft_err *err)
{
    struct ft_err what = FT_ERR_INIT;
    struct capture_set *set;
    int rc = 0;

    if (capture_set_open_read(&set, path, &what) != 0)
        return not_opened(r, CAPTURE_SET_FILE, &what, err);
    for (uint32_t i = 0; rc == 0 && i < set->node_count; i++)
        rc = verify_node(r, set, i, err);
    if (rc == 0 && capture_set_find(set, 0) == NULL)
        rc = append(&r->incomplete, &r->incomplete_count, CAPTURE_SET_FILE, FT_NO_OFFSET,
                    "not all nodes have a complete snapshot yet", err);
    capture_set_free(set);
    return rc;
}

/* Dragonfly stores none, and Redis can be told not to. Once for all files of a set. */
static int note_no_checksum(struct verify_report *r, const char *path, struct ft_err *err)
{
    if (r->note_count != 0)
        return 0;
    return append(&r->notes, &r->note_count, path, FT_NO_OFFSET,
                  "stored without a checksum: a byte changed within a value may go unseen", err);
}

/* 1: the stream ends here, by what was found. */
static int check_stream(struct item_check *c, const struct source *source, uint32_t index,
                        struct source_stream *stream, struct ft_err *err)
{
    struct verify_report *r = c->report;
    struct ft_err what = FT_ERR_INIT;
    struct item item;
    enum step step;

    while ((step = source_stream_next(stream, &item, &what)) == STEP_ITEM) {
        if (!item.is_record && item.rdb.kind == RDB_ITEM_EOF && item.rdb.number == 0 &&
            note_no_checksum(r, source->path, err) != 0)
            return -1;
        if (check_item(c, &item, &what) == 0)
            continue;
        if (found(r, source_stream_file(source, index), what.offset, &what, err) != 0)
            return -1;
        err_clear(&what); /* the stream itself is whole: go on with the next key */
    }
    if (step != STEP_ERROR)
        return 0;
    return found(r, source_stream_file(source, index), what.offset, &what, err) != 0 ? -1 : 1;
}

/* A stream of a source, of which several threads may read stretches. */
struct stream_check {
    const struct parts_check *all;
    struct verify_report *report; /* of the stream */
    uint32_t index;
};

static int check_stretch(void *context, void *part, struct source_stream *stream,
                         struct ft_err *err)
{
    const struct stream_check *s = context;
    struct verify_report *r = part;
    struct keys_check keys = s->all->keys;
    struct item_check c = {.report = r, .keys = &keys};
    int rc = item_check_init(&c, err);

    if (rc == 0)
        rc = check_stream(&c, s->all->source, s->index, stream, err);
    r->bytes += source_stream_bytes(stream);
    item_check_release(&c);
    if (rc >= 0 && key_log_flush(keys.log, &keys.batch, err) != 0)
        rc = -1;
    return rc;
}

static int add_stretch(void *context, void *part, struct ft_err *err)
{
    struct stream_check *s = context;

    return add_part(s->report, part, err);
}

static void release_stretch(void *part)
{
    verify_report_release(part);
}

static int verify_stream(struct verify_report *r, struct parts_check *all, uint32_t index,
                         struct ft_err *err)
{
    const struct source_stream_options options = {.verify_checksum = true, .large = all->large};
    struct stream_check s = {.all = all, .report = r, .index = index};
    const struct stretch_work work = {.context = &s,
                                      .part_bytes = sizeof(struct verify_report),
                                      .run = check_stretch,
                                      .add = add_stretch,
                                      .release = release_stretch};

    r->segments++;
    return source_stretches_run(all->source, index, &options, &work,
                                source_stretches_threads(all->source, index), err);
}

static int verify_files(struct verify_report *r, const char *path, struct ft_err *err)
{
    struct ft_err what = FT_ERR_INIT;
    struct parts_check all = {.keys = {.now_ms = (int64_t)(clock_wall_us() / 1000)}};
    struct source *source;
    int rc;

    if (source_open(&source, path, 0, &what) != 0) {
        r->segments = 1;
        if (what.kind == FT_ERR_CORRUPT || what.kind == FT_ERR_UNSUPPORTED)
            return found(r, path, what.offset, &what, err);
        *err = what;
        return -1;
    }
    source->progress = r->progress;
    read_progress_begin(r->progress, "checking", source_bytes(source));
    all.source = source;
    rc = key_log_new(&all.keys.log, err);
    r->commands_follow = source_can(source, SOURCE_HAS_JOURNAL);
    if (rc == 0 && source->left_out != NULL)
        rc = add_finding(r, path, FT_NO_OFFSET, source->left_out, err);
    if (rc == 0)
        rc = check_parts(r, &all, source->stream_count, err);
    if (rc == 0 && r->findings_total == 0)
        rc = check_repeats(r, source, &all.keys, err);
    key_log_free(all.keys.log);
    source_free(source);
    return rc;
}

int verify_run(struct verify_report *ret, const char *path, struct read_progress *progress,
               struct ft_err *err)
{
    *ret = (struct verify_report){.progress = progress};
    if (capture_is_dir(path))
        return verify_capture(ret, path, err);
    if (capture_set_is_dir(path))
        return verify_set(ret, path, err);
    return packed_looks_so(path) ? verify_packed(ret, path, err) : verify_files(ret, path, err);
}

static void free_findings(struct finding *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(list[i].file);
    free(list);
}

void verify_report_release(struct verify_report *r)
{
    free_findings(r->findings, r->finding_count);
    free_findings(r->notes, r->note_count);
    free_findings(r->incomplete, r->incomplete_count);
    memset(r, 0, sizeof(*r));
}
