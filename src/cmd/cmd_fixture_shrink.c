#include "cmd/cmd_fixture_shrink.h"

#include <inttypes.h>

#include "base/parse.h"
#include "cmd/common_args.h"
#include "cmd/json_value.h"
#include "cmd/stop.h"
#include "fixture/shrink.h"

#define COMMAND "fixture shrink"

#define DEFAULT_TRIES      2000
#define DEFAULT_TIME_MS    (UINT64_C(3600) * 1000)
#define DEFAULT_TIMEOUT_MS (UINT64_C(60) * 1000)

struct shrink_args {
    struct shrink_options shrink;
    struct output_args output;
};

static const char about[] =
    "Usage: flowtape fixture shrink INPUT DIR --while 'COMMAND' [OPTION...]\n"
    "\n"
    "Finds the smallest capture for which COMMAND still succeeds, and makes it the\n"
    "capture directory DIR: for example one that shows a fault. The shell runs\n"
    "COMMAND, with the directory of a capture for each {}; exit status 0 is success.\n"
    "A search that was interrupted resumes.\n";

static int take_tries(void *into, const char *value, struct ft_err *err)
{
    return parse_u64(value, &((struct shrink_args *)into)->shrink.tries, err);
}

static int take_time(void *into, const char *value, struct ft_err *err)
{
    return parse_duration(value, &((struct shrink_args *)into)->shrink.time_ms, err);
}

static int take_timeout(void *into, const char *value, struct ft_err *err)
{
    return parse_duration(value, &((struct shrink_args *)into)->shrink.timeout_ms, err);
}

static const struct arg shrink_args[] = {
    {"while", "COMMAND", "succeeds for the input, and for what is to be found",
     offsetof(struct shrink_args, shrink.command), NULL},
    {"tries", "N", "so many runs of COMMAND at most (default 2000)", 0, take_tries},
    {"time", "TIME", "no run begins after so long (default 1h)", 0, take_time},
    {"timeout", "TIME", "one that takes longer has failed (default 1m; 0: never)", 0, take_timeout},
    {"verbose", NULL, "show what COMMAND prints (also -v)",
     offsetof(struct shrink_args, shrink.verbose), NULL},
};

#define GROUP_COUNT 3
#define OPERANDS    "INPUT and DIR"

static void list_groups(struct shrink_args *a, struct arg_group groups[GROUP_COUNT])
{
    groups[0] = (struct arg_group)ARG_GROUP("The search", shrink_args, a);
    groups[1] = args_max_item();
    groups[2] = args_output(&a->output);
}

int cmd_fixture_shrink_help(struct arg_view *view)
{
    struct arg_group groups[GROUP_COUNT];
    struct shrink_args nothing;

    list_groups(&nothing, groups);
    return args_show(view, about, OPERANDS, groups, GROUP_COUNT);
}

static int parse(struct shrink_args *ret, int argc, char **argv, struct ft_err *err)
{
    struct arg_group groups[GROUP_COUNT];
    char **operands;

    *ret = (struct shrink_args){.shrink = {.tries = DEFAULT_TRIES,
                                           .time_ms = DEFAULT_TIME_MS,
                                           .timeout_ms = DEFAULT_TIMEOUT_MS,
                                           .cancel_fd = -1}};
    list_groups(ret, groups);
    if (args_parse_operands(groups, GROUP_COUNT, argc, argv, 2, OPERANDS, &ret->output.help,
                            &operands, err) != 0)
        return -1;
    if (operands == NULL)
        return 0;
    ret->shrink.input = operands[0];
    ret->shrink.directory = operands[1];
    return ret->shrink.command != NULL ? 0 : err_set(err, FT_ERR_USAGE, "--while is missing");
}

struct job {
    const struct shrink_options *options;
    struct shrink_progress progress;
    struct shrink_result result;
};

static int run_job(void *context, struct ft_err *err)
{
    struct job *job = context;

    return shrink_run(job->options, &job->result, err);
}

static void show_progress(struct progress *p, void *context)
{
    struct shrink_progress *now = &((struct job *)context)->progress;

    progress_show(p, "try %" PRIu64 ", %" PRIu64 " %s left", (uint64_t)atomic_load(&now->tries),
                  (uint64_t)atomic_load(&now->units),
                  shrink_stage_name((enum shrink_stage)atomic_load(&now->stage)));
}

static json_t *result_to_json(const struct job *job)
{
    const struct shrink_result *r = &job->result;

    return json_pack("{s:o, s:o, s:b, s:b, s:I, s:I, s:I, s:I, s:I}", "input",
                     json_from_text(job->options->input), "directory",
                     json_from_text(job->options->directory), "resumed", (int)r->resumed, "minimal",
                     (int)r->minimal, "tries", (json_int_t)r->tries, "smaller",
                     (json_int_t)r->smaller, "keys", (json_int_t)r->keys, "entries",
                     (json_int_t)r->entries, "records", (json_int_t)r->records);
}

static enum exit_status report(const struct job *job, const struct output_args *output)
{
    const struct shrink_result *r = &job->result;
    struct ft_err err = FT_ERR_INIT;

    if (output->json)
        return json_print(result_to_json(job), &err) == 0 ? EXIT_DONE : ui_fail(COMMAND, &err);
    if (output->quiet)
        return EXIT_DONE;
    printf("%s: %" PRIu64 " key%s, %" PRIu64 " %s in the snapshot, %" PRIu64
           " record%s, after %" PRIu64 " %s\n",
           job->options->directory, r->keys, plural(r->keys), r->entries,
           r->entries == 1 ? "entry" : "entries", r->records, plural(r->records), r->tries,
           r->tries == 1 ? "try" : "tries");
    if (!r->minimal)
        ui_note(COMMAND, "--tries or --time ended the search: something smaller may be found");
    return EXIT_DONE;
}

static enum exit_status shrink(struct shrink_args *a)
{
    struct job job = {.options = &a->shrink};
    struct ft_err err = FT_ERR_INIT;

    a->shrink.progress = &job.progress;
    if (stop_catch_signals(&a->shrink.cancel_fd, &err) != 0 ||
        work_run(COMMAND, a->output.quiet, run_job, show_progress, &job, &err) != 0)
        return ui_fail(COMMAND, &err);
    return ui_flush(COMMAND, report(&job, &a->output));
}

int cmd_fixture_shrink(int argc, char **argv)
{
    struct ft_err err = FT_ERR_INIT;
    struct shrink_args a;

    if (parse(&a, argc, argv, &err) != 0)
        return (int)ui_args_fail(COMMAND, &err);
    if (a.output.help)
        return (int)ui_help(COMMAND, cmd_fixture_shrink_help);
    return (int)shrink(&a);
}
