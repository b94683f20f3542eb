#include "cmd/item_scan.h"

#include <inttypes.h>

#include "base/parse.h"

int scan_bound_parse(struct scan_bound *ret, const char *option, const char *text,
                     const struct source *source, struct ft_err *err)
{
    struct scan_bound bound = {.kind = SCAN_TIME};
    int rc;

    if (!source_can(source, SOURCE_CAN_SEEK))
        return err_set(err, FT_ERR_USAGE, "%s is about a journal, and \"%s\" has none", option,
                       source->path);
    if (text[0] != '-' && strchr(text, 'T') == NULL) {
        bound.kind = SCAN_LSN;
        rc = parse_u64(text, &bound.value, err);
    } else {
        rc = source_parse_time(source, text, &bound.value, err);
    }
    if (rc != 0)
        return err_wrap(err, "%s", option);
    *ret = bound;
    return 0;
}

/* Where to begin to read so that nothing from the bound on is missed. 0: the flow has nothing. */
static uint64_t start_lsn(const struct source *source, uint32_t index,
                          const struct scan_bound *from)
{
    struct lsn_range lsns = source_lsns(source, index);

    if (from->kind == SCAN_TIME)
        return source_seek_time(source, index, from->value);
    if (lsns.first == 0 || from->value > lsns.next)
        return 0;
    return from->value < lsns.first ? lsns.first : from->value;
}

/* One flow's way through its items. */
struct walk {
    const struct item_scan *scan;
    bool in_journal;
    uint64_t lsn; /* of the last record that has one */
};

/* What has no LSN of its own lies after the record before it. */
static uint64_t position(const struct walk *w, const struct item *item,
                         const struct scan_bound *bound)
{
    return bound->kind == SCAN_TIME ? item->time_us : w->lsn;
}

static bool is_before(const struct walk *w, const struct item *item)
{
    const struct scan_bound *from = &w->scan->from;

    return w->in_journal && from->kind != SCAN_NO_BOUND && position(w, item, from) < from->value;
}

static bool is_behind(const struct walk *w, const struct item *item)
{
    const struct scan_bound *to = &w->scan->to;

    return w->in_journal && to->kind != SCAN_NO_BOUND && position(w, item, to) > to->value;
}

static int walk(struct walk *w, struct source_stream *stream, item_scan_fn *take, void *context,
                struct ft_err *err)
{
    struct item item;
    enum step step;

    while ((step = source_stream_next(stream, &item, err)) == STEP_ITEM) {
        int rc;

        if (item.is_record && item.lsn != 0)
            w->lsn = item.lsn;
        if (is_behind(w, &item))
            return 0;
        if (!is_before(w, &item) && (rc = take(context, &item, err)) != 0)
            return rc;
        w->in_journal |= item.kind == ITEM_SNAPSHOT_END;
    }
    return step == STEP_END ? 0 : -1;
}

static int scan_stream(const struct item_scan *scan, uint32_t index, item_scan_fn *take,
                       void *context, struct ft_err *err)
{
    struct source_stream_options options = {.journal_only = scan->from.kind != SCAN_NO_BOUND};
    struct walk w = {.scan = scan, .in_journal = options.journal_only};
    struct source_stream *stream;
    int rc;

    if (options.journal_only) {
        options.start_lsn = start_lsn(scan->source, index, &scan->from);
        if (options.start_lsn == 0)
            return 0;
    }
    if (source_stream_open(&stream, scan->source, index, &options, err) != 0)
        return -1;
    rc = walk(&w, stream, take, context, err);
    source_stream_free(stream);
    return rc;
}

int item_scan_run(const struct item_scan *scan, item_scan_fn *take, void *context,
                  struct ft_err *err)
{
    uint32_t count = scan->source->stream_count;
    uint32_t first = scan->one_flow ? scan->flow : 0;
    uint32_t end = scan->one_flow ? scan->flow + 1 : count;
    int rc = 0;

    if (scan->one_flow && scan->flow >= count) {
        return err_set(err, FT_ERR_USAGE, "there is no flow %" PRIu32 ": \"%s\" has 0 to %" PRIu32,
                       scan->flow, scan->source->path, count - 1);
    }
    read_progress_begin(
        scan->source->progress, "items",
        scan->one_flow || scan->from.kind != SCAN_NO_BOUND ? 0 : source_bytes(scan->source));
    for (uint32_t i = first; rc == 0 && i < end; i++)
        rc = scan_stream(scan, i, take, context, err);
    return rc < 0 ? -1 : 0;
}
