#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fsutil.h"
#include "base/parse.h"
#include "cmd/commands.h"
#include "cmd/replay_args.h"
#include "cmd/replay_print.h"
#include "cmd/ui.h"

#define COMMAND "replay"

/* A replay on its own thread, so that this one can show progress. */
struct job {
    struct replay_args *args;
    struct replay_progress progress;
    struct replay_result result;
    struct loss_report losses;
    struct ft_err err;
    atomic_bool done;
};

/* Set before the handler is; -1 once the first signal has been seen. */
static volatile int stop_fd = -1;

static void on_stop_signal(int number)
{
    const uint64_t one = 1;
    int fd = stop_fd;

    (void)number;
    if (fd < 0 || write(fd, &one, sizeof(one)) < 0)
        _exit(EXIT_EARLY); /* the next start goes on from the target's position */
    stop_fd = -1;
}

static int catch_signals(int *ret_fd, struct ft_err *err)
{
    struct sigaction stop = {.sa_handler = on_stop_signal, .sa_flags = SA_RESTART};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (fd < 0)
        return err_errno(err, errno, "could not make an eventfd");
    stop_fd = fd;
    *ret_fd = fd;
    if (sigaction(SIGINT, &stop, NULL) != 0 || sigaction(SIGTERM, &stop, NULL) != 0 ||
        sigaction(SIGPIPE, &ignore, NULL) != 0)
        return err_errno(err, errno, "could not set up signals");
    return 0;
}

static void *job_main(void *arg)
{
    struct job *job = arg;

    (void)replay_run(&job->args->run, &job->progress, &job->losses, &job->result,
                     &job->err); /* job->err says */
    atomic_store(&job->done, true);
    return NULL;
}

static void on_note(void *context, const char *text)
{
    const struct replay_args *a = context;

    if (!a->quiet)
        ui_note(COMMAND, "%s", text);
}

static void show_progress(struct progress *p, struct job *job)
{
    uint64_t keys = atomic_load(&job->progress.keys);
    uint64_t records = atomic_load(&job->progress.records);
    uint64_t bytes = atomic_load(&job->progress.bytes);
    uint64_t ms = clock_mono_ms() - p->began_ms;
    char size[FORMAT_SIZE];
    char rate[FORMAT_SIZE];

    progress_show(p,
                  "%s: %" PRIu64 " keys, %" PRIu64 " records, %s, %s/s, lag %" PRIu64
                  " records, %" PRIu64 " retries",
                  atomic_load(&job->progress.in_journal) ? "journal" : "snapshot", keys, records,
                  format_size(bytes, size), format_size(ms == 0 ? 0 : bytes * 1000 / ms, rate),
                  (uint64_t)atomic_load(&job->progress.lag),
                  (uint64_t)atomic_load(&job->progress.retries));
}

static int run_job(struct job *job)
{
    const struct timespec moment = {.tv_nsec = 10 * 1000 * 1000};
    struct progress p;
    pthread_t thread;
    int rc;

    progress_init(&p, job->args->quiet);
    rc = pthread_create(&thread, NULL, job_main, job);
    if (rc != 0)
        return err_errno(&job->err, rc, "could not start a thread");
    while (!atomic_load(&job->done)) {
        (void)nanosleep(&moment, NULL); /* a shorter one does no harm */
        if (progress_due(&p))
            show_progress(&p, job);
    }
    (void)pthread_join(thread, NULL); /* started, and joined only here */
    progress_clear(&p);
    return job->err.kind == FT_ERR_NONE ? 0 : -1;
}

static enum exit_status write_report(const struct replay_args *a, const struct job *job,
                                     enum exit_status status)
{
    json_t *json = replay_to_json(&job->result, &job->losses);
    char *text = json == NULL ? NULL : json_dumps(json, JSON_INDENT(2) | JSON_SORT_KEYS);
    struct ft_err err = FT_ERR_INIT;

    json_decref(json);
    if (text == NULL)
        (void)err_nomem(&err, "the report");
    else if (a->report != NULL)
        (void)fs_replace_file(AT_FDCWD, a->report, bytes_str(text), &err);
    if (text != NULL && a->json)
        puts(text);
    free(text);
    return err.kind == FT_ERR_NONE ? status : ui_fail(COMMAND, &err);
}

static enum exit_status replay(struct replay_args *a)
{
    struct job job = {.args = a, .err = FT_ERR_INIT};
    enum exit_status status = EXIT_DONE;

    if (catch_signals(&a->run.cancel_fd, &job.err) != 0)
        return ui_fail(COMMAND, &job.err);
    a->run.on_note = on_note;
    a->run.context = a;
    loss_init(&job.losses);
    if (run_job(&job) != 0)
        status = ui_fail(COMMAND, &job.err);
    if (!a->quiet && !a->json && !a->run.forget && job.result.target_version != 0)
        replay_print(&job.result, &job.losses);
    if (a->json || a->report != NULL)
        status = write_report(a, &job, status);
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
        status = ui_usage(COMMAND, "%s", err.msg);
    else if (a.help)
        status = fputs(replay_help, stdout) < 0 ? EXIT_FAILED : ui_flush(COMMAND, EXIT_DONE);
    else
        status = replay(&a);
    replay_args_release(&a);
    return (int)status;
}
