#include "output/convert.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/output_file.h"
#include "base/parse.h"

int convert_check_output(const struct source *source, const char *output, struct ft_err *err)
{
    if (strcmp(output, OUTPUT_STDOUT_NAME) == 0 || !source_contains(source, output))
        return 0;
    return err_set(err, FT_ERR_USAGE, "\"%s\" is, or would be, a part of the input \"%s\"", output,
                   source->path);
}

int convert_check_losses(const struct conversion *c, struct ft_err *err)
{
    uint64_t losses = c->losses->losses;

    if (!c->options->fail_on_loss || losses == 0)
        return 0;
    return err_set(err, FT_ERR_LOSS, "%" PRIu64 " thing%s cannot be kept on Redis %s", losses,
                   plural(losses), c->options->target->name);
}

int64_t convert_moment_ms(const struct conversion *c, const struct item *item)
{
    if (c->options->drop_expired || c->out != NULL) /* for a server that is there now */
        return c->now_ms;
    return cut_moment_ms(c->options->cut, (int64_t)(item->time_us / 1000));
}

int convert_run(const struct output_form *form, struct conversion *c, struct ft_err *err)
{
    *c->result = (struct convert_result){0};
    c->now_ms = (int64_t)(clock_wall_us() / 1000);
    if (c->out == NULL && convert_check_output(c->source, c->output, err) != 0)
        return -1;
    return form->run(c, err);
}

/*
 * One stream after the other
 */

struct sequence {
    const struct conversion *c;
    uint64_t told_keys;
};

static int tick(void *context, uint64_t stream_bytes, struct ft_err *err)
{
    struct sequence *s = context;
    struct convert_progress *progress = s->c->progress;

    (void)stream_bytes; /* the source counts them */
    (void)err;          /* a stream looks itself whether to stop */
    if (progress == NULL)
        return 0;
    atomic_fetch_add(&progress->keys, s->c->result->keys - s->told_keys);
    s->told_keys = s->c->result->keys;
    return 0;
}

struct pump_options convert_pump_options(const struct conversion *c, const struct pump_options *how)
{
    const struct convert_options *o = c->options;
    struct pump_options options = *how;

    options.source = c->source;
    options.target = o->target;
    options.json_as = o->json_as;
    options.filter = &o->filter;
    options.expired_ms = o->drop_expired ? c->now_ms : PUMP_NOTHING_EXPIRED;
    return options;
}

static int run_stream(struct sequence *s, struct pump *p, uint32_t index, bool snapshot_only,
                      struct ft_err *err)
{
    const struct source_stream_options options = {
        .snapshot_only = snapshot_only, .verify_checksum = true, .scripts = true};
    struct source_stream *stream;
    int rc;

    if (source_stream_open(&stream, s->c->source, index, &options, err) != 0)
        return -1;
    rc = pump_stream(p, stream, err);
    s->c->result->bytes_in += source_stream_bytes(stream);
    source_stream_free(stream);
    return rc;
}

static int run_all(struct sequence *s, struct pump *p, bool as_is, struct ft_err *err)
{
    const struct cut *cut = s->c->options->cut;
    const struct source *source = s->c->source;
    bool has_journal = cut != NULL && !cut->is_snapshot;

    read_progress_begin(source->progress, "snapshot",
                        as_is && has_journal ? source_bytes(source)
                                             : source_snapshot_bytes(source));
    for (uint32_t i = 0; i < source->stream_count; i++) {
        if (run_stream(s, p, i, !as_is || !has_journal, err) != 0)
            return -1;
    }
    if (!has_journal || as_is)
        return 0;
    read_progress_begin(source->progress, "journal", source_journal_bytes(source));
    return pump_journal(p, cut, err);
}

static void take_counts(struct convert_result *r, const struct pump_counts *counts)
{
    r->filtered = counts->filtered;
    r->dropped_expired = counts->expired;
    r->records_filtered = counts->records_filtered;
    r->in_sync = counts->in_sync;
    r->journal = counts->journal;
}

int convert_sequence(const struct conversion *c, const struct item_sink *sink,
                     const struct pump_options *how, struct ft_err *err)
{
    struct pump_options options = convert_pump_options(c, how);
    struct sequence s = {.c = c};
    struct pump *p = NULL;
    int rc;

    options.tick = tick;
    options.tick_context = &s;
    if (how->as_is && c->options->cut != NULL)
        options.stop_lsn = c->options->cut->stop_lsn;
    rc = pump_new(&p, &options, sink, err);
    if (rc == 0) {
        rc = run_all(&s, p, how->as_is, err);
        take_counts(c->result, pump_counts(p));
    }
    if (rc == 0)
        rc = sink->finish(sink->context, err);
    c->result->written = rc == 0;
    sink->free(sink->context);
    pump_free(p);
    return rc;
}
