#include "cmd/cmd_sync.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/cluster_nodes.h"
#include "cmd/capture_nodes.h"
#include "cmd/check_print.h"
#include "cmd/json_value.h"
#include "cmd/notify.h"
#include "cmd/rehearsal_print.h"
#include "cmd/report.h"
#include "cmd/serve_print.h"
#include "cmd/status_fill.h"
#include "cmd/stop.h"
#include "cmd/sync_args.h"
#include "cmd/sync_print.h"
#include "sync/sync_rehearsal.h"

#define COMMAND "sync"

/* A migration on its own thread, so that this one can show progress. */
struct job {
    struct sync_args *args;
    struct sync_progress progress;
    struct sync_control control;
    struct sync_result result;
    struct replay_rehearsal rehearsal; /* of a dry run */
    struct loss_report losses;
    struct status_service *service;
    bool failed; /* for the reason in err */
    struct ft_err err;
};

static int run_job(void *context, struct ft_err *err)
{
    struct job *job = context;

    return sync_run(&job->args->run, &job->progress, &job->losses, &job->result, err);
}

static void show_progress(struct progress *p, void *context)
{
    struct job *job = context;

    if (atomic_load(&job->progress.checking) && p->terminal)
        check_show(p, &job->progress.check);
    else
        sync_show(p, &job->progress, job->args->run.live, job->args->serves);
}

static void on_note(void *context, const char *text)
{
    const struct job *job = context;

    status_service_note(job->service, text);
    if (!job->args->output.quiet)
        ui_note(COMMAND, "%s", text);
}

enum phase {
    PHASE_CONNECTING,
    PHASE_SNAPSHOT,
    PHASE_LOADING, /* one that serves has none: replicas come when they want */
    PHASE_FOLLOWING,
    PHASE_CUTTING_OVER,
    PHASE_DONE,
};

static enum phase phase_of(const struct job *job, const struct capture_progress *capture, bool any)
{
    enum cutover_state cutover = (enum cutover_state)atomic_load(&job->progress.cutover);

    if (cutover == CUTOVER_OVER)
        return PHASE_DONE;
    if (cutover != CUTOVER_FOLLOWING)
        return PHASE_CUTTING_OVER;
    if (capture->phase == CAPTURE_FULL_SYNC || capture->phase == CAPTURE_CHANGE_OVER)
        return PHASE_SNAPSHOT;
    if (atomic_load(&job->progress.replay.in_journal) || (job->args->serves && any))
        return PHASE_FOLLOWING;
    return any && capture->phase == CAPTURE_STABLE ? PHASE_LOADING : PHASE_CONNECTING;
}

static void fill_phase(const struct job *job, const struct capture_progress *capture,
                       struct status *s)
{
    static const char *const into_target[] = {"connecting", "receiving the snapshot", "loading it",
                                              "following",  "cutting over",           "done",
                                              NULL};
    static const char *const serving[] = {
        "connecting", "receiving the snapshot", "serving", "cutting over", "done", NULL};
    enum phase phase = phase_of(job, capture, s->generation != 0);

    if (job->args->serves)
        status_fill_phases(s, serving, phase > PHASE_LOADING ? (size_t)phase - 1 : (size_t)phase);
    else
        status_fill_phases(s, into_target, phase);
    if (phase == PHASE_LOADING)
        status_fill_read(s, &job->progress.replay.read);
}

static void fill(void *context, struct status *s)
{
    struct job *job = context;
    enum cutover_state cutover = (enum cutover_state)atomic_load(&job->progress.cutover);
    struct capture_progress capture;

    pthread_mutex_lock(&job->progress.mu);
    capture = job->progress.capture;
    pthread_mutex_unlock(&job->progress.mu);
    status_fill_directory(s, job->args->run.capture.directory);
    (void)uri_address(&job->args->source.uri, s->source); /* both always fit */
    (void)uri_address(job->args->serves ? &job->args->service.run.listen : &job->args->target.uri,
                      s->target);
    status_fill_capture(s, &capture);
    if (job->args->serves)
        status_fill_serve(s, &job->progress.serve);
    else
        status_fill_replay(s, &job->progress.replay);
    status_fill_flows(s, job->args->run.live, LIVE_APPLIED);
    status_fill_losses(s, &job->losses);
    fill_phase(job, &capture, s);
    s->in_directory = s->generation != 0;
    s->cutover = cutover_state_name(cutover);
    s->may_begin =
        cutover == CUTOVER_FOLLOWING && s->generation != 0 && !job->args->run.snapshot_only;
    s->may_confirm = cutover == CUTOVER_HOLDING;
}

/* What a page asks for is looked at by the sync when it has time. */
static bool control(void *context, const char *request)
{
    struct job *job = context;
    enum cutover_state state = (enum cutover_state)atomic_load(&job->progress.cutover);
    bool known = strcmp(request, "confirm") == 0 || strcmp(request, "begin default") == 0;

    for (int i = 0; !known && cutover_mode_names[i] != NULL; i++)
        known = strcmp(request + strlen("begin "), cutover_mode_names[i]) == 0;
    if (!known || job->args->run.snapshot_only ||
        state != (strcmp(request, "confirm") == 0 ? CUTOVER_HOLDING : CUTOVER_FOLLOWING))
        return false;
    return sync_control_post(&job->control, request);
}

static int begin_status(struct job *job)
{
    const struct status_service_options o = {.file_name = COMMAND,
                                             .fill = fill,
                                             .control = control,
                                             .on_trouble = on_note,
                                             .context = job};

    return status_start(&job->service, COMMAND, &job->args->status, &o, job->args->output.quiet,
                        &job->err);
}

/* The run continues; those who asked for the cut-over are told. */
static void on_outcome(void *context, enum sync_ended ended, const struct ft_err *cause)
{
    struct job *job = context;
    enum exit_status status = cause == NULL ? EXIT_EARLY : exit_status_of(cause);
    json_t *json =
        json_pack("{s:s, s:i, s:o}", "ended", sync_ended_name(ended), "status", (int)status,
                  "error", json_from_message(cause == NULL ? NULL : cause->msg));
    char *text = json == NULL ? NULL : json_dumps(json, JSON_INDENT(2) | JSON_SORT_KEYS);

    sync_control_answer(&job->control, (int)status, text == NULL ? "{}" : text);
    free(text);
    json_decref(json);
}

static enum exit_status status_of(const struct job *job)
{
    if (job->result.proof.done && !copy_checked_is_equal(&job->result.proof))
        return EXIT_FINDINGS;
    switch (job->result.ended) {
    case SYNC_SNAPSHOT:
        return job->result.replay.suspects.count == 0 ? EXIT_DONE : EXIT_FINDINGS;
    case SYNC_CUT_OVER:
        if (job->failed)
            break;
        return job->result.checked.unread == 0 ? EXIT_DONE : EXIT_FINDINGS;
    case SYNC_STOPPED:
    case SYNC_NOT_CONFIRMED:
    case SYNC_FULL:
        return EXIT_EARLY;
    case SYNC_SOURCE_GONE:
    case SYNC_FAILED:
        break;
    }
    return exit_status_of(&job->err);
}

static enum exit_status report(struct job *job, enum exit_status status)
{
    const struct output_args *o = &job->args->output;
    const char *why = job->failed ? job->err.msg : NULL;
    json_t *json = sync_to_json(&job->result, &job->losses, why, (int)status);
    char *text;

    if (json != NULL && job->args->check.wanted)
        json_object_set_new(json, "check",
                            check_to_json(&job->result.proof, job->args->run.capture.directory));
    if (json != NULL && job->args->serves) {
        json_object_set_new(
            json, "serve",
            serve_to_json(&job->args->service.run, &job->result.serve, &job->progress.serve));
        (void)json_object_del(json, "replay"); /* it is there */
    }
    if (json != NULL)
        json_object_set_new(json, "flows", sync_flows_to_json(job->args->run.live));
    text = json == NULL ? NULL : json_dumps(json, JSON_INDENT(2) | JSON_SORT_KEYS);
    sync_control_answer(&job->control, (int)status, text == NULL ? "{}" : text);
    free(text);
    if (output_has_summary(o) && job->result.serve.replication_id[0] != '\0')
        serve_print(&job->args->service.run, &job->result.serve, &job->progress.serve);
    if (output_has_summary(o) && job->result.capture.sessions != 0)
        sync_print(&job->result, &job->losses);
    if (output_has_summary(o))
        check_print(&job->result.proof, job->args->run.capture.directory);
    if (o->json || o->report != NULL)
        return report_write(COMMAND, json, &job->result.replay.suspects, o->report, o->json,
                            status);
    json_decref(json);
    return status;
}

/* Of a cluster, all of it. */
static int take_nodes(struct job *job)
{
    struct sync_options *run = &job->args->run;
    struct server_args *source = &job->args->source;

    if (job->args->cluster && capture_nodes_find(source, run->cancel_fd, &job->err) != 0)
        return -1;
    if (job->args->cluster || source->node_count > 1) {
        if (cluster_nodes_place(&source->nodes, &source->node_count, run->capture.directory,
                                run->cancel_fd, &job->err) != 0)
            return -1;
        run->nodes = source->nodes;
        run->node_count = source->node_count;
    }
    return 0;
}

static enum exit_status sync_job(struct job *job)
{
    struct sync_options *run = &job->args->run;
    enum exit_status status;

    if (stop_catch_signals(&run->cancel_fd, &job->err) != 0 ||
        stop_catch_told(&run->told_fd, &job->err) != 0 ||
        live_flows_new(&run->live, job->args->eager, &job->err) != 0)
        return ui_fail(COMMAND, &job->err);
    if (take_nodes(job) != 0 || begin_status(job) != 0) {
        live_flows_free(run->live);
        return ui_fail(COMMAND, &job->err);
    }
    run->control = &job->control;
    run->enter_fd = isatty(STDIN_FILENO) == 1 ? STDIN_FILENO : -1;
    run->on_note = on_note;
    run->on_outcome = on_outcome;
    run->context = job;
    job->result.ended = SYNC_FAILED;
    notify_watch(&job->progress.beats);
    job->failed =
        work_run(COMMAND, job->args->output.quiet, run_job, show_progress, job, &job->err) != 0;
    status_service_end(job->service, sync_ended_name(job->result.ended),
                       job->failed ? job->err.msg : NULL);
    status = status_of(job);
    if (job->failed)
        (void)ui_fail(COMMAND, &job->err);
    status = report(job, status);
    sync_result_release(&job->result);
    live_flows_free(run->live);
    return status;
}

static int run_rehearsal(void *context, struct ft_err *err)
{
    struct job *job = context;

    return sync_rehearse(&job->rehearsal, &job->args->run, err);
}

static void show_rehearsal(struct progress *p, void *context)
{
    (void)context;
    progress_show(p, "looking at the source and the target, nothing is written");
}

static enum exit_status rehearse(struct sync_args *a)
{
    struct job job = {.args = a, .err = FT_ERR_INIT};
    char source[URI_ADDRESS_SIZE];
    char target[URI_ADDRESS_SIZE];
    char what[2 * URI_ADDRESS_SIZE + 8];
    enum exit_status status;

    if (stop_catch_signals(&a->run.cancel_fd, &job.err) != 0)
        return ui_fail(COMMAND, &job.err);
    loss_init(&job.losses); /* none are known before there is a capture */
    (void)snprintf(what, sizeof(what), "%s into %s", uri_address(&a->source.uri, source),
                   uri_address(&a->target.uri, target)); /* fits */
    if (work_run(COMMAND, a->output.quiet, run_rehearsal, show_rehearsal, &job, &job.err) != 0)
        status = ui_fail(COMMAND, &job.err);
    else
        status = rehearsal_show(COMMAND, what, &job.rehearsal, &job.losses, &a->output);
    loss_release(&job.losses);
    return ui_flush(COMMAND, status);
}

static enum exit_status sync_all(struct sync_args *a)
{
    struct job job = {.args = a, .err = FT_ERR_INIT};
    enum exit_status status;

    (void)pthread_mutex_init(&job.progress.mu, NULL); /* default attributes: cannot fail on Linux */
    sync_control_init(&job.control);
    loss_init(&job.losses);
    status = sync_job(&job);
    loss_release(&job.losses);
    sync_control_release(&job.control);
    (void)pthread_mutex_destroy(&job.progress.mu); /* nobody holds it any more */
    return ui_flush(COMMAND, status);
}

int cmd_sync(int argc, char **argv)
{
    struct ft_err err = FT_ERR_INIT;
    enum exit_status status;
    struct sync_args a;

    if (sync_args_parse(&a, argc, argv, &err) != 0)
        status = ui_args_fail(COMMAND, &err);
    else if (a.output.help)
        status = ui_help(COMMAND, sync_args_help);
    else {
        tls_args_note(COMMAND, &a.source.uri, &a.source.tls);
        tls_args_note(COMMAND, &a.target.uri, &a.target.tls);
        status = a.run.replay.dry_run ? rehearse(&a) : sync_all(&a);
    }
    sync_args_release(&a);
    return (int)status;
}
