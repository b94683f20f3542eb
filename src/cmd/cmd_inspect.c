#include <getopt.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/fsutil.h"
#include "base/parse.h"
#include "cmd/commands.h"
#include "cmd/inspect_print.h"
#include "cmd/ui.h"

#define COMMAND "inspect"

static const char help[] =
    "Usage: flowtape inspect INPUT [OPTION...]\n"
    "\n"
    "Shows what is in a capture directory, a .dfs set or an RDB file: where it comes from,\n"
    "generations, flows, segments, LSNs and times, and a census of its keys.\n"
    "\n"
    "  --generation N   whose keys are counted (default: the newest complete one)\n"
    "  --no-census      do not read the data, show the structure only\n"
    "  --raw            write the bytes of one flow, as the source sent them, to standard output\n"
    "  --flow N         which flow (with --raw)\n"
    "  --json           print the result as JSON\n"
    "  --help           this text\n";

enum option_id {
    OPT_GENERATION = 256,
    OPT_NO_CENSUS,
    OPT_RAW,
    OPT_FLOW,
    OPT_JSON,
    OPT_HELP,
};

static const struct option long_options[] = {
    {"generation", required_argument, NULL, OPT_GENERATION},
    {"no-census", no_argument, NULL, OPT_NO_CENSUS},
    {"raw", no_argument, NULL, OPT_RAW},
    {"flow", required_argument, NULL, OPT_FLOW},
    {"json", no_argument, NULL, OPT_JSON},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

struct arguments {
    const char *input;
    uint64_t generation;
    uint64_t flow;
    bool has_flow;
    bool no_census;
    bool raw;
    bool json;
    bool help;
};

static int take_option(struct arguments *a, int id, const char *value, struct ft_err *err)
{
    switch (id) {
    case OPT_GENERATION:
        return parse_u64(value, &a->generation, err);
    case OPT_NO_CENSUS:
        a->no_census = true;
        return 0;
    case OPT_RAW:
        a->raw = true;
        return 0;
    case OPT_FLOW:
        a->has_flow = true;
        return parse_u64(value, &a->flow, err);
    case OPT_JSON:
        a->json = true;
        return 0;
    case OPT_HELP:
        a->help = true;
        return 0;
    default:
        return err_set(err, FT_ERR_USAGE, "unknown or incomplete option");
    }
}

static int parse_arguments(struct arguments *a, int argc, char **argv, struct ft_err *err)
{
    int id;

    while ((id = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (take_option(a, id, optarg, err) != 0)
            return -1;
    }
    if (a->help)
        return 0;
    if (argc - optind != 1)
        return err_set(err, FT_ERR_USAGE, "wanted one INPUT, got %d words", argc - optind);
    if (a->raw != a->has_flow)
        return err_set(err, FT_ERR_USAGE, "--raw and --flow go together");
    a->input = argv[optind];
    return 0;
}

static int copy_flow(const struct capture *c, const struct generation *g, uint32_t flow,
                     struct ft_err *err)
{
    struct segment_block block;
    struct flow_reader *reader;
    enum segment_kind kind;
    enum step step;

    if (flow_reader_new(&reader, c, g, flow, err) != 0)
        return -1;
    while ((step = flow_reader_next(reader, &block, &kind, err)) == STEP_ITEM) {
        if (fs_write_all(STDOUT_FILENO, block.payload.p, block.payload.n, "standard output", err) !=
            0)
            break;
    }
    flow_reader_free(reader);
    return step == STEP_END ? 0 : -1;
}

static int write_raw(const struct arguments *a, struct ft_err *err)
{
    struct capture *c;
    const struct generation *g;
    int rc;

    if (!capture_is_dir(a->input))
        return err_set(err, FT_ERR_USAGE, "\"%s\" is no capture; --raw needs one", a->input);
    if (capture_open_read(&c, a->input, err) != 0)
        return -1;
    g = a->generation == 0 ? capture_newest(c) : capture_find(c, (uint32_t)a->generation);
    if (g == NULL || a->flow >= g->flow_count)
        rc = err_set(err, FT_ERR_USAGE, "\"%s\" has no such flow", a->input);
    else
        rc = copy_flow(c, g, (uint32_t)a->flow, err);
    capture_free(c);
    return rc;
}

/* A capture without a complete snapshot still has a structure to show. */
static int show_structure_only(const struct arguments *a, struct ft_err *err)
{
    struct capture *c;

    if (capture_open_read(&c, a->input, err) != 0)
        return -1;
    inspect_print(NULL, c, NULL, a->json);
    capture_free(c);
    return 0;
}

static int show(const struct arguments *a, struct ft_err *err)
{
    struct source *source;
    struct census census;

    if (capture_is_dir(a->input) && a->no_census)
        return show_structure_only(a, err);
    if (source_open(&source, a->input, (uint32_t)a->generation, err) != 0) {
        if (err->kind != FT_ERR_USAGE || a->generation != 0 || !capture_is_dir(a->input))
            return -1;
        err_clear(err);
        return show_structure_only(a, err);
    }
    if (census_of(&census, source, err) != 0) {
        census_release(&census);
        source_free(source);
        return -1;
    }
    inspect_print(source, source->capture, &census, a->json);
    census_release(&census);
    source_free(source);
    return 0;
}

int cmd_inspect(int argc, char **argv)
{
    struct ft_err err = FT_ERR_INIT;
    struct arguments a = {0};

    if (parse_arguments(&a, argc, argv, &err) != 0)
        return (int)ui_usage(COMMAND, "%s", err.msg);
    if (a.help) {
        fputs(help, stdout);
        return (int)ui_flush(COMMAND, EXIT_DONE);
    }
    if ((a.raw ? write_raw(&a, &err) : show(&a, &err)) != 0)
        return (int)ui_fail(COMMAND, &err);
    return (int)ui_flush(COMMAND, EXIT_DONE);
}
