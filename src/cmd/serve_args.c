#include "cmd/serve_args.h"

#include "base/parse.h"
#include "cmd/log.h"
#include "cmd/secret_args.h"
#include "output/databases.h"
#include "serve/listener.h"

static int take_as(void *into, const char *value, struct ft_err *err)
{
    static const char *const choices[] = {"redis", NULL};
    int choice;

    if (args_choice("--as", value, choices, &choice, err) != 0)
        return -1;
    ((struct serve_args *)into)->as_redis = true;
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
    return target_parse(value, &((struct serve_args *)into)->run.target, err);
}

static int take_databases(void *into, const char *value, struct ft_err *err)
{
    return args_take_number("databases", value, INT32_MAX,
                            &((struct serve_args *)into)->run.databases, err);
}

static int take_state_at(void *into, const char *value, struct ft_err *err)
{
    static const char *const choices[] = {"snapshot", "end", NULL};
    int choice;

    if (args_choice("--state-at", value, choices, &choice, err) != 0)
        return -1;
    ((struct serve_args *)into)->run.state_at_end = choice == 1;
    return 0;
}

static const struct arg as_args[] = {
    {"as", "redis", "what replicas see: a Redis master", 0, take_as},
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
     "capture, under serve/)",
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

#define GROUP_COUNT 8
#define OPERANDS    "INPUT"

static void list_groups(struct serve_args *a, struct arg_group groups[GROUP_COUNT])
{
    groups[0] = (struct arg_group)ARG_GROUP(NULL, as_args, a);
    groups[1] = args_generation(&a->from);
    groups[2] = (struct arg_group)ARG_GROUP("What replicas get", how_args, a);
    groups[3] = args_loss(&a->loss);
    groups[4] = args_tls_listen(&a->tls);
    groups[5] = args_report(&a->print);
    groups[6] = args_output(&a->print);
    groups[7] = args_log();
}

int serve_args_parse(struct serve_args *ret, int argc, char **argv, struct ft_err *err)
{
    struct arg_group groups[GROUP_COUNT];
    char **operands;

    *ret = (struct serve_args){
        .loss = {.fail = true},
        .run = {.target = target_default(),
                .databases = DATABASES_DEFAULT,
                .redis_server = "redis-server",
                .listen = {.scheme = URI_REDIS, .host = "127.0.0.1", .port = SERVE_PORT_DEFAULT},
                .replicas_max = SERVE_REPLICAS_DEFAULT,
                .cancel_fd = -1},
    };
    list_groups(ret, groups);
    if (args_parse_operands(groups, GROUP_COUNT, argc, argv, 1, OPERANDS, &ret->print.help,
                            &operands, err) != 0)
        return -1;
    if (operands == NULL)
        return 0;
    if (!ret->as_redis)
        return err_set(err, FT_ERR_USAGE, "--as is missing: say as what, for example --as redis");
    if (uri_find_password(&ret->run.listen, ret->password_file, NULL, err) != 0)
        return -1;
    if (tls_args_given(&ret->tls) && tls_new_server(&ret->run.listen.tls, &ret->tls, err) != 0)
        return -1;
    ret->run.listen.secure = ret->run.listen.tls != NULL;
    ret->run.input = operands[0];
    ret->run.generation = ret->from.generation;
    ret->run.fail_on_loss = ret->loss.fail;
    ret->run.json_as = ret->loss.json_as;
    ret->run.password = ret->run.listen.password;
    return 0;
}

int serve_args_help(struct arg_view *view)
{
    static const char about[] =
        "Usage: flowtape serve INPUT --as redis [OPTION...]\n"
        "\n"
        "INPUT is a capture directory, a Dragonfly snapshot (any file of a .dfs set, or an .rdb file),\n"
        "or an RDB file of Redis. Redis and Valkey attach to it with REPLICAOF. It runs until it is\n"
        "stopped.\n";
    struct arg_group groups[GROUP_COUNT];
    struct serve_args nothing;

    list_groups(&nothing, groups);
    return args_show(view, about, OPERANDS, groups, GROUP_COUNT);
}

void serve_args_release(struct serve_args *a)
{
    uri_release(&a->run.listen);
}
