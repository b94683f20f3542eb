#include "lib/dataset.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"

#define PIPELINE_KEYS 500

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void *must_alloc(size_t n)
{
    void *p = malloc(n);

    if (p == NULL) {
        fprintf(stderr, "out of memory\n");
        exit(2);
    }
    return p;
}

/* ---- text ---- */

static char *base64_encode(struct bytes b)
{
    char *out = must_alloc(b.n / 3 * 4 + 16);
    size_t n = (size_t)sprintf(out, "b64:");

    for (size_t i = 0; i < b.n; i += 3) {
        size_t left = b.n - i;
        uint32_t v = (uint32_t)b.p[i] << 16 | (left > 1 ? (uint32_t)b.p[i + 1] << 8 : 0) |
                     (left > 2 ? b.p[i + 2] : 0);

        out[n++] = base64_digits[v >> 18];
        out[n++] = base64_digits[v >> 12 & 63];
        out[n++] = left > 1 ? base64_digits[v >> 6 & 63] : '=';
        out[n++] = left > 2 ? base64_digits[v & 63] : '=';
    }
    out[n] = '\0';
    return out;
}

/* Returns the number of bytes, or -1 when the text is not base64. */
static long base64_decode(const char *text, uint8_t *out)
{
    uint32_t v = 0;
    int bits = 0;
    long n = 0;

    for (; *text != '\0' && *text != '='; text++) {
        const char *digit = strchr(base64_digits, *text);

        if (digit == NULL)
            return -1;
        v = v << 6 | (uint32_t)(digit - base64_digits);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[n++] = (uint8_t)(v >> bits);
        }
    }
    return n;
}

static bool is_plain(struct bytes b)
{
    for (size_t i = 0; i < b.n; i++)
        if (b.p[i] < 0x20 || b.p[i] == 0x7f)
            return false;
    return bytes_is_utf8(b);
}

/* The text form of some bytes; the caller frees it. */
char *dataset_text(struct bytes b)
{
    char *out;

    if (!is_plain(b))
        return base64_encode(b);
    out = must_alloc(b.n + 1);
    if (b.n > 0)
        memcpy(out, b.p, b.n);
    out[b.n] = '\0';
    return out;
}

struct bytes dataset_bytes(const char *text)
{
    size_t n = strlen(text);
    uint8_t *p = must_alloc(n + 1);
    long decoded = -1;

    if (strncmp(text, "b64:", 4) == 0)
        decoded = base64_decode(text + 4, p);
    if (decoded < 0) {
        memcpy(p, text, n);
        return bytes_of(p, n);
    }
    return bytes_of(p, (size_t)decoded);
}

static char *text_canonical(const char *text)
{
    struct bytes b;
    char *out;

    if (strncmp(text, "b64:", 4) != 0)
        return dataset_text(bytes_str(text));
    b = dataset_bytes(text);
    out = dataset_text(b);
    free((void *)b.p);
    return out;
}

static json_t *json_text(struct bytes b)
{
    char *text = dataset_text(b);
    json_t *j = json_string(text);

    free(text);
    return j;
}

/* ---- canonical form ---- */

static json_t *canonical(json_t *j)
{
    json_t *out, *value;
    const char *name;
    char *text;
    size_t i;

    switch (json_typeof(j)) {
    case JSON_STRING:
        text = text_canonical(json_string_value(j));
        out = json_string(text);
        free(text);
        return out;
    case JSON_ARRAY:
        out = json_array();
        json_array_foreach(j, i, value) json_array_append_new(out, canonical(value));
        return out;
    case JSON_OBJECT:
        out = json_object();
        json_object_foreach(j, name, value)
        {
            text = text_canonical(name);
            json_object_set_new(out, text, canonical(value));
            free(text);
        }
        return out;
    default:
        return json_incref(j);
    }
}

/* Texts compare as they are, groups by their name. */
static int compare_texts(const void *a, const void *b)
{
    json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;

    if (json_is_object(x)) {
        x = json_object_get(x, "name");
        y = json_object_get(y, "name");
    }
    return strcmp(json_string_value(x), json_string_value(y));
}

static void array_sort(json_t *array)
{
    size_t n = json_array_size(array);
    json_t **items = must_alloc((n + 1) * sizeof(json_t *));

    for (size_t i = 0; i < n; i++)
        items[i] = json_incref(json_array_get(array, i));
    qsort(items, n, sizeof(json_t *), compare_texts);
    for (size_t i = 0; i < n; i++)
        json_array_set_new(array, i, items[i]);
    free(items);
}

static json_t *score_text(const char *text)
{
    char out[40];

    snprintf(out, sizeof(out), "%.17g", strtod(text, NULL));
    return json_string(out);
}

/* What the text form leaves open: orders without meaning, and how a score is written. */
static void record_normalize(json_t *rec)
{
    const char *type = json_string_value(json_object_get(rec, "type"));
    json_t *value = json_object_get(rec, "value");
    json_t *item;
    size_t i;

    if (strcmp(type, "set") == 0 && json_is_array(value)) {
        array_sort(value);
    } else if (strcmp(type, "zset") == 0 && json_is_array(value)) {
        json_array_foreach(value, i, item)
            json_array_set_new(item, 1, score_text(json_string_value(json_array_get(item, 1))));
    } else if (strcmp(type, "stream") == 0 && json_is_object(value)) {
        array_sort(json_object_get(value, "groups"));
        json_array_foreach(json_object_get(value, "groups"), i, item)
            array_sort(json_object_get(item, "consumers"));
    }
}

char *dataset_name(unsigned db, struct bytes key)
{
    char *text = dataset_text(key);
    char *name = must_alloc(strlen(text) + 16);

    sprintf(name, "%u/%s", db, text);
    free(text);
    return name;
}

json_t *dataset_load(const char *path)
{
    json_error_t error;
    json_t *file = json_load_file(path, JSON_ALLOW_NUL, &error);
    json_t *set, *rec;
    const char *name;

    if (file == NULL) {
        fprintf(stderr, "%s: line %d: %s\n", path, error.line, error.text);
        return NULL;
    }
    set = json_object();
    json_object_foreach(file, name, rec)
    {
        const char *slash = strchr(name, '/');
        struct bytes key;
        char *normal;

        if (slash == NULL || json_object_get(rec, "value") == NULL) {
            fprintf(stderr, "%s: \"%s\" is not \"db/key\" with a value\n", path, name);
            exit(2);
        }
        key = dataset_bytes(slash + 1);
        normal = dataset_name((unsigned)strtoul(name, NULL, 10), key);
        rec = canonical(rec);
        record_normalize(rec);
        json_object_set_new(set, normal, rec);
        free(normal);
        free((void *)key.p);
    }
    json_decref(file);
    return set;
}

json_t *dataset_prefix(json_t *set)
{
    json_t *out = json_object();
    json_t *rec;
    const char *name;

    json_object_foreach(set, name, rec)
    {
        unsigned db = (unsigned)strtoul(name, NULL, 10);
        struct bytes key = dataset_bytes(strchr(name, '/') + 1);
        uint8_t *merged = must_alloc(key.n + 16);
        size_t n = db == 0 ? 0 : (size_t)sprintf((char *)merged, "db%u:", db);
        char *new_name;

        memcpy(merged + n, key.p, key.n);
        new_name = dataset_name(0, bytes_of(merged, n + key.n));
        json_object_set(out, new_name, rec);
        free(new_name);
        free(merged);
        free((void *)key.p);
    }
    return out;
}

/* ---- a live server ---- */

redisContext *dataset_connect(const char *target)
{
    const char *colon = strrchr(target, ':');
    redisContext *c;

    if (strncmp(target, "unix:", 5) == 0) {
        c = redisConnectUnix(target + 5);
    } else {
        char host[256] = "127.0.0.1";

        if (colon != NULL)
            snprintf(host, sizeof(host), "%.*s", (int)(colon - target), target);
        c = redisConnect(host, atoi(colon != NULL ? colon + 1 : target));
    }
    if (c == NULL || c->err != 0) {
        fprintf(stderr, "%s: %s\n", target, c != NULL ? c->errstr : "out of memory");
        if (c != NULL)
            redisFree(c);
        return NULL;
    }
    return c;
}

/* May be an error. */
static redisReply *get_any_reply(redisContext *c)
{
    void *reply = NULL;

    if (redisGetReply(c, &reply) != REDIS_OK) {
        fprintf(stderr, "server: %s\n", c->errstr);
        exit(2);
    }
    return reply;
}

/* An error is no value: MOVED from a node that was a master a moment ago, CLUSTERDOWN, LOADING. */
static redisReply *get_reply(redisContext *c)
{
    redisReply *r = get_any_reply(c);

    if (r->type == REDIS_REPLY_ERROR) {
        fprintf(stderr, "server: %s\n", r->str);
        exit(2);
    }
    return r;
}

/* A command of words that may be followed by one binary key. */
static void append_key(redisContext *c, const char *verb, struct bytes key, const char *rest)
{
    const char *argv[8];
    size_t lens[8];
    int argc = 0;
    char args[64];
    char *save = NULL;

    for (const char *w = verb; *w != '\0'; w += strcspn(w, " "), w += *w == ' ') {
        argv[argc] = w;
        lens[argc++] = strcspn(w, " ");
    }
    argv[argc] = (const char *)key.p;
    lens[argc++] = key.n;
    snprintf(args, sizeof(args), "%s", rest);
    for (char *w = strtok_r(args, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save)) {
        argv[argc] = w;
        lens[argc++] = strlen(w);
    }
    redisAppendCommandArgv(c, argc, argv, lens);
}

static redisReply *ask_key(redisContext *c, const char *verb, struct bytes key, const char *rest)
{
    append_key(c, verb, key, rest);
    return get_reply(c);
}

static struct bytes reply_bytes(const redisReply *r)
{
    return bytes_of(r->str, (size_t)r->len);
}

static json_t *reply_json(const redisReply *r)
{
    json_t *out;

    switch (r->type) {
    case REDIS_REPLY_INTEGER:
        return json_integer(r->integer);
    case REDIS_REPLY_NIL:
        return json_null();
    case REDIS_REPLY_ARRAY:
        out = json_array();
        for (size_t i = 0; i < r->elements; i++)
            json_array_append_new(out, reply_json(r->element[i]));
        return out;
    default:
        return json_text(reply_bytes(r));
    }
}

/* The value behind a name in a flat list of names and values; NULL: none. */
static const redisReply *reply_field(const redisReply *r, const char *name)
{
    for (size_t i = 0; i + 1 < r->elements; i += 2)
        if (bytes_eq_str(reply_bytes(r->element[i]), name))
            return r->element[i + 1];
    return NULL;
}

static json_t *read_group(redisContext *c, struct bytes key, const redisReply *group)
{
    struct bytes name = reply_bytes(reply_field(group, "name"));
    const char *pending_argv[] = {"XPENDING", (const char *)key.p, (const char *)name.p, "-", "+",
                                  "100000"};
    const size_t pending_lens[] = {8, key.n, name.n, 1, 1, 6};
    const char *consumer_argv[] = {"XINFO", "CONSUMERS", (const char *)key.p, (const char *)name.p};
    const size_t consumer_lens[] = {5, 9, key.n, name.n};
    json_t *out = json_object(), *pending = json_array(), *consumers = json_array();
    redisReply *r;

    json_object_set_new(out, "name", json_text(name));
    json_object_set_new(out, "last", reply_json(reply_field(group, "last-delivered-id")));
    redisAppendCommandArgv(c, 6, pending_argv, pending_lens);
    redisAppendCommandArgv(c, 4, consumer_argv, consumer_lens);
    r = get_reply(c);
    for (size_t i = 0; i < r->elements; i++) {
        const redisReply *p = r->element[i];

        json_array_append_new(pending,
                              json_pack("[o,o,o]", reply_json(p->element[0]),
                                        reply_json(p->element[1]), reply_json(p->element[3])));
    }
    freeReplyObject(r);
    r = get_reply(c);
    for (size_t i = 0; i < r->elements; i++)
        json_array_append_new(consumers, reply_json(reply_field(r->element[i], "name")));
    freeReplyObject(r);
    json_object_set_new(out, "pending", pending);
    json_object_set_new(out, "consumers", consumers);
    return out;
}

static json_t *read_stream(redisContext *c, struct bytes key)
{
    static const char *const meta_names[] = {"length", "last-generated-id", "max-deleted-entry-id",
                                             "entries-added", "groups"};
    json_t *meta = json_object(), *groups = json_array(), *entries;
    redisReply *r = ask_key(c, "XRANGE", key, "- +");

    entries = reply_json(r);
    freeReplyObject(r);
    r = ask_key(c, "XINFO STREAM", key, "");
    for (size_t i = 0; i < sizeof(meta_names) / sizeof(meta_names[0]); i++) {
        const redisReply *field = reply_field(r, meta_names[i]);

        if (field != NULL)
            json_object_set_new(meta, meta_names[i], reply_json(field));
    }
    freeReplyObject(r);
    r = ask_key(c, "XINFO GROUPS", key, "");
    for (size_t i = 0; i < r->elements; i++)
        json_array_append_new(groups, read_group(c, key, r->element[i]));
    freeReplyObject(r);
    return json_pack("{s:o,s:o,s:o}", "entries", entries, "meta", meta, "groups", groups);
}

static json_t *read_hash(const redisReply *r)
{
    json_t *out = json_object();

    for (size_t i = 0; i + 1 < r->elements; i += 2) {
        char *field = dataset_text(reply_bytes(r->element[i]));

        json_object_set_new(out, field, reply_json(r->element[i + 1]));
        free(field);
    }
    return out;
}

static json_t *read_zset(const redisReply *r)
{
    json_t *out = json_array();

    for (size_t i = 0; i + 1 < r->elements; i += 2)
        json_array_append_new(
            out, json_pack("[o,o]", reply_json(r->element[i]), reply_json(r->element[i + 1])));
    return out;
}

static json_t *read_value(redisContext *c, const char *type, struct bytes key)
{
    static const struct {
        const char *type, *verb, *rest;
    } how[] = {{"string", "GET", ""},   {"list", "LRANGE", "0 -1"},
               {"set", "SMEMBERS", ""}, {"zset", "ZRANGE", "0 -1 WITHSCORES"},
               {"hash", "HGETALL", ""}, {"ReJSON-RL", "JSON.GET", ""}};
    redisReply *r;
    json_t *out;

    if (strcmp(type, "stream") == 0)
        return read_stream(c, key);
    for (size_t i = 0; i < sizeof(how) / sizeof(how[0]); i++) {
        if (strcmp(type, how[i].type) != 0)
            continue;
        r = ask_key(c, how[i].verb, key, how[i].rest);
        if (strcmp(type, "hash") == 0 && r->type == REDIS_REPLY_ARRAY)
            out = read_hash(r);
        else if (strcmp(type, "zset") == 0 && r->type == REDIS_REPLY_ARRAY)
            out = read_zset(r);
        else
            out = reply_json(r);
        freeReplyObject(r);
        return out;
    }
    return json_sprintf("unread:%s", type);
}

/* Every key's name as a text form, each once although SCAN may show one twice. */
static json_t *scan_keys(redisContext *c)
{
    json_t *keys = json_object();
    char cursor[32] = "0";

    do {
        redisReply *r = redisCommand(c, "SCAN %s COUNT 5000", cursor);

        if (r == NULL || r->type != REDIS_REPLY_ARRAY) {
            fprintf(stderr, "SCAN: %s\n", r == NULL ? c->errstr : r->str);
            exit(2);
        }
        snprintf(cursor, sizeof(cursor), "%s", r->element[0]->str);
        for (size_t i = 0; i < r->element[1]->elements; i++) {
            char *text = dataset_text(reply_bytes(r->element[1]->element[i]));

            json_object_set_new(keys, text, json_true());
            free(text);
        }
        freeReplyObject(r);
    } while (strcmp(cursor, "0") != 0);
    return keys;
}

/* Absolute time to live in milliseconds, -1: none. */
static int64_t read_expiry(redisContext *c, const redisReply *r, struct bytes key)
{
    redisReply *left;
    int64_t ms;

    if (r->type == REDIS_REPLY_INTEGER)
        return r->integer;
    left = ask_key(c, "PTTL", key, "");
    ms = left->integer < 0 ? -1 : (int64_t)(clock_wall_us() / 1000) + left->integer;
    freeReplyObject(left);
    return ms;
}

static void dump_keys(redisContext *c, unsigned db, struct bytes *keys, size_t n, json_t *set)
{
    redisReply *types[PIPELINE_KEYS], *times[PIPELINE_KEYS];

    for (size_t i = 0; i < n; i++) {
        append_key(c, "TYPE", keys[i], "");
        append_key(c, "PEXPIRETIME", keys[i], "");
    }
    for (size_t i = 0; i < n; i++) {
        types[i] = get_reply(c);
        times[i] = get_any_reply(c); /* before Redis 7 an error */
    }
    for (size_t i = 0; i < n; i++) {
        const char *type = types[i]->str;
        int64_t expire_ms = read_expiry(c, times[i], keys[i]);

        if (strcmp(type, "none") != 0) {
            char *name = dataset_name(db, keys[i]);
            json_t *rec =
                json_pack("{s:s,s:o}", "type", strcmp(type, "ReJSON-RL") == 0 ? "json" : type,
                          "value", read_value(c, type, keys[i]));

            record_normalize(rec);
            if (expire_ms >= 0)
                json_object_set_new(rec, "expire_ms", json_integer(expire_ms));
            json_object_set_new(set, name, rec);
            free(name);
        }
        freeReplyObject(types[i]);
        freeReplyObject(times[i]);
        free((void *)keys[i].p);
    }
}

static void dump_db(redisContext *c, unsigned db, json_t *set)
{
    struct bytes batch[PIPELINE_KEYS];
    json_t *keys = scan_keys(c);
    const char *text;
    json_t *unused;
    size_t n = 0;

    json_object_foreach(keys, text, unused)
    {
        (void)unused;
        batch[n++] = dataset_bytes(text);
        if (n == PIPELINE_KEYS) {
            dump_keys(c, db, batch, n, set);
            n = 0;
        }
    }
    dump_keys(c, db, batch, n, set);
    json_decref(keys);
}

/* select_db - false: this server does not have so many */
static bool select_db(redisContext *c, unsigned db)
{
    redisReply *r;
    bool selected;

    redisAppendCommand(c, "SELECT %u", db);
    r = get_any_reply(c);
    selected = r->type != REDIS_REPLY_ERROR;
    if (!selected && strstr(r->str, "out of range") == NULL &&
        strstr(r->str, "invalid DB index") == NULL) {
        fprintf(stderr, "SELECT %u: %s\n", db, r->str);
        exit(2);
    }
    freeReplyObject(r);
    return selected;
}

static bool dump_node(const char *target, const bool *dbs, json_t *set)
{
    redisContext *c = dataset_connect(target);

    if (c == NULL)
        return false;
    for (unsigned db = 0; db < DATASET_DBS; db++)
        if (dbs == NULL ? db == 0 : dbs[db] && select_db(c, db))
            dump_db(c, db, set);
    redisFree(c);
    return true;
}

/* The masters that own slots, as the node knows them: "address slots" each, as an array. */
static json_t *list_masters(redisContext *c)
{
    json_t *masters = json_array();
    char *save = NULL;
    redisReply *r;

    redisAppendCommand(c, "CLUSTER NODES");
    r = get_reply(c);
    for (char *line = strtok_r(r->str, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        char address[128], flags[128];
        int slots = 0;

        if (sscanf(line, "%*s %127[^@ ]%*s %127s %*s %*s %*s %*s %*s %n", address, flags, &slots) ==
                2 &&
            strstr(flags, "master") != NULL && slots > 0 && line[slots] != '\0')
            json_array_append_new(
                masters, json_pack("{s:s,s:s}", "address", address, "slots", line + slots));
    }
    freeReplyObject(r);
    return masters;
}

/* What was read while another became master, or a slot moved, is nobody's state. */
static bool dump_cluster(const char *target, json_t *set)
{
    redisContext *c = dataset_connect(target);
    json_t *masters, *after, *master;
    bool ok = c != NULL;
    size_t i;

    if (!ok)
        return false;
    masters = list_masters(c);
    json_array_foreach(masters, i, master)
    {
        ok = ok && dump_node(json_string_value(json_object_get(master, "address")), NULL, set);
    }
    after = list_masters(c);
    if (ok && !json_equal(masters, after)) {
        fprintf(stderr, "%s: the masters have changed meanwhile\n", target);
        ok = false;
    }
    json_decref(masters);
    json_decref(after);
    redisFree(c);
    return ok;
}

json_t *dataset_dump(const char *target, const bool dbs[DATASET_DBS], bool cluster)
{
    json_t *set = json_object();

    if (cluster ? dump_cluster(target, set) : dump_node(target, dbs, set))
        return set;
    json_decref(set);
    return NULL;
}

/* ---- comparison ---- */

static bool has_text(json_t *array, json_t *text)
{
    json_t *value;
    size_t i;

    json_array_foreach(array, i, value)
    {
        if (json_equal(value, text))
            return true;
    }
    return false;
}

/* Servers before 6.2 make a consumer only when it gets an entry: those with pending ones are there. */
static bool consumers_equal(json_t *a, json_t *b, bool first_servers)
{
    json_t *found = json_object_get(b, "consumers"), *value;
    size_t i;

    if (!first_servers)
        return json_equal(json_object_get(a, "consumers"), found);
    json_array_foreach(json_object_get(a, "pending"), i, value)
    {
        if (!has_text(found, json_array_get(value, 1)))
            return false;
    }
    json_array_foreach(found, i, value)
    {
        if (!has_text(json_object_get(a, "consumers"), value))
            return false;
    }
    return true;
}

static bool group_equal(json_t *a, json_t *b, json_t *meta, bool old)
{
    json_t *last = json_object_get(b, "last");
    json_t *stream_last = json_object_get(meta, "last-generated-id");
    bool first_servers = json_object_get(meta, "entries-added") == NULL;

    if (!json_equal(json_object_get(a, "name"), json_object_get(b, "name")) ||
        !json_equal(json_object_get(a, "pending"), json_object_get(b, "pending")) ||
        !consumers_equal(a, b, first_servers))
        return false;
    return json_equal(json_object_get(a, "last"), last) || (old && json_equal(stream_last, last));
}

static bool stream_equal(json_t *a, json_t *b, bool old)
{
    json_t *groups = json_object_get(a, "groups"), *meta = json_object_get(b, "meta"), *value;
    const char *name;
    size_t i;

    if (!json_is_object(a) || !json_is_object(b) ||
        !json_equal(json_object_get(a, "entries"), json_object_get(b, "entries")) ||
        json_array_size(groups) != json_array_size(json_object_get(b, "groups")))
        return false;
    json_array_foreach(groups, i, value)
    {
        if (!group_equal(value, json_array_get(json_object_get(b, "groups"), i), meta, old))
            return false;
    }
    /* Servers before 7.0 do not know all of the metadata. */
    json_object_foreach(json_object_get(a, "meta"), name, value)
    {
        json_t *theirs = json_object_get(meta, name);

        if (old &&
            (strcmp(name, "entries-added") == 0 || strcmp(name, "max-deleted-entry-id") == 0))
            continue;
        if (theirs != NULL && !json_equal(value, theirs))
            return false;
    }
    return true;
}

/*
 * The same entries under whatever ids, and groups of the same names: releases up to 1.26 journal XADD
 * with "*", so that nobody but the source knows the ids.
 */
static bool stream_contents_equal(json_t *a, json_t *b)
{
    json_t *entries = json_object_get(a, "entries"), *groups = json_object_get(a, "groups"), *value;
    size_t i;

    if (json_array_size(entries) != json_array_size(json_object_get(b, "entries")) ||
        json_array_size(groups) != json_array_size(json_object_get(b, "groups")))
        return false;
    json_array_foreach(entries, i, value)
    {
        json_t *theirs = json_array_get(json_object_get(b, "entries"), i);

        if (!json_equal(json_array_get(value, 1), json_array_get(theirs, 1)))
            return false;
    }
    json_array_foreach(groups, i, value)
    {
        json_t *theirs = json_array_get(json_object_get(b, "groups"), i);

        if (!json_equal(json_object_get(value, "name"), json_object_get(theirs, "name")))
            return false;
    }
    return true;
}

static bool stream_value_equal(json_t *a, json_t *b, const struct dataset_rules *rules)
{
    return stream_equal(a, b, rules->old_streams) ||
           (rules->any_stream_ids && stream_contents_equal(a, b));
}

static bool record_expired(json_t *rec)
{
    json_t *at = json_object_get(rec, "expire_ms");

    return at != NULL && json_integer_value(at) <= (int64_t)(clock_wall_us() / 1000);
}

/* NULL: equal; else what differs. Either record may be NULL: no such key. */
static const char *record_differs(json_t *a, json_t *b, const struct dataset_rules *rules)
{
    json_t *x, *y;

    if (a == NULL || b == NULL) {
        if (a == b || record_expired(a != NULL ? a : b))
            return NULL;
        return a == NULL ? "not expected" : "missing";
    }
    if (!json_equal(json_object_get(a, "type"), json_object_get(b, "type")))
        return "type";
    x = json_object_get(a, "value");
    y = json_object_get(b, "value");
    if (strcmp(json_string_value(json_object_get(a, "type")), "stream") == 0
            ? !stream_value_equal(x, y, rules)
            : !json_equal(x, y))
        return "value";
    x = json_object_get(a, "expire_ms");
    y = json_object_get(b, "expire_ms");
    if ((x == NULL) != (y == NULL))
        return "time to live";
    if (x != NULL && llabs(json_integer_value(x) - json_integer_value(y)) > rules->ttl_slack_ms)
        return "time to live";
    return NULL;
}

static bool record_lossy(json_t *rec)
{
    const char *value = json_string_value(json_object_get(rec, "value"));

    if (rec == NULL)
        return false;
    return strcmp(json_string_value(json_object_get(rec, "type")), "json") == 0 ||
           (value != NULL && strncmp(value, "unread:", 7) == 0);
}

static void print_side(const char *label, json_t *rec)
{
    char *text = rec != NULL ? json_dumps(rec, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

    printf("  %s %.400s\n", label, text != NULL ? text : "(none)");
    free(text);
}

static size_t diff_key(const char *name, json_t *a, json_t *b, const struct dataset_rules *rules,
                       size_t found)
{
    json_t *x = json_object_get(a, name), *y = json_object_get(b, name);
    json_t *z = rules->other != NULL ? json_object_get(rules->other, name) : NULL;
    const char *why;

    if (rules->ignore != NULL && json_object_get(rules->ignore, name) != NULL)
        return 0;
    if (rules->skip_lossy && (record_lossy(x) || record_lossy(z)))
        return 0;
    if (x == NULL && rules->skip_prefix != NULL &&
        strncmp(strchr(name, '/') + 1, rules->skip_prefix, strlen(rules->skip_prefix)) == 0)
        return 0;
    why = record_differs(x, y, rules);
    if (why == NULL || (rules->other != NULL && record_differs(z, y, rules) == NULL))
        return 0;
    if (found < rules->limit) {
        printf("%s: %s\n", name, why);
        print_side("expected", x);
        if (rules->other != NULL)
            print_side("or      ", z);
        print_side("found   ", y);
    }
    return 1;
}

size_t dataset_diff(json_t *a, json_t *b, const struct dataset_rules *rules)
{
    json_t *names = json_object(), *value;
    const char *name;
    size_t found = 0;

    json_object_update(names, a);
    json_object_update(names, b);
    if (rules->other != NULL)
        json_object_update(names, rules->other);
    json_object_foreach(names, name, value)
    {
        (void)value;
        found += diff_key(name, a, b, rules, found);
    }
    printf("%zu keys expected, %zu found, %zu differ\n", json_object_size(a), json_object_size(b),
           found);
    json_decref(names);
    return found;
}
