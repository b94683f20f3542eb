#include "cmd/cmd_diff.h"

#include "base/output_file.h"
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

/* The side of which less is done decides; its size may not be known. */
static void add_share(struct progress *p, const struct job *job)
{
    int slower = DIFF_A;
    double least = 2;

    for (int of = DIFF_A; of <= DIFF_B; of++) {
        uint64_t total = atomic_load(&job->progress.total[of]);
        double part = total == 0 ? 0 : (double)atomic_load(&job->progress.done[of]) / (double)total;

        slower = part < least ? of : slower;
        least = part < least ? part : least;
    }
    progress_add_share(p, "reading", atomic_load(&job->progress.done[slower]),
                       atomic_load(&job->progress.total[slower]), false);
}

static void show_progress(struct progress *p, void *context)
{
    struct job *job = context;
    unsigned round = (unsigned)atomic_load(&job->progress.round);
    uint64_t a = atomic_load(&job->progress.keys[DIFF_A]);
    uint64_t b = atomic_load(&job->progress.keys[DIFF_B]);

    if (round != 0) {
        progress_add(p, "round %u", round);
        progress_add_count(p, atomic_load(&job->progress.suspects), "keys to read again");
    } else {
        add_share(p, job);
        progress_add_rate(p, PROGRESS_KEYS, a + b, "keys");
        progress_add_count(p, a, "keys of A");
        progress_add_count(p, b, "of B");
    }
    progress_draw(p);
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
    if (work_run(COMMAND, a->output.quiet, run_job, show_progress, &job, &err) != 0) {
        status = ui_fail(COMMAND, &err);
    } else {
        status = diff_is_equal(&job.result) ? EXIT_DONE : EXIT_FINDINGS;
        if (output_has_summary(&a->output))
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
    else {
        tls_args_note(COMMAND, &a.server[DIFF_A].uri, &a.server[DIFF_A].tls);
        tls_args_note(COMMAND, &a.server[DIFF_B].uri, &a.server[DIFF_B].tls);
        status = diff(&a);
    }
    diff_args_release(&a);
    return (int)status;
}
