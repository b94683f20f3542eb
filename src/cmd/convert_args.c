#include "cmd/convert_args.h"

#include <getopt.h>
#include <string.h>

#include "base/output_file.h"
#include "base/parse.h"

const char convert_help[] =
    "Usage: flowtape convert INPUT OUTPUT --to rdb|resp|aof|json [OPTION...]\n"
    "\n"
    "INPUT is a capture directory, a Dragonfly snapshot (any file of a .dfs set, or an .rdb file),\n"
    "or an RDB file of Redis. OUTPUT appears under its name only when it is complete.\n"
    "\n"
    "  --to rdb                an RDB file\n"
    "  --to resp               commands for redis-cli --pipe (OUTPUT \"-\": standard output)\n"
    "  --to aof                a directory for redis-server --appendonly yes --dir OUTPUT\n"
    "  --to json               keys and journal records, one JSON object a line (\"-\" likewise)\n"
    "  --at WHEN               the moment: snapshot, end (default), a time such as\n"
    "                          2026-08-20T12:34:56Z, -90s (before the end), or one LSN per flow:\n"
    "                          LSN,LSN,...; only captures have more than their snapshot\n"
    "  --redis VERSION         the Redis that will load it (default 7.0): 5.0, 6.2, 7.0, 7.2, 7.4,\n"
    "                          8.0, valkey-7.2, valkey-8.0\n"
    "  --redis-server PATH     the program that applies the journal for --to rdb and the base of\n"
    "                          --to aof (default redis-server)\n"
    "  --restore               --to resp: every key by RESTORE\n"
    "  --aof-size SIZE         --to aof: about the size of an increment (default 256MiB)\n"
    "  --on-loss fail|skip     what to do when that Redis cannot hold something (default fail:\n"
    "                          nothing is written and the status is 3)\n"
    "  --json-as module|string how JSON values are written (default: module on 8.0, else a loss)\n"
    "  --report FILE           write losses and suspect keys as JSON\n"
    "  --generation N          of a capture (default: the newest complete one)\n"
    "  --db N[,N...]           only these databases\n"
    "  --key GLOB              only keys that fit (repeatable: any of them)\n"
    "  --no-key GLOB           not the keys that fit (repeatable)\n"
    "  --type TYPE[,TYPE...]   only string, list, set, zset, hash, stream, json, module\n"
    "  --drop-expired          leave out keys whose time is over\n"
    "  --json                  print the result as JSON\n"
    "  --quiet                 no progress, no summary\n"
    "  --help                  this text\n";

enum option_id {
    OPT_TO = 256,
    OPT_AT,
    OPT_REDIS,
    OPT_REDIS_SERVER,
    OPT_RESTORE,
    OPT_AOF_SIZE,
    OPT_ON_LOSS,
    OPT_JSON_AS,
    OPT_REPORT,
    OPT_GENERATION,
    OPT_DB,
    OPT_KEY,
    OPT_NO_KEY,
    OPT_TYPE,
    OPT_DROP_EXPIRED,
    OPT_JSON,
    OPT_QUIET,
    OPT_HELP,
};

static const struct option long_options[] = {
    {"to", required_argument, NULL, OPT_TO},
    {"at", required_argument, NULL, OPT_AT},
    {"redis", required_argument, NULL, OPT_REDIS},
    {"redis-server", required_argument, NULL, OPT_REDIS_SERVER},
    {"restore", no_argument, NULL, OPT_RESTORE},
    {"aof-size", required_argument, NULL, OPT_AOF_SIZE},
    {"on-loss", required_argument, NULL, OPT_ON_LOSS},
    {"json-as", required_argument, NULL, OPT_JSON_AS},
    {"report", required_argument, NULL, OPT_REPORT},
    {"generation", required_argument, NULL, OPT_GENERATION},
    {"db", required_argument, NULL, OPT_DB},
    {"key", required_argument, NULL, OPT_KEY},
    {"no-key", required_argument, NULL, OPT_NO_KEY},
    {"type", required_argument, NULL, OPT_TYPE},
    {"drop-expired", no_argument, NULL, OPT_DROP_EXPIRED},
    {"json", no_argument, NULL, OPT_JSON},
    {"quiet", no_argument, NULL, OPT_QUIET},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

static const char *const to_names[] = {
    [CONVERT_TO_RDB] = "rdb",
    [CONVERT_TO_RESP] = "resp",
    [CONVERT_TO_AOF] = "aof",
    [CONVERT_TO_JSON] = "json",
};

const char *convert_to_name(enum convert_to to)
{
    return to_names[to];
}

static int parse_to(const char *text, enum convert_to *ret, struct ft_err *err)
{
    for (int to = CONVERT_TO_RDB; to <= CONVERT_TO_JSON; to++) {
        if (strcmp(text, to_names[to]) == 0) {
            *ret = (enum convert_to)to;
            return 0;
        }
    }
    return err_set(err, FT_ERR_USAGE, "cannot write \"%s\"; --to takes rdb, resp, aof or json",
                   text);
}

static int parse_choice(const char *text, const char *option, const char *first, const char *second,
                        bool *ret_second, struct ft_err *err)
{
    if (strcmp(text, first) != 0 && strcmp(text, second) != 0) {
        return err_set(err, FT_ERR_USAGE, "%s takes %s or %s, not \"%s\"", option, first, second,
                       text);
    }
    *ret_second = strcmp(text, second) == 0;
    return 0;
}

static int parse_json_as(const char *text, enum json_as *ret, struct ft_err *err)
{
    bool string;

    if (parse_choice(text, "--json-as", "module", "string", &string, err) != 0)
        return -1;
    *ret = string ? JSON_AS_STRING : JSON_AS_MODULE;
    return 0;
}

static int parse_part_size(const char *text, uint64_t *ret_bytes, struct ft_err *err)
{
    if (parse_size(text, ret_bytes, err) != 0)
        return err_wrap(err, "--aof-size");
    if (*ret_bytes == 0)
        return err_set(err, FT_ERR_USAGE, "--aof-size must not be 0");
    return 0;
}

static int take_filter(struct filter *filter, int id, const char *value, struct ft_err *err)
{
    switch (id) {
    case OPT_DB:
        return filter_add_db(filter, value, err);
    case OPT_KEY:
        return filter_add_key(filter, value, err);
    case OPT_NO_KEY:
        return filter_add_no_key(filter, value, err);
    case OPT_TYPE:
        return filter_add_type(filter, value, err);
    default: /* getopt has printed which option it does not know */
        return err_set(err, FT_ERR_USAGE, "unknown or incomplete option");
    }
}

static bool take_flag(struct convert_args *a, int id)
{
    switch (id) {
    case OPT_RESTORE:
        a->stream.restore = true;
        return true;
    case OPT_DROP_EXPIRED:
        a->convert.drop_expired = true;
        return true;
    case OPT_JSON:
        a->json = true;
        return true;
    case OPT_QUIET:
        a->quiet = true;
        return true;
    case OPT_HELP:
        a->help = true;
        return true;
    default:
        return false;
    }
}

static int take_option(struct convert_args *a, int id, const char *value, struct ft_err *err)
{
    if (take_flag(a, id))
        return 0;
    switch (id) {
    case OPT_TO:
        return parse_to(value, &a->to, err);
    case OPT_AT:
        a->at = value;
        return 0;
    case OPT_REDIS:
        return target_parse(value, &a->convert.target, err);
    case OPT_REDIS_SERVER:
        a->convert.redis_server = value;
        return 0;
    case OPT_AOF_SIZE:
        return parse_part_size(value, &a->stream.part_bytes, err);
    case OPT_ON_LOSS:
        return parse_choice(value, "--on-loss", "skip", "fail", &a->convert.fail_on_loss, err);
    case OPT_JSON_AS:
        return parse_json_as(value, &a->convert.json_as, err);
    case OPT_REPORT:
        a->report = value;
        return 0;
    case OPT_GENERATION:
        return parse_u64(value, &a->generation, err);
    default:
        return take_filter(&a->convert.filter, id, value, err);
    }
}

static int check(const struct convert_args *a, struct ft_err *err)
{
    bool to_stdout = strcmp(a->output, OUTPUT_STDOUT_NAME) == 0;

    if (a->to == CONVERT_TO_NOTHING) {
        return err_set(err, FT_ERR_USAGE,
                       "--to is missing: say what to write, for example --to rdb");
    }
    if (to_stdout && (a->to == CONVERT_TO_RDB || a->to == CONVERT_TO_AOF)) {
        return err_set(err, FT_ERR_USAGE, "--to %s cannot go to standard output", to_names[a->to]);
    }
    if (to_stdout && a->json)
        return err_set(err, FT_ERR_USAGE, "--json would be mixed with the output; use --report");
    if (a->stream.restore && a->to != CONVERT_TO_RESP)
        return err_set(err, FT_ERR_USAGE, "--restore is for --to resp");
    return 0;
}

int convert_args_parse(struct convert_args *ret, int argc, char **argv, struct ft_err *err)
{
    int id;

    *ret = (struct convert_args){
        .at = "end",
        .convert = {.target = target_default(),
                    .fail_on_loss = true,
                    .redis_server = "redis-server"},
        .stream = {.part_bytes = AOF_PART_DEFAULT_BYTES},
    };
    opterr = 1;
    while ((id = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (take_option(ret, id, optarg, err) != 0)
            return -1;
    }
    if (ret->help)
        return 0;
    if (argc - optind != 2)
        return err_set(err, FT_ERR_USAGE, "wanted INPUT and OUTPUT, got %d words", argc - optind);
    ret->input = argv[optind];
    ret->output = argv[optind + 1];
    return check(ret, err);
}

void convert_args_release(struct convert_args *a)
{
    filter_release(&a->convert.filter);
}
