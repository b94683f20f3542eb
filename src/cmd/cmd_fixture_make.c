#include "cmd/cmd_fixture_make.h"

#include <fcntl.h>
#include <inttypes.h>

#include "base/fsutil.h"
#include "cmd/common_args.h"
#include "cmd/json_value.h"
#include "cmd/stop.h"
#include "fixture/scenario.h"

#define COMMAND "fixture make"
/* It is held in memory. */
#define SCENARIO_MAX_BYTES ((size_t)1 << 30)

struct make_args {
    struct scenario_options make;
    struct output_args output;
};

static const char about[] =
    "Usage: flowtape fixture make SCENARIO DIR [OPTION...]\n"
    "\n"
    "Makes the capture directory DIR of the text SCENARIO: commands as one types them in redis-cli,\n"
    "and directives, which flowtape-fixture(1) describes. The same text gives the same bytes.\n";

static const struct arg engine_args[] = {
    {"redis-server", "PATH",
     "the redis-server, 7.0 or later, that executes the commands\n"
     "(default: redis-server)",
     offsetof(struct make_args, make.redis_server), NULL},
};

#define GROUP_COUNT 2

static void list_groups(struct make_args *a, struct arg_group groups[GROUP_COUNT])
{
    groups[0] = (struct arg_group)ARG_GROUP("How", engine_args, a);
    groups[1] = args_output(&a->output);
}

int cmd_fixture_make_help(FILE *out)
{
    struct arg_group groups[GROUP_COUNT];
    struct make_args nothing;

    list_groups(&nothing, groups);
    return args_help(out, about, groups, GROUP_COUNT);
}

static int parse(struct make_args *ret, int argc, char **argv, struct ft_err *err)
{
    struct arg_group groups[GROUP_COUNT];
    int first;

    *ret = (struct make_args){.make = {.redis_server = "redis-server", .cancel_fd = -1}};
    list_groups(ret, groups);
    if (args_parse(groups, GROUP_COUNT, argc, argv, &first, err) != 0)
        return -1;
    if (ret->output.help)
        return 0;
    if (args_expect_words(argc, first, 2, "SCENARIO and DIR", err) != 0)
        return -1;
    ret->make.name = argv[first];
    ret->make.directory = argv[first + 1];
    return 0;
}

struct job {
    const struct make_args *args;
    atomic_uint_fast64_t lines;
    struct scenario_result result;
    struct ft_err err;
};

static void run_job(void *context)
{
    struct job *job = context;

    (void)scenario_make(&job->args->make, &job->result, &job->err); /* err says the same */
}

static void show_progress(struct progress *p, void *context)
{
    struct job *job = context;

    progress_show(p, "line %" PRIu64, (uint64_t)atomic_load(&job->lines));
}

static json_t *result_to_json(const struct job *job)
{
    const struct scenario_result *r = &job->result;

    return json_pack("{s:o, s:o, s:I, s:I, s:I, s:I, s:I}", "scenario",
                     json_from_text(job->args->make.name), "directory",
                     json_from_text(job->args->make.directory), "flows", (json_int_t)r->flows,
                     "generations", (json_int_t)r->generations, "entries", (json_int_t)r->entries,
                     "records", (json_int_t)r->records, "expired", (json_int_t)r->expired);
}

static enum exit_status report(const struct job *job)
{
    const struct scenario_result *r = &job->result;
    struct ft_err err = FT_ERR_INIT;

    if (job->args->output.json)
        return json_print(result_to_json(job), &err) == 0 ? EXIT_DONE : ui_fail(COMMAND, &err);
    if (!job->args->output.quiet) {
        printf("%s: %" PRIu32 " flows, %" PRIu64 " entries, %" PRIu64 " records",
               job->args->make.directory, r->flows, r->entries, r->records);
        if (r->generations > 1)
            printf(", %" PRIu32 " generations", r->generations);
        putchar('\n');
    }
    return EXIT_DONE;
}

static enum exit_status make(struct make_args *a)
{
    struct job job = {.args = a, .err = FT_ERR_INIT};
    struct buf text = BUF_INIT(SCENARIO_MAX_BYTES);

    a->make.lines = &job.lines;
    if (stop_catch_signals(&a->make.cancel_fd, &job.err) == 0 &&
        fs_read_file(AT_FDCWD, a->make.name, SCENARIO_MAX_BYTES, &text, &job.err) == 0) {
        a->make.text = buf_bytes(&text);
        (void)work_run(a->output.quiet, run_job, show_progress, &job, &job.err); /* err says */
    }
    buf_release(&text);
    if (job.err.kind != FT_ERR_NONE)
        return ui_fail(COMMAND, &job.err);
    return ui_flush(COMMAND, report(&job));
}

int cmd_fixture_make(int argc, char **argv)
{
    struct ft_err err = FT_ERR_INIT;
    struct make_args a;

    if (parse(&a, argc, argv, &err) != 0)
        return (int)ui_args_fail(COMMAND, &err);
    if (a.output.help)
        return (int)ui_help(COMMAND, cmd_fixture_make_help);
    return (int)make(&a);
}
