#include "cmd/cmd_diff.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/output_file.h"
#include "base/parse.h"
#include "cmd/diff_print.h"
#include "cmd/report.h"
#include "cmd/stop.h"

#define COMMAND "diff"

/* A comparison on its own thread, so that this one can show progress. */
struct job {
    const struct diff_args *args;
    struct diff_options options;
    struct diff_progress progress;
    struct diff_result result;
    struct diff_examples examples;
    struct loss_report losses;
    struct output_file keys_to;
    struct buf line;
};

static int take_found(void *context, const struct diff_found *found, struct ft_err *err)
{
    struct job *job = context;

    if (diff_examples_add(&job->examples, found, err) != 0)
        return -1;
    if (job->args->keys_to == NULL || found->function)
        return 0;
    buf_clear(&job->line);
    if (diff_key_line(&job->line, found, err) != 0)
        return -1;
    return output_file_write(&job->keys_to, buf_bytes(&job->line), err);
}

static int run_job(void *context, struct ft_err *err)
{
    struct job *job = context;
    const char *keys_to = job->args->keys_to;

    if (keys_to != NULL && output_file_open(&job->keys_to, keys_to, err) != 0)
        return -1;
    if (diff_run(&job->options, &job->progress, &job->losses, &job->result, err) != 0)
        return -1;
    return keys_to == NULL ? 0 : output_file_finish(&job->keys_to, err);
}

/* "42 %, 1m 03s left" of the side that has more before it; nothing where the size of a side is not known, or it is read and its
 * journal is being applied. */
static void format_left(const struct job *job, const struct progress *p, char out[2 * FORMAT_SIZE])
{
    uint64_t ms = clock_mono_ms() - p->began_ms;
    double least = 1;
    char left[FORMAT_SIZE];

    out[0] = '\0';
    for (int of = DIFF_A; of <= DIFF_B; of++) {
        uint64_t total = atomic_load(&job->progress.total[of]);
        uint64_t done = atomic_load(&job->progress.done[of]);
        double part = total == 0 ? 0 : (double)done / (double)total;

        least = part < least ? part : least;
    }
    if (least <= 0 || least >= 1)
        return;
    (void)snprintf(out, 2 * FORMAT_SIZE, ", %.0f %%, %s left", 100 * least,
                   format_duration_ms((uint64_t)((double)ms * (1 - least) / least), left));
}

static void show_progress(struct progress *p, void *context)
{
    struct job *job = context;
    unsigned round = (unsigned)atomic_load(&job->progress.round);
    uint64_t a = atomic_load(&job->progress.keys[DIFF_A]);
    uint64_t b = atomic_load(&job->progress.keys[DIFF_B]);
    uint64_t ms = clock_mono_ms() - p->began_ms;
    char left[2 * FORMAT_SIZE];

    if (round != 0) {
        progress_show(p, "round %u: %" PRIu64 " keys that differed are read again", round,
                      (uint64_t)atomic_load(&job->progress.suspects));
        return;
    }
    format_left(job, p, left);
    progress_show(p, "%" PRIu64 " keys of A, %" PRIu64 " of B, %" PRIu64 " keys/s%s", a, b,
                  ms == 0 ? 0 : (a + b) * 1000 / ms, left);
}

static enum exit_status diff(const struct diff_args *a)
{
    struct job job = {.args = a, .options = a->run, .examples = {.max = a->run.show}};
    struct ft_err err = FT_ERR_INIT;
    enum exit_status status = EXIT_DONE;

    if (stop_catch_signals(&job.options.cancel_fd, &err) != 0)
        return ui_fail(COMMAND, &err);
    job.options.on_found = take_found;
    job.options.context = &job;
    loss_init(&job.losses);
    if (work_run(a->output.quiet, run_job, show_progress, &job, &err) != 0) {
        status = ui_fail(COMMAND, &err);
    } else {
        status = diff_is_equal(&job.result) ? EXIT_DONE : EXIT_FINDINGS;
        if (!a->output.json && !a->output.quiet)
            diff_print(&a->run, &job.result, &job.examples, &job.losses);
        if (a->output.json)
            status = report_write(COMMAND,
                                  diff_to_json(&a->run, &job.result, &job.examples, &job.losses),
                                  NULL, NULL, true, status);
    }
    output_file_release(&job.keys_to);
    diff_examples_release(&job.examples);
    loss_release(&job.losses);
    buf_release(&job.line);
    return ui_flush(COMMAND, status);
}

int cmd_diff(int argc, char **argv)
{
    struct ft_err err = FT_ERR_INIT;
    enum exit_status status;
    struct diff_args a;

    if (diff_args_parse(&a, argc, argv, &err) != 0)
        status = ui_args_fail(COMMAND, &err);
    else if (a.output.help)
        status = ui_help(COMMAND, diff_args_help);
    else
        status = diff(&a);
    diff_args_release(&a);
    return (int)status;
}
