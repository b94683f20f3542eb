#include "cmd/inspect_args.h"

#include <string.h>

#include "base/parse.h"
#include "cmd/log.h"

static const struct arg overview_args[] = {
    {"no-census", NULL, "do not read the data, show the structure only",
     offsetof(struct inspect_args, no_census), NULL},
    {"segments", NULL, "a line for every segment, however many there are",
     offsetof(struct inspect_args, segments), NULL},
};

static const struct arg output_args[] = {
    {"json", NULL, "print the result as JSON; of records, an object a line",
     offsetof(struct output_args, json), NULL},
    {"help", NULL, "this text", offsetof(struct output_args, help), NULL},
};

/*
 * Items
 */

static int take_db(void *into, const char *value, struct ft_err *err)
{
    return filter_add_db(&((struct inspect_args *)into)->filter, value, err);
}

static int take_flow(void *into, const char *value, struct ft_err *err)
{
    struct inspect_args *a = into;
    uint64_t flow;

    if (parse_u64(value, &flow, err) != 0)
        return -1;
    if (flow > UINT32_MAX)
        return err_set(err, FT_ERR_USAGE, "there is no flow %s", value);
    a->has_flow = true;
    a->flow = (uint32_t)flow;
    return 0;
}

static int take_limit(void *into, const char *value, struct ft_err *err)
{
    struct inspect_args *a = into;

    if (parse_u64(value, &a->limit, err) != 0)
        return -1;
    return a->limit != 0 ? 0 : err_set(err, FT_ERR_USAGE, "--limit 0 would print nothing");
}

static const struct arg item_args[] = {
    {"records", NULL, "print keys and journal records one by one, like a\npacket dump",
     offsetof(struct inspect_args, records), NULL},
    {"key", "KEY",
     "print what became of this key: its value in the\n"
     "snapshot, every record that touched it, and what it is\n"
     "at --at; \\xNN, \\n, \\r, \\t, \\\\ stand for bytes. With\n"
     "--records or --keys a pattern: only keys, and records of\n"
     "keys, that fit it",
     offsetof(struct inspect_args, key), NULL},
    {"keys", NULL, "list the keys that there are at --at, in no order",
     offsetof(struct inspect_args, keys), NULL},
    {"at", "WHEN",
     "the state at this moment: snapshot, end (default), a\n"
     "time, or an LSN for each flow (with --keys or --key)",
     offsetof(struct inspect_args, which.at), NULL},
    {"db", "N[,N...]", "only these databases (with --records, --keys or --key)", 0, take_db},
    {"flow", "N", "only this flow (with --records, --key or --raw)", 0, take_flow},
    {"from", "WHERE",
     "begin in the journal, at this LSN of each flow, or at\n"
     "a time: 2026-08-20T12:34:56Z, or -90s before the end",
     offsetof(struct inspect_args, from), NULL},
    {"to", "WHERE", "end there, that LSN or moment included", offsetof(struct inspect_args, to),
     NULL},
    {"limit", "N", "print no more than this many", 0, take_limit},
};

/*
 * Forecast, bytes
 */

static int take_for(void *into, const char *value, struct ft_err *err)
{
    return args_take_version(&((struct inspect_args *)into)->version, value, err);
}

static const struct arg other_args[] = {
    {"for", "VERSION",
     "forecast what a conversion or replay for this version\n"
     "would lose, named as for flowtape convert;\n"
     "exit status 3 if anything",
     0, take_for},
    {"redis", "VERSION", "the same as --for", 0, take_for},
    {"cluster", NULL, "that Redis is a cluster (with --for)",
     offsetof(struct inspect_args, forecast.cluster), NULL},
    {"raw", NULL,
     "write the bytes of one flow (--flow N), as the source\n"
     "sent them, to standard output",
     offsetof(struct inspect_args, raw), NULL},
};

/*
 * All of it
 */

static const char about[] =
    "Usage: flowtape inspect INPUT [OPTION...]\n"
    "\n"
    "Shows what is in a capture directory, a .dfs set, an RDB file or an append-only\n"
    "file, packed or compressed or not: where it comes from, generations, flows,\n"
    "segments, LSNs and times, and a census of its keys.\n"
    "INPUT \"-\" is standard input.\n";

#define GROUP_COUNT 6
#define OPERANDS    "INPUT"

static void list_groups(struct inspect_args *a, struct arg_group groups[GROUP_COUNT])
{
    groups[0] = args_generation(&a->which);
    groups[1] = (struct arg_group)ARG_GROUP(NULL, overview_args, a);
    groups[2] = (struct arg_group)ARG_GROUP(NULL, output_args, &a->output);
    groups[3] = (struct arg_group)ARG_GROUP("Instead of the overview", item_args, a);
    groups[4] = (struct arg_group)ARG_GROUP(NULL, other_args, a);
    groups[5] = args_log();
}

static int choose_view(struct inspect_args *a, struct ft_err *err)
{
    bool history = a->key != NULL && !a->records && !a->keys;

    if (a->records + a->keys + history + a->raw + (a->forecast.target != NULL) > 1) {
        return err_set(
            err, FT_ERR_USAGE,
            "--records, --keys, --key, --for and --raw are different views: one at a time");
    }
    if (a->keys)
        a->view = INSPECT_KEYS;
    if (a->records)
        a->view = INSPECT_RECORDS;
    else if (history)
        a->view = INSPECT_HISTORY;
    else if (a->raw)
        a->view = INSPECT_RAW;
    else if (a->forecast.target != NULL)
        a->view = INSPECT_FORECAST;
    return 0;
}

/* Options that would be of no effect are refused. */
static int check(const struct inspect_args *a, struct ft_err *err)
{
    bool items = a->view == INSPECT_RECORDS || a->view == INSPECT_HISTORY;
    bool range = a->from != NULL || a->to != NULL || a->has_flow;
    bool bounds = a->from != NULL || a->to != NULL || a->limit != 0 || a->filter.db_count != 0;
    bool state = a->view == INSPECT_KEYS || a->view == INSPECT_HISTORY;

    if (a->which.at != NULL && !state)
        return err_set(err, FT_ERR_USAGE, "--at goes with --keys or --key");
    if (a->view == INSPECT_KEYS && range)
        return err_set(
            err, FT_ERR_USAGE,
            "--keys lists one state, which --at chooses: not with --from, --to and --flow");
    if (a->view == INSPECT_HISTORY && strpbrk(a->key, "*?[") != NULL)
        return err_set(
            err, FT_ERR_USAGE,
            "--key takes one key here, and this looks like a pattern: --keys --key lists the "
            "keys that fit it, --records --key their records; \\x2a, \\x3f and \\x5b stand "
            "for *, ? and [ in a name");

    if (bounds && !items && a->view != INSPECT_KEYS) {
        return err_set(err, FT_ERR_USAGE,
                       "--db and --limit go with --records, --keys or --key, --from and --to with "
                       "--records or --key");
    }
    if (a->has_flow && !items && a->view != INSPECT_RAW)
        return err_set(err, FT_ERR_USAGE, "--flow goes with --records, --key or --raw");
    if (a->view == INSPECT_RAW && !a->has_flow)
        return err_set(err, FT_ERR_USAGE, "--raw needs --flow");
    if (a->view == INSPECT_RAW && a->output.json)
        return err_set(err, FT_ERR_USAGE, "--raw writes bytes, not JSON");
    if (a->forecast.cluster && a->view != INSPECT_FORECAST)
        return err_set(err, FT_ERR_USAGE, "--cluster goes with --for");
    if ((a->no_census || a->segments) && a->view != INSPECT_OVERVIEW)
        return err_set(err, FT_ERR_USAGE, "--no-census and --segments are about the overview");
    return 0;
}

int inspect_args_parse(struct inspect_args *ret, int argc, char **argv, struct ft_err *err)
{
    struct arg_group groups[GROUP_COUNT];
    char **operands;

    *ret = (struct inspect_args){0};
    list_groups(ret, groups);
    if (args_parse_operands(groups, GROUP_COUNT, argc, argv, 1, OPERANDS, &ret->output.help,
                            &operands, err) != 0)
        return -1;
    if (operands == NULL)
        return 0;
    ret->forecast.target = ret->version.target;
    if (choose_view(ret, err) != 0 || check(ret, err) != 0)
        return -1;
    if ((ret->view == INSPECT_RECORDS || ret->view == INSPECT_KEYS) && ret->key != NULL &&
        filter_add_key(&ret->filter, ret->key, err) != 0)
        return -1;
    return args_take_input(operands[0], &ret->input, err);
}

int inspect_args_help(struct arg_view *view)
{
    struct arg_group groups[GROUP_COUNT];
    struct inspect_args nothing;

    list_groups(&nothing, groups);
    return args_show(view, about, OPERANDS, groups, GROUP_COUNT);
}

void inspect_args_release(struct inspect_args *a)
{
    filter_release(&a->filter);
}
