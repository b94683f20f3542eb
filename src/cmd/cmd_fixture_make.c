#include "cmd/cmd_fixture_make.h"

#include <fcntl.h>
#include <inttypes.h>

#include "base/fsutil.h"
#include "base/parse.h"
#include "cmd/common_args.h"
#include "cmd/json_value.h"
#include "cmd/stop.h"
#include "fixture/scenario.h"
#include "fixture/scenario_random.h"

#define COMMAND "fixture make"
/* It is held in memory. */
#define SCENARIO_MAX_BYTES ((size_t)1 << 30)

struct make_args {
    struct scenario_options make;
    bool random;
    struct scenario_random_options generate;
    const char *write_scenario;
    struct output_args output;
};

static const char about[] =
    "Usage: flowtape fixture make SCENARIO DIR [OPTION...]\n"
    "       flowtape fixture make --random SEED DIR [OPTION...]\n"
    "\n"
    "Makes the capture directory DIR of the text SCENARIO: commands as one types\n"
    "them in redis-cli, and directives, which flowtape-fixture(1) describes. The\n"
    "same text gives the same bytes.\n";

static int take_seed(void *into, const char *value, struct ft_err *err)
{
    struct make_args *a = into;

    a->random = true;
    return parse_u64(value, &a->generate.seed, err);
}

static int take_keys(void *into, const char *value, struct ft_err *err)
{
    return parse_u64(value, &((struct make_args *)into)->generate.keys, err);
}

static int take_records(void *into, const char *value, struct ft_err *err)
{
    return parse_u64(value, &((struct make_args *)into)->generate.records, err);
}

static const struct arg random_args[] = {
    {"random", "SEED", "no SCENARIO: random commands, the same for the same options", 0, take_seed},
    {"keys", "N", "that are there before the full sync (default 1000)", 0, take_keys},
    {"records", "N", "commands after that (default 1000)", 0, take_records},
    {"types", "LIST", "of string,list,set,zset,hash,stream (default: all)",
     offsetof(struct make_args, generate.types), NULL},
    {"shards", "N", "as in a scenario", offsetof(struct make_args, generate.shards), NULL},
    {"release", "VERSION", "as in a scenario", offsetof(struct make_args, generate.release), NULL},
    {"write-scenario", "FILE", "write down what was made of the seed",
     offsetof(struct make_args, write_scenario), NULL},
};

static const struct arg engine_args[] = {
    {"redis-server", "PATH",
     "the redis-server, 7.0 or later, that executes the commands\n"
     "(default: redis-server)",
     offsetof(struct make_args, make.redis_server), NULL},
};

#define GROUP_COUNT 3

static void list_groups(struct make_args *a, struct arg_group groups[GROUP_COUNT])
{
    groups[0] = (struct arg_group)ARG_GROUP("How", engine_args, a);
    groups[1] = (struct arg_group)ARG_GROUP("Random commands", random_args, a);
    groups[2] = args_output(&a->output);
}

int cmd_fixture_make_help(struct arg_view *view)
{
    struct arg_group groups[GROUP_COUNT];
    struct make_args nothing;

    list_groups(&nothing, groups);
    return args_show(view, about, NULL, groups, GROUP_COUNT);
}

static int parse(struct make_args *ret, int argc, char **argv, struct ft_err *err)
{
    struct arg_group groups[GROUP_COUNT];
    int first;

    *ret = (struct make_args){.make = {.redis_server = "redis-server", .cancel_fd = -1},
                              .generate = {.keys = 1000, .records = 1000}};
    list_groups(ret, groups);
    if (args_parse(groups, GROUP_COUNT, argc, argv, &first, err) != 0)
        return -1;
    if (ret->output.help)
        return 0;
    if (ret->random) {
        ret->make.name = "random";
        ret->make.directory = argv[first];
        return args_expect_operands(argc, first, 1, "DIR", err);
    }
    if (args_expect_operands(argc, first, 2, "SCENARIO and DIR", err) != 0)
        return -1;
    ret->make.name = argv[first];
    ret->make.directory = argv[first + 1];
    return 0;
}

struct job {
    const struct make_args *args;
    atomic_uint_fast64_t lines;
    struct scenario_result result;
};

static int run_job(void *context, struct ft_err *err)
{
    struct job *job = context;

    return scenario_make(&job->args->make, &job->result, err);
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
        printf("%s: %" PRIu32 " flow%s, %" PRIu64 " %s, %" PRIu64 " record%s",
               job->args->make.directory, r->flows, plural(r->flows), r->entries,
               r->entries == 1 ? "entry" : "entries", r->records, plural(r->records));
        if (r->generations > 1)
            printf(", %" PRIu32 " generations", r->generations);
        putchar('\n');
    }
    return EXIT_DONE;
}

static int take_scenario(const struct make_args *a, struct buf *ret, struct ft_err *err)
{
    if (!a->random)
        return fs_read_file(AT_FDCWD, a->make.name, SCENARIO_MAX_BYTES, ret, err);
    if (scenario_random(&a->generate, ret, err) != 0)
        return -1;
    return a->write_scenario == NULL
               ? 0
               : fs_replace_file(AT_FDCWD, a->write_scenario, buf_bytes(ret), err);
}

static enum exit_status make(struct make_args *a)
{
    struct job job = {.args = a};
    struct ft_err err = FT_ERR_INIT;
    int rc = -1;
    struct buf text = BUF_INIT(SCENARIO_MAX_BYTES);

    a->make.lines = &job.lines;
    if (stop_catch_signals(&a->make.cancel_fd, &err) == 0 && take_scenario(a, &text, &err) == 0) {
        a->make.text = buf_bytes(&text);
        rc = work_run(COMMAND, a->output.quiet, run_job, show_progress, &job, &err);
    }
    buf_release(&text);
    if (rc != 0)
        return ui_fail(COMMAND, &err);
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
