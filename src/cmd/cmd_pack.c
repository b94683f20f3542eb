#include "cmd/cmd_pack.h"

#include <inttypes.h>
#include <string.h>

#include "archive/pack_set.h"
#include "base/parse.h"
#include "cmd/common_args.h"
#include "cmd/json_value.h"
#include "cmd/stop.h"
#include "input/cut.h"
#include "store/capture_set.h"

#define COMMAND "pack"

struct pack_args {
    const char *input;
    const char *until;
    struct pack_options pack;
    struct output_args output;
};

static const char about[] =
    "Usage: flowtape pack CAPTURE FILE [OPTION...]\n"
    "\n"
    "Makes one archive of a capture directory: a tar with the manifest first. FILE\n"
    "\"-\" is standard output. A capture that is being recorded is packed up to what\n"
    "is durable. The same capture gives the same bytes. Of a set of captures FILE is\n"
    "a directory with an archive of each node.\n";

static int take_compress(void *into, const char *value, struct ft_err *err)
{
    return pack_compression_parse(value, &((struct pack_args *)into)->pack.compression, err);
}

static int take_generation(void *into, const char *value, struct ft_err *err)
{
    return args_take_number("generation", value, UINT32_MAX,
                            &((struct pack_args *)into)->pack.generation, err);
}

static const struct arg select_args[] = {
    {"generation", "N", "only this full sync and its journal (default: all)", 0, take_generation},
    {"snapshot-only", NULL, "without the journal", offsetof(struct pack_args, pack.snapshot_only),
     NULL},
    {"until", "WHEN",
     "the journal up to there, as convert --at takes it: one LSN\n"
     "per flow (LSN,LSN,...), a time, or -90s; of the newest\n"
     "complete generation, or that of --generation",
     offsetof(struct pack_args, until), NULL},
};

static const struct arg compress_args[] = {
    {"compress", "none|lz4|zstd[:LEVEL]|xz|gzip",
     "default zstd; segments that do not get smaller by it are\n"
     "stored",
     0, take_compress},
};

#define GROUP_COUNT 3
#define OPERANDS    "CAPTURE and FILE"

static void list_groups(struct pack_args *a, struct arg_group groups[GROUP_COUNT])
{
    groups[0] = (struct arg_group)ARG_GROUP("What to pack", select_args, a);
    groups[1] = (struct arg_group)ARG_GROUP("How", compress_args, a);
    groups[2] = args_output(&a->output);
}

int cmd_pack_help(struct arg_view *view)
{
    struct arg_group groups[GROUP_COUNT];
    struct pack_args nothing;

    list_groups(&nothing, groups);
    return args_show(view, about, OPERANDS, groups, GROUP_COUNT);
}

static int parse(struct pack_args *ret, int argc, char **argv, struct ft_err *err)
{
    struct arg_group groups[GROUP_COUNT];
    char **operands;

    *ret = (struct pack_args){.pack = {.cancel_fd = -1}};
    list_groups(ret, groups);
    if (args_parse_operands(groups, GROUP_COUNT, argc, argv, 2, OPERANDS, &ret->output.help,
                            &operands, err) != 0)
        return -1;
    if (operands == NULL)
        return 0;
    if (ret->pack.snapshot_only && ret->until != NULL)
        return err_set(err, FT_ERR_USAGE, "--snapshot-only and --until exclude each other");
    ret->input = operands[0];
    ret->pack.output = operands[1];
    if (strcmp(ret->pack.output, OUTPUT_STDOUT_NAME) == 0 && ret->output.json) {
        return err_set(err, FT_ERR_USAGE,
                       "--json would stand in the archive, which goes to standard output");
    }
    return 0;
}

struct job {
    struct pack_args *args;
    struct capture *capture; /* NULL: a set of them */
    struct pack_progress progress;
    struct pack_result result;
};

static int run_job(void *context, struct ft_err *err)
{
    struct job *job = context;

    if (job->capture == NULL)
        return pack_set_run(job->args->input, &job->args->pack, &job->result, err);
    return pack_run(job->capture, &job->args->pack, &job->result, err);
}

static void show_progress(struct progress *p, void *context)
{
    struct job *job = context;
    char size[FORMAT_SIZE];

    progress_show(p, "%s packed", format_size(atomic_load(&job->progress.bytes), size));
}

static json_t *result_to_json(const struct job *job)
{
    const struct pack_result *r = &job->result;

    return json_pack("{s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I}", "input",
                     json_from_text(job->args->input), "output",
                     json_from_text(job->args->pack.output), "generations",
                     (json_int_t)r->generations, "segments", (json_int_t)r->segments, "sealed",
                     (json_int_t)r->sealed, "stored", (json_int_t)r->stored, "bytes_in",
                     (json_int_t)r->bytes_in, "bytes_out", (json_int_t)r->bytes_out);
}

static enum exit_status report(const struct job *job)
{
    const struct pack_result *r = &job->result;
    const struct output_args *output = &job->args->output;
    struct ft_err err = FT_ERR_INIT;
    char in[FORMAT_SIZE];
    char out[FORMAT_SIZE];

    if (output->json)
        return json_print(result_to_json(job), &err) == 0 ? EXIT_DONE : ui_fail(COMMAND, &err);
    if (!output->quiet) {
        FILE *to = strcmp(job->args->pack.output, OUTPUT_STDOUT_NAME) == 0 ? stderr : stdout;

        fprintf(to,
                "%s: %" PRIu64 " segment%s, %" PRIu64 " of them as they were compressed already, "
                "%" PRIu64 " sealed for it; %s of %s\n",
                job->args->pack.output, r->segments, plural(r->segments), r->stored, r->sealed,
                format_size(r->bytes_out, out), format_size(r->bytes_in, in));
    }
    return EXIT_DONE;
}

/* What has a journal that ends early, or none, is one generation. */
static int select_generation(struct pack_args *a, const struct capture *c, struct cut *cut,
                             struct ft_err *err)
{
    uint32_t id = a->pack.generation;
    const struct generation *g = capture_find(c, id);

    if (id == 0 && !a->pack.snapshot_only && a->until == NULL)
        return 0;
    if (g == NULL && id != 0)
        return err_set(err, FT_ERR_USAGE, "\"%s\" has no generation %" PRIu32, a->input, id);
    if (g == NULL)
        return err_set(err, FT_ERR_STATE, "\"%s\" holds no complete snapshot yet", a->input);
    a->pack.generation = g->id;
    if (a->until == NULL)
        return 0;
    if (g->state != GENERATION_COMPLETE)
        return err_set(err, FT_ERR_STATE, "generation %" PRIu32 " has no journal yet", g->id);
    if (cut_resolve_option(cut, "--until", a->until, c, g, err) != 0)
        return -1;
    a->pack.stop_lsn = cut->stop_lsn;
    return 0;
}

/* Each node of a set is an archive of its own. */
static int check_set(const struct pack_args *a, struct ft_err *err)
{
    if (strcmp(a->pack.output, OUTPUT_STDOUT_NAME) == 0)
        return err_set(err, FT_ERR_USAGE,
                       "\"%s\" is a set of captures, which becomes a directory of archives: it "
                       "cannot go to standard output",
                       a->input);
    if (a->until != NULL)
        return err_set(err, FT_ERR_USAGE, "\"%s\" is a set of captures: --until is for one of them",
                       a->input);
    return 0;
}

static int open_capture(struct job *job, struct cut *cut, struct ft_err *err)
{
    struct pack_args *a = job->args;

    if (capture_set_is_dir(a->input))
        return check_set(a, err);
    return capture_open_read(&job->capture, a->input, err) != 0
               ? -1
               : select_generation(a, job->capture, cut, err);
}

static enum exit_status pack(struct pack_args *a)
{
    struct job job = {.args = a};
    struct ft_err err = FT_ERR_INIT;
    struct cut cut = {0};
    int rc = -1;

    a->pack.progress = &job.progress;
    if (stop_catch_signals(&a->pack.cancel_fd, &err) == 0 && open_capture(&job, &cut, &err) == 0)
        rc = work_run(COMMAND, a->output.quiet, run_job, show_progress, &job, &err);
    cut_release(&cut);
    capture_free(job.capture);
    if (rc != 0)
        return ui_fail(COMMAND, &err);
    return ui_flush(COMMAND, report(&job));
}

int cmd_pack(int argc, char **argv)
{
    struct ft_err err = FT_ERR_INIT;
    struct pack_args a;

    if (parse(&a, argc, argv, &err) != 0)
        return (int)ui_args_fail(COMMAND, &err);
    if (a.output.help)
        return (int)ui_help(COMMAND, cmd_pack_help);
    return (int)pack(&a);
}
