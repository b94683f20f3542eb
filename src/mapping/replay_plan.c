#include "mapping/replay_plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "item/slot.h"
#include "mapping/mapping_lua.h"
#include "mapping/replay_own_key.h"
#include "mapping/replay_restore.h"
#include "wire/reply_kind.h"
#include "wire/slot_map.h"

/* Elements of a list that go in one command. */
#define PUSH_ARGS 1000u

/* An argument that nothing else holds. */
struct copied {
    struct copied *next;
    uint8_t bytes[];
};

struct replay_planner {
    struct replay_rules rules;
    struct replay_record_sink sink;
    struct replay_plan_host host;
    const struct item *item;
    const struct translation *t; /* NULL: a transfer */
    uint32_t db;
    bool doubtful;
    bool refused; /* the target gave an error where it was read: nothing is executed */
    bool lost;    /* a node came back with older data, and what it needs is nowhere any more */
    /* the sides of the record, and whether src has to know what dst has had */
    struct bytes dst, src;
    bool tell;
    /* what becomes of it: arguments of all commands, in order */
    struct bytes *args;
    size_t arg_count, arg_cap;
    struct replay_pair_command *commands;
    size_t *first_args; /* of each command */
    size_t command_count, command_cap;
    size_t dst_count;     /* the first of the commands: for the side that gets something */
    redisReply **replies; /* what was read; arguments point into them */
    size_t reply_count, reply_cap;
    struct buf texts;                 /* as do those made here; see push_text */
    struct replay_restorer *restorer; /* only where there is no RESTORE */
    struct copied *copies;            /* arguments that it has made */
};

int replay_planner_new(struct replay_planner **ret, const struct replay_rules *rules,
                       const struct replay_record_sink *sink, const struct replay_plan_host *host,
                       struct ft_err *err)
{
    struct replay_planner *p = calloc(1, sizeof(*p));

    if (p == NULL)
        return err_nomem(err, "a plan");
    p->rules = *rules;
    p->sink = *sink;
    p->host = *host;
    if (rules->no_restore &&
        replay_restorer_new(&p->restorer, rules->kind, rules->json_as, err) != 0) {
        replay_planner_free(p);
        return -1;
    }
    *ret = p;
    return 0;
}

void replay_plan_doubt(struct replay_planner *p, bool doubtful)
{
    p->doubtful = doubtful;
}

static void reset(struct replay_planner *p)
{
    for (size_t i = 0; i < p->reply_count; i++)
        reply_free(p->replies[i]);
    while (p->copies != NULL) {
        struct copied *next = p->copies->next;

        free(p->copies);
        p->copies = next;
    }
    p->reply_count = 0;
    p->arg_count = 0;
    p->command_count = 0;
    p->dst_count = 0;
    p->refused = false;
    p->dst = p->src = bytes_of(NULL, 0);
    p->tell = false;
    buf_clear(&p->texts);
}

void replay_planner_free(struct replay_planner *p)
{
    if (p == NULL)
        return;
    reset(p);
    free(p->args);
    free(p->commands);
    free(p->first_args);
    free(p->replies);
    buf_release(&p->texts);
    replay_restorer_free(p->restorer);
    free(p);
}

/*
 * What it becomes
 */

static int push(struct replay_planner *p, struct bytes arg, struct ft_err *err)
{
    if (ARRAY_RESERVE(&p->args, &p->arg_cap, p->arg_count + 1, "a plan", err) != 0)
        return -1;
    p->args[p->arg_count++] = arg;
    p->commands[p->command_count - 1].count++;
    return 0;
}

static int begin(struct replay_planner *p, uint32_t db, struct bytes name, struct ft_err *err)
{
    size_t cap = p->command_cap;

    if (ARRAY_RESERVE(&p->commands, &cap, p->command_count + 1, "a plan", err) != 0 ||
        ARRAY_RESERVE(&p->first_args, &p->command_cap, p->command_count + 1, "a plan", err) != 0)
        return -1;
    p->first_args[p->command_count] = p->arg_count;
    p->commands[p->command_count++] = (struct replay_pair_command){.db = db};
    return push(p, name, err);
}

static int put(struct replay_planner *p, uint32_t db, const struct bytes *args, size_t count,
               struct ft_err *err)
{
    if (begin(p, db, args[0], err) != 0)
        return -1;
    for (size_t i = 1; i < count; i++) {
        if (push(p, args[i], err) != 0)
            return -1;
    }
    return 0;
}

static int execute(struct replay_planner *p, struct bytes dst, struct bytes src, bool apart,
                   struct ft_err *err)
{
    struct replay_pair pair = {
        .dst = dst, .src = src, .doubtful = p->doubtful, .apart = apart, .tell = p->tell};

    for (size_t i = 0; i < p->command_count; i++)
        p->commands[i].args = p->args + p->first_args[i];
    pair.dst_commands = p->commands;
    pair.dst_count = p->dst_count;
    pair.src_commands = p->commands + p->dst_count;
    pair.src_count = p->command_count - p->dst_count;
    return p->sink.pair(p->sink.context, &pair, err);
}

static bool is_apart(struct replay_planner *p, struct bytes a, struct bytes b)
{
    return p->host.apart(p->host.context, a, b);
}

static enum replay_standing standing(struct replay_planner *p, struct bytes dst, struct bytes src)
{
    return p->sink.standing == NULL ? REPLAY_STANDS_OPEN
                                    : p->sink.standing(p->sink.context, dst, src);
}

/*
 * Reading
 */

static int keep_reply(struct replay_planner *p, redisReply *reply, struct ft_err *err)
{
    if (ARRAY_RESERVE(&p->replies, &p->reply_cap, p->reply_count + 1, "a plan", err) != 0) {
        reply_free(reply);
        return -1;
    }
    p->replies[p->reply_count++] = reply;
    return 0;
}

/* The record is refused as a command is. Returns -1 in any case, so that it is left at once: `refused` says that the
 * refusal was taken, and err is then no more than its text. */
static int refuse(struct replay_planner *p, const char *error, struct ft_err *err)
{
    const struct item *item = p->item;
    const struct bytes *args = p->t != NULL ? p->t->plan.args : item->record.args;
    size_t count = p->t != NULL ? p->t->plan.arg_count : item->record.arg_count;

    if (p->host.refuse(p->host.context, item, p->db, args, count, error, err) != 0)
        return -1;
    p->refused = true;
    return err_set(err, FT_ERR_PROTOCOL, "the target refused a record: %s", error);
}

/* A transient error is an error; any other refuses the record. */
static int ask(struct replay_planner *p, struct bytes key, const struct bytes *args, size_t count,
               const redisReply **ret, struct ft_err *err)
{
    redisReply *reply;

    if (p->sink.ask(p->sink.context, key, &reply, args, count, err) != 0 ||
        keep_reply(p, reply, err) != 0)
        return -1;
    if (reply->type == REDIS_REPLY_ERROR)
        return refuse(p, reply->str, err);
    *ret = reply;
    return 0;
}

/* One command that reads key, args[1]. */
static int read_key(struct replay_planner *p, uint32_t db, struct bytes key,
                    const struct bytes *args, size_t count, const redisReply **ret,
                    struct ft_err *err)
{
    struct bytes eval[16] = {bytes_str("EVAL"), bytes_str(lua_read_in_database), bytes_str("1"),
                             key};
    char number[I64_TEXT_SIZE];

    eval[4] = bytes_of(number, i64_to_text(db, number));
    for (size_t i = 0; i < count; i++)
        eval[5 + i] = args[i];
    if (ask(p, key, eval, 5 + count, ret, err) != 0)
        return -1;
    return reply_check(*ret, "the target", args, count, err);
}

static int exists(struct replay_planner *p, uint32_t db, struct bytes key, bool *ret,
                  struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("EXISTS"), key};
    const redisReply *reply;

    if (read_key(p, db, key, args, 2, &reply, err) != 0)
        return -1;
    *ret = reply->type == REDIS_REPLY_INTEGER && reply->integer != 0;
    return 0;
}

/* The value of a key as DUMP gives it, and when it ends; no value: the key is not there. */
struct dumped {
    struct bytes value;
    struct bytes expire_ms; /* "0": never */
};

static int dump_key(struct replay_planner *p, uint32_t db, struct bytes key, struct dumped *ret,
                    struct ft_err *err)
{
    char number[I64_TEXT_SIZE];
    const struct bytes args[] = {bytes_str("EVAL"), bytes_str(lua_dump_with_time), bytes_str("1"),
                                 key, bytes_of(number, i64_to_text(db, number))};
    const redisReply *reply;

    *ret = (struct dumped){{NULL, 0}, {NULL, 0}};
    if (ask(p, key, args, 5, &reply, err) != 0)
        return -1;
    if (reply->type == REDIS_REPLY_NIL)
        return 0;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        reply->element[0]->type != REDIS_REPLY_STRING ||
        reply->element[1]->type != REDIS_REPLY_STRING)
        return err_set(err, FT_ERR_PROTOCOL,
                       "the target answered the script that reads a value "
                       "with something else");
    ret->value = bytes_of(reply->element[0]->str, reply->element[0]->len);
    ret->expire_ms = bytes_of(reply->element[1]->str, reply->element[1]->len);
    return 0;
}

/* Where a command of a RESTORE goes: its arguments do not stay. */
struct restoring {
    struct replay_planner *p;
    uint32_t db;
};

static int put_copied(void *context, const struct bytes *args, size_t count, struct ft_err *err)
{
    const struct restoring *x = context;

    for (size_t i = 0; i < count; i++) {
        struct copied *c = malloc(sizeof(*c) + args[i].n);

        if (c == NULL)
            return err_nomem(err, "a plan");
        c->next = x->p->copies;
        x->p->copies = c;
        if (args[i].n != 0)
            memcpy(c->bytes, args[i].p, args[i].n);
        if ((i == 0 ? begin(x->p, x->db, bytes_of(c->bytes, args[i].n), err)
                    : push(x->p, bytes_of(c->bytes, args[i].n), err)) != 0)
            return -1;
    }
    return 0;
}

static int put_restore(struct replay_planner *p, uint32_t db, struct bytes key,
                       const struct dumped *d, struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("RESTORE"), key,
                                 d->expire_ms,         d->value,
                                 bytes_str("REPLACE"), bytes_str("ABSTTL")};
    struct restoring x = {p, db};
    enum loss_reason loss;

    if (p->restorer == NULL)
        return put(p, db, args, 6, err);
    if (replay_restorer_run(p->restorer, args, 6, put_copied, &x, &loss, err) != 0)
        return -1;
    return loss == LOSS_NONE || loss_is_note(loss)
               ? 0
               : refuse(p, "ERR the target does not allow RESTORE, which this value needs", err);
}

/*
 * The plans
 */

static int put_del(struct replay_planner *p, uint32_t db, struct bytes key, struct ft_err *err)
{
    const struct bytes del[] = {bytes_str("DEL"), key};

    return put(p, db, del, 2, err);
}

/* RENAME, COPY, MOVE */
static int run_transfer(struct replay_planner *p, const struct replay_transfer *tr, bool must_exist,
                        struct ft_err *err)
{
    bool keeps_dst_time = p->t != NULL && p->t->plan.keeps_dst_time;
    struct dumped d;
    struct dumped old;
    bool taken = false;

    if (dump_key(p, tr->src_db, tr->src, &d, err) != 0)
        return -1;
    if (d.value.p != NULL && keeps_dst_time && !bytes_eq_str(d.expire_ms, "0")) {
        if (dump_key(p, tr->dst_db, tr->dst, &old, err) != 0)
            return -1;
        if (old.value.p != NULL && !bytes_eq_str(old.expire_ms, "0"))
            d.expire_ms = old.expire_ms;
    }
    if (d.value.p == NULL && p->doubtful &&
        tr->replace) { /* what it replaced is gone in any case */
        if (put_del(p, tr->dst_db, tr->dst, err) != 0)
            return -1;
        p->dst_count = p->command_count;
        return 0;
    }
    if (d.value.p == NULL)
        return must_exist ? refuse(p, "ERR no such key", err) : 0; /* as a server would say */
    if (!tr->replace && exists(p, tr->dst_db, tr->dst, &taken, err) != 0)
        return -1;
    if (taken)
        return 0;
    if (put_restore(p, tr->dst_db, tr->dst, &d, err) != 0)
        return -1;
    p->dst_count = p->command_count;
    return tr->remove_src ? put_del(p, tr->src_db, tr->src, err) : 0;
}

/* Nothing is executed; whoever gave the record says so, and sees to its keys. */
static int lose(struct replay_planner *p)
{
    p->lost = true;
    return 0;
}

/* Where both sides are to be done, and where the second is left. */
typedef int side_fn(struct replay_planner *p, const void *what, struct ft_err *err);

struct sides {
    side_fn *both, *second;
    const void *what;
    bool removes; /* the second loses something */
    bool certain; /* and does so whatever the first finds */
};

static int run_sides(struct replay_planner *p, struct bytes dst, struct bytes src,
                     const struct sides *s, struct ft_err *err)
{
    enum replay_standing stands = standing(p, dst, src);

    p->dst = dst;
    p->src = src;
    p->tell = s->removes;
    if (stands == REPLAY_STANDS_DST_BACK)
        return lose(p);
    /* the second half alone needs nothing but the record */
    if (stands == REPLAY_STANDS_SRC_BACK && s->removes) {
        if (!s->certain)
            return lose(p);
        stands = REPLAY_STANDS_HALF;
    }
    if (stands == REPLAY_STANDS_OPEN) {
        if (p->sink.drain(p->sink.context, err) != 0 || s->both(p, s->what, err) != 0)
            return -1;
    } else if (stands == REPLAY_STANDS_HALF) {
        if (s->second(p, s->what, err) != 0)
            return -1;
    } else {
        return 0;
    }
    return execute(p, dst, src, is_apart(p, dst, src), err);
}

static int transfer_both(struct replay_planner *p, const void *what, struct ft_err *err)
{
    return run_transfer(p, what, p->t != NULL && p->t->plan.kind == PLAN_RENAME, err);
}

static int transfer_second(struct replay_planner *p, const void *what, struct ft_err *err)
{
    const struct replay_transfer *tr = what;

    return tr->remove_src ? put_del(p, tr->src_db, tr->src, err) : 0;
}

static int smove_second(struct replay_planner *p, const void *what, struct ft_err *err)
{
    const struct translation_plan *plan = what;
    const struct bytes srem[] = {bytes_str("SREM"), plan->src, plan->args[3]};

    return put(p, p->db, srem, 3, err);
}

static int smove_both(struct replay_planner *p, const void *what, struct ft_err *err)
{
    const struct translation_plan *plan = what;
    const struct bytes is_member[] = {bytes_str("SISMEMBER"), plan->src, plan->args[3]};
    const struct bytes sadd[] = {bytes_str("SADD"), plan->dst, plan->args[3]};
    const redisReply *reply;

    if (read_key(p, p->db, plan->src, is_member, 3, &reply, err) != 0)
        return -1;
    if (reply->type != REDIS_REPLY_INTEGER || reply->integer == 0)
        return 0;
    if (put(p, p->db, sadd, 3, err) != 0)
        return -1;
    p->dst_count = p->command_count;
    return smove_second(p, what, err);
}

static int lmove_second(struct replay_planner *p, const void *what, struct ft_err *err)
{
    const struct translation_plan *plan = what;
    const struct bytes pop[] = {bytes_str(bytes_is_word(plan->args[3], "LEFT") ? "LPOP" : "RPOP"),
                                plan->src};

    return put(p, p->db, pop, 2, err);
}

static int lmove_both(struct replay_planner *p, const void *what, struct ft_err *err)
{
    const struct translation_plan *plan = what;
    bool from_left = bytes_is_word(plan->args[3], "LEFT");
    bool to_left = bytes_is_word(plan->args[4], "LEFT");
    const struct bytes look[] = {bytes_str("LINDEX"), plan->src, bytes_str(from_left ? "0" : "-1")};
    struct bytes add[] = {bytes_str(to_left ? "LPUSH" : "RPUSH"), plan->dst, {NULL, 0}};
    const redisReply *reply;

    if (read_key(p, p->db, plan->src, look, 3, &reply, err) != 0)
        return -1;
    if (reply->type != REDIS_REPLY_STRING)
        return 0;
    add[2] = bytes_of(reply->str, reply->len);
    if (put(p, p->db, add, 3, err) != 0)
        return -1;
    p->dst_count = p->command_count;
    return lmove_second(p, what, err);
}

/* A name in the slot of dst, where the value of a source can lie while the command runs. */
static int temporary_name(struct replay_planner *p, struct bytes dst, size_t index,
                          struct bytes *ret, struct ft_err *err)
{
    char tag[SLOT_MAP_TAG_SIZE];
    size_t from = p->texts.n;

    (void)slot_map_slot_tag(slot_of(dst), tag);
    if (buf_printf(&p->texts, err, REPLAY_KEY_PREFIX "%s:{%s}:%zu", p->rules.id, tag, index) != 0)
        return -1;
    *ret = bytes_of(p->texts.p + from, p->texts.n - from);
    return 0;
}

/* The sources of a store that are not where dst is get other names, and are brought there first. */
static int bring_sources(struct replay_planner *p, struct bytes *args, struct bytes *names,
                         struct ft_err *err)
{
    const struct translation *t = p->t;
    struct bytes dst = t->plan.dst;

    /* names point into the buffer: it must not move any more */
    if (buf_reserve(&p->texts, t->key_count * REPLAY_KEY_SIZE, err) != 0)
        return -1;
    for (size_t i = 0; i < t->key_count; i++) {
        struct bytes key = t->keys[i].key;
        struct dumped d;

        names[i] = bytes_of(NULL, 0);
        if (slot_of(key) == slot_of(dst))
            continue;
        if (temporary_name(p, dst, i, &names[i], err) != 0 || dump_key(p, p->db, key, &d, err) != 0)
            return -1;
        args[t->keys[i].arg] = names[i];
        if (d.value.p != NULL && put_restore(p, p->db, names[i], &d, err) != 0)
            return -1;
    }
    return 0;
}

static int store_with(struct replay_planner *p, struct bytes *args, struct bytes *names,
                      struct ft_err *err)
{
    const struct translation *t = p->t;

    memcpy(args, t->plan.args, t->plan.arg_count * sizeof(*args));
    if (bring_sources(p, args, names, err) != 0 || put(p, p->db, args, t->plan.arg_count, err) != 0)
        return -1;
    for (size_t i = 0; i < t->key_count; i++) {
        if (names[i].p != NULL && put_del(p, p->db, names[i], err) != 0)
            return -1;
    }
    p->dst_count = p->command_count;
    return 0;
}

static bool keys_are_apart(struct replay_planner *p, struct bytes from)
{
    for (size_t i = 0; i < p->t->key_count; i++) {
        if (is_apart(p, from, p->t->keys[i].key))
            return true;
    }
    return false;
}

/* dst is to get what is made of keys that have changed since. */
static bool is_made_of_later(struct replay_planner *p, struct bytes dst)
{
    for (size_t i = 0; i < p->t->key_count; i++) {
        if (standing(p, dst, p->t->keys[i].key) == REPLAY_STANDS_DST_BACK)
            return true;
    }
    return false;
}

static int run_store(struct replay_planner *p, struct ft_err *err)
{
    const struct translation_plan *plan = &p->t->plan;
    struct bytes *args;
    struct bytes *names;
    int rc = -1;

    if (standing(p, plan->dst, plan->dst) != REPLAY_STANDS_OPEN)
        return 0;
    if (is_made_of_later(p, plan->dst))
        return lose(p);
    p->dst = p->src = plan->dst;
    if (p->sink.drain(p->sink.context, err) != 0)
        return -1;
    args = calloc(plan->arg_count, sizeof(*args));
    names = calloc(p->t->key_count, sizeof(*names));
    if (args == NULL || names == NULL)
        err_nomem(err, "a plan");
    else
        rc = store_with(p, args, names, err);
    free(args);
    free(names);
    return rc == 0 ? execute(p, plan->dst, plan->dst, keys_are_apart(p, plan->dst), err) : -1;
}

/* SORT src ... without its STORE, by the source's node. */
static int sort_source(struct replay_planner *p, const redisReply **ret, struct ft_err *err)
{
    const struct translation_plan *plan = &p->t->plan;
    struct bytes args[11];
    size_t count = 0;

    for (size_t i = 0; i < plan->arg_count; i++) {
        if (i > 1 && bytes_is_word(plan->args[i], "STORE")) {
            i++;
            continue;
        }
        if (count == 11)
            return err_set(err, FT_ERR_PROTOCOL, "SORT with more arguments than it can have");
        args[count++] = plan->args[i];
    }
    return read_key(p, p->db, plan->src, args, count, ret, err);
}

static int put_list(struct replay_planner *p, struct bytes key, const redisReply *list,
                    struct ft_err *err)
{
    if (put_del(p, p->db, key, err) != 0)
        return -1;
    for (size_t i = 0; list->type == REDIS_REPLY_ARRAY && i < list->elements; i++) {
        const redisReply *element = list->element[i];
        struct bytes arg = element->type == REDIS_REPLY_STRING
                               ? bytes_of(element->str, element->len)
                               : bytes_str(""); /* as Redis stores what GET did not find */

        if (i % PUSH_ARGS == 0 &&
            (begin(p, p->db, bytes_str("RPUSH"), err) != 0 || push(p, key, err) != 0))
            return -1;
        if (push(p, arg, err) != 0)
            return -1;
    }
    p->dst_count = p->command_count;
    return 0;
}

static int run_sort_store(struct replay_planner *p, struct ft_err *err)
{
    const struct translation_plan *plan = &p->t->plan;
    const redisReply *list;

    if (standing(p, plan->dst, plan->dst) != REPLAY_STANDS_OPEN)
        return 0;
    if (is_made_of_later(p, plan->dst))
        return lose(p);
    p->dst = p->src = plan->dst;
    if (p->sink.drain(p->sink.context, err) != 0 || sort_source(p, &list, err) != 0 ||
        put_list(p, plan->dst, list, err) != 0)
        return -1;
    return execute(p, plan->dst, plan->dst, is_apart(p, plan->dst, plan->src), err);
}

/* LMPOP numkeys key... LEFT|RIGHT [COUNT n] and ZMPOP, of one key. */
static int put_pop(struct replay_planner *p, struct bytes key, struct ft_err *err)
{
    const struct translation_plan *plan = &p->t->plan;
    size_t side = 2 + p->t->key_count;
    bool is_list = bytes_is_word(plan->args[0], "LMPOP");
    const struct bytes length_of[] = {bytes_str(is_list ? "LLEN" : "ZCARD"), key};
    const redisReply *length;
    size_t count = 2;
    int64_t n = 1;
    struct bytes pop[] = {{NULL, 0}, key, {NULL, 0}};

    if (plan->arg_count > side + 2)
        (void)bytes_to_i64(plan->args[side + 2], &n); /* a number: the translation looked */
    if (read_key(p, p->db, key, length_of, 2, &length, err) != 0)
        return -1;
    if (length->type == REDIS_REPLY_INTEGER && n > length->integer)
        n = length->integer;
    if (is_list)
        pop[0] = bytes_str(bytes_is_word(plan->args[side], "LEFT") ? "LPOP" : "RPOP");
    else
        pop[0] = bytes_str(bytes_is_word(plan->args[side], "MIN") ? "ZPOPMIN" : "ZPOPMAX");
    if (!is_list || p->rules.version >= 602) {
        if (buf_printf(&p->texts, err, "%" PRId64, n) != 0)
            return -1;
        pop[2] = buf_bytes(&p->texts);
        count = 3;
        n = 1;
    }
    for (int64_t i = 0; i < n; i++) {
        if (put(p, p->db, pop, count, err) != 0)
            return -1;
    }
    p->dst_count = p->command_count;
    return 0;
}

/* Nodes of its keys have had it, and others have not: has the one that had something to lose? */
static int stand_between(struct replay_planner *p, struct bytes past, struct bytes open)
{
    return standing(p, past, open) == REPLAY_STANDS_DONE ? 0 : lose(p);
}

/* From the first key that has something. */
static int run_pop(struct replay_planner *p, struct ft_err *err)
{
    const struct translation *t = p->t;
    const struct bytes *past = NULL;
    const struct bytes *open = NULL;
    bool found = false;
    size_t i;

    for (i = 0; i < t->key_count; i++) {
        const struct bytes *key = &t->keys[i].key;

        if (standing(p, *key, *key) == REPLAY_STANDS_OPEN)
            open = key;
        else
            past = key;
    }
    if (past != NULL)
        return open == NULL ? 0 : stand_between(p, *past, *open);
    p->dst = p->src = t->keys[0].key;
    p->tell = true;
    if (p->sink.drain(p->sink.context, err) != 0)
        return -1;
    for (i = 0; i < t->key_count && !found; i++) {
        if (exists(p, p->db, t->keys[i].key, &found, err) != 0)
            return -1;
    }
    if (found && put_pop(p, t->keys[i - 1].key, err) != 0)
        return -1;
    if (found)
        p->dst = p->src = t->keys[i - 1].key;
    return execute(p, p->dst, p->dst, keys_are_apart(p, p->dst), err);
}

/* DELEX key IFDEQ|IFDNE digest: the digest of what the target has now. */
static int run_delete_digest(struct replay_planner *p, struct ft_err *err)
{
    const struct translation_plan *plan = &p->t->plan;
    struct bytes key = plan->args[1];
    const struct bytes get[] = {bytes_str("GET"), key};
    bool if_equal = bytes_is_word(plan->args[2], "IFDEQ");
    char digest[TRANSLATION_DIGEST_SIZE];
    const redisReply *reply;

    if (standing(p, key, key) != REPLAY_STANDS_OPEN)
        return 0;
    if (p->sink.drain(p->sink.context, err) != 0 ||
        read_key(p, p->db, key, get, 2, &reply, err) != 0)
        return -1;
    if (reply->type != REDIS_REPLY_STRING)
        return 0;
    translation_digest(bytes_of(reply->str, reply->len), digest);
    if (bytes_is_word(plan->args[3], digest) != if_equal)
        return 0;
    if (put_del(p, p->db, key, err) != 0)
        return -1;
    p->dst_count = p->command_count;
    return execute(p, key, key, false, err);
}

static int run_transfer_sides(struct replay_planner *p, const struct replay_transfer *transfer,
                              struct ft_err *err)
{
    const struct sides sides = {transfer_both, transfer_second, transfer, transfer->remove_src,
                                transfer->replace};

    return run_sides(p, transfer->dst, transfer->src, &sides, err);
}

static int run_two(struct replay_planner *p, side_fn *both, side_fn *second, struct ft_err *err)
{
    const struct translation_plan *plan = &p->t->plan;
    const struct sides sides = {both, second, plan, true, true};

    return run_sides(p, plan->dst, plan->src, &sides, err);
}

static int run_rename(struct replay_planner *p, struct ft_err *err)
{
    const struct translation_plan *plan = &p->t->plan;
    const struct replay_transfer transfer = {
        .src_db = p->db,
        .dst_db = plan->kind == PLAN_RENAME ? p->db : plan->dst_db,
        .src = plan->src,
        .dst = plan->dst,
        .replace = !plan->only_if_absent,
        .remove_src = plan->kind != PLAN_COPY,
    };

    return run_transfer_sides(p, &transfer, err);
}

static int run_kind(struct replay_planner *p, struct ft_err *err)
{
    const struct translation_plan *plan = &p->t->plan;

    switch (plan->kind) {
    case PLAN_RENAME:
    case PLAN_COPY:
    case PLAN_MOVE:
        return run_rename(p, err);
    case PLAN_SMOVE:
        return run_two(p, smove_both, smove_second, err);
    case PLAN_LMOVE:
        return run_two(p, lmove_both, lmove_second, err);
    case PLAN_STORE:
        return run_store(p, err);
    case PLAN_SORT_STORE:
        return run_sort_store(p, err);
    case PLAN_POP:
        return run_pop(p, err);
    case PLAN_DELETE_DIGEST:
        return run_delete_digest(p, err);
    case PLAN_NONE:
        break;
    }
    return 0;
}

/* A record that was refused is done with, and its other nodes have to know. */
static int unless_refused(struct replay_planner *p, int rc, struct ft_err *err)
{
    if (rc == 0 || !p->refused)
        return rc;
    err_clear(err);
    p->command_count = 0;
    p->dst_count = 0;
    if (p->dst.p == NULL)
        return 0;
    p->tell = true;
    return execute(p, p->dst, p->src,
                   is_apart(p, p->dst, p->src) || (p->t != NULL && keys_are_apart(p, p->dst)), err);
}

int replay_plan_run(struct replay_planner *p, const struct item *item, uint32_t db,
                    const struct translation *t, struct ft_err *err)
{
    reset(p);
    p->item = item;
    p->t = t;
    p->db = db;
    return unless_refused(p, run_kind(p, err), err);
}

int replay_plan_transfer(struct replay_planner *p, const struct item *item,
                         const struct replay_transfer *transfer, struct ft_err *err)
{
    reset(p);
    p->item = item;
    p->t = NULL;
    p->db = transfer->src_db;
    return unless_refused(p, run_transfer_sides(p, transfer, err), err);
}

bool replay_plan_take_lost(struct replay_planner *p)
{
    bool lost = p->lost;

    p->lost = false;
    return lost;
}
