#include "cmd/cmd_replay.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/crc32c.h"
#include "base/parse.h"
#include "cmd/check_print.h"
#include "cmd/rehearsal_print.h"
#include "cmd/replay_args.h"
#include "cmd/replay_print.h"
#include "cmd/report.h"
#include "cmd/status_fill.h"
#include "cmd/stop.h"

#define COMMAND "replay"

/* A replay on its own thread, so that this one can show progress. */
struct job {
    struct replay_args *args;
    struct replay_progress progress;
    struct replay_result result;
    struct replay_rehearsal rehearsal; /* of a dry run */
    struct copy_checked checked;       /* by --check */
    struct diff_progress check_progress;
    atomic_bool checking;
    struct loss_report losses;
    struct status_service *service;
};

static struct replicate_options via_options(const struct replay_args *a)
{
    return (struct replicate_options){
        .replay = &a->run,
        .listen = a->via.listens ? &a->via.listen : NULL,
        .announce = a->via.announces ? &a->via.announce : NULL,
        .redis_server = a->via.redis_server,
    };
}

/* The target stands still: nothing has to be read before. */
static int check(struct job *job, struct ft_err *err)
{
    const struct replay_options *run = &job->args->run;
    const struct copy_check_options options = {.input = run->input,
                                               .generation = run->generation,
                                               .target = run->target,
                                               .filter = &run->filter,
                                               .map = &run->map,
                                               .ttl = run->ttl,
                                               .json_as = run->json_as,
                                               .rate_keys = run->rate_keys,
                                               .sample = job->args->check.sample,
                                               .redis_server = job->args->check.redis_server,
                                               .cancel_fd = run->cancel_fd};
    struct copy_check *c;
    int rc;

    atomic_store(&job->checking, true);
    if (copy_check_new(&c, &options, err) != 0)
        return -1;
    rc = copy_check_begin(c, run->at, &job->check_progress, err);
    if (rc == 0)
        rc = copy_check_end(c, run->at, NULL, &job->checked, err);
    copy_check_free(c);
    return rc;
}

static int run_job(void *context, struct ft_err *err)
{
    struct job *job = context;
    const struct replay_options *run = &job->args->run;
    const struct replicate_options via = via_options(job->args);
    bool replication = job->args->via.replication;
    int rc;

    if (run->dry_run)
        return replication ? replicate_rehearse(&job->rehearsal, &via, &job->losses, err)
                           : replay_rehearse(&job->rehearsal, run, &job->losses, err);
    rc = replication ? replicate_run(&via, &job->progress, &job->losses, &job->result, err)
                     : replay_run(run, &job->progress, &job->losses, &job->result, err);
    if (rc != 0)
        return -1;
    return job->args->check.wanted ? check(job, err) : 0;
}

static void on_note(void *context, const char *text)
{
    const struct job *job = context;

    status_service_note(job->service, text);
    if (!job->args->output.quiet)
        ui_note(COMMAND, "%s", text);
}

static void show_progress(struct progress *p, void *context)
{
    struct job *job = context;

    if (atomic_load(&job->checking)) {
        check_show(p, &job->check_progress);
        return;
    }
    progress_add_read(p, &job->progress.read);
    replay_progress_add(p, &job->progress, true);
    progress_draw(p);
}

static void fill(void *context, struct status *s)
{
    static const char *const phases[] = {"opening", "snapshot", "journal", "comparing", NULL};
    struct job *job = context;
    bool is_open = atomic_load(&job->progress.read.phase) != NULL;
    struct stat st;

    status_fill_phases(s, phases,
                       atomic_load(&job->checking)              ? 3
                       : atomic_load(&job->progress.in_journal) ? 2
                                                                : is_open);
    if (stat(job->args->run.input, &st) == 0 && S_ISDIR(st.st_mode)) {
        status_fill_directory(s, job->args->run.input);
        s->in_directory = is_open;
    }
    (void)snprintf(s->source, sizeof(s->source), "%s", job->args->run.input); /* for people */
    (void)uri_address(&job->args->target.uri, s->target);                     /* always fits */
    status_fill_replay(s, &job->progress);
    status_fill_read(s, &job->progress.read);
    status_fill_flows(s, job->args->run.told, LIVE_APPLIED);
    status_fill_losses(s, &job->losses);
}

/* Several replays of a capture, into several targets, have a file each. */
static int begin_status(struct job *job, struct ft_err *err)
{
    struct status_service_options o = {.fill = fill, .on_trouble = on_note, .context = job};
    char target[URI_ADDRESS_SIZE];
    char name[40];

    (void)uri_address(&job->args->target.uri, target); /* always fits */
    (void)snprintf(name, sizeof(name), COMMAND "-%08x",
                   crc32c(0, target, strlen(target))); /* fits */
    o.file_name = name;
    return status_start(&job->service, COMMAND, &job->args->status, &o, job->args->output.quiet,
                        err);
}

static const char *ended_name(const struct job *job, bool failed, bool stopped)
{
    if (failed)
        return stopped ? "stopped" : "failed";
    return job->result.complete ? "complete" : "ended";
}

/* A run that failed before it did anything has nothing to sum up; one that was stopped says so. */
static bool worth_showing(const struct replay_result *r, bool stopped)
{
    return r->target_version != 0 &&
           (r->complete || r->resumed || stopped ||
            r->keys + r->keys_not_done + r->records + r->deleted + r->in_sync != 0);
}

static void show_rehearsal(struct progress *p, void *context)
{
    (void)context;
    progress_show(p, "reading the input, nothing is written");
}

static enum exit_status rehearse(struct replay_args *a)
{
    struct job job = {.args = a};
    struct ft_err err = FT_ERR_INIT;
    char target[URI_ADDRESS_SIZE];
    char what[PATH_MAX + URI_ADDRESS_SIZE + 8];
    enum exit_status status;

    if (stop_catch_signals(&a->run.cancel_fd, &err) != 0)
        return ui_fail(COMMAND, &err);
    loss_init(&job.losses);
    (void)snprintf(what, sizeof(what), "%s into %s", a->run.input,
                   uri_address(&a->target.uri, target)); /* a longer one is cut */
    if (work_run(COMMAND, a->output.quiet, run_job, show_rehearsal, &job, &err) != 0)
        status = ui_fail(COMMAND, &err);
    else
        status = rehearsal_show(COMMAND, what, &job.rehearsal, &job.losses, &a->output);
    loss_release(&job.losses);
    return ui_flush(COMMAND, status);
}

static json_t *report_to_json(const struct job *job)
{
    json_t *json = replay_to_json(&job->result, &job->losses);

    if (json != NULL && job->args->check.wanted)
        json_object_set_new(json, "check", check_to_json(&job->checked, job->args->run.input));
    return json;
}

static enum exit_status replay(struct replay_args *a)
{
    struct job job = {.args = a};
    struct ft_err err = FT_ERR_INIT;
    bool stopped = false;
    bool failed;
    enum exit_status status = EXIT_DONE;

    if (stop_catch_signals(&a->run.cancel_fd, &err) != 0 ||
        live_flows_new(&a->run.told, false, &err) != 0)
        return ui_fail(COMMAND, &err);
    a->run.on_note = on_note;
    a->run.context = &job;
    loss_init(&job.losses);
    copy_checked_init(&job.checked);
    failed = begin_status(&job, &err) != 0 ||
             work_run(COMMAND, a->output.quiet, run_job, show_progress, &job, &err) != 0;
    status_service_end(job.service, ended_name(&job, failed, err.kind == FT_ERR_CANCELLED),
                       failed ? err.msg : NULL);
    live_flows_free(a->run.told);
    if (failed) {
        stopped = err.kind == FT_ERR_CANCELLED;
        status = ui_fail(COMMAND, &err);
    } else if (a->check.wanted && !copy_checked_is_equal(&job.checked)) {
        status = EXIT_FINDINGS;
    }
    if (output_has_summary(&a->output) && a->run.forget && status == EXIT_DONE)
        ui_note(COMMAND, "the target holds no position any more");
    else if (output_has_summary(&a->output) && worth_showing(&job.result, stopped))
        replay_print(&job.result, &job.losses);
    if (output_has_summary(&a->output))
        check_print(&job.checked, a->run.input);
    if (a->output.json || a->output.report != NULL)
        status = report_write(COMMAND, report_to_json(&job), &job.result.suspects, a->output.report,
                              a->output.json, status);
    copy_checked_release(&job.checked);
    replay_result_release(&job.result);
    loss_release(&job.losses);
    return ui_flush(COMMAND, status);
}

int cmd_replay(int argc, char **argv)
{
    struct ft_err err = FT_ERR_INIT;
    enum exit_status status;
    struct replay_args a;

    if (replay_args_parse(&a, argc, argv, &err) != 0)
        status = ui_args_fail(COMMAND, &err);
    else if (a.output.help)
        status = ui_help(COMMAND, replay_args_help);
    else {
        tls_args_note(COMMAND, &a.target.uri, &a.target.tls);
        status = a.run.dry_run ? rehearse(&a) : replay(&a);
    }
    replay_args_release(&a);
    return (int)status;
}
