#include "pipe/replay_across.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "pipe/replay_state.h"
#include "wire/slot_map.h"

#define TEMPORARY_MS "600000"
#define PUSH_WORDS   512u
#define NAME_SIZE    64

/* A plan being carried out. */
struct run {
    const struct replay_across *a;
    const struct translation_plan *plan;
    uint32_t db;
    bool refused; /* the rest is left out */
    struct ft_err *err;
};

/* NULL: an error of ours, or a reply that ends the plan. */
static redisReply *call(struct run *r, const struct bytes *words, size_t count)
{
    redisReply *reply = NULL;

    if (r->refused || r->a->call(r->a->context, r->db, &reply, words, count, r->err) != 0)
        return NULL;
    r->refused = reply == NULL;
    return reply;
}

static int rest(const struct run *r)
{
    return r->err->kind == FT_ERR_NONE ? 0 : -1;
}

static bool run_words(struct run *r, const struct bytes *words, size_t count)
{
    redisReply *reply = call(r, words, count);

    if (reply == NULL)
        return false;
    freeReplyObject(reply);
    return true;
}

static bool run_three(struct run *r, const char *name, struct bytes key, struct bytes value)
{
    const struct bytes words[] = {bytes_str(name), key, value};

    return run_words(r, words, value.p == NULL ? 2 : 3);
}

/* false: no such number, or an error. */
static bool ask_number(struct run *r, const char *name, struct bytes key, struct bytes value,
                       long long *ret)
{
    const struct bytes words[] = {bytes_str(name), key, value};
    redisReply *reply = call(r, words, value.p == NULL ? 2 : 3);
    bool ok = reply != NULL && reply->type == REDIS_REPLY_INTEGER;

    if (ok)
        *ret = reply->integer;
    if (reply != NULL)
        freeReplyObject(reply);
    return ok;
}

static struct bytes reply_bytes(const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_STRING && reply->type != REDIS_REPLY_STATUS)
        return bytes_str("");
    return bytes_of(reply->str, reply->len);
}

static bool is_of_type(struct run *r, struct bytes key, const char *type, bool or_none)
{
    const struct bytes words[] = {bytes_str("TYPE"), key};
    redisReply *reply = call(r, words, 2);
    bool ok = reply != NULL && (bytes_eq_str(reply_bytes(reply), type) ||
                                (or_none && bytes_eq_str(reply_bytes(reply), "none")));

    if (reply != NULL)
        freeReplyObject(reply);
    return ok;
}

static const struct bytes nothing = {NULL, 0};

/*
 * RENAME, COPY
 */

/* When the key ends, in ms since 1970 or, before 7.0, from now; 0: never. */
static bool ask_ttl(struct run *r, struct bytes key, long long *ret)
{
    if (!ask_number(r, r->a->version >= 700 ? "PEXPIRETIME" : "PTTL", key, nothing, ret))
        return false;
    if (*ret < 0)
        *ret = 0;
    return true;
}

/* ttl: NULL takes that of src. */
static bool bring(struct run *r, struct bytes src, struct bytes dst, const char *ttl)
{
    const struct bytes dump[] = {bytes_str("DUMP"), src};
    struct bytes restore[] = {bytes_str("RESTORE"), dst, nothing, nothing, bytes_str("REPLACE"),
                              bytes_str("ABSTTL")};
    char text[I64_TEXT_SIZE];
    long long ends = 0;
    redisReply *value;
    bool ok = false;

    if (ttl == NULL && !ask_ttl(r, src, &ends))
        return false;
    value = call(r, dump, 2);
    if (value == NULL)
        return false;
    if (value->type == REDIS_REPLY_STRING) {
        bool absolute = ttl == NULL && ends != 0 && r->a->version >= 700;

        restore[2] = ttl != NULL ? bytes_str(ttl) : bytes_of(text, i64_to_text(ends, text));
        restore[3] = bytes_of(value->str, value->len);
        ok = run_words(r, restore, absolute ? 6 : 5);
    }
    freeReplyObject(value);
    return ok;
}

static int run_rename(struct run *r, bool remove)
{
    const struct translation_plan *p = r->plan;
    long long exists;

    if (p->only_if_absent && (!ask_number(r, "EXISTS", p->dst, nothing, &exists) || exists != 0))
        return rest(r);
    if (bring(r, p->src, p->dst, NULL) && remove)
        (void)run_three(r, "DEL", p->src, nothing); /* rest() tells */
    return rest(r);
}

/*
 * SMOVE, LMOVE
 */

static int run_smove(struct run *r)
{
    const struct translation_plan *p = r->plan;
    struct bytes member = p->words[3];
    long long is_member;

    if (!ask_number(r, "SISMEMBER", p->src, member, &is_member) || is_member == 0)
        return rest(r);
    if (run_three(r, "SADD", p->dst, member))
        (void)run_three(r, "SREM", p->src, member); /* rest() tells */
    return rest(r);
}

static int run_lmove(struct run *r)
{
    const struct translation_plan *p = r->plan;
    const struct bytes pop[] = {bytes_str(bytes_is_word(p->words[3], "LEFT") ? "LPOP" : "RPOP"),
                                p->src};
    const char *push = bytes_is_word(p->words[4], "LEFT") ? "LPUSH" : "RPUSH";
    redisReply *value;

    if (!is_of_type(r, p->dst, "list", true))
        return rest(r);
    value = call(r, pop, 2);
    if (value == NULL)
        return rest(r);
    if (value->type == REDIS_REPLY_STRING)
        (void)run_three(r, push, p->dst, reply_bytes(value)); /* rest() tells */
    freeReplyObject(value);
    return rest(r);
}

/*
 * STORE
 */

/* A name in the slot of dst. */
static void temporary_name(const struct run *r, size_t i, char out[NAME_SIZE])
{
    char tag[SLOT_MAP_TAG_SIZE];

    (void)snprintf(out, NAME_SIZE, REPLAY_KEY_PREFIX "temporary:%" PRIu32 ":%zu:{%s}", r->a->flow,
                   i, slot_map_slot_tag(slot_of(r->plan->dst), tag)); /* fits */
}

static bool bring_sources(struct run *r, const struct translation_key *keys, size_t key_count,
                          struct bytes *words, char (*names)[NAME_SIZE])
{
    for (size_t i = 0; i < key_count && !r->refused; i++) {
        if (keys[i].word >= r->plan->word_count || slot_of(keys[i].key) == slot_of(r->plan->dst))
            continue;
        temporary_name(r, i, names[i]);
        words[keys[i].word] = bytes_str(names[i]);
        if (!run_three(r, "DEL", words[keys[i].word], nothing) ||
            (!bring(r, keys[i].key, words[keys[i].word], TEMPORARY_MS) &&
             r->err->kind != FT_ERR_NONE))
            return false;
    }
    return !r->refused;
}

static void drop_temporary(struct run *r, char (*names)[NAME_SIZE], size_t count)
{
    r->refused = false;
    for (size_t i = 0; i < count && r->err->kind == FT_ERR_NONE; i++) {
        if (names[i][0] != '\0')
            (void)run_three(r, "DEL", bytes_str(names[i]), nothing); /* rest() tells */
    }
}

static int run_store(struct run *r, const struct translation_key *keys, size_t key_count)
{
    const struct translation_plan *p = r->plan;
    struct bytes *words = calloc(p->word_count, sizeof(*words));
    char(*names)[NAME_SIZE] = calloc(key_count + 1, NAME_SIZE);

    if (words == NULL || names == NULL) {
        err_nomem(r->err, "the keys of a command");
    } else {
        memcpy(words, p->words, p->word_count * sizeof(*words));
        if (bring_sources(r, keys, key_count, words, names))
            (void)run_words(r, words, p->word_count); /* rest() tells */
        drop_temporary(r, names, key_count);
    }
    free(words);
    free(names);
    return rest(r);
}

/*
 * SORT ... STORE
 */

static bool push_all(struct run *r, struct bytes key, const redisReply *list)
{
    struct bytes words[PUSH_WORDS + 2] = {bytes_str("RPUSH"), key};

    for (size_t at = 0; at < list->elements;) {
        size_t n = 0;

        while (n < PUSH_WORDS && at < list->elements)
            words[2 + n++] = reply_bytes(list->element[at++]);
        if (!run_words(r, words, 2 + n))
            return false;
    }
    return true;
}

static int run_sort_store(struct run *r)
{
    const struct translation_plan *p = r->plan;
    struct bytes *words = calloc(p->word_count, sizeof(*words));
    redisReply *sorted;
    size_t count = 0;

    if (words == NULL)
        return err_nomem(r->err, "a command");
    for (size_t i = 0; i < p->word_count; i++) {
        if (i > 1 && bytes_is_word(p->words[i], "STORE"))
            i++;
        else
            words[count++] = p->words[i];
    }
    sorted = call(r, words, count);
    free(words);
    if (sorted == NULL)
        return rest(r);
    if (run_three(r, "DEL", p->dst, nothing) && sorted->type == REDIS_REPLY_ARRAY)
        (void)push_all(r, p->dst, sorted); /* rest() tells */
    freeReplyObject(sorted);
    return rest(r);
}

/*
 * LMPOP, ZMPOP
 */

static const char *pop_name(struct bytes side)
{
    if (bytes_is_word(side, "LEFT"))
        return "LPOP";
    if (bytes_is_word(side, "RIGHT"))
        return "RPOP";
    return bytes_is_word(side, "MIN") ? "ZPOPMIN" : "ZPOPMAX";
}

static bool pop_from(struct run *r, const char *name, struct bytes key, struct bytes count)
{
    int64_t times;

    if (name[0] == 'Z' || r->a->version >= 602)
        return run_three(r, name, key, count);
    if (!bytes_to_i64(count, &times))
        times = 1;
    while (times-- > 0) {
        if (!run_three(r, name, key, nothing))
            return false;
    }
    return true;
}

static int run_pop(struct run *r, const struct translation_key *keys, size_t key_count)
{
    const struct translation_plan *p = r->plan;
    bool sorted = bytes_is_word(p->words[0], "ZMPOP");
    size_t side = 2 + key_count;
    struct bytes count = side + 2 < p->word_count ? p->words[side + 2] : bytes_str("1");

    for (size_t i = 0; i < key_count && !r->refused && side < p->word_count; i++) {
        if (is_of_type(r, keys[i].key, sorted ? "zset" : "list", false)) {
            (void)pop_from(r, pop_name(p->words[side]), keys[i].key, count); /* rest() tells */
            break;
        }
    }
    return rest(r);
}

/*
 * DELEX key IFDEQ|IFDNE digest
 */

static int run_delete_digest(struct run *r)
{
    const struct translation_plan *p = r->plan;
    bool if_equal = bytes_is_word(p->words[2], "IFDEQ");
    const struct bytes get[] = {bytes_str("GET"), p->words[1]};
    char digest[TRANSLATION_DIGEST_SIZE];
    redisReply *value;
    bool is_string;

    if (!is_of_type(r, p->words[1], "string", false))
        return rest(r);
    value = call(r, get, 2);
    if (value == NULL)
        return rest(r);
    is_string = value->type == REDIS_REPLY_STRING;
    if (is_string)
        translation_digest(reply_bytes(value), digest);
    freeReplyObject(value);
    if (is_string && bytes_is_word(p->words[3], digest) == if_equal)
        (void)run_three(r, "DEL", p->words[1], nothing); /* rest() tells */
    return rest(r);
}

int replay_across_run(const struct replay_across *a, uint32_t db,
                      const struct translation_plan *plan, const struct translation_key *keys,
                      size_t key_count, struct ft_err *err)
{
    struct run r = {.a = a, .plan = plan, .db = db, .err = err};

    switch (plan->kind) {
    case PLAN_RENAME:
    case PLAN_MOVE:
        return run_rename(&r, true);
    case PLAN_COPY:
        return run_rename(&r, false);
    case PLAN_SMOVE:
        return run_smove(&r);
    case PLAN_LMOVE:
        return run_lmove(&r);
    case PLAN_STORE:
        return run_store(&r, keys, key_count);
    case PLAN_SORT_STORE:
        return run_sort_store(&r);
    case PLAN_POP:
        return run_pop(&r, keys, key_count);
    case PLAN_DELETE_DIGEST:
        return run_delete_digest(&r);
    case PLAN_NONE:
        break;
    }
    return 0;
}
