#include "cmd/diff_args.h"

#include <limits.h>
#include <string.h>

#include "base/parse.h"
#include "cmd/log.h"

#define ROUNDS_DEFAULT      3
#define INTERVAL_DEFAULT_MS 1000u
#define SLACK_DEFAULT_MS    1000u
#define SHOW_DEFAULT        10u
/* More are for --keys-to. */
#define SHOW_MAX   10000u
#define ROUNDS_MAX 250u

static int take_number(const char *text, uint64_t max, uint64_t *ret, struct ft_err *err)
{
    if (parse_u64(text, ret, err) != 0)
        return -1;
    return *ret <= max ? 0
                       : err_set(err, FT_ERR_USAGE, "wanted at most %llu", (unsigned long long)max);
}

static int take_generation_of(struct diff_args *a, enum diff_of of, const char *value,
                              struct ft_err *err)
{
    uint64_t n;

    if (take_number(value, UINT32_MAX, &n, err) != 0)
        return -1;
    if (n == 0)
        return err_set(err, FT_ERR_USAGE, "generations count from 1");
    a->run.input[of].generation = (uint32_t)n;
    return 0;
}

static int take_generation_a(void *into, const char *value, struct ft_err *err)
{
    return take_generation_of(into, DIFF_A, value, err);
}

static int take_generation_b(void *into, const char *value, struct ft_err *err)
{
    return take_generation_of(into, DIFF_B, value, err);
}

static const struct arg side_args[] = {
    {"at-a", "WHEN",
     "the moment of a capture: snapshot, end (default), a\n"
     "time such as 2026-08-20T12:34:56Z, -90s (before the\n"
     "end), or one LSN per flow: LSN,LSN,...",
     offsetof(struct diff_args, run.input[DIFF_A].at), NULL},
    {"at-b", "WHEN", "likewise", offsetof(struct diff_args, run.input[DIFF_B].at), NULL},
    {"generation-a", "N", "of a capture (default: the newest complete one)", 0, take_generation_a},
    {"generation-b", "N", "likewise", 0, take_generation_b},
    {"redis-server", "PATH",
     "the program that applies a capture's journal (default\n"
     "redis-server)",
     offsetof(struct diff_args, run.redis_server), NULL},
};

static int take_slack(void *into, const char *value, struct ft_err *err)
{
    return parse_duration(value, &((struct diff_args *)into)->run.rules.slack_ms, err);
}

static int take_ttl(void *into, const char *value, struct ft_err *err)
{
    static const char *const choices[] = {"keep", "drop", NULL};
    struct diff_args *a = into;
    int choice;

    if (args_choice("--ttl", value, choices, &choice, err) != 0)
        return -1;
    a->run.rules.ttl = choice == 0 ? REPLAY_TTL_KEEP : REPLAY_TTL_DROP;
    return 0;
}

static int take_db_map(void *into, const char *value, struct ft_err *err)
{
    return replay_map_add_dbs(&((struct diff_args *)into)->map, value, err);
}

static int take_rename(void *into, const char *value, struct ft_err *err)
{
    return replay_map_add_rename(&((struct diff_args *)into)->map, value, err);
}

static int take_shared_target(void *into, const char *value, struct ft_err *err)
{
    return key_claim_add(&((struct diff_args *)into)->map.claim, value, err);
}

static int take_redis(void *into, const char *value, struct ft_err *err)
{
    struct diff_args *a = into;

    a->run.target_given = true;
    return target_parse(value, &a->run.rules.target, err);
}

static int take_rounds(void *into, const char *value, struct ft_err *err)
{
    uint64_t n;

    if (take_number(value, ROUNDS_MAX, &n, err) != 0)
        return -1;
    if (n == 0)
        return err_set(err, FT_ERR_USAGE, "--rounds must not be 0");
    ((struct diff_args *)into)->run.rounds = (unsigned)n;
    return 0;
}

static int take_interval(void *into, const char *value, struct ft_err *err)
{
    struct diff_args *a = into;

    if (parse_duration(value, &a->run.interval_ms, err) != 0)
        return -1;
    return a->run.interval_ms <= INT_MAX ? 0 : err_set(err, FT_ERR_USAGE, "that is too long");
}

static int take_rate(void *into, const char *value, struct ft_err *err)
{
    struct diff_args *a = into;
    uint64_t bytes;

    if (args_take_rate(value, &a->run.rate_keys, &bytes, err) != 0)
        return -1;
    return bytes == 0 ? 0 : err_set(err, FT_ERR_USAGE, "--rate of a comparison is about keys");
}

static const struct arg live_args[] = {
    {"rounds", "N", "how often keys that differ are read again (default 3)", 0, take_rounds},
    {"interval", "TIME", "between two rounds (default 1s)", 0, take_interval},
    {"rate", "N", "so many keys a second of each server", 0, take_rate},
    {"password-file-a", "FILE",
     "its first line is the password of A; else\n"
     "FLOWTAPE_SOURCE_PASSWORD is looked at",
     offsetof(struct diff_args, server[DIFF_A].password_file), NULL},
    {"password-file-b", "FILE", "likewise of B; FLOWTAPE_TARGET_PASSWORD",
     offsetof(struct diff_args, server[DIFF_B].password_file), NULL},
};

static const struct arg rule_args[] = {
    {"ttl-slack", "TIME", "times may be so far apart (default 1s)", 0, take_slack},
    {"ttl", "keep|drop", "keys of B have the times to live of A (default), or none", 0, take_ttl},
    {"db-map", "RULE[,RULE...]", "as replay had it: 1:0, 2:drop, *:prefix=db%d:", 0, take_db_map},
    {"rename", "RULE", "as replay had it: GLOB=prefix:TEXT or GLOB=strip:TEXT", 0, take_rename},
    {"shared-target", "KEYS", "as replay had it: of B only these keys are looked at", 0,
     take_shared_target},
    {"like-replay", NULL,
     "filters, --db-map, --rename, --ttl and --json-as as the\n"
     "replay had them that has written B",
     offsetof(struct diff_args, run.like_replay), NULL},
    {"redis", "VERSION",
     "what such a Redis cannot hold is expected to be missing\n"
     "in B (default: B's own version)",
     0, take_redis},
    {"for", "VERSION", "the same as --redis", 0, take_redis},
};

static int take_type(void *into, const char *value, struct ft_err *err)
{
    return filter_add_type(&((struct diff_args *)into)->filter, value, err);
}

static const struct arg type_args[] = {
    {"type", "TYPE[,TYPE...]",
     "only keys that are such on a side: string, list, set,\n"
     "zset, hash, stream, json, module, probabilistic",
     0, take_type},
};

static int take_show(void *into, const char *value, struct ft_err *err)
{
    uint64_t n;

    if (take_number(value, SHOW_MAX, &n, err) != 0)
        return -1;
    ((struct diff_args *)into)->run.show = (size_t)n;
    return 0;
}

static const struct arg result_args[] = {
    {"show", "N", "so many keys of each kind with the place (default 10)", 0, take_show},
    {"keys-to", "FILE", "every key that differs, as a line of JSON",
     offsetof(struct diff_args, keys_to), NULL},
};

static const char about[] =
    "Usage: flowtape diff A B [OPTION...]\n"
    "\n"
    "Compares A and B key by key: types, values, times, the state of streams,\n"
    "functions. Each is a capture directory, a Dragonfly snapshot, an RDB file, an\n"
    "append-only file, or a running Redis (redis://..., unix:/path), of a cluster\n"
    "any node, or a live Dragonfly (dragonfly://...). Exit status 0 if they are\n"
    "equal, 3 if they are not.\n";

#define GROUP_COUNT 17
#define OPERANDS    "A and B"

static void list_groups(struct diff_args *a, struct arg_group groups[GROUP_COUNT])
{
    groups[0] = (struct arg_group)ARG_GROUP(NULL, side_args, a);
    groups[1] = args_max_item_and_tail();
    groups[2] = (struct arg_group)ARG_GROUP("Servers", live_args, a);
    groups[3] = args_login_a(&a->server[DIFF_A].login);
    groups[4] = args_login_b(&a->server[DIFF_B].login);
    groups[5] = args_ask_password(&a->ask_password);
    groups[6] = (struct arg_group)ARG_GROUP("What is equal", rule_args, a);
    groups[7] = args_json_as(&a->loss);
    groups[8] = args_filter(&a->filter);
    groups[9] = (struct arg_group)ARG_GROUP(NULL, type_args, a);
    groups[10] = args_tls(&a->tls);
    groups[11] = args_tls_a(&a->server[DIFF_A].tls);
    groups[12] = args_tls_b(&a->server[DIFF_B].tls);
    groups[13] = args_reach(&a->reach);
    groups[14] = (struct arg_group)ARG_GROUP("The result", result_args, a);
    groups[15] = args_output(&a->output);
    groups[16] = args_log();
}

static bool is_address(const char *arg)
{
    return strstr(arg, "://") != NULL || strncmp(arg, "unix:", 5) == 0;
}

static int take_side(struct diff_args *a, enum diff_of of, const char *arg, struct ft_err *err)
{
    struct diff_input *input = &a->run.input[of];
    struct server_args *server = &a->server[of];

    if (!is_address(arg))
        return args_take_input(arg, &input->name, err);
    server->login.ask = a->ask_password;
    server->reach = reach_ref(a->reach);
    if (args_is_secure(arg))
        tls_args_join(&server->tls, &a->tls);
    if (args_take_server(server, arg,
                         of == DIFF_A ? "FLOWTAPE_SOURCE_PASSWORD" : "FLOWTAPE_TARGET_PASSWORD",
                         err) != 0)
        return -1;
    if (server->uri.db != 0)
        return err_set(err, FT_ERR_USAGE, "all databases are compared: --db %u chooses one",
                       server->uri.db);
    if (input->at != NULL || input->generation != 0)
        return err_set(err, FT_ERR_USAGE, "a server has no moments to choose from");
    input->name = uri_address(&server->uri, a->names[of]);
    input->uri = &server->uri;
    return 0;
}

int diff_args_parse(struct diff_args *a, int argc, char **argv, struct ft_err *err)
{
    struct arg_group groups[GROUP_COUNT];
    char **operands;

    *a = (struct diff_args){.run = {.rules = {.slack_ms = SLACK_DEFAULT_MS},
                                    .redis_server = "redis-server",
                                    .rounds = ROUNDS_DEFAULT,
                                    .interval_ms = INTERVAL_DEFAULT_MS,
                                    .show = SHOW_DEFAULT}};
    a->run.rules.filter = &a->filter;
    a->run.rules.map = &a->map;
    list_groups(a, groups);
    if (args_parse_operands(groups, GROUP_COUNT, argc, argv, 2, OPERANDS, &a->output.help,
                            &operands, err) != 0)
        return -1;
    if (operands == NULL)
        return 0;
    if (strcmp(operands[0], "-") == 0 && strcmp(operands[1], "-") == 0)
        return err_set(err, FT_ERR_USAGE, "standard input can be one of A and B only");
    a->run.rules.json_as = a->loss.json_as;
    if (a->run.like_replay &&
        (!filter_is_empty(&a->filter) || !replay_map_is_identity(&a->map) ||
         a->run.rules.ttl != REPLAY_TTL_KEEP || a->loss.json_as != JSON_AS_DEFAULT))
        return err_set(err, FT_ERR_USAGE, "--like-replay says what the others would say");
    return take_side(a, DIFF_A, operands[0], err) != 0 ? -1
                                                       : take_side(a, DIFF_B, operands[1], err);
}

int diff_args_help(struct arg_view *view)
{
    struct arg_group groups[GROUP_COUNT];
    struct diff_args nothing;

    list_groups(&nothing, groups);
    return args_show(view, about, OPERANDS, groups, GROUP_COUNT);
}

void diff_args_release(struct diff_args *a)
{
    reach_unref(a->reach);
    filter_release(&a->filter);
    replay_map_release(&a->map);
    for (int of = DIFF_A; of <= DIFF_B; of++)
        args_release_server(&a->server[of]);
}
