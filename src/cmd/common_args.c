#include "cmd/common_args.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/item_limit.h"
#include "base/parse.h"
#include "cmd/log.h"
#include "cmd/secret_args.h"
#include "cmd/ui.h"
#include "input/aof_tail.h"
#include "input/input_spool.h"
#include "wire/uri_list.h"

#define ITEM_LIMIT_MIN (64u << 10)

/*
 * Output
 */

static const struct arg output_args[] = {
    {"json", NULL, "print the report as JSON", offsetof(struct output_args, json), NULL},
    {"quiet", NULL, "no progress, no notes, no summary", offsetof(struct output_args, quiet), NULL},
    {"help", NULL, "this text", offsetof(struct output_args, help), NULL},
};

static const struct arg report_args[] = {
    {"report", "FILE", "write the report as JSON", offsetof(struct output_args, report), NULL},
};

struct arg_group args_output(struct output_args *into)
{
    return (struct arg_group)ARG_GROUP(NULL, output_args, into);
}

bool output_has_summary(const struct output_args *o)
{
    return !o->json && !o->quiet && !log_is_json();
}

struct arg_group args_report(struct output_args *into)
{
    return (struct arg_group)ARG_GROUP("Others", report_args, into);
}

/*
 * Input
 */

static int take_generation(void *into, const char *value, struct ft_err *err)
{
    return args_take_number("generation", value, UINT32_MAX,
                            &((struct input_args *)into)->generation, err);
}

static const struct arg at_args[] = {
    {"at", "WHEN",
     "the moment: snapshot, end (default), a time such as\n"
     "2026-08-20T12:34:56Z, -90s (before the end), or one LSN\n"
     "per flow: LSN,LSN,...; only captures and append-only\n"
     "files have more than their snapshot",
     offsetof(struct input_args, at), NULL},
};

static int take_max_item(void *into, const char *value, struct ft_err *err)
{
    uint64_t bytes;

    (void)into; /* a number of the process */
    if (parse_size(value, &bytes, err) != 0)
        return -1;
    if (bytes < ITEM_LIMIT_MIN || bytes > SIZE_MAX / 4)
        return err_set(err, FT_ERR_USAGE, "wanted at least %u bytes", ITEM_LIMIT_MIN);
    item_limit_set((size_t)bytes);
    return 0;
}

static int take_aof_tail(void *into, const char *value, struct ft_err *err)
{
    (void)into; /* a choice of the process */
    if (strcmp(value, "cut") != 0 && strcmp(value, "fail") != 0)
        return err_set(err, FT_ERR_USAGE, "wanted cut or fail");
    aof_tail_set(value[0] == 'c' ? AOF_TAIL_CUT : AOF_TAIL_FAIL);
    return 0;
}

int args_take_input(const char *arg, const char **ret, struct ft_err *err)
{
    static char *paths[2]; /* as long as the process; no command has more */
    static size_t count;

    if (count == sizeof(paths) / sizeof(paths[0]))
        return err_set(err, FT_ERR_BUG, "a third input");
    if (input_spool(arg, &paths[count], err) != 0)
        return -1;
    *ret = paths[count++];
    return 0;
}

static const struct arg generation_args[] = {
    {"generation", "N", "of a capture (default: the newest complete one)", 0, take_generation},
    {"max-item", "SIZE", "take no value or journal record larger than this (1GiB)", 0,
     take_max_item},
    {"aof-tail", "WHAT",
     "of an append-only file that ends within a command or a\n"
     "transaction: cut (default), as a redis-server does, or\n"
     "fail",
     0, take_aof_tail},
};

struct arg_group args_at(struct input_args *into)
{
    return (struct arg_group)ARG_GROUP(NULL, at_args, into);
}

struct arg_group args_generation(struct input_args *into)
{
    return (struct arg_group)ARG_GROUP(NULL, generation_args, into);
}

struct arg_group args_max_item(void)
{
    return (struct arg_group){.args = &generation_args[1], .count = 1};
}

struct arg_group args_max_item_and_tail(void)
{
    return (struct arg_group){.args = &generation_args[1], .count = 2};
}

/*
 * Versions
 */

int args_take_version(struct version_args *v, const char *text, struct ft_err *err)
{
    if (target_parse(text, &v->target, err) != 0)
        return -1;
    v->named = target_is_named(v->target, text) ? NULL : text;
    return 0;
}

static int take_redis(void *into, const char *value, struct ft_err *err)
{
    return args_take_version(into, value, err);
}

static int take_valkey(void *into, const char *value, struct ft_err *err)
{
    struct version_args *v = into;
    char name[64];

    if ((size_t)snprintf(name, sizeof(name), "valkey-%s", value) >= sizeof(name) ||
        target_parse(name, &v->target, err) != 0)
        return err_set(err, FT_ERR_USAGE, "unknown version of Valkey \"%.40s\", choose one of %s",
                       value, target_names());
    v->named = target_is_named(v->target, name) ? NULL : value;
    return 0;
}

static const struct arg version_args[] = {
    {"redis", "VERSION",
     "the Redis that will load it: 5.0 to 8.10 (default 7.0);\n"
     "the newest version that is known up to this one is\n"
     "meant, also valkey-7.2 to valkey-9.1",
     0, take_redis},
    {"for", "VERSION", "the same as --redis", 0, take_redis},
    {"valkey", "VERSION", "the Valkey that will load it: 7.2 to 9.1", 0, take_valkey},
};

struct arg_group args_version(struct version_args *into)
{
    return (struct arg_group)ARG_GROUP(NULL, version_args, into);
}

void args_note_version(const char *command, const struct version_args *v)
{
    if (v->named != NULL)
        ui_note(command, "version %s is treated as %s", v->named, v->target->name);
}

/*
 * Losses
 */

static int take_on_loss(void *into, const char *value, struct ft_err *err)
{
    static const char *const choices[] = {"skip", "fail", NULL};
    struct loss_args *a = into;
    int choice;

    if (args_choice("--on-loss", value, choices, &choice, err) != 0)
        return -1;
    a->fail = choice == 1;
    return 0;
}

static int take_json_as(void *into, const char *value, struct ft_err *err)
{
    static const char *const choices[] = {"module", "string", NULL};
    struct loss_args *a = into;
    int choice;

    if (args_choice("--json-as", value, choices, &choice, err) != 0)
        return -1;
    a->json_as = choice == 0 ? JSON_AS_MODULE : JSON_AS_STRING;
    return 0;
}

static const struct arg loss_args[] = {
    {"on-loss", "fail|skip",
     "what that Redis cannot hold: stop with status 3\n"
     "(default), or leave it out",
     0, take_on_loss},
    {"json-as", "module|string",
     "how JSON values are written (default: module on 8.0,\n"
     "else a loss)",
     0, take_json_as},
};

struct arg_group args_loss(struct loss_args *into)
{
    return (struct arg_group)ARG_GROUP(NULL, loss_args, into);
}

struct arg_group args_json_as(struct loss_args *into)
{
    return (struct arg_group){.args = &loss_args[1], .count = 1, .into = into};
}

/*
 * Filters
 */

static int take_db(void *into, const char *value, struct ft_err *err)
{
    return filter_add_db(into, value, err);
}

static int take_key(void *into, const char *value, struct ft_err *err)
{
    return filter_add_key(into, value, err);
}

static int take_no_key(void *into, const char *value, struct ft_err *err)
{
    return filter_add_no_key(into, value, err);
}

static int take_type(void *into, const char *value, struct ft_err *err)
{
    return filter_add_type(into, value, err);
}

static const struct arg filter_args[] = {
    {"db", "N[,N...]", "only these databases", 0, take_db},
    {"key", "GLOB", "only keys that fit (repeatable: any of them)", 0, take_key},
    {"no-key", "GLOB", "not the keys that fit (repeatable)", 0, take_no_key},
};

static const struct arg type_args[] = {
    {"type", "TYPE[,TYPE...]",
     "only string, list, set, zset, hash, stream, json,\n"
     "module, probabilistic; a replay needs --at snapshot\n"
     "with it",
     0, take_type},
};

struct arg_group args_filter(struct filter *into)
{
    return (struct arg_group)ARG_GROUP("Which keys", filter_args, into);
}

struct arg_group args_filter_type(struct filter *into)
{
    return (struct arg_group)ARG_GROUP(NULL, type_args, into);
}

/*
 * Servers
 */

static int find_access(struct server_args *s, const char *variable, struct ft_err *err)
{
    const char *otherwise = secret_args_variable(variable);

    if ((otherwise == NULL || otherwise[0] == '\0') && !s->is_other)
        otherwise = secret_args_variable("REDISCLI_AUTH");
    s->uri.reach = reach_ref(s->reach);
    if (uri_find_password(&s->uri, s->password_file, otherwise, err) != 0 ||
        login_args_apply(&s->uri, &s->login, err) != 0 ||
        tls_args_apply(&s->uri, &s->tls, err) != 0)
        return -1;
    if (s->uri.password != NULL || s->tls.cert != NULL)
        secret_args_keep_from_cores();
    return 0;
}

bool args_is_secure(const char *text)
{
    struct ft_err ignored = FT_ERR_INIT;
    struct uri u;
    bool secure;

    if (uri_parse(secret_args_typed(text), &u, &ignored) != 0)
        return false;
    secure = u.secure;
    uri_release(&u);
    return secure;
}

void args_release_server(struct server_args *s)
{
    uri_release(&s->uri);
    uri_list_free(s->nodes, s->node_count);
    s->nodes = NULL;
    reach_unref(s->reach);
    s->reach = NULL;
}

int args_take_source(struct server_args *s, const char *text, struct ft_err *err)
{
    if (uri_parse(secret_args_typed(text), &s->uri, err) != 0)
        return reach_args_suggest(text, "dragonfly", err);
    if (s->uri.db != 0) {
        return err_set(
            err, FT_ERR_USAGE,
            "SOURCE names database %u, and all of them are replicated; --db %u keeps to it "
            "later",
            s->uri.db, s->uri.db);
    }
    return find_access(s, "FLOWTAPE_SOURCE_PASSWORD", err);
}

static int take_node(struct server_args *s, const char *word, struct ft_err *err)
{
    const char *first = s->node_count == 0 ? NULL : s->nodes[0].password;
    struct server_args one = {
        .password_file = s->password_file, .tls = s->tls, .login = s->login, .reach = s->reach};

    one.login.otherwise = first; /* it is asked for once */
    if (args_take_source(&one, word, err) != 0) {
        uri_release(&one.uri);
        return -1;
    }
    s->nodes[s->node_count++] = one.uri;
    return 0;
}

int args_take_nodes(struct server_args *s, const char *text, struct ft_err *err)
{
    char **words;
    uint32_t count;
    int rc;

    if (uri_list_split(secret_args_typed(text), &words, &count, err) != 0)
        return -1;
    s->nodes = calloc(count, sizeof(*s->nodes));
    rc = s->nodes == NULL ? err_nomem(err, "addresses") : 0;
    for (uint32_t i = 0; rc == 0 && i < count; i++)
        rc = take_node(s, words[i], err);
    uri_list_wipe(words, count);
    if (rc != 0 || uri_list_check(s->nodes, count, err) != 0)
        return -1;
    return uri_copy(&s->uri, &s->nodes[0], err);
}

int args_take_server(struct server_args *s, const char *text, const char *variable,
                     struct ft_err *err)
{
    if (uri_parse(secret_args_typed(text), &s->uri, err) != 0)
        return reach_args_suggest(text, "redis", err);
    return find_access(s, variable, err);
}

int args_take_target(struct server_args *s, const char *text, struct ft_err *err)
{
    if (args_take_server(s, text, "FLOWTAPE_TARGET_PASSWORD", err) != 0)
        return -1;
    if (s->uri.scheme == URI_DRAGONFLY)
        return err_set(err, FT_ERR_USAGE, "TARGET is a Redis: redis://... or unix:PATH");
    if (s->uri.db == 0)
        return 0;
    return err_set(err, FT_ERR_USAGE,
                   "TARGET names database %u; --db-map 0:%u puts database 0 there", s->uri.db,
                   s->uri.db);
}
