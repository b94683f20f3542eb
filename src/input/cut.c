#include "input/cut.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/parse.h"
#include "store/flow_reader.h"

static void set_all(struct cut *cut, const struct generation *g, bool end)
{
    for (uint32_t i = 0; i < g->flow_count; i++)
        cut->stop_lsn[i] = end ? g->flows[i].next_lsn : g->flows[i].stable_lsn;
}

static uint64_t last_time_us(const struct generation *g)
{
    uint64_t last = 0;

    for (uint32_t i = 0; i < g->flow_count; i++) {
        const struct capture_flow *f = &g->flows[i];

        for (size_t s = 0; s < f->segment_count; s++) {
            if (f->segments[s].last_time_us > last)
                last = f->segments[s].last_time_us;
        }
    }
    return last;
}

static uint64_t snapshot_time_us(const struct capture_flow *f)
{
    uint64_t last = 0;

    for (size_t s = 0; s < f->segment_count; s++) {
        if (f->segments[s].kind == SEGMENT_SNAPSHOT && f->segments[s].last_time_us > last)
            last = f->segments[s].last_time_us;
    }
    return last;
}

/* The first LSN of the flow that was received after time_us. */
static int stop_at_time(const struct capture *c, const struct generation *g, uint32_t flow,
                        uint64_t time_us, uint64_t *ret_lsn, struct ft_err *err)
{
    struct segment_block block;
    struct flow_reader *reader;
    enum segment_kind kind;
    enum step step;

    *ret_lsn = g->flows[flow].stable_lsn;
    if (flow_reader_new(&reader, c, g, flow, err) != 0)
        return -1;
    if (flow_reader_seek_lsn(reader, *ret_lsn, err) != 0) {
        flow_reader_free(reader);
        return -1;
    }
    while ((step = flow_reader_next(reader, &block, &kind, err)) == STEP_ITEM) {
        if (block.time_us > time_us)
            break;
        if (kind != SEGMENT_SNAPSHOT)
            *ret_lsn = block.first_lsn + block.record_count;
    }
    flow_reader_free(reader);
    return step == STEP_ERROR ? -1 : 0;
}

/* When the last record before the cut was received; 0: the flow applies none. */
static int last_applied_us(const struct cut *cut, const struct capture *c,
                           const struct generation *g, uint32_t flow, uint64_t *ret_us,
                           struct ft_err *err)
{
    uint64_t last_lsn = cut->stop_lsn[flow] - 1;
    struct segment_block block;
    struct flow_reader *reader;
    enum segment_kind kind;
    enum step step;

    *ret_us = 0;
    if (cut->stop_lsn[flow] <= g->flows[flow].stable_lsn)
        return 0;
    if (flow_reader_new(&reader, c, g, flow, err) != 0)
        return -1;
    if (flow_reader_seek_lsn(reader, last_lsn, err) != 0) {
        flow_reader_free(reader);
        return -1;
    }
    while ((step = flow_reader_next(reader, &block, &kind, err)) == STEP_ITEM) {
        if (kind != SEGMENT_SNAPSHOT && block.first_lsn > last_lsn)
            break;
        if (kind != SEGMENT_SNAPSHOT)
            *ret_us = block.time_us;
    }
    flow_reader_free(reader);
    return step == STEP_ERROR ? -1 : 0;
}

static int find_moment(struct cut *cut, const struct capture *c, const struct generation *g,
                       struct ft_err *err)
{
    uint64_t moment_us = cut->is_end ? last_time_us(g) : 0;

    for (uint32_t i = 0; !cut->is_end && i < g->flow_count; i++) {
        uint64_t snapshot_us = snapshot_time_us(&g->flows[i]);
        uint64_t last_us;

        if (last_applied_us(cut, c, g, i, &last_us, err) != 0)
            return -1;
        if (snapshot_us > last_us)
            last_us = snapshot_us;
        if (last_us > moment_us)
            moment_us = last_us;
    }
    cut->moment_ms = (int64_t)(moment_us / 1000);
    return 0;
}

static int resolve_time(struct cut *cut, const struct capture *c, const struct generation *g,
                        uint64_t time_us, struct ft_err *err)
{
    for (uint32_t i = 0; i < g->flow_count; i++) {
        uint64_t snapshot_us = snapshot_time_us(&g->flows[i]);
        char text[FORMAT_TIME];

        if (time_us < snapshot_us) {
            return err_set(err, FT_ERR_USAGE,
                           "the snapshot of flow %" PRIu32 " was complete at %s; there is no "
                           "earlier state",
                           i, format_time_us(snapshot_us, text));
        }
        if (stop_at_time(c, g, i, time_us, &cut->stop_lsn[i], err) != 0)
            return -1;
    }
    return 0;
}

static int resolve_lsn(struct cut *cut, const struct generation *g, uint32_t flow, uint64_t lsn,
                       struct ft_err *err)
{
    const struct capture_flow *f = &g->flows[flow];

    if (lsn == f->next_lsn) /* "the next one" is taken for the last one */
        lsn--;
    if (lsn + 1 < f->stable_lsn || lsn >= f->next_lsn) {
        return err_set(err, FT_ERR_USAGE,
                       "flow %" PRIu32 " has LSNs %" PRIu64 " (its snapshot) to %" PRIu64
                       ", not %" PRIu64,
                       flow, f->stable_lsn - 1, f->next_lsn - 1, lsn);
    }
    cut->stop_lsn[flow] = lsn + 1;
    return 0;
}

static int resolve_vector(struct cut *cut, char *text, const struct generation *g,
                          struct ft_err *err)
{
    uint32_t flow = 0;
    char *arg;

    while ((arg = strsep(&text, ",")) != NULL) {
        uint64_t lsn;

        if (parse_u64(arg, &lsn, err) != 0)
            return -1;
        if (flow < g->flow_count && resolve_lsn(cut, g, flow, lsn, err) != 0)
            return -1;
        flow++;
    }
    if (flow != g->flow_count) {
        return err_set(err, FT_ERR_USAGE,
                       "the capture has %" PRIu32 " flow%s, LSNs given: %" PRIu32, g->flow_count,
                       plural(g->flow_count), flow);
    }
    return 0;
}

int cut_parse_time(const char *text, const struct generation *g, uint64_t *ret_time_us,
                   struct ft_err *err)
{
    uint64_t last_us = last_time_us(g);
    uint64_t ms;

    if (text[0] != '-')
        return parse_time_us(text, ret_time_us, err);
    if (parse_duration(text + 1, &ms, err) != 0)
        return -1;
    *ret_time_us = ms > last_us / 1000 ? 0 : last_us - ms * 1000;
    return 0;
}

static int resolve(struct cut *cut, const char *text, const struct capture *c,
                   const struct generation *g, struct ft_err *err)
{
    uint64_t time_us;
    char *copy;
    int rc;

    if (strcmp(text, "snapshot") == 0 || strcmp(text, "end") == 0) {
        set_all(cut, g, text[0] == 'e');
        return 0;
    }
    if (text[0] == '-' || strchr(text, 'T') != NULL) {
        if (cut_parse_time(text, g, &time_us, err) != 0)
            return -1;
        cut->moment_ms = (int64_t)(time_us / 1000);
        return resolve_time(cut, c, g, time_us, err);
    }
    copy = strdup(text);
    if (copy == NULL)
        return err_nomem(err, "a list of LSNs");
    rc = resolve_vector(cut, copy, g, err);
    free(copy);
    return rc;
}

int cut_resolve_option(struct cut *ret, const char *option, const char *text,
                       const struct capture *c, const struct generation *g, struct ft_err *err)
{
    struct cut cut = {.flow_count = g->flow_count, .is_snapshot = true, .is_end = true};

    cut.stop_lsn = calloc(g->flow_count, sizeof(*cut.stop_lsn));
    if (cut.stop_lsn == NULL)
        return err_nomem(err, "a list of LSNs");
    if (resolve(&cut, text, c, g, err) != 0) {
        err_wrap(err, "%s %s", option, text);
        cut_release(&cut);
        return -1;
    }
    for (uint32_t i = 0; i < g->flow_count; i++) {
        cut.is_snapshot = cut.is_snapshot && cut.stop_lsn[i] == g->flows[i].stable_lsn;
        cut.is_end = cut.is_end && cut.stop_lsn[i] == g->flows[i].next_lsn;
    }
    if (cut.moment_ms == 0 && find_moment(&cut, c, g, err) != 0) {
        cut_release(&cut);
        return -1;
    }
    *ret = cut;
    return 0;
}

int cut_resolve(struct cut *ret, const char *text, const struct capture *c,
                const struct generation *g, struct ft_err *err)
{
    return cut_resolve_option(ret, "--at", text, c, g, err);
}

void cut_release(struct cut *cut)
{
    free(cut->stop_lsn);
    cut->stop_lsn = NULL;
}
