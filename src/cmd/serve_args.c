#include "cmd/serve_args.h"

#include <stdlib.h>

#include "base/parse.h"
#include "cmd/log.h"
#include "cmd/secret_args.h"
#include "output/databases.h"
#include "serve/listener.h"

#define REDIS_SERVER_DEFAULT "redis-server"

static int take_as(void *into, const char *value, struct ft_err *err)
{
    static const char *const choices[] = {"redis", "dragonfly", NULL};
    struct serve_args *a = into;
    int choice;

    if (args_choice("--as", value, choices, &choice, err) != 0)
        return -1;
    a->run.as = choice == 0 ? SERVE_AS_REDIS : SERVE_AS_DRAGONFLY;
    a->has_as = true;
    return 0;
}

static int take_listen(void *into, const char *value, struct ft_err *err)
{
    struct serve_args *a = into;

    return listener_parse(value, SERVE_PORT_DEFAULT, &a->run.listen, err);
}

static int take_replicas_max(void *into, const char *value, struct ft_err *err)
{
    return args_take_number("max-replicas", value, SERVE_REPLICAS_MAX,
                            &((struct serve_args *)into)->run.replicas_max, err);
}

static int take_redis(void *into, const char *value, struct ft_err *err)
{
    struct serve_args *a = into;

    a->for_redis = "redis";
    return target_parse(value, &a->run.target, err);
}

static int take_databases(void *into, const char *value, struct ft_err *err)
{
    ((struct serve_args *)into)->for_redis = "databases";
    return args_take_number("databases", value, INT32_MAX,
                            &((struct serve_args *)into)->run.databases, err);
}

static int take_state_at(void *into, const char *value, struct ft_err *err)
{
    static const char *const choices[] = {"snapshot", "end", NULL};
    int choice;

    ((struct serve_args *)into)->for_redis = "state-at";
    if (args_choice("--state-at", value, choices, &choice, err) != 0)
        return -1;
    ((struct serve_args *)into)->run.state_at_end = choice == 1;
    return 0;
}

/*
 * As a Dragonfly
 */

/* "recorded", "x2", "x0.5", "1000/s", "max". */
static int take_pace(void *into, const char *value, struct ft_err *err)
{
    struct serve_args *a = into;
    struct dragonfly_options *o = &a->run.dragonfly;
    size_t n = strlen(value);
    struct bytes rate = bytes_of(value, n > 2 ? n - 2 : 0);

    a->for_dragonfly = "pace";
    o->pace = DRAGONFLY_PACE_RECORDED;
    o->speed = 1;
    if (strcmp(value, "recorded") == 0)
        return 0;
    if (value[0] == 'x' && bytes_to_double(bytes_str(value + 1), &o->speed) && o->speed >= 0.001 &&
        o->speed <= 1e6)
        return 0;
    if (n > 2 && strcmp(value + n - 2, "/s") == 0 && bytes_to_u64(rate, &o->records_per_s) &&
        o->records_per_s > 0 && o->records_per_s <= 1000000000u) {
        o->pace = DRAGONFLY_PACE_RECORDS;
        return 0;
    }
    o->pace = DRAGONFLY_PACE_MAX;
    if (strcmp(value, "max") == 0)
        return 0;
    return err_set(err, FT_ERR_USAGE,
                   "--pace is max, recorded, x and a factor from 0.001 to 1000000, or records a "
                   "second and flow, as in 1000/s; not \"%s\"",
                   value);
}

static int take_chunk(void *into, const char *value, struct ft_err *err)
{
    struct serve_args *a = into;

    a->for_dragonfly = "chunk";
    if (parse_size(value, &a->run.dragonfly.chunk_bytes, err) != 0)
        return -1;
    return a->run.dragonfly.chunk_bytes != 0
               ? 0
               : err_set(err, FT_ERR_USAGE, "--chunk is a size from 1 byte on");
}

/* The part before the colon, for the caller to free. */
static int split(const char *option, const char *value, const char *form, bool needed, char **ret,
                 const char **ret_rest, struct ft_err *err)
{
    const char *colon = strchr(value, ':');

    if (colon == NULL && needed)
        return err_set(err, FT_ERR_USAGE, "--%s is %s, not \"%s\"", option, form, value);
    *ret_rest = colon == NULL ? NULL : colon + 1;
    *ret = colon == NULL ? strdup(value) : strndup(value, (size_t)(colon - value));
    return *ret == NULL ? err_nomem(err, "an option") : 0;
}

static int take_bytes(const char *option, const char *text, uint64_t *ret, struct ft_err *err)
{
    if (parse_size(text, ret, err) != 0)
        return -1;
    return *ret != 0 ? 0
                     : err_set(err, FT_ERR_USAGE, "--%s begins with a size from 1 byte on", option);
}

static int take_drop_after(void *into, const char *value, struct ft_err *err)
{
    struct serve_args *a = into;
    uint32_t times = 0;
    const char *rest;
    char *size;
    int rc;

    a->for_dragonfly = "drop-after";
    if (split("drop-after", value, "SIZE[:TIMES]", false, &size, &rest, err) != 0)
        return -1;
    rc = take_bytes("drop-after", size, &a->run.dragonfly.drop_bytes, err);
    free(size);
    if (rc == 0 && rest != NULL)
        rc = args_take_number("drop-after", rest, UINT32_MAX, &times, err);
    a->run.dragonfly.drop_times = times;
    return rc;
}

static int take_stall(void *into, const char *value, struct ft_err *err)
{
    struct serve_args *a = into;
    const char *rest;
    char *size;
    int rc;

    a->for_dragonfly = "stall";
    if (split("stall", value, "SIZE:TIME, as in 1MB:10s", true, &size, &rest, err) != 0)
        return -1;
    rc = take_bytes("stall", size, &a->run.dragonfly.stall_bytes, err);
    free(size);
    return rc != 0 ? -1 : parse_duration(rest, &a->run.dragonfly.stall_ms, err);
}

static int take_loading(void *into, const char *value, struct ft_err *err)
{
    struct serve_args *a = into;

    a->for_dragonfly = "loading";
    return parse_duration(value, &a->run.dragonfly.loading_ms, err);
}

static const struct arg as_args[] = {
    {"as", "redis|dragonfly", "what replicas see", 0, take_as},
    {"listen", "ADDRESS",
     "HOST:PORT (default 127.0.0.1:7000; port 0: one that is\n"
     "free; :PORT: every address of this machine)",
     0, take_listen},
    {"max-replicas", "N", "how many at the same time (default 16)", 0, take_replicas_max},
    {"password-file", "FILE", "its first line is what replicas have to give (masterauth)",
     offsetof(struct serve_args, password_file), NULL},
    {"follow", NULL, "continue as the capture grows", offsetof(struct serve_args, run.follow),
     NULL},
    {"dir", "DIR",
     "where the replication stream is kept (default: in the\n"
     "capture, under serve/); as a Redis only",
     offsetof(struct serve_args, run.dir), NULL},
};

static const struct arg how_args[] = {
    {"redis", "VERSION", "of the replicas (default 7.0), as for convert", 0, take_redis},
    {"for", "VERSION", "the same as --redis", 0, take_redis},
    {"state-at", "snapshot|end",
     "the state that a new replica gets: that at the end of\n"
     "the full sync (default), with the journal after it; or\n"
     "that where the stream is",
     0, take_state_at},
    {"databases", "N", "how many databases replicas have (default 16)", 0, take_databases},
    {"redis-server", "PATH", "the program that makes states (default redis-server)",
     offsetof(struct serve_args, run.redis_server), NULL},
};

static const struct arg dragonfly_args[] = {
    {"pace", "PACE",
     "how fast records come to be: max (default), recorded,\n"
     "xN (N times as fast), or N/s (of each flow)",
     0, take_pace},
    {"chunk", "SIZE", "send no more at once", 0, take_chunk},
    {"drop-after", "SIZE[:TIMES]",
     "cut each session (TIMES: the first ones only) when a\n"
     "flow of it was sent so much",
     0, take_drop_after},
    {"stall", "SIZE:TIME", "a flow that was sent so much stands still for so long", 0, take_stall},
    {"loading", "TIME", "answer LOADING for so long", 0, take_loading},
};

struct arg_group args_served(struct serve_args *into)
{
    return (struct arg_group)ARG_GROUP("What a Redis gets", how_args, into);
}

struct serve_options serve_options_defaults(void)
{
    return (struct serve_options){
        .target = target_default(),
        .databases = DATABASES_DEFAULT,
        .redis_server = REDIS_SERVER_DEFAULT,
        .listen = {.scheme = URI_REDIS, .host = "127.0.0.1", .port = SERVE_PORT_DEFAULT},
        .replicas_max = SERVE_REPLICAS_DEFAULT,
        .cancel_fd = -1,
    };
}

#define GROUP_COUNT 10
#define OPERANDS    "INPUT"

static void list_groups(struct serve_args *a, struct arg_group groups[GROUP_COUNT])
{
    groups[0] = (struct arg_group)ARG_GROUP(NULL, as_args, a);
    groups[1] = args_generation(&a->from);
    groups[2] = args_served(a);
    groups[3] = args_loss(&a->loss);
    groups[4] = (struct arg_group)ARG_GROUP("How a Dragonfly behaves", dragonfly_args, a);
    groups[5] = args_tls_listen(&a->tls);
    groups[6] = args_report(&a->print);
    groups[7] = args_output(&a->print);
    groups[8] = args_log();
    groups[9] = args_status(&a->status);
}

/* What makes no difference to what is served is not taken in silence. */
static int check_form(const struct serve_args *a, struct ft_err *err)
{
    const char *for_redis = a->for_redis;

    if (!a->has_as)
        return err_set(err, FT_ERR_USAGE,
                       "--as is missing: say as what, --as redis or --as dragonfly");
    if (a->run.as == SERVE_AS_REDIS && a->for_dragonfly != NULL)
        return err_set(err, FT_ERR_USAGE, "--%s is for --as dragonfly", a->for_dragonfly);
    if (a->run.as == SERVE_AS_REDIS)
        return 0;
    if (a->run.dir != NULL)
        for_redis = "dir";
    else if (strcmp(a->run.redis_server, REDIS_SERVER_DEFAULT) != 0)
        for_redis = "redis-server";
    else if (!a->loss.fail)
        for_redis = "on-loss";
    else if (a->loss.json_as != JSON_AS_DEFAULT)
        for_redis = "json-as";
    if (for_redis != NULL)
        return err_set(err, FT_ERR_USAGE,
                       "--%s is for --as redis: a Dragonfly gets the bytes that the capture has",
                       for_redis);
    return 0;
}

int serve_args_take(struct serve_args *a, struct ft_err *err)
{
    if (uri_find_password(&a->run.listen, a->password_file, NULL, err) != 0)
        return -1;
    if (tls_args_given(&a->tls) && tls_new_server(&a->run.listen.tls, &a->tls, err) != 0)
        return -1;
    if (a->run.listen.password != NULL || a->run.listen.tls != NULL)
        secret_args_keep_from_cores();
    a->run.listen.secure = a->run.listen.tls != NULL;
    a->run.password = a->run.listen.password;
    a->run.fail_on_loss = a->loss.fail;
    a->run.json_as = a->loss.json_as;
    return 0;
}

int serve_args_parse(struct serve_args *ret, int argc, char **argv, struct ft_err *err)
{
    struct arg_group groups[GROUP_COUNT];
    char **operands;

    *ret = (struct serve_args){
        .loss = {.fail = true},
        .run = serve_options_defaults(),
    };
    list_groups(ret, groups);
    if (args_parse_operands(groups, GROUP_COUNT, argc, argv, 1, OPERANDS, &ret->print.help,
                            &operands, err) != 0)
        return -1;
    if (operands == NULL)
        return 0;
    if (status_args_finish(&ret->status, err) != 0)
        return -1;
    if (check_form(ret, err) != 0)
        return -1;
    ret->run.input = operands[0];
    ret->run.generation = ret->from.generation;
    return serve_args_take(ret, err);
}

int serve_args_help(struct arg_view *view)
{
    static const char about[] =
        "Usage: flowtape serve INPUT --as redis|dragonfly [OPTION...]\n"
        "\n"
        "As a Redis: INPUT is a capture, a Dragonfly snapshot (any file of a .dfs set,\n"
        "or an .rdb file), or an RDB or append-only file of Redis. Redis and Valkey\n"
        "attach to it with REPLICAOF.\n"
        "As a Dragonfly: INPUT is a capture, and what attaches to a Dragonfly gets its\n"
        "bytes. It runs until it is stopped.\n";
    struct arg_group groups[GROUP_COUNT];
    struct serve_args nothing;

    list_groups(&nothing, groups);
    return args_show(view, about, OPERANDS, groups, GROUP_COUNT);
}

void serve_args_release(struct serve_args *a)
{
    uri_release(&a->run.listen);
    status_args_release(&a->status);
}
