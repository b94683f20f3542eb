#include "cmd/sync_args.h"

#include <unistd.h>

#include "base/parse.h"
#include "cmd/log.h"
#include "serve/listener.h"
#include "wire/reach.h"
#include "wire/uri_list.h"

int args_cutover_mode(const char *option, const char *text, enum cutover_mode *ret,
                      struct ft_err *err)
{
    int choice;

    if (args_choice(option, text, cutover_mode_names, &choice, err) != 0)
        return -1;
    *ret = (enum cutover_mode)choice;
    return 0;
}

static int take_cutover(void *into, const char *value, struct ft_err *err)
{
    return args_cutover_mode("--cutover", value, &((struct sync_args *)into)->run.cutover, err);
}

static int take_hold(void *into, const char *value, struct ft_err *err)
{
    return parse_duration(value, &((struct sync_args *)into)->run.hold_ms, err);
}

static int take_max_dir_size(void *into, const char *value, struct ft_err *err)
{
    return parse_size(value, &((struct sync_args *)into)->run.max_dir_bytes, err);
}

static int take_min_free(void *into, const char *value, struct ft_err *err)
{
    return parse_size(value, &((struct sync_args *)into)->run.min_free_bytes, err);
}

static int take_give_up_after(void *into, const char *value, struct ft_err *err)
{
    return parse_duration(value, &((struct sync_args *)into)->give_up_ms, err);
}

static int take_serve(void *into, const char *value, struct ft_err *err)
{
    struct sync_args *a = into;

    a->serves = true;
    return listener_parse(value, SERVE_PORT_DEFAULT, &a->service.run.listen, err);
}

static int take_min_replicas(void *into, const char *value, struct ft_err *err)
{
    return args_take_number("min-replicas", value, SERVE_REPLICAS_MAX,
                            &((struct sync_args *)into)->run.min_replicas, err);
}

static int take_max_replicas(void *into, const char *value, struct ft_err *err)
{
    return args_take_number("max-replicas", value, SERVE_REPLICAS_MAX,
                            &((struct sync_args *)into)->service.run.replicas_max, err);
}

static const struct arg sync_args[] = {
    {"dir", "DIR", "the capture directory between source and target",
     offsetof(struct sync_args, run.capture.directory), NULL},
    {"serve", "ADDRESS",
     "no TARGET: Redis and Valkey attach to HOST:PORT with\n"
     "REPLICAOF, as to flowtape serve (which see), and have\n"
     "everything when it is cut over",
     0, take_serve},
    {"snapshot-only", NULL, "the full sync alone: capture it, replay it, end",
     offsetof(struct sync_args, run.snapshot_only), NULL},
    {"cutover", "manual|pause|takeover",
     "manual (default): continue until told by SIGUSR1 or\n"
     "\"flowtape cutover DIR\". pause: when caught up, pause\n"
     "the source's writes, and hold until confirmed.\n"
     "takeover: when caught up, the source stops for good",
     0, take_cutover},
    {"hold", "TIME",
     "pause: how long to wait for the confirmation, then the\n"
     "source resumes and the status is 5 (default: for ever)",
     0, take_hold},
    {"eager", NULL,
     "replay what is not synced to disk yet: faster, and as\n"
     "safe unless this machine itself goes down",
     offsetof(struct sync_args, eager), NULL},
    {"max-dir-size", "SIZE", "end when DIR has become so large, status 5", 0, take_max_dir_size},
    {"min-free", "SIZE", "end when its file system has less left, status 5", 0, take_min_free},
    {"give-up-after", "TIME", "how long a lost source or target is waited for (default\n60s)", 0,
     take_give_up_after},
};

static int take_source_rename(void *into, const char *value, struct ft_err *err)
{
    struct reach **reach = &((struct sync_args *)into)->source.reach;

    return reach_of(reach, err) != 0 ? -1 : reach_add_command(*reach, value, err);
}

static const struct arg source_args[] = {
    {"cluster", NULL, "SOURCE is a node of a cluster: ask it for the others, and\ntake all of them",
     offsetof(struct sync_args, cluster), NULL},
    {"source-password-file", "FILE", "its first line; else FLOWTAPE_SOURCE_PASSWORD is looked\nat",
     offsetof(struct sync_args, source.password_file), NULL},
    {"source-rename-command", "NAME=OTHER",
     "send NAME as OTHER to the source (repeatable);\n--rename-command is for the target", 0,
     take_source_rename},
};

static const struct arg serve_args[] = {
    {"min-replicas", "N", "there is no cut-over without so many (default 1)", 0, take_min_replicas},
    {"max-replicas", "N", "how many at the same time (default 16)", 0, take_max_replicas},
    {"replica-password-file", "FILE", "its first line is what replicas have to give (masterauth)",
     offsetof(struct sync_args, service.password_file), NULL},
};

static const struct arg target_args[] = {
    {"target-password-file", "FILE", "likewise; else FLOWTAPE_TARGET_PASSWORD",
     offsetof(struct server_args, password_file), NULL},
};

static const char about[] =
    "Usage: flowtape sync SOURCE TARGET --dir DIR [OPTION...]\n"
    "       flowtape sync SOURCE --serve ADDRESS --dir DIR [OPTION...]\n"
    "\n"
    "Records a live Dragonfly, Redis or Valkey into DIR and replays it into a\n"
    "running Redis at the same time, up to the cut-over. SOURCE is\n"
    "dragonfly://[USER[:PASSWORD]@]HOST[:PORT], or redis:// likewise, TARGET as for\n"
    "flowtape replay. The same command resumes after any interruption. Status 0: the\n"
    "target has everything.\n";

#define GROUP_COUNT       24
#define OPERANDS          "SOURCE and TARGET"
#define SERVE_GROUP_COUNT 16
#define SERVE_OPERANDS    "SOURCE"

/* Those of a sync that serves: what is about a target has no meaning then. */
static void list_serve_groups(struct sync_args *a, struct arg_group groups[SERVE_GROUP_COUNT])
{
    groups[0] = (struct arg_group)ARG_GROUP(NULL, sync_args, a);
    groups[1] = args_store(&a->run.capture);
    groups[2] = args_max_item();
    groups[3] = args_loss(&a->loss);
    groups[4] = args_report(&a->output);
    groups[5] = (struct arg_group)ARG_GROUP(NULL, source_args, a);
    groups[6] = args_served(&a->service);
    groups[7] = (struct arg_group)ARG_GROUP(NULL, serve_args, a);
    groups[8] = args_tls_source(&a->source.tls);
    groups[9] = args_tls_listen(&a->service.tls);
    groups[10] = args_login_source(&a->source.login);
    groups[11] = args_ask_password(&a->ask_password);
    groups[12] = args_output(&a->output);
    groups[13] = args_log();
    groups[14] = args_status(&a->status);
    groups[15] = args_control(&a->status);
}

static void list_groups(struct sync_args *a, struct arg_group groups[GROUP_COUNT])
{
    groups[0] = (struct arg_group)ARG_GROUP(NULL, sync_args, a);
    groups[1] = args_store(&a->run.capture);
    groups[2] = args_target(&a->run.replay);
    groups[3] = args_max_item();
    groups[4] = args_loss(&a->loss);
    groups[5] = args_filter(&a->run.replay.filter);
    groups[6] = args_tls(&a->tls);
    groups[7] = args_tls_source(&a->source.tls);
    groups[8] = args_tls_target(&a->target.tls);
    groups[9] = args_reach(&a->target.reach);
    groups[10] = args_report(&a->output);
    groups[11] = (struct arg_group)ARG_GROUP(NULL, source_args, a);
    groups[12] = (struct arg_group)ARG_GROUP(NULL, target_args, &a->target);
    groups[13] = args_login_source(&a->source.login);
    groups[14] = args_login_target(&a->target.login);
    groups[15] = args_ask_password(&a->ask_password);
    groups[16] = args_check(&a->check);
    groups[17] = args_served(&a->service);
    groups[17].heading = "With --serve";
    groups[18] = (struct arg_group)ARG_GROUP(NULL, serve_args, a);
    groups[19] = args_output(&a->output);
    groups[20] = args_log();
    groups[21] = args_status(&a->status);
    groups[22] = args_control(&a->status);
    groups[23] = args_limits(&a->target.reach);
    groups[23].heading = "Limits of the target";
}

/* Is it among the options? Which there are depends on it. */
static bool is_to_serve(int argc, char **argv)
{
    static const char option[] = "--serve";
    size_t n = sizeof(option) - 1;

    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strncmp(argv[i], option, n) == 0 && (argv[i][n] == '\0' || argv[i][n] == '='))
            return true;
    }
    return false;
}

/* What makes no difference to a target is not taken in silence. */
static int check_no_service(const struct sync_args *a, struct ft_err *err)
{
    const char *given = a->service.for_redis;

    if (a->serves)
        return err_set(err, FT_ERR_USAGE, "--serve is taken from the command line alone");
    if (a->run.min_replicas != 1)
        given = "min-replicas";
    else if (a->service.run.replicas_max != SERVE_REPLICAS_DEFAULT)
        given = "max-replicas";
    else if (a->service.password_file != NULL)
        given = "replica-password-file";
    return given == NULL ? 0 : err_set(err, FT_ERR_USAGE, "--%s is for --serve", given);
}

static int check(const struct sync_args *a, struct ft_err *err)
{
    if (a->run.capture.directory == NULL)
        return err_set(err, FT_ERR_USAGE, "--dir is missing: say where to keep the capture");
    if (a->run.snapshot_only && a->run.cutover != CUTOVER_MANUAL)
        return err_set(err, FT_ERR_USAGE, "--snapshot-only has no cut-over");
    if (a->run.hold_ms != 0 && a->run.cutover == CUTOVER_TAKEOVER)
        return err_set(err, FT_ERR_USAGE, "--hold is for --cutover pause");
    if (a->serves && a->run.snapshot_only)
        return err_set(err, FT_ERR_USAGE,
                       "--serve has no --snapshot-only: flowtape serve serves what there is");
    if (check_args_check(&a->check, &a->run.replay, err) != 0)
        return -1;
    return replay_args_check(&a->run.replay, err);
}

static int take_source(struct sync_args *a, const char *source, struct ft_err *err)
{
    if (args_take_nodes(&a->source, source, err) != 0)
        return -1;
    if (a->cluster && a->source.node_count > 1)
        return err_set(err, FT_ERR_USAGE, "--cluster is for one node; all of them are named here");
    if ((a->cluster || a->source.node_count > 1) && a->run.cutover == CUTOVER_TAKEOVER)
        return err_set(err, FT_ERR_USAGE, "--cutover takeover: " SYNC_NO_TAKEOVER_OF_NODES);
    if (a->source.uri.scheme != URI_DRAGONFLY && a->run.cutover == CUTOVER_TAKEOVER)
        return err_set(err, FT_ERR_USAGE, "--cutover takeover: " SYNC_NO_TAKEOVER);
    return 0;
}

/* What is said of both servers is for those that have TLS. */
static int take_servers(struct sync_args *a, char **operands, struct ft_err *err)
{
    if (strncasecmp(operands[1], "dragonfly", 9) == 0 &&
        strncasecmp(operands[0], "dragonfly", 9) != 0)
        return reach_args_swapped("flowtape sync SOURCE TARGET, with the Dragonfly first", err);
    a->source.is_other = true; /* redis-cli knows nothing of Dragonfly's */
    a->source.login.ask = a->target.login.ask = a->ask_password;
    if (args_is_secure(operands[0]) || !args_is_secure(operands[1]))
        tls_args_join(&a->source.tls, &a->tls);
    if (args_is_secure(operands[1]))
        tls_args_join(&a->target.tls, &a->tls);
    if (take_source(a, operands[0], err) != 0)
        return -1;
    return args_take_target(&a->target, operands[1], err);
}

static int take_service(struct sync_args *a, const char *source, struct ft_err *err)
{
    a->source.login.ask = a->ask_password;
    if (take_source(a, source, err) != 0)
        return -1;
    a->service.loss = a->loss;
    a->service.run.input = a->run.capture.directory;
    a->run.serve = &a->service.run;
    return serve_args_take(&a->service, err);
}

int sync_args_parse(struct sync_args *ret, int argc, char **argv, struct ft_err *err)
{
    struct arg_group groups[GROUP_COUNT];
    bool serves = is_to_serve(argc, argv);
    char **operands;

    *ret = (struct sync_args){
        .run = {.capture = capture_run_defaults(),
                .replay = replay_run_defaults(),
                .min_replicas = 1,
                .cancel_fd = -1,
                .told_fd = -1,
                .enter_fd = -1},
        .loss = {.fail = true},
        .service = {.run = serve_options_defaults()},
        .check = {.redis_server = "redis-server"},
    };
    ret->give_up_ms = ret->run.capture.give_up_after_ms;
    if (serves)
        list_serve_groups(ret, groups);
    else
        list_groups(ret, groups);
    if (args_parse_operands(groups, serves ? SERVE_GROUP_COUNT : GROUP_COUNT, argc, argv,
                            serves ? 1 : 2, serves ? SERVE_OPERANDS : OPERANDS, &ret->output.help,
                            &operands, err) != 0)
        return serves ? err_wrap(err, "with --serve") : -1;
    if (operands == NULL)
        return 0;
    if (status_args_finish(&ret->status, err) != 0)
        return -1;
    if (!serves && check_no_service(ret, err) != 0)
        return -1;
    if (check(ret, err) != 0)
        return -1;
    ret->run.capture.give_up_after_ms = ret->give_up_ms;
    ret->run.replay.give_up_ms = ret->give_up_ms;
    ret->run.check = ret->check.wanted;
    ret->run.check_sample = ret->check.sample;
    ret->run.check_redis_server = ret->check.redis_server;
    ret->run.replay.fail_on_loss = ret->loss.fail;
    ret->run.replay.json_as = ret->loss.json_as;
    ret->run.capture.source = &ret->source.uri;
    ret->run.replay.target = &ret->target.uri;
    if (serves)
        return take_service(ret, operands[0], err);
    return take_servers(ret, operands, err);
}

int sync_args_help(struct arg_view *view)
{
    struct arg_group groups[GROUP_COUNT];
    struct sync_args nothing;

    list_groups(&nothing, groups);
    return args_show(view, about, OPERANDS, groups, GROUP_COUNT);
}

void sync_args_release(struct sync_args *a)
{
    filter_release(&a->run.replay.filter);
    replay_map_release(&a->run.replay.map);
    args_release_server(&a->source);
    args_release_server(&a->target);
    uri_release(&a->service.run.listen);
    status_args_release(&a->status);
}
