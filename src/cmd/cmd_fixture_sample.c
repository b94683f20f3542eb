#include "cmd/cmd_fixture_sample.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "cmd/common_args.h"
#include "cmd/json_value.h"
#include "cmd/remake_print.h"
#include "cmd/stop.h"
#include "fixture/sample.h"

#define COMMAND "fixture sample"

struct sample_args {
    struct sample_options sample;
    struct filter filter;
    struct output_args output;
};

static const char about[] =
    "Usage: flowtape fixture sample INPUT DIR --keys N|P% [OPTION...]\n"
    "\n"
    "Makes the capture directory DIR of some of the keys of INPUT: their entries,\n"
    "and all that its journal has of them. So each of them gets the values that it\n"
    "has in the whole. Keys that these values depend on, as by a RENAME, are kept as\n"
    "well.\n";

static int take_percent(const char *value, double *ret, struct ft_err *err)
{
    char *end;
    double percent = strtod(value, &end);

    if (end == value || strcmp(end, "%") != 0 || !(percent > 0 && percent <= 100))
        return err_set(err, FT_ERR_USAGE, "\"%s\" is not a part such as 5%% or 0.1%%", value);
    *ret = percent;
    return 0;
}

static int take_keys(void *into, const char *value, struct ft_err *err)
{
    struct sample_args *a = into;

    if (strchr(value, '%') != NULL)
        return take_percent(value, &a->sample.percent, err);
    if (parse_u64(value, &a->sample.keys, err) != 0)
        return -1;
    return a->sample.keys > 0 ? 0 : err_set(err, FT_ERR_USAGE, "a sample has one key at least");
}

static int take_per_type(void *into, const char *value, struct ft_err *err)
{
    return parse_u64(value, &((struct sample_args *)into)->sample.per_type, err);
}

static int take_seed(void *into, const char *value, struct ft_err *err)
{
    return parse_u64(value, &((struct sample_args *)into)->sample.seed, err);
}

static int take_generation(void *into, const char *value, struct ft_err *err)
{
    struct sample_args *a = into;

    return args_take_number("generation", value, UINT32_MAX, &a->sample.generation, err);
}

static int take_type(void *into, const char *value, struct ft_err *err)
{
    return filter_add_type(into, value, err);
}

static const struct arg sample_args[] = {
    {"keys", "N|P%", "so many keys, or this part of them", 0, take_keys},
    {"per-type", "N", "of each type so many; what the journal names is one more type", 0,
     take_per_type},
    {"seed", "S", "another choice (default 0)", 0, take_seed},
    {"keep-lsn", NULL, "records keep their LSNs, PINGs stand for those that are left out",
     offsetof(struct sample_args, sample.keep_lsn), NULL},
    {"generation", "N", "only this one of a capture (default: all that are complete)", 0,
     take_generation},
};

static const struct arg type_args[] = {
    {"type", "TYPE[,TYPE...]", "of the snapshots, only keys of these types", 0, take_type},
};

#define GROUP_COUNT 5
#define OPERANDS    "INPUT and DIR"

static void list_groups(struct sample_args *a, struct arg_group groups[GROUP_COUNT])
{
    groups[0] = (struct arg_group)ARG_GROUP("How many", sample_args, a);
    groups[1] = args_filter(&a->filter);
    groups[2] = (struct arg_group)ARG_GROUP(NULL, type_args, &a->filter);
    groups[3] = args_max_item();
    groups[4] = args_output(&a->output);
}

int cmd_fixture_sample_help(struct arg_view *view)
{
    struct arg_group groups[GROUP_COUNT];
    struct sample_args nothing;

    list_groups(&nothing, groups);
    return args_show(view, about, OPERANDS, groups, GROUP_COUNT);
}

static int parse(struct sample_args *ret, int argc, char **argv, struct ft_err *err)
{
    struct arg_group groups[GROUP_COUNT];
    struct sample_options *o = &ret->sample;
    char **operands;

    *ret = (struct sample_args){.sample = {.cancel_fd = -1}};
    o->filter = &ret->filter;
    list_groups(ret, groups);
    if (args_parse_operands(groups, GROUP_COUNT, argc, argv, 2, OPERANDS, &ret->output.help,
                            &operands, err) != 0)
        return -1;
    if (operands == NULL)
        return 0;
    if (args_take_input(operands[0], &o->input, err) != 0)
        return -1;
    o->directory = operands[1];
    if (o->keys == 0 && o->percent == 0 && o->per_type == 0 && filter_is_empty(&ret->filter))
        return err_set(err, FT_ERR_USAGE, "--keys, --per-type or --key says which keys are kept");
    return 0;
}

struct job {
    const struct sample_options *options;
    atomic_uint_fast64_t bytes;
    struct sample_result result;
};

static int run_job(void *context, struct ft_err *err)
{
    struct job *job = context;

    return sample_run(job->options, &job->result, err);
}

static void show_progress(struct progress *p, void *context)
{
    remake_show_bytes(p, &((struct job *)context)->bytes);
}

static json_t *result_to_json(const struct job *job)
{
    const struct sample_result *r = &job->result;
    json_t *json = remake_to_json(job->options->input, job->options->directory, &r->capture);

    if (json_object_set_new(json, "keys", json_integer((json_int_t)r->chosen)) == 0 &&
        json_object_set_new(json, "tied_keys", json_integer((json_int_t)r->tied)) == 0)
        return json;
    json_decref(json);
    return NULL;
}

static enum exit_status report(const struct job *job, const struct output_args *output)
{
    const struct sample_result *r = &job->result;
    struct ft_err err = FT_ERR_INIT;

    if (output->json)
        return json_print(result_to_json(job), &err) == 0 ? EXIT_DONE : ui_fail(COMMAND, &err);
    if (output->quiet)
        return EXIT_DONE;
    printf("%s: %" PRIu64 " key%s", job->options->directory, r->chosen, plural(r->chosen));
    if (r->tied > 0)
        printf(" and %" PRIu64 " that they depend on", r->tied);
    printf(", %" PRIu64 " %s of %" PRIu64 ", %" PRIu64 " record%s of %" PRIu64 "\n",
           r->capture.entries, r->capture.entries == 1 ? "entry" : "entries",
           r->capture.entries + r->capture.dropped_entries, r->capture.records,
           plural(r->capture.records), r->capture.records + r->capture.dropped_records);
    return EXIT_DONE;
}

static enum exit_status sample(struct sample_args *a)
{
    struct job job = {.options = &a->sample};
    struct ft_err err = FT_ERR_INIT;

    a->sample.bytes = &job.bytes;
    if (stop_catch_signals(&a->sample.cancel_fd, &err) != 0 ||
        work_run(COMMAND, a->output.quiet, run_job, show_progress, &job, &err) != 0)
        return ui_fail(COMMAND, &err);
    return ui_flush(COMMAND, report(&job, &a->output));
}

int cmd_fixture_sample(int argc, char **argv)
{
    struct ft_err err = FT_ERR_INIT;
    enum exit_status status;
    struct sample_args a;

    if (parse(&a, argc, argv, &err) != 0)
        status = ui_args_fail(COMMAND, &err);
    else if (a.output.help)
        status = ui_help(COMMAND, cmd_fixture_sample_help);
    else
        status = sample(&a);
    filter_release(&a.filter);
    return (int)status;
}
