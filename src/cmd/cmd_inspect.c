#include "cmd/cmd_inspect.h"

#include <inttypes.h>
#include <unistd.h>

#include "base/fsutil.h"
#include "cmd/forecast_print.h"
#include "cmd/inspect_args.h"
#include "cmd/inspect_items.h"
#include "cmd/inspect_json.h"
#include "cmd/inspect_print.h"
#include "cmd/inspect_state.h"
#include "cmd/json_value.h"
#include "cmd/quoting.h"
#include "cmd/report.h"
#include "cmd/stop.h"
#include "input/capture_form.h"
#include "input/source_capture.h"
#include "store/flow_reader.h"

#define COMMAND "inspect"

static int copy_flow(const struct capture *c, const struct generation *g, uint32_t flow,
                     struct ft_err *err)
{
    struct segment_block block;
    struct flow_reader *reader;
    enum segment_kind kind;
    enum step step;

    if (flow_reader_new(&reader, c, g, flow, err) != 0)
        return -1;
    while ((step = flow_reader_next(reader, &block, &kind, err)) == STEP_ITEM) {
        if (fs_write_all(STDOUT_FILENO, block.payload.p, block.payload.n, "standard output", err) !=
            0)
            break;
    }
    flow_reader_free(reader);
    return step == STEP_END ? 0 : -1;
}

static int write_raw(const struct inspect_args *a, struct ft_err *err)
{
    struct capture *c;
    const struct generation *g;
    int rc;

    if (!capture_form_is(a->input))
        return err_set(err, FT_ERR_USAGE, "\"%s\" is not a capture; --raw needs one", a->input);
    if (capture_form_open(&c, a->input, err) != 0)
        return -1;
    g = a->which.generation == 0 ? capture_newest(c) : capture_find(c, a->which.generation);
    if (g == NULL) {
        rc = a->which.generation == 0
                 ? err_set(err, FT_ERR_USAGE, "\"%s\" has no generation yet", a->input)
                 : err_set(err, FT_ERR_USAGE, "\"%s\" has no generation %" PRIu32, a->input,
                           a->which.generation);
    } else if (a->flow >= g->flow_count) {
        rc = err_set(err, FT_ERR_USAGE, "there is no flow %" PRIu32 ": \"%s\" has 0 to %" PRIu32,
                     a->flow, a->input, g->flow_count - 1);
    } else {
        rc = copy_flow(c, g, a->flow, err);
    }
    capture_free(c);
    return rc;
}

static int print_overview(const struct inspect_args *a, const struct source *source,
                          const struct capture *capture, const struct census *census,
                          struct ft_err *err)
{
    if (a->output.json)
        return json_print(inspect_to_json(source, capture, census), err);
    inspect_print(source, capture, census, a->segments);
    return 0;
}

/* A capture without a complete snapshot still has a structure to show. */
static int show_structure_only(const struct inspect_args *a, struct ft_err *err)
{
    struct capture *c;
    int rc;

    if (capture_form_open(&c, a->input, err) != 0)
        return -1;
    rc = print_overview(a, NULL, c, NULL, err);
    capture_free(c);
    return rc;
}

static int show_overview(const struct inspect_args *a, struct read_progress *progress,
                         struct ft_err *err)
{
    struct source *source;
    struct census census;
    int rc = 0;

    if (capture_form_is(a->input) && a->no_census)
        return show_structure_only(a, err);
    if (source_open(&source, a->input, a->which.generation, err) != 0) {
        if (err->kind != FT_ERR_USAGE || a->which.generation != 0 || !capture_form_is(a->input))
            return -1;
        err_clear(err);
        return show_structure_only(a, err);
    }
    source->progress = progress;
    if (a->no_census) {
        rc = print_overview(a, source, NULL, NULL, err);
        source_free(source);
        return rc;
    }
    rc = census_of(&census, source, err);
    if (rc == 0)
        rc = print_overview(a, source, source_capture_directory(source), &census, err);
    census_release(&census);
    source_free(source);
    return rc;
}

static int show_items(const struct inspect_args *a, const struct source *source, struct ft_err *err)
{
    struct item_scan scan = {.source = source, .one_flow = a->has_flow, .flow = a->flow};
    const struct state_view state = {.source = source,
                                     .at = a->which.at == NULL ? "end" : a->which.at,
                                     .filter = &a->filter,
                                     .json = a->output.json};
    bool whole = a->from == NULL && a->to == NULL && !a->has_flow;
    struct bytes key;

    if (a->from != NULL && scan_bound_parse(&scan.from, "--from", a->from, source, err) != 0)
        return -1;
    if (a->to != NULL && scan_bound_parse(&scan.to, "--to", a->to, source, err) != 0)
        return -1;
    if (a->view == INSPECT_RECORDS)
        return inspect_records(&scan, &a->filter, a->limit, a->output.json, err);
    if (a->view == INSPECT_KEYS)
        return inspect_keys(&state, a->limit, err);
    key = quoting_unescape(a->key);
    if (inspect_history(&scan, &a->filter, key, a->limit, a->output.json, err) != 0)
        return -1;
    return whole || a->which.at != NULL ? inspect_key_state(&state, key, a->which.at == NULL, err)
                                        : 0;
}

/* 1: something would be lost. */
static int show_forecast(const struct inspect_args *a, const struct source *source,
                         struct ft_err *err)
{
    struct forecast forecast;
    int rc = forecast_run(&forecast, source, &a->forecast, err);

    if (rc == 0 && a->output.json)
        rc = report_print(forecast_to_json(&forecast, source, &a->forecast), &forecast.suspects,
                          err);
    else if (rc == 0)
        forecast_print(&forecast, source, &a->forecast);
    if (rc == 0 && forecast.losses.losses != 0)
        rc = 1;
    forecast_release(&forecast);
    return rc;
}

static int show(const struct inspect_args *a, struct read_progress *progress, struct ft_err *err)
{
    struct source *source;
    int rc;

    if (a->view == INSPECT_RAW)
        return write_raw(a, err);
    if (a->view == INSPECT_OVERVIEW)
        return show_overview(a, progress, err);
    if (source_open(&source, a->input, a->which.generation, err) != 0)
        return -1;
    source->progress = progress;
    rc = a->view == INSPECT_FORECAST ? show_forecast(a, source, err) : show_items(a, source, err);
    source_free(source);
    return rc;
}

/* On its own thread, so that this one can show progress. */
struct job {
    const struct inspect_args *args;
    struct read_progress progress;
    int rc; /* 1: there are findings */
};

static int run_job(void *context, struct ft_err *err)
{
    struct job *job = context;

    job->rc = show(job->args, &job->progress, err);
    return job->rc < 0 ? -1 : 0;
}

static void show_progress(struct progress *p, void *context)
{
    struct job *job = context;

    progress_add_read(p, &job->progress);
    progress_add_size(p, atomic_load(&job->progress.done), "read");
    progress_draw(p);
}

/* A line of progress between lines of the result would only disturb. */
static bool is_quiet(const struct inspect_args *a)
{
    bool at_end = a->view == INSPECT_OVERVIEW || a->view == INSPECT_FORECAST;

    return a->output.quiet || (!at_end && isatty(STDOUT_FILENO) == 1);
}

static enum exit_status inspect(const struct inspect_args *a)
{
    struct job job = {.args = a};
    struct ft_err err = FT_ERR_INIT;

    if (!a->output.quiet)
        args_note_version(COMMAND, &a->version);
    if (work_run(COMMAND, is_quiet(a), run_job, show_progress, &job, &err) != 0)
        return ui_fail(COMMAND, &err);
    return ui_flush(COMMAND, job.rc == 0 ? EXIT_DONE : EXIT_FINDINGS);
}

int cmd_inspect(int argc, char **argv)
{
    struct ft_err err = FT_ERR_INIT;
    enum exit_status status;
    struct inspect_args a;

    if (inspect_args_parse(&a, argc, argv, &err) != 0)
        status = ui_args_fail(COMMAND, &err);
    else if (a.output.help)
        status = ui_help(COMMAND, inspect_args_help);
    else
        status = inspect(&a);
    inspect_args_release(&a);
    return (int)status;
}
