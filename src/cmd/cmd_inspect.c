#include <getopt.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/fsutil.h"
#include "base/parse.h"
#include "cmd/commands.h"
#include "cmd/forecast_print.h"
#include "cmd/inspect_items.h"
#include "cmd/inspect_print.h"
#include "cmd/ui.h"
#include "cmd/words.h"

#define COMMAND "inspect"

static const char help[] =
    "Usage: flowtape inspect INPUT [OPTION...]\n"
    "\n"
    "Shows what is in a capture directory, a .dfs set or an RDB file: where it comes from,\n"
    "generations, flows, segments, LSNs and times, and a census of its keys.\n"
    "\n"
    "  --generation N   which one of a capture (default: the newest complete one)\n"
    "  --no-census      do not read the data, show the structure only\n"
    "  --segments       a line for every segment, however many there are\n"
    "  --json           print the result as JSON; of records, an object a line\n"
    "  --help           this text\n"
    "\n"
    "Instead of the overview:\n"
    "\n"
    "  --records        print keys and journal records one by one, like a packet dump\n"
    "  --key KEY        print what became of this key: its value in the snapshot, and every\n"
    "                   record that touched it; \\xNN, \\n, \\r, \\t, \\\\ stand for bytes. With\n"
    "                   --records a pattern: only keys, and records of keys, that fit it\n"
    "  --db N[,N...]    only these databases (with --records or --key)\n"
    "  --flow N         only this flow (with --records or --key)\n"
    "  --from WHERE     begin in the journal, at this LSN of each flow, or at a time:\n"
    "                   2026-08-20T12:34:56Z, or -90s before the end\n"
    "  --to WHERE       end there, that LSN or moment included\n"
    "  --limit N        print no more than this many\n"
    "  --for VERSION    forecast what a conversion or replay for this version of Redis would\n"
    "                   lose; exit status 3 if anything (5.0, 6.2, 7.0, 7.2, 7.4, 8.0,\n"
    "                   valkey-7.2, valkey-8.0)\n"
    "  --cluster        that Redis is a cluster (with --for)\n"
    "  --raw            write the bytes of one flow (--flow N), as the source sent them, to\n"
    "                   standard output\n";

enum option_id {
    OPT_GENERATION = 256,
    OPT_NO_CENSUS,
    OPT_SEGMENTS,
    OPT_JSON,
    OPT_HELP,
    OPT_RECORDS,
    OPT_KEY,
    OPT_DB,
    OPT_FLOW,
    OPT_FROM,
    OPT_TO,
    OPT_LIMIT,
    OPT_FOR,
    OPT_CLUSTER,
    OPT_RAW,
};

static const struct option long_options[] = {
    {"generation", required_argument, NULL, OPT_GENERATION},
    {"no-census", no_argument, NULL, OPT_NO_CENSUS},
    {"segments", no_argument, NULL, OPT_SEGMENTS},
    {"json", no_argument, NULL, OPT_JSON},
    {"help", no_argument, NULL, OPT_HELP},
    {"records", no_argument, NULL, OPT_RECORDS},
    {"key", required_argument, NULL, OPT_KEY},
    {"db", required_argument, NULL, OPT_DB},
    {"flow", required_argument, NULL, OPT_FLOW},
    {"from", required_argument, NULL, OPT_FROM},
    {"to", required_argument, NULL, OPT_TO},
    {"limit", required_argument, NULL, OPT_LIMIT},
    {"for", required_argument, NULL, OPT_FOR},
    {"cluster", no_argument, NULL, OPT_CLUSTER},
    {"raw", no_argument, NULL, OPT_RAW},
    {NULL, 0, NULL, 0},
};

/* What is shown. */
enum view {
    VIEW_OVERVIEW,
    VIEW_RECORDS,
    VIEW_HISTORY,
    VIEW_FORECAST,
    VIEW_RAW,
};

struct arguments {
    const char *input;
    enum view view;
    uint64_t generation;
    bool no_census;
    bool segments;
    bool json;
    bool help;
    bool records;
    bool raw;
    char *key;
    struct filter filter;
    bool has_flow;
    uint64_t flow;
    const char *from;
    const char *to;
    uint64_t limit;
    struct forecast_options forecast; /* target NULL: none is wanted */
};

static int take_flag(bool *flag)
{
    *flag = true;
    return 0;
}

static int take_limit(struct arguments *a, const char *value, struct ft_err *err)
{
    if (parse_u64(value, &a->limit, err) != 0)
        return err_wrap(err, "--limit");
    return a->limit != 0 ? 0 : err_set(err, FT_ERR_USAGE, "--limit 0 would print nothing");
}

static int take_number(uint64_t *ret, const char *option, const char *value, struct ft_err *err)
{
    if (parse_u64(value, ret, err) != 0)
        return err_wrap(err, "%s", option);
    if (*ret > UINT32_MAX)
        return err_set(err, FT_ERR_USAGE, "%s %s is out of range", option, value);
    return 0;
}

static int take_option(struct arguments *a, int id, char *value, struct ft_err *err)
{
    switch (id) {
    case OPT_GENERATION:
        return take_number(&a->generation, "--generation", value, err);
    case OPT_NO_CENSUS:
        return take_flag(&a->no_census);
    case OPT_SEGMENTS:
        return take_flag(&a->segments);
    case OPT_JSON:
        return take_flag(&a->json);
    case OPT_HELP:
        return take_flag(&a->help);
    case OPT_RECORDS:
        return take_flag(&a->records);
    case OPT_KEY:
        a->key = value;
        return 0;
    case OPT_DB:
        return filter_add_db(&a->filter, value, err);
    case OPT_FLOW:
        a->has_flow = true;
        return take_number(&a->flow, "--flow", value, err);
    case OPT_FROM:
        a->from = value;
        return 0;
    case OPT_TO:
        a->to = value;
        return 0;
    case OPT_LIMIT:
        return take_limit(a, value, err);
    case OPT_FOR:
        return target_parse(value, &a->forecast.target, err);
    case OPT_CLUSTER:
        return take_flag(&a->forecast.cluster);
    case OPT_RAW:
        return take_flag(&a->raw);
    default:
        return err_set(err, FT_ERR_USAGE, "unknown or incomplete option");
    }
}

static int choose_view(struct arguments *a, struct ft_err *err)
{
    bool history = a->key != NULL && !a->records;

    if (a->records + history + a->raw + (a->forecast.target != NULL) > 1) {
        return err_set(err, FT_ERR_USAGE,
                       "--records, --key, --for and --raw are different views: one at a time");
    }
    if (a->records)
        a->view = VIEW_RECORDS;
    else if (history)
        a->view = VIEW_HISTORY;
    else if (a->raw)
        a->view = VIEW_RAW;
    else if (a->forecast.target != NULL)
        a->view = VIEW_FORECAST;
    return 0;
}

/* Options that would be of no effect are refused. */
static int check_options(const struct arguments *a, struct ft_err *err)
{
    bool items = a->view == VIEW_RECORDS || a->view == VIEW_HISTORY;
    bool bounds = a->from != NULL || a->to != NULL || a->limit != 0 || a->filter.db_count != 0;

    if (bounds && !items) {
        return err_set(err, FT_ERR_USAGE,
                       "--db, --from, --to and --limit go with --records or --key");
    }
    if (a->has_flow && !items && a->view != VIEW_RAW)
        return err_set(err, FT_ERR_USAGE, "--flow goes with --records, --key or --raw");
    if (a->view == VIEW_RAW && !a->has_flow)
        return err_set(err, FT_ERR_USAGE, "--raw needs --flow");
    if (a->forecast.cluster && a->view != VIEW_FORECAST)
        return err_set(err, FT_ERR_USAGE, "--cluster goes with --for");
    if ((a->no_census || a->segments) && a->view != VIEW_OVERVIEW)
        return err_set(err, FT_ERR_USAGE, "--no-census and --segments are about the overview");
    return 0;
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
    a->input = argv[optind];
    if (choose_view(a, err) != 0 || check_options(a, err) != 0)
        return -1;
    return a->view == VIEW_RECORDS && a->key != NULL ? filter_add_key(&a->filter, a->key, err) : 0;
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

static void print_overview(const struct arguments *a, const struct source *source,
                           const struct capture *capture, const struct census *census)
{
    if (a->json)
        inspect_print_json(source, capture, census);
    else
        inspect_print(source, capture, census, a->segments);
}

/* A capture without a complete snapshot still has a structure to show. */
static int show_structure_only(const struct arguments *a, struct ft_err *err)
{
    struct capture *c;

    if (capture_open_read(&c, a->input, err) != 0)
        return -1;
    print_overview(a, NULL, c, NULL);
    capture_free(c);
    return 0;
}

static int show_overview(const struct arguments *a, struct ft_err *err)
{
    struct source *source;
    struct census census;
    int rc = 0;

    if (capture_is_dir(a->input) && a->no_census)
        return show_structure_only(a, err);
    if (source_open(&source, a->input, (uint32_t)a->generation, err) != 0) {
        if (err->kind != FT_ERR_USAGE || a->generation != 0 || !capture_is_dir(a->input))
            return -1;
        err_clear(err);
        return show_structure_only(a, err);
    }
    if (a->no_census) {
        print_overview(a, source, NULL, NULL);
        source_free(source);
        return 0;
    }
    rc = census_of(&census, source, err);
    if (rc == 0)
        print_overview(a, source, source->capture, &census);
    census_release(&census);
    source_free(source);
    return rc;
}

static int show_items(const struct arguments *a, const struct source *source, struct ft_err *err)
{
    struct item_scan scan = {.source = source, .one_flow = a->has_flow, .flow = (uint32_t)a->flow};

    if (a->from != NULL && scan_bound_parse(&scan.from, "--from", a->from, source, err) != 0)
        return -1;
    if (a->to != NULL && scan_bound_parse(&scan.to, "--to", a->to, source, err) != 0)
        return -1;
    if (a->view == VIEW_RECORDS)
        return inspect_records(&scan, &a->filter, a->limit, a->json, err);
    return inspect_history(&scan, &a->filter, words_unescape(a->key), a->limit, a->json, err);
}

/* 1: something would be lost. */
static int show_forecast(const struct arguments *a, const struct source *source, struct ft_err *err)
{
    struct forecast forecast;
    int rc = forecast_run(&forecast, source, &a->forecast, err);

    if (rc == 0) {
        forecast_print(&forecast, source, &a->forecast, a->json);
        rc = forecast.losses.losses != 0 ? 1 : 0;
    }
    forecast_release(&forecast);
    return rc;
}

static int show(const struct arguments *a, struct ft_err *err)
{
    struct source *source;
    int rc;

    if (a->view == VIEW_RAW)
        return write_raw(a, err);
    if (a->view == VIEW_OVERVIEW)
        return show_overview(a, err);
    if (source_open(&source, a->input, (uint32_t)a->generation, err) != 0)
        return -1;
    rc = a->view == VIEW_FORECAST ? show_forecast(a, source, err) : show_items(a, source, err);
    source_free(source);
    return rc;
}

static enum exit_status inspect(const struct arguments *a)
{
    struct ft_err err = FT_ERR_INIT;
    int rc = show(a, &err);

    if (rc < 0)
        return ui_fail(COMMAND, &err);
    return ui_flush(COMMAND, rc == 0 ? EXIT_DONE : EXIT_FINDINGS);
}

int cmd_inspect(int argc, char **argv)
{
    struct ft_err err = FT_ERR_INIT;
    struct arguments a = {0};
    enum exit_status status;

    if (parse_arguments(&a, argc, argv, &err) != 0) {
        status = ui_usage(COMMAND, "%s", err.msg);
    } else if (a.help) {
        fputs(help, stdout);
        status = ui_flush(COMMAND, EXIT_DONE);
    } else {
        status = inspect(&a);
    }
    filter_release(&a.filter);
    return (int)status;
}
