#include "cmd/cmd_unpack.h"

#include <inttypes.h>

#include "archive/archive_command.h"
#include "archive/fetch.h"
#include "archive/pack_set.h"
#include "base/parse.h"
#include "cmd/common_args.h"
#include "cmd/json_value.h"
#include "cmd/stop.h"
#include "store/capture_set.h"

#define COMMAND "unpack"

struct unpack_args {
    const char *from; /* a command; NULL: an archive */
    struct unpack_options unpack;
    struct output_args output;
};

static const char about[] =
    "Usage: flowtape unpack FILE DIR [OPTION...]\n"
    "       flowtape unpack --from COMMAND DIR [OPTION...]\n"
    "\n"
    "Makes the capture directory DIR of an archive that flowtape pack has made. FILE\n"
    "\"-\" is standard input. DIR appears when everything is there and checked; an\n"
    "interrupted run is resumed by the next one. Of a packed set of captures FILE is\n"
    "its directory, and DIR becomes a set again.\n";

static int take_from(void *into, const char *value, struct ft_err *err)
{
    ((struct unpack_args *)into)->from = value;
    return archive_command_check(value, err);
}

static const struct arg from_args[] = {
    {"from", "COMMAND",
     "fetch what capture --archive-to has handed over: COMMAND\n"
     "brings the file %f of the archive to the path %p. If DIR\n"
     "is a capture or a set, what is missing in it is fetched",
     0, take_from},
};

#define GROUP_COUNT 2

int cmd_unpack_help(struct arg_view *view)
{
    struct unpack_args nothing;
    const struct arg_group groups[GROUP_COUNT] = {ARG_GROUP("Where from", from_args, &nothing),
                                                  args_output(&nothing.output)};

    return args_show(view, about, NULL, groups, GROUP_COUNT);
}

static int parse(struct unpack_args *ret, int argc, char **argv, struct ft_err *err)
{
    const struct arg_group groups[GROUP_COUNT] = {ARG_GROUP("Where from", from_args, ret),
                                                  args_output(&ret->output)};
    int first;

    *ret = (struct unpack_args){.unpack = {.cancel_fd = -1}};
    if (args_parse(groups, GROUP_COUNT, argc, argv, &first, err) != 0)
        return -1;
    if (ret->output.help)
        return 0;
    if (ret->from != NULL) {
        ret->unpack.input = ret->from;
        ret->unpack.directory = argv[first];
        return args_expect_operands(argc, first, 1, "DIR", err);
    }
    if (args_expect_operands(argc, first, 2, "FILE and DIR", err) != 0)
        return -1;
    ret->unpack.input = argv[first];
    ret->unpack.directory = argv[first + 1];
    return 0;
}

struct job {
    const struct unpack_args *args;
    struct unpack_progress progress;
    struct unpack_result result;
};

static int run_job(void *context, struct ft_err *err)
{
    struct job *job = context;

    if (job->args->from != NULL)
        return fetch_run(&job->args->unpack, &job->result, err);
    return capture_set_is_dir(job->args->unpack.input)
               ? unpack_set_run(&job->args->unpack, &job->result, err)
               : unpack_run(&job->args->unpack, &job->result, err);
}

static void show_progress(struct progress *p, void *context)
{
    struct job *job = context;
    char size[FORMAT_SIZE];

    progress_show(p, "%s unpacked", format_size(atomic_load(&job->progress.bytes), size));
}

static json_t *result_to_json(const struct job *job)
{
    const struct unpack_result *r = &job->result;

    return json_pack("{s:o, s:o, s:I, s:I, s:I}", "input", json_from_text(job->args->unpack.input),
                     "directory", json_from_text(job->args->unpack.directory), "segments",
                     (json_int_t)r->segments, "resumed", (json_int_t)r->resumed, "bytes",
                     (json_int_t)r->bytes);
}

static enum exit_status report(const struct job *job)
{
    const struct unpack_result *r = &job->result;
    struct ft_err err = FT_ERR_INIT;
    char size[FORMAT_SIZE];

    if (job->args->output.json)
        return json_print(result_to_json(job), &err) == 0 ? EXIT_DONE : ui_fail(COMMAND, &err);
    if (!job->args->output.quiet) {
        printf("%s: %" PRIu64 " segment%s, %s; %" PRIu64 " of them there already\n",
               job->args->unpack.directory, r->segments, plural(r->segments),
               format_size(r->bytes, size), r->resumed);
    }
    return EXIT_DONE;
}

static enum exit_status unpack(struct unpack_args *a)
{
    struct job job = {.args = a};
    struct ft_err err = FT_ERR_INIT;

    a->unpack.progress = &job.progress;
    if (stop_catch_signals(&a->unpack.cancel_fd, &err) == 0 &&
        work_run(COMMAND, a->output.quiet, run_job, show_progress, &job, &err) == 0)
        return ui_flush(COMMAND, report(&job));
    if (job.result.kept) {
        ui_note(COMMAND,
                "\"%s\" was not made; what is complete is kept beside it, and the same command "
                "resumes",
                a->unpack.directory);
    }
    return ui_fail(COMMAND, &err);
}

int cmd_unpack(int argc, char **argv)
{
    struct ft_err err = FT_ERR_INIT;
    struct unpack_args a;

    if (parse(&a, argc, argv, &err) != 0)
        return (int)ui_args_fail(COMMAND, &err);
    if (a.output.help)
        return (int)ui_help(COMMAND, cmd_unpack_help);
    return (int)unpack(&a);
}
