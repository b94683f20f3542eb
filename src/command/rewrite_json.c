/*
 * JSON. Three ways: the target has the type (commands go through), JSON is carried as strings
 * (whole documents only: a part of one cannot be changed), or it is lost.
 */
#include "command/rewrite_json.h"

#define JSON_LOST_TEXT   "the target has no JSON type"
#define JSON_STRING_TEXT "a part of a JSON document, which the target holds as a string"

enum json_mode {
    JSON_COMMANDS,
    JSON_STRINGS,
    JSON_LOST,
};

static enum json_mode json_mode(const struct rewrite *rw)
{
    switch (rw->options->json_as) {
    case JSON_AS_MODULE:
        return JSON_COMMANDS;
    case JSON_AS_STRING:
        return JSON_STRINGS;
    case JSON_AS_DEFAULT:
        break;
    }
    return (rw->options->target->modules & TARGET_JSON) != 0 ? JSON_COMMANDS : JSON_LOST;
}

static bool is_root(struct bytes path)
{
    return bytes_eq_str(path, "$") || bytes_eq_str(path, ".");
}

static void json_loss(struct rewrite *rw, enum json_mode mode)
{
    rewrite_loss(rw, LOSS_JSON, "json", mode == JSON_LOST ? JSON_LOST_TEXT : JSON_STRING_TEXT);
    if (mode == JSON_STRINGS)
        rewrite_suspect(rw);
}

static void put_command(struct rewrite *rw, const char *name, size_t from, size_t to)
{
    rewrite_begin(rw, name);
    rewrite_put_args(rw, from, to);
}

/* A whole document takes the place of a string too, and of its time to live: dragonfly lets it. */
void rewrite_json_set(struct rewrite *rw)
{
    enum json_mode mode = json_mode(rw);
    bool whole = is_root(rw->args[2]);

    if (mode == JSON_COMMANDS && (!whole || rw->count > 4)) {
        rewrite_as_is(rw);
    } else if (mode == JSON_COMMANDS) {
        put_command(rw, "DEL", 1, 2);
        put_command(rw, "JSON.SET", 1, rw->count);
    } else if (mode == JSON_STRINGS && whole) {
        rewrite_begin(rw, "SET");
        rewrite_put(rw, rw->args[1]);
        rewrite_put_args(rw, 3, rw->count);
    } else {
        json_loss(rw, mode);
        if (whole && rw->count == 4)
            put_command(rw, "DEL", 1, 2);
    }
}

/* JSON.MSET key path value [key path value ...], one by one: any slots, and as JSON.SET else. */
void rewrite_json_mset(struct rewrite *rw)
{
    enum json_mode mode = json_mode(rw);
    bool lost = false;

    for (size_t i = 1; i + 2 < rw->count; i += 3) {
        bool whole = is_root(rw->args[i + 1]);

        lost = lost || mode == JSON_LOST || (mode == JSON_STRINGS && !whole);
        if (whole && mode != JSON_STRINGS)
            put_command(rw, "DEL", i, i + 1);
        if (mode == JSON_COMMANDS) {
            put_command(rw, "JSON.SET", i, i + 3);
        } else if (mode == JSON_STRINGS && whole) {
            put_command(rw, "SET", i, i + 1);
            rewrite_put(rw, rw->args[i + 2]);
        }
    }
    if (lost)
        json_loss(rw, mode);
}

/* JSON.DEL key [path]: of the whole document it is a DEL, whatever stands for it. */
void rewrite_json_del(struct rewrite *rw)
{
    enum json_mode mode = json_mode(rw);

    if (rw->count == 2 || is_root(rw->args[2]))
        put_command(rw, "DEL", 1, 2);
    else if (mode == JSON_COMMANDS)
        rewrite_as_is(rw);
    else
        json_loss(rw, mode);
}

void rewrite_json_change(struct rewrite *rw)
{
    enum json_mode mode = json_mode(rw);

    if (mode == JSON_COMMANDS)
        rewrite_as_is(rw);
    else
        json_loss(rw, mode);
}
