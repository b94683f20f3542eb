#include "wire/server_info.h"

#include <stdio.h>
#include <stdlib.h>

#include "wire/redis_info.h"
#include "wire/reply_error.h"

/* The Redis that Valkey says to be, whatever its own version. */
#define VALKEY_AS_REDIS 702

static bool is_value(const char *info, const char *name, const char *wanted)
{
    char text[32];

    redis_info_copy(info, name, text, sizeof(text));
    return strcmp(text, wanted) == 0;
}

static unsigned version_of(const char *text)
{
    unsigned major;
    unsigned minor;

    return sscanf(text, "%u.%u", &major, &minor) == 2 ? major * 100 + minor : 0;
}

static void add_module(struct server_info *ret, struct bytes name)
{
    size_t n = strlen(ret->modules);

    if (n + name.n + 3 > sizeof(ret->modules) || name.n == 0)
        return;
    (void)snprintf(ret->modules + n, sizeof(ret->modules) - n, "%s%.*s ", n == 0 ? " " : "",
                   (int)name.n, (const char *)name.p); /* fits */
}

/* Lines "module:name=ReJSON,ver=...". */
static void take_modules(const char *info, struct server_info *ret)
{
    static const char begins[] = "module:name=";

    for (const char *at = info; (at = strstr(at, begins)) != NULL;) {
        at += sizeof(begins) - 1;
        add_module(ret, bytes_of(at, strcspn(at, ",\r\n")));
    }
}

void server_info_parse(const char *info, struct server_info *ret)
{
    char dragonfly[8];
    char valkey[32];

    *ret = (struct server_info){
        .replica = is_value(info, "role", "slave"),
        .cluster =
            is_value(info, "cluster_enabled", "1") || is_value(info, "redis_mode", "cluster"),
        .loading = is_value(info, "loading", "1"),
        .used_memory = redis_info_number(info, "used_memory"),
        .maxmemory = redis_info_number(info, "maxmemory"),
    };
    redis_info_copy(info, "redis_version", ret->text, sizeof(ret->text));
    redis_info_copy(info, "dragonfly_version", dragonfly, sizeof(dragonfly));
    redis_info_copy(info, "run_id", ret->run_id, sizeof(ret->run_id));
    redis_info_copy(info, "maxmemory_policy", ret->eviction, sizeof(ret->eviction));
    ret->dragonfly = dragonfly[0] != '\0';
    ret->version = version_of(ret->text);
    redis_info_copy(info, "valkey_version", valkey, sizeof(valkey));
    ret->valkey = version_of(valkey);
    take_modules(info, ret);
}

static bool is_text(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS;
}

/* {name, ReJSON, ver, ...} of each. */
static void take_hello_modules(const redisReply *list, struct server_info *ret)
{
    for (size_t i = 0; list->type == REDIS_REPLY_ARRAY && i < list->elements; i++) {
        const redisReply *m = list->element[i];

        for (size_t k = 0; m->type == REDIS_REPLY_ARRAY && k + 1 < m->elements; k += 2) {
            if (is_text(m->element[k]) && strcmp(m->element[k]->str, "name") == 0 &&
                is_text(m->element[k + 1]))
                add_module(ret, bytes_of(m->element[k + 1]->str, m->element[k + 1]->len));
        }
    }
}

/* Names and values in turn. */
static void take_hello(const redisReply *reply, struct server_info *ret)
{
    bool valkey = false;

    *ret = (struct server_info){.brief = true};
    for (size_t i = 0; i + 1 < reply->elements; i += 2) {
        const redisReply *name = reply->element[i];
        const redisReply *value = reply->element[i + 1];

        if (is_text(name) && strcmp(name->str, "modules") == 0)
            take_hello_modules(value, ret);
        if (!is_text(name) || !is_text(value))
            continue;
        valkey |= strcmp(name->str, "server") == 0 && strcmp(value->str, "valkey") == 0;
        if (strcmp(name->str, "version") == 0)
            (void)snprintf(ret->text, sizeof(ret->text), "%.31s", value->str);
        ret->replica |= strcmp(name->str, "role") == 0 && strcmp(value->str, "master") != 0;
        ret->cluster |= strcmp(name->str, "mode") == 0 && strcmp(value->str, "cluster") == 0;
    }
    ret->version = version_of(ret->text);
    if (valkey) { /* it says its own version here, and is a Redis 7.2 to others */
        ret->valkey = ret->version;
        ret->version = VALKEY_AS_REDIS;
    }
}

static int refused(const redisReply *reply, const char *name, const char *command,
                   struct ft_err *err)
{
    if (reply->type != REDIS_REPLY_ERROR)
        return err_set(err, FT_ERR_PROTOCOL, "%s does not answer %s as Redis does", name, command);
    return err_set(err, reply_text_is_passing(bytes_str(reply->str)) ? FT_ERR_NET : FT_ERR_PROTOCOL,
                   "%s answered: %s", name, reply->str);
}

static int ask_hello(struct redis_pipe *p, const char *name, struct server_info *ret,
                     struct ft_err *err)
{
    redisReply *reply;
    int rc = 0;

    if (redis_pipe_call_text(p, &reply, "HELLO", err) != 0)
        return -1;
    if (reply->type == REDIS_REPLY_ARRAY)
        take_hello(reply, ret);
    else
        rc = refused(reply, name, "HELLO", err);
    reply_free(reply);
    return rc;
}

int server_info_fetch(struct redis_pipe *p, const char *name, struct server_info *ret,
                      struct ft_err *err)
{
    struct ft_err ignored = FT_ERR_INIT;
    redisReply *reply;
    int rc = 0;

    if (redis_pipe_call_text(p, &reply, "INFO", err) != 0)
        return -1;
    if (reply->type == REDIS_REPLY_STRING) {
        server_info_parse(reply->str, ret);
    } else {
        rc = refused(reply, name, "INFO", err);
        if (err->kind == FT_ERR_PROTOCOL && ask_hello(p, name, ret, &ignored) == 0) {
            err_clear(err);
            rc = 0;
        }
    }
    reply_free(reply);
    return rc;
}
