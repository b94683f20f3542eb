#include "cmd/cmd_convert.h"

#include <inttypes.h>
#include <string.h>

#include "base/output_file.h"
#include "cmd/convert_print.h"
#include "cmd/report.h"
#include "cmd/stop.h"
#include "input/source_nodes.h"

#define COMMAND "convert"

/* A conversion on its own thread, so that this one can show progress. */
struct job {
    struct convert_options options;
    struct convert_progress progress;
    struct convert_outcome outcome;
    bool failed; /* for the reason in err */
    struct ft_err err;
};

static int run_job(void *context, struct ft_err *err)
{
    struct job *job = context;
    struct convert_outcome *o = &job->outcome;
    struct conversion conversion = {.source = o->source,
                                    .output = o->args->output,
                                    .options = &job->options,
                                    .progress = &job->progress,
                                    .losses = &o->losses,
                                    .suspects = &o->suspects,
                                    .result = &o->result};

    return convert_run(o->args->to, &conversion, err);
}

static void show_progress(struct progress *p, void *context)
{
    struct job *job = context;

    progress_add_read(p, &job->progress.read);
    progress_add_count(p, atomic_load(&job->progress.keys), "keys");
    progress_add_size(p, atomic_load(&job->progress.read.done), "read");
    progress_draw(p);
}

static enum exit_status fail_job(const struct job *job)
{
    enum exit_status status = ui_fail(COMMAND, &job->err);
    const struct convert_args *a = job->outcome.args;
    bool to_stdout = strcmp(a->output, OUTPUT_STDOUT_NAME) == 0;
    uint64_t bytes = job->outcome.result.bytes_out;
    const char *way_on = "";

    if (job->err.kind == FT_ERR_LOSS)
        way_on = "; --on-loss skip leaves out what cannot be kept";
    if (to_stdout && bytes != 0)
        ui_note(COMMAND,
                "standard output has got %" PRIu64 " bytes: a part only, which its reader may have "
                "applied already%s",
                bytes, way_on);
    else if (way_on[0] != '\0' || job->err.kind == FT_ERR_CANCELLED)
        ui_note(COMMAND, "\"%s\" was not written%s", a->output, way_on);
    return status;
}

/* Results are worth showing when the conversion went through, or failed for its losses only. */
static enum exit_status finish_job(struct job *job)
{
    const struct output_args *print = &job->outcome.args->print;
    bool shown = !job->failed || job->err.kind == FT_ERR_LOSS;
    enum exit_status status = EXIT_DONE;

    if (shown && output_has_summary(print))
        convert_print(&job->outcome);
    if (job->failed)
        status = fail_job(job);
    if (shown && (print->json || print->report != NULL))
        status = report_write(COMMAND, convert_to_report(&job->outcome), &job->outcome.suspects,
                              print->report, print->json, status);
    return status;
}

static enum exit_status convert_source(const struct convert_args *a, struct source *source)
{
    struct job job = {
        .options = a->convert, .outcome = {.args = a, .source = source}, .err = FT_ERR_INIT};
    struct cut cut = {0};
    enum exit_status status;

    if (a->print.report != NULL && convert_check_output(source, a->print.report, &job.err) != 0)
        return ui_fail(COMMAND, &job.err);
    if (source_resolve_cut(source, a->from.at, &cut, &job.err) != 0 ||
        source_nodes_check_end(source, &cut, &job.err) != 0) {
        cut_release(&cut);
        return ui_fail(COMMAND, &job.err);
    }
    if (stop_catch_signals(&source->cancel_fd, &job.err) != 0)
        return ui_fail(COMMAND, &job.err);
    if (source_can(source, SOURCE_HAS_JOURNAL))
        job.options.cut = &cut;
    source->progress = &job.progress.read;
    loss_init(&job.outcome.losses);
    job.failed = work_run(COMMAND, a->print.quiet, run_job, show_progress, &job, &job.err) != 0;
    status = finish_job(&job);
    suspect_release(&job.outcome.suspects);
    loss_release(&job.outcome.losses);
    cut_release(&cut);
    return status;
}

static enum exit_status convert(const struct convert_args *a)
{
    struct ft_err err = FT_ERR_INIT;
    enum exit_status status;
    struct source *source;

    if (!a->print.quiet)
        args_note_version(COMMAND, &a->version);
    if (source_open(&source, a->input, a->from.generation, &err) != 0)
        return ui_fail(COMMAND, &err);
    status = convert_source(a, source);
    source_free(source);
    return ui_flush(COMMAND, status);
}

int cmd_convert(int argc, char **argv)
{
    struct ft_err err = FT_ERR_INIT;
    enum exit_status status;
    struct convert_args a;

    if (convert_args_parse(&a, argc, argv, &err) != 0)
        status = ui_args_fail(COMMAND, &err);
    else if (a.print.help)
        status = ui_help(COMMAND, convert_args_help);
    else
        status = convert(&a);
    convert_args_release(&a);
    return (int)status;
}
