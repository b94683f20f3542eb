#include "target/local_script.h"

#include <lauxlib.h>
#include <lualib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/buf.h"
#include "resp/resp_write.h"
#include "wire/reply_free.h"

#define DEPTH_MAX 8 /* of a value that a script returns */
#define TEXT_SIZE 128

struct write {
    uint32_t db;
    size_t first, count; /* arguments */
};

struct local_script {
    local_script_ask_fn *ask;
    void *context;
    lua_State *lua;
    struct ft_err *err; /* of the run */
    bool failed;        /* it is set: the script could not be run to its end */
    uint32_t db;        /* that the script has selected */
    struct buf text;    /* of the arguments of all writes */
    size_t *ends;
    size_t end_count, end_cap;
    struct write *writes;
    size_t write_count, write_cap;
    struct bytes *args; /* of writes, when the script has ended; of a command before */
    size_t arg_cap;
    struct local_script_write *shown;
    size_t shown_cap;
};

/* Commands of scripts that change nothing, and which argument of them is the key; 0: they have none. */
static const struct reading {
    const char *name;
    unsigned key;
} readings[] = {
    {"DUMP", 1},
    {"EXISTS", 1},
    {"GET", 1},
    {"HEXISTS", 1},
    {"HGET", 1},
    {"HGETALL", 1},
    {"HPEXPIRETIME", 1},
    {"HSCAN", 1},
    {"LINDEX", 1},
    {"LLEN", 1},
    {"OBJECT", 2},
    {"PEXPIRETIME", 1},
    {"PTTL", 1},
    {"SORT", 1},
    {"SISMEMBER", 1},
    {"SMEMBERS", 1},
    {"TIME", 0},
    {"TYPE", 1},
    {"XINFO", 2},
    {"XPENDING", 1},
    {"XRANGE", 1},
    {"XREVRANGE", 1},
    {"ZCARD", 1},
    {"ZRANGE", 1},
    {"ZRANGEBYLEX", 1},
    {"ZRANGEBYSCORE", 1},
    {"ZREVRANGE", 1},
    {"ZREVRANGEBYLEX", 1},
    {"ZREVRANGEBYSCORE", 1},
    {"ZSCORE", 1},
};

static const struct reading *find_reading(struct bytes name)
{
    for (size_t i = 0; i < sizeof(readings) / sizeof(readings[0]); i++) {
        if (bytes_is_word(name, readings[i].name))
            return &readings[i];
    }
    return NULL;
}

static struct local_script *self(lua_State *lua)
{
    return lua_touserdata(lua, lua_upvalueindex(1));
}

/* {err = text}, as redis.error_reply makes it. */
static void push_error(lua_State *lua, const char *text)
{
    lua_newtable(lua);
    lua_pushstring(lua, text);
    lua_setfield(lua, -2, "err");
}

static void push_status(lua_State *lua, const char *text)
{
    lua_newtable(lua);
    lua_pushstring(lua, text);
    lua_setfield(lua, -2, "ok");
}

/* Replies nest as deeply as reply_reader.h allows, which is not deep. */
static void push_reply(lua_State *lua, const redisReply *reply)
{
    switch (reply->type) {
    case REDIS_REPLY_STRING:
        lua_pushlstring(lua, reply->str, reply->len);
        return;
    case REDIS_REPLY_INTEGER:
        lua_pushnumber(lua, (lua_Number)reply->integer);
        return;
    case REDIS_REPLY_STATUS:
        push_status(lua, reply->str);
        return;
    case REDIS_REPLY_ERROR:
        push_error(lua, reply->str);
        return;
    case REDIS_REPLY_ARRAY:
        luaL_checkstack(lua, 4, "a reply is nested too deeply");
        lua_newtable(lua);
        for (size_t i = 0; i < reply->elements; i++) {
            push_reply(lua, reply->element[i]);
            lua_rawseti(lua, -2, (int)i + 1);
        }
        return;
    default: /* nil */
        lua_pushboolean(lua, false);
    }
}

/*
 * redis.call
 */

/* The arguments on the stack. They stay there, so the text lives as long as the call. */
static size_t take_args(struct local_script *s, lua_State *lua)
{
    int count = lua_gettop(lua);

    if (count == 0)
        return 0;
    if (ARRAY_RESERVE(&s->args, &s->arg_cap, (size_t)count, "a command", s->err) != 0) {
        s->failed = true;
        return 0;
    }
    for (int i = 1; i <= count; i++) {
        size_t n;

        if (lua_type(lua, i) == LUA_TNUMBER) {
            char text[TEXT_SIZE];

            (void)snprintf(text, sizeof(text), "%.17g", lua_tonumber(lua, i)); /* fits */
            lua_pushstring(lua, text);
            lua_replace(lua, i);
        }
        if (lua_type(lua, i) != LUA_TSTRING)
            return 0;
        s->args[i - 1].p = (const uint8_t *)lua_tolstring(lua, i, &n);
        s->args[i - 1].n = n;
    }
    return (size_t)count;
}

static int put_write(struct local_script *s, size_t count, struct ft_err *err)
{
    struct write *w;

    if (ARRAY_RESERVE(&s->writes, &s->write_cap, s->write_count + 1, "a script", err) != 0 ||
        ARRAY_RESERVE(&s->ends, &s->end_cap, s->end_count + count, "a script", err) != 0)
        return -1;
    w = &s->writes[s->write_count];
    *w = (struct write){.db = s->db, .first = s->end_count, .count = count};
    for (size_t i = 0; i < count; i++) {
        if (buf_append(&s->text, s->args[i].p, s->args[i].n, err) != 0)
            return -1;
        s->ends[s->end_count + i] = s->text.n;
    }
    s->end_count += count;
    s->write_count++;
    return 0;
}

static struct bytes written_arg(const struct local_script *s, size_t index)
{
    size_t start = index == 0 ? 0 : s->ends[index - 1];

    return bytes_of(s->text.p == NULL ? (const uint8_t *)"" : s->text.p + start,
                    s->ends[index] - start);
}

/* All commands that these scripts write with have their key first, but for RENAME, which has two. */
static bool is_written(const struct local_script *s, struct bytes key)
{
    for (size_t i = 0; i < s->write_count; i++) {
        const struct write *w = &s->writes[i];

        if (w->db != s->db)
            continue;
        if ((w->count > 1 && bytes_eq(written_arg(s, w->first + 1), key)) ||
            (w->count > 2 && bytes_is_word(written_arg(s, w->first), "RENAME") &&
             bytes_eq(written_arg(s, w->first + 2), key)))
            return true;
    }
    return false;
}

/* Pushes what the command answers. */
static void execute(struct local_script *s, lua_State *lua, size_t count)
{
    const struct reading *reading = find_reading(s->args[0]);
    redisReply *reply;
    uint64_t db;

    if (bytes_is_word(s->args[0], "SELECT")) {
        if (count == 2 && bytes_to_u64(s->args[1], &db) && db <= UINT32_MAX) {
            s->db = (uint32_t)db;
            push_status(lua, "OK");
        } else {
            push_error(lua, "ERR invalid DB index");
        }
    } else if (reading == NULL) {
        if (put_write(s, count, s->err) == 0)
            push_status(lua, "QUEUED");
        else
            s->failed = true;
    } else if (reading->key != 0 && reading->key < count && is_written(s, s->args[reading->key])) {
        push_error(lua, "ERR a script that runs outside of the server reads what it has written");
    } else if (s->ask(s->context, s->db, &reply, s->args, count, s->err) != 0) {
        s->failed = true;
    } else {
        push_reply(lua, reply);
        reply_free(reply);
    }
    if (s->failed)
        push_error(lua, "ERR the server could not be asked");
}

static int call(lua_State *lua, bool raises)
{
    struct local_script *s = self(lua);
    size_t count = take_args(s, lua);

    if (count == 0)
        return luaL_error(lua, "ERR a command's arguments must be strings or numbers");
    execute(s, lua, count);
    if (s->failed)
        return lua_error(lua);
    if (raises && lua_istable(lua, -1)) {
        lua_getfield(lua, -1, "err");
        if (!lua_isnil(lua, -1)) {
            lua_pop(lua, 1);
            return lua_error(lua);
        }
        lua_pop(lua, 1);
    }
    return 1;
}

static int redis_call(lua_State *lua)
{
    return call(lua, true);
}

static int redis_pcall(lua_State *lua)
{
    return call(lua, false);
}

static int redis_error_reply(lua_State *lua)
{
    push_error(lua, luaL_checkstring(lua, 1));
    return 1;
}

/*
 * cmsgpack.unpack, of what cmsgpack.pack and replay_refusal_put make of strings and lists of them
 */

static void skip(struct bytes *in, size_t n)
{
    *in = bytes_of(in->p + n, in->n - n);
}

static bool take_length(struct bytes *in, size_t bytes, size_t *ret)
{
    *ret = 0;
    if (in->n < bytes)
        return false;
    for (size_t i = 0; i < bytes; i++)
        *ret = *ret << 8 | in->p[i];
    skip(in, bytes);
    return true;
}

/* 0x90 and 0xa0: an array, a string with its length in the same byte; 0xd9 to 0xdb, 0xdc and 0xdd: after it. */
static bool take_head(struct bytes *in, bool *ret_array, size_t *ret)
{
    uint8_t head;

    if (in->n == 0)
        return false;
    head = in->p[0];
    skip(in, 1);
    *ret_array = (head & 0xf0) == 0x90 || head == 0xdc || head == 0xdd;
    if ((head & 0xf0) == 0x90 || (head & 0xe0) == 0xa0) {
        *ret = *ret_array ? head & 0x0f : head & 0x1f;
        return true;
    }
    if (head < 0xd9 || head > 0xdd)
        return false;
    return take_length(in, head == 0xd9 ? 1 : head == 0xda || head == 0xdc ? 2 : 4, ret);
}

static bool unpack(lua_State *lua, struct bytes *in, int depth)
{
    bool array;
    size_t n;

    if (depth == DEPTH_MAX || !lua_checkstack(lua, 3) || !take_head(in, &array, &n))
        return false;
    if (!array) {
        if (n > in->n)
            return false;
        lua_pushlstring(lua, (const char *)in->p, n);
        skip(in, n);
        return true;
    }
    lua_newtable(lua);
    for (size_t i = 1; i <= n; i++) {
        if (!unpack(lua, in, depth + 1))
            return false;
        lua_rawseti(lua, -2, (int)i);
    }
    return true;
}

static int cmsgpack_unpack(lua_State *lua)
{
    size_t n;
    const char *text = luaL_checklstring(lua, 1, &n);
    struct bytes in = bytes_of(text, n);

    return unpack(lua, &in, 0) ? 1
                               : luaL_error(lua, "ERR this is not what cmsgpack.pack gives here");
}

/* Where the linker puts the addresses of all embedded scripts, see embed-lua.awk. */
extern const char *const __start_lua_scripts[] __attribute__((weak)); /* none: there are none */
extern const char *const __stop_lua_scripts[] __attribute__((weak));

const char *local_script_own(struct bytes script)
{
    for (const char *const *own = __start_lua_scripts; own < __stop_lua_scripts; own++) {
        if (bytes_eq_str(script, *own))
            return *own;
    }
    return NULL;
}

bool local_script_is_own(struct bytes script)
{
    return local_script_own(script) != NULL;
}

/* Nothing that reaches beyond the script: no files, no processes, no other code. */
static void open_libraries(lua_State *lua)
{
    static const luaL_Reg libraries[] = {{"", luaopen_base},
                                         {LUA_TABLIBNAME, luaopen_table},
                                         {LUA_STRLIBNAME, luaopen_string},
                                         {LUA_MATHLIBNAME, luaopen_math}};
    static const char *const without[] = {"dofile", "loadfile", "load", "loadstring", "print"};

    for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++) {
        lua_pushcfunction(lua, libraries[i].func);
        lua_pushstring(lua, libraries[i].name);
        lua_call(lua, 1, 0);
    }
    for (size_t i = 0; i < sizeof(without) / sizeof(without[0]); i++) {
        lua_pushnil(lua);
        lua_setglobal(lua, without[i]);
    }
}

int local_script_new(struct local_script **ret, local_script_ask_fn *ask, void *context,
                     struct ft_err *err)
{
    static const luaL_Reg functions[] = {
        {"call", redis_call}, {"pcall", redis_pcall}, {"error_reply", redis_error_reply}, {0}};
    struct local_script *s = calloc(1, sizeof(*s));

    if (s == NULL || (s->lua = luaL_newstate()) == NULL) {
        free(s);
        return err_nomem(err, "an interpreter for scripts");
    }
    s->ask = ask;
    s->context = context;
    open_libraries(s->lua);
    lua_newtable(s->lua);
    for (const luaL_Reg *f = functions; f->name != NULL; f++) {
        lua_pushlightuserdata(s->lua, s);
        lua_pushcclosure(s->lua, f->func, 1);
        lua_setfield(s->lua, -2, f->name);
    }
    lua_setglobal(s->lua, "redis");
    lua_newtable(s->lua);
    lua_pushcfunction(s->lua, cmsgpack_unpack);
    lua_setfield(s->lua, -2, "unpack");
    lua_setglobal(s->lua, "cmsgpack");
    lua_newtable(s->lua); /* what has been compiled, by its text */
    lua_setfield(s->lua, LUA_REGISTRYINDEX, "compiled");
    *ret = s;
    return 0;
}

void local_script_free(struct local_script *s)
{
    if (s == NULL)
        return;
    lua_close(s->lua);
    buf_release(&s->text);
    free(s->ends);
    free(s->writes);
    free(s->args);
    free(s->shown);
    free(s);
}

/*
 * What it answers
 */

static int put_value(struct buf *out, lua_State *lua, int depth, struct ft_err *err);

static int put_line(struct buf *out, char kind, const char *text, struct ft_err *err)
{
    return buf_printf(out, err, "%c%s\r\n", kind, text);
}

/* {err = ...}, {ok = ...} or the elements up to the first that is nil. */
static int put_table(struct buf *out, lua_State *lua, int depth, struct ft_err *err)
{
    static const struct {
        const char *field;
        char kind;
    } lines[] = {{"err", '-'}, {"ok", '+'}};
    size_t count = 0;

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        lua_getfield(lua, -1, lines[i].field);
        if (lua_isstring(lua, -1)) {
            int rc = put_line(out, lines[i].kind, lua_tostring(lua, -1), err);

            lua_pop(lua, 1);
            return rc;
        }
        lua_pop(lua, 1);
    }
    if (depth == DEPTH_MAX || !lua_checkstack(lua, 4))
        return put_line(out, '-', "ERR what a script returns is nested too deeply", err);
    for (;; count++) {
        bool ended;

        lua_rawgeti(lua, -1, (int)count + 1);
        ended = lua_isnil(lua, -1);
        lua_pop(lua, 1);
        if (ended)
            break;
    }
    if (buf_printf(out, err, "*%zu\r\n", count) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        int rc;

        lua_rawgeti(lua, -1, (int)i + 1);
        rc = put_value(out, lua, depth + 1, err);
        lua_pop(lua, 1);
        if (rc != 0)
            return -1;
    }
    return 0;
}

/* The value on top of the stack. */
static int put_value(struct buf *out, lua_State *lua, int depth, struct ft_err *err)
{
    const char *text;
    size_t n;

    switch (lua_type(lua, -1)) {
    case LUA_TSTRING:
        text = lua_tolstring(lua, -1, &n);
        if (resp_put_arg_head(out, n, err) != 0 || buf_append(out, text, n, err) != 0)
            return -1;
        return buf_append_str(out, RESP_LINE_END, err);
    case LUA_TNUMBER:
        return buf_printf(out, err, ":%lld\r\n", (long long)lua_tonumber(lua, -1));
    case LUA_TBOOLEAN:
        return buf_append_str(out, lua_toboolean(lua, -1) ? ":1\r\n" : "$-1\r\n", err);
    case LUA_TTABLE:
        return put_table(out, lua, depth, err);
    default:
        return buf_append_str(out, "$-1\r\n", err);
    }
}

/* As replies are read, so that it is one like any other. */
static int take_value(struct local_script *s, redisReply **ret, struct ft_err *err)
{
    redisReader *reader = redisReaderCreate();
    struct buf text = {0};
    void *reply = NULL;
    int rc = put_value(&text, s->lua, 0, err);

    if (rc == 0 &&
        (reader == NULL || redisReaderFeed(reader, (const char *)text.p, text.n) != REDIS_OK ||
         redisReaderGetReply(reader, &reply) != REDIS_OK || reply == NULL))
        rc = err_nomem(err, "what a script answers");
    if (reader != NULL)
        redisReaderFree(reader);
    buf_release(&text);
    if (rc == 0)
        *ret = reply;
    return rc;
}

/*
 * Running
 */

static void push_list(lua_State *lua, const struct bytes *args, size_t count)
{
    lua_createtable(lua, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        lua_pushlstring(lua, args[i].p == NULL ? "" : (const char *)args[i].p, args[i].n);
        lua_rawseti(lua, -2, (int)i + 1);
    }
}

/* 0: the function is on the stack; else the reason why there is none. */
static int compile(lua_State *lua, struct bytes script)
{
    const char *text = (const char *)script.p;
    size_t n = script.n;
    const char *end;
    int status;

    lua_getfield(lua, LUA_REGISTRYINDEX, "compiled");
    lua_pushlstring(lua, text, n);
    lua_rawget(lua, -2);
    if (!lua_isnil(lua, -1)) {
        lua_remove(lua, -2);
        return 0;
    }
    lua_pop(lua, 1);
    /* flags for the server are not Lua */
    if (n > 2 && memcmp(text, "#!", 2) == 0 && (end = memchr(text, '\n', n)) != NULL) {
        n -= (size_t)(end - text);
        text = end;
    }
    status = luaL_loadbuffer(lua, text, n, "script");
    if (status != 0) {
        lua_remove(lua, -2);
        return status;
    }
    lua_pushlstring(lua, (const char *)script.p, script.n);
    lua_pushvalue(lua, -2);
    lua_rawset(lua, -4);
    lua_remove(lua, -2);
    return 0;
}

/* What was raised or did not compile: a text, or {err = ...}. */
static void make_error(lua_State *lua)
{
    char text[TEXT_SIZE + 16];

    if (lua_istable(lua, -1))
        return;
    (void)snprintf(text, sizeof(text), "ERR %.*s", TEXT_SIZE,
                   lua_isstring(lua, -1) ? lua_tostring(lua, -1) : "a script failed");
    text[strcspn(text, "\r\n")] = '\0';
    push_error(lua, text);
}

/* Writes as the caller gets them. */
static int show_writes(struct local_script *s, struct ft_err *err)
{
    if (ARRAY_RESERVE(&s->args, &s->arg_cap, s->end_count, "a script", err) != 0 ||
        ARRAY_RESERVE(&s->shown, &s->shown_cap, s->write_count, "a script", err) != 0)
        return -1;
    for (size_t i = 0; i < s->end_count; i++)
        s->args[i] = written_arg(s, i);
    for (size_t i = 0; i < s->write_count; i++)
        s->shown[i] = (struct local_script_write){s->writes[i].db, s->args + s->writes[i].first,
                                                  s->writes[i].count};
    return 0;
}

int local_script_run(struct local_script *s, redisReply **ret, uint32_t db,
                     const struct bytes *args, size_t count, struct ft_err *err)
{
    lua_State *lua = s->lua;
    uint64_t keys;
    int status;
    int rc;

    s->err = err;
    s->failed = false;
    s->db = db;
    s->write_count = s->end_count = 0;
    buf_clear(&s->text);
    if (count < 3 || !bytes_to_u64(args[2], &keys) || keys > count - 3)
        return err_set(err, FT_ERR_BUG, "a script without its number of keys");
    lua_settop(lua, 0);
    push_list(lua, args + 3, keys);
    lua_setglobal(lua, "KEYS");
    push_list(lua, args + 3 + keys, count - 3 - keys);
    lua_setglobal(lua, "ARGV");
    status = compile(lua, args[1]);
    if (status == 0)
        status = lua_pcall(lua, 0, 1, 0);
    if (status == LUA_ERRMEM)
        return err_nomem(err, "a script");
    if (status != 0) {
        make_error(lua);
        s->write_count = 0;
    }
    rc = s->failed || show_writes(s, err) != 0 ? -1 : take_value(s, ret, err);
    lua_settop(lua, 0);
    return rc;
}

const struct local_script_write *local_script_writes(const struct local_script *s,
                                                     size_t *ret_count)
{
    *ret_count = s->write_count;
    return s->shown;
}
