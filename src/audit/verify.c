#include "audit/verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "audit/verify_flow.h"
#include "base/array.h"
#include "base/clock.h"
#include "base/parse.h"
#include "base/task_pool.h"
#include "input/journal_pass.h"
#include "input/repeated_keys.h"
#include "input/source_capture.h"
#include "input/source_nodes.h"
#include "input/source_stretches.h"
#include "store/capture_set.h"

/* The digests of all members, which are the last one. */
static int check_packed_end(struct verify_report *r, struct verify_segments *cc, struct ft_err *err)
{
    struct ft_err what = FT_ERR_INIT;
    const struct segment_info *info;
    struct segment_id id;

    if (cc->packed == NULL || cc->broken || packed_next(cc->packed, &info, &id, &what) == STEP_END)
        return 0;
    (void)err_set(&what, FT_ERR_CORRUPT, "more segments than were looked for"); /* unless it says */
    return verify_report_found(r, cc->capture->path, what.offset, &what, err);
}

/* What is checked flow by flow, or file by file, several at a time. */
struct parts_check {
    struct verify_segments *capture; /* or else the source */
    const struct generation *generation;
    const struct source *source;
    struct verify_keys keys; /* each part begins with */
    struct source_large *large;
    struct verify_report *parts;
};

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
    return verify_report_finding(r->report, file != NULL ? file : r->source->path, FT_NO_OFFSET,
                                 what->msg, err);
}

/* Keys that come twice have to be read again by name, which a damaged input may not allow. */
static int check_repeats(struct verify_report *r, const struct source *source,
                         struct verify_keys *keys, struct ft_err *err)
{
    struct repeats repeats = {r, source};

    return repeated_keys_find(source, keys->log, found_again, &repeats, err);
}

static int check_generation_keys(struct verify_report *r, const struct capture *capture,
                                 const struct generation *g, struct verify_keys *keys,
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
    struct verify_keys keys = all->keys;

    if (all->source != NULL)
        return verify_stream(&all->parts[index], all, index, err);
    if (verify_flow(&all->parts[index], &keys, all->capture, all->generation, index, all->large,
                    err) != 0)
        return -1;
    return hash_log_flush(keys.log, &keys.batch, err);
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
            rc = verify_report_add(r, &all->parts[i], err);
        verify_report_release(&all->parts[i]);
    }
    source_large_free(all->large);
    free(all->parts);
    return rc;
}

static int check_generation(struct verify_report *r, struct verify_segments *cc,
                            const struct generation *g, struct ft_err *err)
{
    struct parts_check all = {
        .capture = cc, .generation = g, .keys = {.now_ms = (int64_t)(clock_wall_us() / 1000)}};
    int rc = key_log_new(&all.keys.log, err);

    if (rc == 0)
        rc = check_parts(r, &all, g->flow_count, err);
    if (rc == 0)
        rc = check_generation_keys(r, cc->capture, g, &all.keys, err);
    hash_log_free(all.keys.log);
    return rc;
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
        return verify_report_incomplete(r, CAPTURE_MANIFEST,
                                        "the capture was ended before its first full sync", err);
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
    return verify_report_incomplete(r, CAPTURE_MANIFEST, text, err);
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

static int check_generations(struct verify_report *r, struct verify_segments *cc,
                             struct ft_err *err)
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
        return verify_report_found(r, file, what->offset, what, err);
    *err = *what;
    return -1;
}

static int verify_capture(struct verify_report *r, const char *path, struct ft_err *err)
{
    struct ft_err what = FT_ERR_INIT;
    struct verify_segments cc = {0};
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
    struct verify_segments cc = {0};
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

static int take_nothing(void *context, const struct item *item,
                        const struct translation *translation, struct ft_err *err)
{
    (void)context;
    (void)item;
    (void)translation;
    (void)err;
    return 0;
}

static int pass_to_end(const struct source *source, bool read, struct ft_err *err)
{
    struct translator *translator = NULL;
    struct journal_pass_counts counts;
    struct cut cut = {0};
    int rc = source_resolve_cut(source, "end", &cut, err);

    if (rc == 0)
        rc = source_nodes_check_end(source, &cut, err);
    if (rc == 0 && read)
        rc = journal_translator_new(&translator, source, target_default(), JSON_AS_DEFAULT, err);
    if (rc == 0 && read)
        rc = journal_pass_run(source, &cut, translator, take_nothing, NULL, &counts, err);
    translator_free(translator);
    cut_release(&cut);
    return rc;
}

/* Is the end a state of the cluster? The journals are read for that only if a node has given slots up. */
static int check_end(struct verify_report *r, const char *path, struct ft_err *err)
{
    struct ft_err what = FT_ERR_INIT;
    struct source *source;
    int rc;

    if (source_open(&source, path, 0, &what) != 0)
        return verify_report_found(r, CAPTURE_SET_FILE, what.offset, &what, err);
    rc = pass_to_end(source, r->given_up > 0, &what);
    source_free(source);
    if (rc == 0)
        return 0;
    return what.kind == FT_ERR_STATE
               ? verify_report_note(r, CAPTURE_SET_FILE, what.msg, err)
               : verify_report_found(r, CAPTURE_SET_FILE, what.offset, &what, err);
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
        rc = verify_report_incomplete(r, CAPTURE_SET_FILE,
                                      "not all nodes have a complete snapshot yet", err);
    else if (rc == 0 && r->findings_total == 0 && r->incomplete_count == 0)
        rc = check_end(r, path, err);
    capture_set_free(set);
    return rc;
}

/* Dragonfly stores none, and Redis can be told not to. Once for all files of a set. */
static int note_no_checksum(struct verify_report *r, const char *path, struct ft_err *err)
{
    if (r->note_count != 0)
        return 0;
    return verify_report_note(
        r, path, "stored without a checksum: a byte changed within a value may go unseen", err);
}

/* The item, and the plain entries after it. */
static int check_item(struct verify_items *c, const struct item *item, struct source_stream *stream,
                      struct ft_err *what)
{
    if (verify_item(c, item, what) != 0)
        return -1;
    if (item->kind != ITEM_ENTRY)
        return 0;
    do {
        if (source_stream_run(stream, &c->run, what) != 0 || verify_items_run(c, what) != 0)
            return -1;
    } while (c->run.count != 0);
    return 0;
}

/* 1: the stream ends here, by what was found. */
static int check_stream(struct verify_items *c, const struct source *source, uint32_t index,
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
        if (check_item(c, &item, stream, &what) == 0)
            continue;
        if (verify_report_found(r, source_stream_file(source, index), what.offset, &what, err) != 0)
            return -1;
        err_clear(&what); /* the stream itself is whole: go on with the next key */
    }
    if (step != STEP_ERROR)
        return 0;
    return verify_report_found(r, source_stream_file(source, index), what.offset, &what, err) != 0
               ? -1
               : 1;
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
    struct verify_keys keys = s->all->keys;
    struct verify_items c = {.report = r, .keys = &keys};
    int rc = verify_items_init(&c, err);

    if (rc == 0)
        rc = check_stream(&c, s->all->source, s->index, stream, err);
    r->bytes += source_stream_bytes(stream);
    verify_items_release(&c);
    if (rc >= 0 && hash_log_flush(keys.log, &keys.batch, err) != 0)
        rc = -1;
    return rc;
}

static int add_stretch(void *context, void *part, struct ft_err *err)
{
    struct stream_check *s = context;

    return verify_report_add(s->report, part, err);
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
            return verify_report_found(r, path, what.offset, &what, err);
        *err = what;
        return -1;
    }
    source->progress = r->progress;
    read_progress_begin(r->progress, "checking", source_bytes(source));
    all.source = source;
    rc = key_log_new(&all.keys.log, err);
    r->commands_follow = source_can(source, SOURCE_HAS_JOURNAL);
    if (rc == 0 && source->left_out != NULL)
        rc = verify_report_finding(r, path, FT_NO_OFFSET, source->left_out, err);
    if (rc == 0)
        rc = check_parts(r, &all, source->stream_count, err);
    if (rc == 0 && r->findings_total == 0)
        rc = check_repeats(r, source, &all.keys, err);
    hash_log_free(all.keys.log);
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
