#include "cmd/cmd_capture.h"

#include "cmd/capture_args.h"
#include "cmd/capture_nodes.h"
#include "cmd/capture_print.h"
#include "cmd/json_value.h"
#include "cmd/status_fill.h"
#include "cmd/stop.h"

#define COMMAND "capture"

struct display {
    struct progress progress;
    bool quiet;
    const struct capture_args *args;
    struct status_service *service;
    pthread_mutex_t mu;
    struct capture_progress now; /* guarded by mu */
};

/* --- what the user sees meanwhile --- */

static void show_note(void *context, const char *text)
{
    struct display *d = context;

    status_service_note(d->service, text);
    if (d->quiet)
        return;
    progress_clear(&d->progress);
    ui_note(COMMAND, "%s", text);
}

static void show_progress(void *context, const struct capture_progress *p)
{
    struct display *d = context;

    pthread_mutex_lock(&d->mu);
    d->now = *p;
    pthread_mutex_unlock(&d->mu);
    if (!progress_due(&d->progress))
        return;
    capture_progress_add(&d->progress, p);
    progress_draw(&d->progress);
}

/* --- what others see --- */

static void fill(void *context, struct status *s)
{
    static const char *const phases[] = {"connecting", "full sync", "changing over", "stable",
                                         NULL};
    struct display *d = context;
    struct capture_progress p;

    pthread_mutex_lock(&d->mu);
    p = d->now;
    pthread_mutex_unlock(&d->mu);
    status_fill_phases(s, phases,
                       p.phase == CAPTURE_WAITING ? CAPTURE_CONNECTING : (size_t)p.phase);
    status_fill_directory(s, d->args->run.directory);
    (void)uri_address(&d->args->source.uri, s->source); /* always fits */
    status_fill_capture(s, &p);
    status_fill_flows(s, d->args->run.live, LIVE_DURABLE);
    s->in_directory = s->generation != 0;
}

/* Its thread says it, so the progress line is not touched. */
static void show_trouble(void *context, const char *text)
{
    struct display *d = context;

    status_service_note(d->service, text);
    ui_note(COMMAND, "%s", text);
}

static int begin_status(struct display *d, struct ft_err *err)
{
    const struct status_service_options o = {
        .file_name =
            COMMAND, /* when it has ended well, the manifest says all, and a copy of it is the same */
        .forget = true,
        .fill = fill,
        .on_trouble = show_trouble,
        .context = d};

    return status_start(&d->service, COMMAND, &d->args->status, &o, d->quiet, err);
}

/* --- the run --- */

/* A failed run has nothing to sum up unless there is a capture. why: NULL, or what it failed for. */
static enum exit_status report(const struct capture_args *a,
                               const struct capture_run_result *result,
                               const struct archiver_result *archive, const struct ft_err *why,
                               enum exit_status status)
{
    struct ft_err err = FT_ERR_INIT;
    struct capture *c = NULL;
    int rc;

    if (!a->output.json && (!output_has_summary(&a->output) || why != NULL))
        return status;
    rc = capture_open_read(&c, a->run.directory, &err);
    if (rc == 0) {
        if (!a->output.json)
            capture_print_text(c, result, archive);
        else
            rc = json_print(capture_to_json(c, result, archive, why == NULL ? NULL : why->msg),
                            &err);
        capture_free(c);
    }
    if (rc != 0 && why == NULL)
        return ui_fail(COMMAND, &err);
    return ui_flush(COMMAND, status);
}

/* Its thread says it, so the progress line is not touched. */
static void show_archive_note(void *context, const char *text)
{
    (void)context;
    ui_note(COMMAND, "%s; it is tried again", text);
}

struct outcome {
    struct capture_run_result one;
    struct capture_set_result set; /* of a cluster */
    struct archiver_result archive;
};

/* Records, and hands over what is sealed meanwhile and at the end, if there is a command for it. */
static int run(struct capture_args *a, struct outcome *ret, struct ft_err *err)
{
    struct archiver *archiver = NULL;
    int rc;

    a->archive.on_note = show_archive_note;
    *ret = (struct outcome){.one = {.ended = CAPTURE_ENDED_FAILED},
                            .set = {.ended = CAPTURE_ENDED_FAILED}};
    if (a->archive.command != NULL && archiver_new(&archiver, &a->archive, err) != 0)
        return -1;
    rc = capture_args_is_set(a) ? capture_nodes(a, &ret->set, err)
                                : capture_run(&a->run, &ret->one, err);
    if (archiver != NULL)
        archiver_finish(archiver, a->run.give_up_after_ms, &ret->archive);
    return rc;
}

static enum exit_status conclude(const struct capture_args *a, const struct outcome *o,
                                 const struct ft_err *why)
{
    const struct archiver_result *archive = a->archive.command == NULL ? NULL : &o->archive;
    bool is_set = capture_args_is_set(a);
    enum exit_status status = is_set ? capture_status(o->set.ended, o->set.valid, why)
                                     : capture_status(o->one.ended, o->one.valid, why);

    if (status == EXIT_DONE && (o->archive.pending != 0 || o->archive.is_behind))
        status = EXIT_EARLY;
    if (why != NULL)
        (void)ui_fail(COMMAND, why);
    return is_set ? capture_nodes_report(a, &o->set, archive, why, status)
                  : report(a, &o->one, archive, why, status);
}

static enum exit_status capture(struct capture_args *a)
{
    struct display display = {.quiet = a->output.quiet, .args = a};
    struct ft_err err = FT_ERR_INIT;
    struct outcome outcome;
    enum capture_ended ended;
    enum exit_status status;
    int rc;

    a->run.on_note = show_note;
    a->run.on_progress = show_progress;
    a->run.context = &display;
    (void)pthread_mutex_init(&display.mu, NULL); /* default attributes: cannot fail on Linux */
    if (stop_catch_signals(&a->run.cancel_fd, &err) != 0 ||
        live_flows_new(&a->run.live, false, &err) != 0)
        return ui_fail(COMMAND, &err);
    if (begin_status(&display, &err) != 0) {
        live_flows_free(a->run.live);
        return ui_fail(COMMAND, &err);
    }
    progress_init(&display.progress, COMMAND, a->output.quiet);
    rc = run(a, &outcome, &err);
    progress_end(&display.progress);
    ended = capture_args_is_set(a) ? outcome.set.ended : outcome.one.ended;
    status_service_end(display.service, capture_ended_name(ended), rc == 0 ? NULL : err.msg);
    live_flows_free(a->run.live);
    (void)pthread_mutex_destroy(&display.mu); /* nobody holds it any more */
    status = conclude(a, &outcome, rc == 0 ? NULL : &err);
    capture_set_result_release(&outcome.set);
    return status;
}

int cmd_capture(int argc, char **argv)
{
    struct ft_err err = FT_ERR_INIT;
    enum exit_status status;
    struct capture_args a;

    if (capture_args_parse(&a, argc, argv, &err) != 0)
        status = ui_args_fail(COMMAND, &err);
    else if (a.output.help)
        status = ui_help(COMMAND, capture_args_help);
    else {
        tls_args_note(COMMAND, &a.source.uri, &a.source.tls);
        status = capture(&a);
    }
    capture_args_release(&a);
    return (int)status;
}
