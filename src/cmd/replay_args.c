#include "cmd/replay_args.h"

#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "cmd/log.h"
#include "replay/replay_repair.h"
#include "serve/listener.h"

/* Names of so many keys are held in memory. */
#define CHECK_MAX 1000000u

/*
 * The target
 */

static int take_on_conflict(void *into, const char *value, struct ft_err *err)
{
    static const char *const choices[] = {"replace", "skip", "fail", NULL};
    struct replay_options *o = into;
    int choice;

    if (args_choice("--on-conflict", value, choices, &choice, err) != 0)
        return -1;
    o->on_conflict = (enum replay_conflict)choice;
    return 0;
}

static int take_ttl(void *into, const char *value, struct ft_err *err)
{
    static const char *const choices[] = {"keep", "shift", "drop", NULL};
    struct replay_options *o = into;
    int choice;

    if (args_choice("--ttl", value, choices, &choice, err) != 0)
        return -1;
    o->ttl = (enum replay_ttl)choice;
    return 0;
}

static int take_db_map(void *into, const char *value, struct ft_err *err)
{
    return replay_map_add_dbs(&((struct replay_options *)into)->map, value, err);
}

static int take_rename(void *into, const char *value, struct ft_err *err)
{
    return replay_map_add_rename(&((struct replay_options *)into)->map, value, err);
}

static int take_shared_target(void *into, const char *value, struct ft_err *err)
{
    return key_claim_add(&((struct replay_options *)into)->map.claim, value, err);
}

static int take_rate(void *into, const char *text, struct ft_err *err)
{
    struct replay_options *o = into;

    return args_take_rate(text, &o->rate_keys, &o->rate_bytes, err);
}

static int take_without(void *into, const char *text, struct ft_err *err)
{
    return replay_take_without(&((struct replay_options *)into)->without, text, err);
}

static int take_on_error(void *into, const char *text, struct ft_err *err)
{
    struct replay_options *o = into;
    static const char dead[] = "dead-letter=";

    o->dead_letters = NULL;
    if (strcmp(text, "stop") == 0)
        return 0;
    if (strncmp(text, dead, strlen(dead)) != 0 || text[strlen(dead)] == '\0') {
        return err_set(err, FT_ERR_USAGE, "--on-error takes stop or dead-letter=FILE, not \"%s\"",
                       text);
    }
    o->dead_letters = text + strlen(dead);
    return 0;
}

static const struct arg target_args[] = {
    {"from-start", NULL, "begin again, over what an earlier run has written",
     offsetof(struct replay_options, from_start), NULL},
    {"flush", NULL, "empty the target first (FLUSHALL ASYNC)",
     offsetof(struct replay_options, flush), NULL},
    {"finish", NULL, "remove the position from the target when everything is\nthere",
     offsetof(struct replay_options, finish), NULL},
    {"on-conflict", "WHAT",
     "keys that the target has before: replace (default),\n"
     "skip, fail",
     0, take_on_conflict},
    {"db-map", "RULE[,RULE...]",
     "1:0 puts database 1 into 0, 2:drop leaves it out,\n"
     "*:prefix=db%d: puts the others into 0, under a prefix",
     0, take_db_map},
    {"rename", "RULE",
     "GLOB=prefix:TEXT or GLOB=strip:TEXT (repeatable, the\n"
     "first that fits counts)",
     0, take_rename},
    {"shared-target", "KEYS",
     "other replays write into the target at the same time;\n"
     "this one has PREFIX*, a key, or slots:0-5460\n"
     "(repeatable)",
     0, take_shared_target},
    {"ttl", "keep|shift|drop",
     "times to live as they are (default), counted from the\n"
     "beginning of the replay, or none",
     0, take_ttl},
    {"on-error", "stop|dead-letter=FILE",
     "commands that the target refuses though the source did\n"
     "not: stop (default), or write them to FILE and continue",
     0, take_on_error},
    {"accept-errors", NULL, "continue without the commands that an earlier run stopped\nat",
     offsetof(struct replay_options, accept_errors), NULL},
    {"take-over", NULL, "take the place of another replay that seems to be at work\non the target",
     offsetof(struct replay_options, take_over), NULL},
    {"dry-run", NULL,
     "write nothing: look at everything that can be known\n"
     "before; status 0 go, 3 would lose, 4 would fail",
     offsetof(struct replay_options, dry_run), NULL},
    {"without", "COMMAND[,COMMAND...]",
     "do without eval, restore, mset, unlink, flushall, even\nwhere the target allows it (repeatable)",
     0, take_without},
    {"rate", "N|SIZE", "keys and records a second, or bytes: 5k, 10MB", 0, take_rate},
};

struct arg_group args_target(struct replay_options *into)
{
    return (struct arg_group)ARG_GROUP("The target", target_args, into);
}

int replay_args_check(const struct replay_options *o, struct ft_err *err)
{
    if (o->from_start && o->on_conflict != REPLAY_CONFLICT_REPLACE) {
        return err_set(err, FT_ERR_USAGE,
                       "--from-start writes over what is there; it needs --on-conflict replace");
    }
    if (o->flush && !key_claim_is_empty(&o->map.claim))
        return err_set(err, FT_ERR_USAGE,
                       "--flush would take the keys of those with whom --shared-target shares the "
                       "target");
    if (o->dry_run && (o->forget || o->retry_dead_letters != NULL))
        return err_set(err, FT_ERR_USAGE,
                       "--dry-run is about a replay, not about --forget or --retry-dead-letter");
    return 0;
}

/*
 * The run
 */

static int take_pace(void *into, const char *text, struct ft_err *err)
{
    struct replay_options *o = into;
    char *end = NULL;

    o->pace = strcmp(text, "max") == 0 ? REPLAY_PACE_MAX : REPLAY_PACE_RECORDED;
    o->pace_factor = 1;
    if (strcmp(text, "max") == 0 || strcmp(text, "recorded") == 0)
        return 0;
    if (text[0] == 'x')
        o->pace_factor = strtod(text + 1, &end);
    if (end == NULL || *end != '\0' || !(o->pace_factor >= 0.001 && o->pace_factor <= 1e6))
        return err_set(err, FT_ERR_USAGE, "--pace takes max, recorded or xN, not \"%s\"", text);
    return 0;
}

static int take_give_up(void *into, const char *value, struct ft_err *err)
{
    return parse_duration(value, &((struct replay_options *)into)->give_up_ms, err);
}

static const struct arg run_args[] = {
    {"follow", NULL,
     "continue with what is added to the capture, until\n"
     "stopped; begins with an empty target, or with --flush",
     offsetof(struct replay_options, follow), NULL},
    {"pace", "max|recorded|xN",
     "the journal as fast as it goes (default), as it was,\n"
     "N times that",
     0, take_pace},
    {"forget", NULL,
     "remove the position and do nothing else (INPUT is still\n"
     "named)",
     offsetof(struct replay_options, forget), NULL},
    {"only-keys", "FILE",
     "bring the keys that FILE names (flowtape diff --keys-to)\nto the state at --at, and do nothing else",
     offsetof(struct replay_options, only_keys), NULL},
    {"retry-dead-letter", "FILE", "send the commands of FILE again, and do nothing else",
     offsetof(struct replay_options, retry_dead_letters), NULL},
    {"give-up-after", "TIME", "how long a lost target is waited for (default 60s)", 0,
     take_give_up},
};

static const struct arg server_args[] = {
    {"password-file", "FILE",
     "its first line; else FLOWTAPE_TARGET_PASSWORD is looked\n"
     "at",
     offsetof(struct server_args, password_file), NULL},
    {"target-password-file", "FILE", "the same as --password-file",
     offsetof(struct server_args, password_file), NULL},
};

/*
 * By replication
 */

static int take_via(void *into, const char *value, struct ft_err *err)
{
    static const char *const choices[] = {"commands", "replication", NULL};
    int choice;

    if (args_choice("--via", value, choices, &choice, err) != 0)
        return -1;
    ((struct via_args *)into)->replication = choice == 1;
    return 0;
}

static int take_listen(void *into, const char *value, struct ft_err *err)
{
    struct via_args *via = into;

    via->listens = true;
    return listener_parse(value, 0, &via->listen, err);
}

static int take_announce(void *into, const char *value, struct ft_err *err)
{
    struct via_args *via = into;

    via->announces = true;
    return listener_parse(value, 0, &via->announce, err);
}

static const struct arg via_args[] = {
    {"via", "commands|replication",
     "how it goes to the target: as commands (default); or\n"
     "the target becomes a replica for as long as it takes\n"
     "(not a cluster; replaces all that it has)",
     0, take_via},
    {"listen", "ADDRESS",
     "of --via replication: where the target connects to\n"
     "(default 127.0.0.1, a port that is free)",
     0, take_listen},
    {"announce", "ADDRESS", "the same as the target reaches it, where that differs", 0,
     take_announce},
};

/* Replication brings all of an input, as it is, and nothing stays of what was there. */
static int check_via(const struct replay_args *a, struct ft_err *err)
{
    const struct replay_options *o = &a->run;

    if (!a->via.replication) {
        if (a->via.listens || a->via.announces)
            return err_set(err, FT_ERR_USAGE,
                           "--listen and --announce are about --via replication");
        return 0;
    }
    if (strcmp(o->at, "end") != 0 || !filter_is_empty(&o->filter) || o->map.db_count != 0 ||
        o->map.name_count != 0 || o->ttl != REPLAY_TTL_KEEP || !key_claim_is_empty(&o->map.claim) ||
        o->on_conflict != REPLAY_CONFLICT_REPLACE || o->rate_keys != 0 || o->rate_bytes != 0 ||
        o->pace != REPLAY_PACE_MAX)
        return err_set(
            err, FT_ERR_USAGE,
            "--via replication brings all of INPUT as it is: --at, --key, --no-key, --db, --type, "
            "--db-map, --rename, --shared-target, --ttl, --on-conflict, --rate and --pace make no "
            "sense");
    if (o->from_start || o->finish || o->forget || o->only_keys != NULL ||
        o->retry_dead_letters != NULL || o->dead_letters != NULL || o->accept_errors ||
        o->take_over)
        return err_set(
            err, FT_ERR_USAGE,
            "--via replication keeps no position on the target, and no command can be refused: "
            "--from-start, --finish, --forget, --only-keys, --retry-dead-letter, --on-error, "
            "--accept-errors and --take-over make no sense");
    return 0;
}

/*
 * The proof
 */

static int take_check(void *into, const char *value, struct ft_err *err)
{
    struct check_args *c = into;

    c->wanted = true;
    c->sample = 0;
    if (strcmp(value, "all") == 0)
        return 0;
    if (parse_u64(value, &c->sample, err) != 0 || c->sample == 0 || c->sample > CHECK_MAX)
        return err_set(err, FT_ERR_USAGE, "--check takes all, or a number up to %u, not \"%s\"",
                       CHECK_MAX, value);
    return 0;
}

static const struct arg check_args[] = {
    {"check", "N|all",
     "at the end compare every key of the target with the\n"
     "input, or N that the journal touched last and N random\n"
     "ones; a difference is status 3, and named",
     0, take_check},
    {"redis-server", "PATH",
     "the program that applies journals and makes states, of\n"
     "--check and the like (default redis-server)",
     offsetof(struct check_args, redis_server), NULL},
};

struct arg_group args_check(struct check_args *into)
{
    return (struct arg_group)ARG_GROUP(NULL, check_args, into);
}

/* What was decided when the replay began, and is not written down any more, cannot be compared. */
int check_args_check(const struct check_args *c, const struct replay_options *o, struct ft_err *err)
{
    if (!c->wanted)
        return 0;
    if (o->ttl == REPLAY_TTL_SHIFT || o->on_conflict == REPLAY_CONFLICT_SKIP)
        return err_set(
            err, FT_ERR_USAGE,
            "--check does not go with --ttl shift and --on-conflict skip; \"flowtape diff "
            "--like-replay\" compares what they have brought");
    if (o->follow || o->forget || o->dry_run || o->only_keys != NULL ||
        o->retry_dead_letters != NULL)
        return err_set(
            err, FT_ERR_USAGE,
            "--check is about a replay that ends: not with --follow, --forget, --dry-run, "
            "--only-keys and --retry-dead-letter");
    return 0;
}

/*
 * All of it
 */

static const char about[] =
    "Usage: flowtape replay INPUT TARGET [OPTION...]\n"
    "\n"
    "Writes INPUT (a capture directory, a Dragonfly snapshot, an RDB file, an\n"
    "append-only file, also packed or compressed; \"-\" is standard input) into a\n"
    "running Redis or Redis Cluster. TARGET is redis://[[user]:password@]host[:port]\n"
    "or unix:/path, of a cluster that of any node. Progress is stored on the target\n"
    "itself: started again, it resumes there, and no record takes effect twice.\n";

#define GROUP_COUNT 18
#define OPERANDS    "INPUT and TARGET"

static void list_groups(struct replay_args *a, struct arg_group groups[GROUP_COUNT])
{
    groups[0] = args_at(&a->input);
    groups[1] = args_generation(&a->input);
    groups[2] = (struct arg_group)ARG_GROUP(NULL, run_args, &a->run);
    groups[3] = args_target(&a->run);
    groups[4] = args_loss(&a->loss);
    groups[5] = args_filter(&a->run.filter);
    groups[6] = args_filter_type(&a->run.filter);
    groups[7] = args_tls(&a->target.tls);
    groups[8] = args_reach(&a->target.reach);
    groups[9] = args_report(&a->output);
    groups[10] = (struct arg_group)ARG_GROUP(NULL, server_args, &a->target);
    groups[11] = args_login(&a->target.login);
    groups[12] = args_check(&a->check);
    groups[13] = (struct arg_group)ARG_GROUP("By replication", via_args, &a->via);
    groups[14] = args_output(&a->output);
    groups[15] = args_log();
    groups[16] = args_status(&a->status);
    groups[17] = args_limits(&a->target.reach);
    groups[17].heading = "Limits of the target";
}

/* What the file names is what is brought: nothing else decides it. */
static int check_only_keys(const struct replay_options *o, struct ft_err *err)
{
    if (!filter_is_empty(&o->filter))
        return err_set(
            err, FT_ERR_USAGE,
            "--only-keys: the file says which keys; --key, --no-key, --db and --type make no "
            "sense");
    if (o->follow || o->from_start || o->flush || o->finish || o->forget || o->dry_run ||
        o->retry_dead_letters != NULL)
        return err_set(
            err, FT_ERR_USAGE,
            "--only-keys brings some keys and does nothing else: --follow, --from-start, "
            "--flush, --finish, --forget, --dry-run and --retry-dead-letter make no sense");
    return replay_repair_check_file(o->only_keys, err);
}

static int check(const struct replay_options *o, struct ft_err *err)
{
    if (o->only_keys != NULL && check_only_keys(o, err) != 0)
        return -1;
    if (replay_args_check(o, err) != 0)
        return -1;
    if (o->follow && (o->finish || strcmp(o->at, "end") != 0))
        return err_set(err, FT_ERR_USAGE, "--follow has no end: --at and --finish make no sense");
    return 0;
}

int replay_args_parse(struct replay_args *ret, int argc, char **argv, struct ft_err *err)
{
    struct arg_group groups[GROUP_COUNT];
    char **operands;

    *ret = (struct replay_args){
        .run = replay_run_defaults(),
        .input = {.at = "end"},
        .loss = {.fail = true},
        .check = {.redis_server = "redis-server"},
    };
    list_groups(ret, groups);
    if (args_parse_operands(groups, GROUP_COUNT, argc, argv, 2, OPERANDS, &ret->output.help,
                            &operands, err) != 0)
        return -1;
    if (operands == NULL)
        return 0;
    if (status_args_finish(&ret->status, err) != 0)
        return -1;
    ret->run.at = ret->input.at;
    ret->run.generation = ret->input.generation;
    ret->run.fail_on_loss = ret->loss.fail;
    ret->run.json_as = ret->loss.json_as;
    ret->run.target = &ret->target.uri;
    ret->via.redis_server = ret->check.redis_server;
    if (reach_args_is_address(operands[0]) && !reach_args_is_address(operands[1]))
        return reach_args_swapped("flowtape replay INPUT TARGET", err);
    if (args_take_target(&ret->target, operands[1], err) != 0)
        return -1;
    if (check(&ret->run, err) != 0 || check_args_check(&ret->check, &ret->run, err) != 0 ||
        check_via(ret, err) != 0)
        return -1;
    return args_take_input(operands[0], &ret->run.input, err);
}

int replay_args_help(struct arg_view *view)
{
    struct arg_group groups[GROUP_COUNT];
    struct replay_args nothing;

    list_groups(&nothing, groups);
    return args_show(view, about, OPERANDS, groups, GROUP_COUNT);
}

void replay_args_release(struct replay_args *a)
{
    filter_release(&a->run.filter);
    replay_map_release(&a->run.map);
    args_release_server(&a->target);
    status_args_release(&a->status);
}
