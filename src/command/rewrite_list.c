/* Lists, sets, sorted sets: pops with counts, moves and stores over several keys. */
#include "command/rewrite_list.h"

#include <string.h>

#include "command/command_keys.h"
#include "command/command_lua.h"

/* LPOP key [count] */
void rewrite_pop(struct rewrite *rw)
{
    int64_t n;

    if (rw->count > 3) {
        rewrite_malformed(rw, "wrong number of arguments");
    } else if (rw->count == 2 || rewrite_target(rw) >= 602) {
        rewrite_as_is(rw);
    } else if (!bytes_to_i64(rw->args[2], &n) || n < 0) {
        rewrite_malformed(rw, "the count is not a number");
    } else {
        rewrite_script(rw, lua_pop, 1);
        rewrite_put_str(rw, rw->row->name);
        rewrite_put(rw, rw->args[2]);
    }
}

static bool is_side(const struct rewrite *rw, size_t arg)
{
    return rewrite_is(rw, arg, "LEFT") || rewrite_is(rw, arg, "RIGHT");
}

/* A script of all keys; its arguments are put after it. */
static void keys_script(struct rewrite *rw, const char *script)
{
    rw->out->class_ = TRANSLATION_READ_WRITE;
    rewrite_begin(rw, "EVAL");
    rewrite_put_str(rw, script);
    rewrite_put_i64(rw, (int64_t)rw->keys->count);
    for (size_t i = 0; i < rw->keys->count; i++)
        rewrite_put(rw, rw->keys->keys[i].key);
}

static void lmove_old(struct rewrite *rw)
{
    bool from_left = rewrite_is(rw, 3, "LEFT");

    keys_script(rw, lua_lmove);
    rewrite_put_str(rw, from_left ? "0" : "-1");
    rewrite_put_str(rw, rewrite_is(rw, 4, "LEFT") ? "LPUSH" : "RPUSH");
    rewrite_put_str(rw, from_left ? "LPOP" : "RPOP");
}

/* LMOVE src dst LEFT|RIGHT LEFT|RIGHT: journalled verbatim up to 1.33. */
void rewrite_lmove(struct rewrite *rw)
{
    if (!is_side(rw, 3) || !is_side(rw, 4)) {
        rewrite_malformed(rw, "LMOVE takes LEFT or RIGHT twice");
    } else if (rw->options->cluster && !rewrite_keys_in_one_slot(rw)) {
        rewrite_plan(rw, 1, 2);
    } else if (rewrite_target(rw) >= 602) {
        rewrite_as_is(rw);
    } else if (rewrite_is(rw, 3, "RIGHT") && rewrite_is(rw, 4, "LEFT")) {
        rewrite_begin(rw, "RPOPLPUSH");
        rewrite_put_args(rw, 1, 3);
    } else {
        lmove_old(rw);
    }
}

static void rpoplpush_apart(struct rewrite *rw)
{
    static const struct bytes name = {(const uint8_t *)"LMOVE", 5};
    static const struct bytes right = {(const uint8_t *)"RIGHT", 5};
    static const struct bytes left = {(const uint8_t *)"LEFT", 4};
    struct buf *scratch = rewrite_scratch(rw);
    struct bytes args[] = {name, rw->args[1], rw->args[2], right, left};

    if (!rewrite_ok(rw, buf_append(scratch, args, sizeof(args), rw->err)))
        return;
    rewrite_plan(rw, 1, 2);
    rw->out->plan.args = (const struct bytes *)(const void *)scratch->p;
    rw->out->plan.arg_count = 5;
}

void rewrite_rpoplpush(struct rewrite *rw)
{
    if (!rw->options->cluster || rewrite_keys_in_one_slot(rw))
        rewrite_as_is(rw);
    else
        rpoplpush_apart(rw);
}

/* BRPOPLPUSH src dst timeout, which a Redis up to 4 propagates when it did not have to wait. */
void rewrite_brpoplpush(struct rewrite *rw)
{
    if (rw->options->cluster && !rewrite_keys_in_one_slot(rw)) {
        rpoplpush_apart(rw);
        return;
    }
    rewrite_begin(rw, "RPOPLPUSH");
    rewrite_put_args(rw, 1, 3);
}

void rewrite_smove(struct rewrite *rw)
{
    if (rw->options->cluster && !rewrite_keys_in_one_slot(rw))
        rewrite_plan(rw, 1, 2);
    else
        rewrite_as_is(rw);
}

/* The pop of one key that LMPOP and ZMPOP come down to; NULL: the arguments say neither. */
static const char *mpop_command(const struct rewrite *rw, size_t side)
{
    if (rewrite_is(rw, side, "LEFT"))
        return "LPOP";
    if (rewrite_is(rw, side, "RIGHT"))
        return "RPOP";
    if (rewrite_is(rw, side, "MIN"))
        return "ZPOPMIN";
    return rewrite_is(rw, side, "MAX") ? "ZPOPMAX" : NULL;
}

/* What a target without LMPOP and ZMPOP gets. */
static void mpop_write(struct rewrite *rw, const char *command, int64_t n)
{
    keys_script(rw, lua_pop_first);
    rewrite_put_str(rw, command);
    rewrite_put_i64(rw, n);
}

/* LMPOP numkeys key... LEFT|RIGHT [COUNT n], ZMPOP ... MIN|MAX: verbatim in older releases. */
void rewrite_mpop(struct rewrite *rw)
{
    size_t side = 2 + rw->keys->count;
    const char *command = rw->keys_ok ? mpop_command(rw, side) : NULL;
    int64_t n = 1;

    if (!rw->keys_ok) {
        rewrite_nothing(rw, "a slice: the journal does not carry its effect");
        rewrite_suspect(rw);
        return;
    }
    if (command == NULL || (rw->count != side + 1 && rw->count != side + 3) ||
        (rw->count == side + 3 &&
         (!rewrite_is(rw, side + 1, "COUNT") || !bytes_to_i64(rw->args[side + 2], &n) || n < 1)))
        rewrite_malformed(rw, "a pop from several keys with unknown arguments");
    else if (rw->options->cluster && !rewrite_keys_in_one_slot(rw))
        rewrite_plan(rw, rw->keys->keys[0].arg, rw->keys->keys[0].arg);
    else if (rewrite_target(rw) >= 700)
        rewrite_as_is(rw);
    else
        mpop_write(rw, command, n);
}

/* ZRANGESTORE dst src min max [BYSCORE|BYLEX] [REV] [LIMIT offset count] */
static void zrangestore_old(struct rewrite *rw)
{
    static const char *const commands[3][2] = {{"ZRANGE", "ZREVRANGE"},
                                               {"ZRANGEBYSCORE", "ZREVRANGEBYSCORE"},
                                               {"ZRANGEBYLEX", "ZREVRANGEBYLEX"}};
    unsigned by = 0;
    bool reverse = false;
    size_t limit = 0;

    for (size_t i = 5; i < rw->count; i++) {
        if (rewrite_is(rw, i, "BYSCORE")) {
            by = 1;
        } else if (rewrite_is(rw, i, "BYLEX")) {
            by = 2;
        } else if (rewrite_is(rw, i, "REV")) {
            reverse = true;
        } else if (rewrite_is(rw, i, "LIMIT") && i + 2 < rw->count) {
            limit = i;
            i += 2;
        } else {
            rewrite_malformed(rw, "ZRANGESTORE with unknown arguments");
            return;
        }
    }
    keys_script(rw, lua_zrangestore);
    rewrite_put_str(rw, commands[by][reverse]);
    rewrite_put_args(rw, 3, 5);
    if (limit != 0)
        rewrite_put_args(rw, limit, limit + 3);
}

/* What a target without the command gets. */
static void store_old(struct rewrite *rw)
{
    if (rw->options->cluster && !rewrite_keys_in_one_slot(rw))
        rewrite_needs(rw, rw->row->since, rw->row->name);
    else if (strcmp(rw->row->name, "ZRANGESTORE") == 0)
        zrangestore_old(rw);
    else
        keys_script(rw, lua_zdiffstore);
}

/* What a target gets that may leave the destination as it is where the source is not there. */
static void geo_store_old(struct rewrite *rw)
{
    size_t option = rw->keys->keys[1].arg - 1;

    keys_script(rw, lua_geo_store);
    rewrite_put(rw, rw->args[0]);
    rewrite_put(rw, rw->args[option]);
    rewrite_put_args(rw, 2, option);
    rewrite_put_args(rw, option + 2, rw->count);
}

/* Commands that read some keys and write their result to another; journalled in older releases. */
void rewrite_store(struct rewrite *rw)
{
    const struct key_list *keys = rw->keys;
    bool geo = rw->row->name[0] == 'G';

    if (!rw->keys_ok) {
        rewrite_nothing(rw, "a slice: the journal does not carry its effect");
        rewrite_suspect(rw);
    } else if (geo && keys->count < 2) {
        rewrite_nothing(rw, "it only reads");
    } else if (rw->row->since > rewrite_target(rw)) {
        store_old(rw);
    } else if (!rw->options->cluster || rewrite_keys_in_one_slot(rw)) {
        if (geo && rewrite_target(rw) < 700)
            geo_store_old(rw);
        else
            rewrite_as_is(rw);
    } else {
        /* destination first, but for GEORADIUS, where it follows its option */
        rewrite_plan(rw, keys->keys[geo ? 0 : 1].arg, keys->keys[geo ? 1 : 0].arg);
    }
}

/* SADDEX key [KEEPTTL] seconds member... */
void rewrite_saddex(struct rewrite *rw)
{
    size_t first = rewrite_is(rw, 2, "KEEPTTL") ? 4 : 3;
    int64_t end_ms;

    if (rw->count <= first || !rewrite_deadline(rw, rw->args[first - 1], 1000, &end_ms)) {
        rewrite_malformed(rw, "SADDEX takes a time and members");
        return;
    }
    /* with KEEPTTL a member that is there may live longer */
    if (first == 3 && rewrite_is_over(rw, end_ms)) {
        rewrite_begin(rw, "SREM");
        rewrite_put(rw, rw->args[1]);
        rewrite_put_args(rw, first, rw->count);
        return;
    }
    rewrite_begin(rw, "SADD");
    rewrite_put(rw, rw->args[1]);
    rewrite_put_args(rw, first, rw->count);
    rewrite_add_loss(rw, LOSS_MEMBER_TTL, "set", "times of set members; the members are kept");
}

/* GT or LT on Redis 5. */
static void zadd_if(struct rewrite *rw, const char *order, size_t first, bool incr, bool only_there)
{
    rewrite_script(rw, lua_zadd_if, 1);
    rewrite_put_str(rw, order);
    rewrite_put_str(rw, incr ? "ZINCRBY" : "ZADD");
    rewrite_put_str(rw, only_there ? "XX" : "-");
    rewrite_put_args(rw, first, rw->count);
}

/* ZADD key [NX|XX] [GT|LT] [CH] [INCR] score member... */
void rewrite_zadd(struct rewrite *rw)
{
    const char *order = NULL;
    bool incr = false;
    bool only_there = false;
    double score;
    size_t i = 2;

    for (; i < rw->count && !bytes_to_double(rw->args[i], &score); i++) {
        if (rewrite_is(rw, i, "GT"))
            order = "GT";
        else if (rewrite_is(rw, i, "LT"))
            order = "LT";
        incr = incr || rewrite_is(rw, i, "INCR");
        only_there = only_there || rewrite_is(rw, i, "XX");
    }
    if (order == NULL || rewrite_target(rw) >= 602)
        rewrite_as_is(rw);
    else if ((rw->count - i) % 2 != 0)
        rewrite_malformed(rw, "ZADD with a score without a member");
    else
        zadd_if(rw, order, i, incr, only_there);
}
