#include "cmd/cmd_serve.h"

#include <inttypes.h>

#include "base/parse.h"
#include "cmd/loss_print.h"
#include "cmd/report.h"
#include "cmd/serve_args.h"
#include "cmd/serve_print.h"
#include "cmd/status_fill.h"
#include "cmd/stop.h"

#define COMMAND "serve"

/* On its own thread, so that this one can show progress. */
struct job {
    struct serve_args *args;
    struct serve_progress progress;
    struct serve_result result;
    struct status_service *service;
};

static int run_job(void *context, struct ft_err *err)
{
    struct job *job = context;

    return serve_run(&job->args->run, &job->progress, &job->result, err);
}

static void on_note(void *context, const char *text)
{
    const struct job *job = context;

    status_service_note(job->service, text);
    if (!job->args->print.quiet)
        ui_note(COMMAND, "%s", text);
}

static void show_progress(struct progress *p, void *context)
{
    struct job *job = context;

    serve_progress_add(p, job->args->run.as, &job->progress);
    progress_draw(p);
}

static void fill(void *context, struct status *s)
{
    static const char *const phases[] = {"opening", "serving", NULL};
    struct job *job = context;
    const struct serve_progress *p = &job->progress;

    status_fill_phases(s, phases, atomic_load(&p->offset) != 0);
    (void)snprintf(s->source, sizeof(s->source), "%s", job->args->run.input); /* for people */
    (void)uri_address(&job->args->run.listen, s->target);                     /* always fits */
    status_fill_serve(s, p);
}

static enum exit_status serve(struct serve_args *a)
{
    struct job job = {.args = a};
    const struct status_service_options seen = {
        .file_name = COMMAND, .fill = fill, .on_trouble = on_note, .context = &job};
    struct ft_err err = FT_ERR_INIT;
    enum exit_status status = EXIT_DONE;
    bool failed;

    if (stop_catch_signals(&a->run.cancel_fd, &err) != 0 ||
        status_start(&job.service, COMMAND, &a->status, &seen, a->print.quiet, &err) != 0)
        return ui_fail(COMMAND, &err);
    a->run.on_note = on_note;
    a->run.context = &job;
    failed = work_run(COMMAND, a->print.quiet, run_job, show_progress, &job, &err) != 0;
    status_service_end(job.service, failed ? "failed" : "stopped", failed ? err.msg : NULL);
    if (failed)
        status = ui_fail(COMMAND, &err);
    if (output_has_summary(&a->print) && job.result.replication_id[0] != '\0')
        serve_print(&a->run, &job.result, &job.progress);
    else if (output_has_summary(&a->print))
        loss_print(stderr, &job.result.losses); /* for which nothing was served */
    if (a->print.json || a->print.report != NULL)
        status = report_write(COMMAND, serve_to_json(&a->run, &job.result, &job.progress),
                              &job.result.suspects, a->print.report, a->print.json, status);
    serve_result_release(&job.result);
    return ui_flush(COMMAND, status);
}

int cmd_serve(int argc, char **argv)
{
    struct ft_err err = FT_ERR_INIT;
    enum exit_status status;
    struct serve_args a;

    if (serve_args_parse(&a, argc, argv, &err) != 0)
        status = ui_args_fail(COMMAND, &err);
    else if (a.print.help)
        status = ui_help(COMMAND, serve_args_help);
    else
        status = serve(&a);
    serve_args_release(&a);
    return (int)status;
}
