#include "replay/position/replay_claims.h"

#include <stdio.h>
#include <stdlib.h>

#include "replay/position/position_lua.h"
#include "replay/position/replay_state_store.h"
#include "wire/reply_kind.h"

/* Claims are written once in a replay's life. */
#define TRIES_MAX 50u
/* Before what is said of each claim. */
#define KEYS_AT 5u

/* The claims of a target, as they were read. */
struct claims {
    redisReply *reply; /* capture, claim, ... */
    size_t count;
    const char *own; /* of this capture; NULL: none */
};

static bool are_texts(const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements % 2 != 0)
        return false;
    for (size_t i = 0; i < reply->elements; i++) {
        if (reply->element[i]->type != REDIS_REPLY_STRING)
            return false;
    }
    return true;
}

/* Who may not ask is told of none: what the user lacks is said later, all of it at once. */
static int load(struct claims *ret, struct target_client *target, const char *id,
                struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("HGETALL"), bytes_str(REPLAY_CLAIMS_KEY)};
    struct target_node *node = target_client_node(target, args[1]);
    int rc;

    *ret = (struct claims){.reply = NULL};
    if (target_node_ask(node, &ret->reply, args, 2, err) != 0)
        return -1;
    if (ret->reply->type == REDIS_REPLY_ERROR)
        return 0;
    if (!are_texts(ret->reply)) {
        rc = reply_not_of(ret->reply, node->name, "HGETALL, of claims", err);
        reply_free(ret->reply);
        return rc;
    }
    ret->count = ret->reply->elements / 2;
    for (size_t i = 0; i < 2 * ret->count; i += 2) {
        if (strcmp(ret->reply->element[i]->str, id) == 0)
            ret->own = ret->reply->element[i + 1]->str;
    }
    return 0;
}

static struct bytes text_of(const struct claims *c, size_t i)
{
    return bytes_of(c->reply->element[i]->str, c->reply->element[i]->len);
}

/* As a sentence has it. */
static void show(const char *claim, char *out, size_t size)
{
    size_t n = 0;

    for (; *claim != '\0' && n + 3 < size; claim++) {
        out[n++] = *claim == '\n' ? ',' : *claim;
        if (*claim == '\n')
            out[n++] = ' ';
    }
    out[n] = '\0';
}

static int refuse_alone(const struct claims *c, struct ft_err *err)
{
    char shown[100];

    show(c->reply->element[1]->str, shown, sizeof(shown));
    return err_set(err, FT_ERR_STATE,
                   "other replays share this target (%s has %s): --shared-target has to say which "
                   "keys this one may write",
                   c->reply->element[0]->str, shown);
}

static int refuse_other(const struct claims *c, const char *capture, struct ft_err *err)
{
    char shown[100] = "";

    for (size_t i = 0; i < 2 * c->count; i += 2) {
        if (strcmp(c->reply->element[i]->str, capture) == 0)
            show(c->reply->element[i + 1]->str, shown, sizeof(shown));
    }
    if (strcmp(capture, "all") == 0)
        return err_set(err, FT_ERR_STATE,
                       "a replay that was begun without --shared-target has this target to itself: "
                       "\"flowtape replay --forget\" of its input ends that");
    return err_set(err, FT_ERR_STATE,
                   "--shared-target overlaps %s, which the replay of capture %s has claimed; "
                   "\"flowtape replay --forget\" of that capture frees its claim",
                   shown, capture);
}

/* What this capture has claimed before stays its claim. */
static int check_own(const struct claims *c, const struct buf *wanted, struct ft_err *err)
{
    char shown[100];

    if (c->own == NULL ||
        (wanted->n == strlen(c->own) && memcmp(wanted->p, c->own, wanted->n) == 0))
        return 0;
    show(c->own, shown, sizeof(shown));
    return err_set(err, FT_ERR_STATE,
                   "this capture has claimed %s of the target: give the same --shared-target, or "
                   "begin again after \"flowtape replay --forget\"",
                   shown);
}

/* Arguments of the script: what was seen, and who is in the way. */
struct asked {
    struct bytes *args;
    char (*states)[REPLAY_KEY_SIZE];
    size_t *in_the_way; /* where its capture is in the reply */
    size_t count;       /* of those */
};

static int find_in_the_way(struct asked *a, const struct claims *c, const char *id,
                           const struct key_claim *wanted, struct ft_err *err)
{
    for (size_t i = 0; i < 2 * c->count; i += 2) {
        struct key_claim other = {0};

        if (strcmp(c->reply->element[i]->str, id) == 0)
            continue;
        if (key_claim_parse(&other, text_of(c, i + 1), err) != 0)
            return err_wrap(err, "what capture %s has claimed", c->reply->element[i]->str);
        if (key_claim_overlaps(&other, wanted)) {
            replay_shared_state_name(c->reply->element[i]->str, a->states[a->count]);
            a->in_the_way[a->count++] = i;
        }
        key_claim_release(&other);
    }
    return 0;
}

static int run_script(struct replay_position_set *set, const struct asked *a,
                      const struct claims *c, const struct buf *wanted, bool write,
                      redisReply **ret, struct ft_err *err)
{
    char numbers[2][I64_TEXT_SIZE];
    size_t n = 0;

    a->args[n++] = bytes_str("EVAL");
    a->args[n++] = bytes_str(lua_claim_take);
    a->args[n++] = bytes_of(numbers[0], i64_to_text((int64_t)(2 + a->count), numbers[0]));
    a->args[n++] = bytes_str(REPLAY_CLAIMS_KEY);
    a->args[n++] = bytes_str(REPLAY_STATE_KEY);
    for (size_t i = 0; i < a->count; i++)
        a->args[n++] = bytes_str(a->states[i]);
    a->args[n++] = bytes_str(set->id);
    a->args[n++] = buf_bytes(wanted);
    a->args[n++] = bytes_str(write ? "1" : "0");
    a->args[n++] = bytes_of(numbers[1], i64_to_text((int64_t)c->count, numbers[1]));
    for (size_t i = 0; i < 2 * c->count; i++)
        a->args[n++] = text_of(c, i);
    for (size_t i = 0; i < a->count; i++)
        a->args[n++] = text_of(c, a->in_the_way[i]);
    return target_node_call(replay_state_node(set), ret, a->args, n, err);
}

/* 1: it is had, 0: the others have changed meanwhile. */
static int ask_script(struct replay_position_set *set, const struct claims *c,
                      const struct buf *wanted, bool write, struct ft_err *err)
{
    struct asked a = {
        .args = calloc(2 * KEYS_AT + 4 * c->count, sizeof(*a.args)),
        .states = calloc(c->count + 1, sizeof(*a.states)),
        .in_the_way = calloc(c->count + 1, sizeof(*a.in_the_way)),
    };
    redisReply *reply = NULL;
    int rc = -1;

    if (a.args == NULL || a.states == NULL || a.in_the_way == NULL)
        (void)err_nomem(err, "claims");
    else if (find_in_the_way(&a, c, set->id, set->terms.claim, err) == 0 &&
             run_script(set, &a, c, wanted, write, &reply, err) == 0)
        rc = 0;
    if (rc == 0 && reply->type == REDIS_REPLY_INTEGER)
        rc = reply->integer == 1;
    else if (rc == 0 && reply->type == REDIS_REPLY_STRING)
        rc = refuse_other(c, reply->str, err);
    else if (rc == 0)
        rc = reply_not_of(reply, replay_state_node(set)->name, "EVAL, for --shared-target", err);
    if (reply != NULL)
        reply_free(reply);
    free(a.args);
    free(a.states);
    free(a.in_the_way);
    return rc;
}

/* 1: it is had, or there is nothing to have, 0: once more. */
static int claim_once(struct replay_position_set *set, const struct buf *wanted, bool write,
                      struct ft_err *err)
{
    struct claims c;
    int rc;

    if (load(&c, set->target, set->id, err) != 0)
        return -1;
    if (key_claim_is_empty(set->terms.claim))
        rc = c.count == 0 ? 1 : refuse_alone(&c, err);
    else if (check_own(&c, wanted, err) != 0)
        rc = -1;
    else
        rc = ask_script(set, &c, wanted, write, err);
    reply_free(c.reply);
    return rc;
}

static int claim(struct replay_position_set *set, bool write, struct ft_err *err)
{
    struct buf wanted = {0};
    unsigned tries = 0;
    int rc = key_claim_put(&wanted, set->terms.claim, "\n", err);

    if (rc == 0) {
        do
            rc = claim_once(set, &wanted, write, err);
        while (rc == 0 && ++tries < TRIES_MAX);
        if (rc == 0)
            rc = err_set(err, FT_ERR_NET, "the claims of a shared target change all the time");
    }
    buf_release(&wanted);
    return rc < 0 ? -1 : 0;
}

int replay_claims_check(struct replay_position_set *set, struct ft_err *err)
{
    return claim(set, false, err);
}

int replay_claims_take(struct replay_position_set *set, struct ft_err *err)
{
    return claim(set, true, err);
}

int replay_claims_find(struct replay_position_set *set, struct ft_err *err)
{
    struct claims c;

    if (load(&c, set->target, set->id, err) != 0)
        return -1;
    if (c.own != NULL)
        replay_position_set_share(set);
    reply_free(c.reply);
    return 0;
}

int replay_claims_drop(struct replay_position_set *set, struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("EVAL"),
                                 bytes_str(lua_claim_drop),
                                 bytes_str("2"),
                                 bytes_str(REPLAY_CLAIMS_KEY),
                                 bytes_str(set->state_key),
                                 bytes_str(set->id)};

    return set->shared ? target_node_call(replay_state_node(set), NULL, args, 6, err) : 0;
}

int replay_claims_state(struct target_client *target, const struct key_claim *claim,
                        char ret[REPLAY_KEY_SIZE], struct ft_err *err)
{
    struct buf wanted = {0};
    struct claims c;
    int rc = -1;

    (void)snprintf(ret, REPLAY_KEY_SIZE, "%s", REPLAY_STATE_KEY); /* fits */
    if (key_claim_is_empty(claim))
        return 0;
    if (key_claim_put(&wanted, claim, "\n", err) == 0 && (rc = load(&c, target, "", err)) == 0) {
        for (size_t i = 0; i < 2 * c.count; i += 2) {
            if (bytes_eq(text_of(&c, i + 1), buf_bytes(&wanted)))
                replay_shared_state_name(c.reply->element[i]->str, ret);
        }
        if (c.reply != NULL)
            reply_free(c.reply);
    }
    buf_release(&wanted);
    return rc;
}
