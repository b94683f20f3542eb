#include "replay/replay_release.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/clock.h"
#include "replay/position/replay_state_store.h"
#include "replay/position/replay_suspect.h"
#include "replay/replay_lua.h"
#include "target/key_scan.h"
#include "target/target_eval.h"
#include "wire/reply_kind.h"

/* So late a step may come to the target. */
#define LATE_MS 5000
/* Of one script. */
#define KEYS_MAX 1000u
/* Between looks at slots that are on their way. */
#define MOVING_MS 50u

_Static_assert(TIMES_SHIFT_MS == INT64_C(2000000000000) && TIMES_MOVED_MS == INT64_C(2800000000000),
               "the numbers in times_of_keys.lua");

static const char *const kind_names[] = {
    [REPLAY_WALK_RELEASE] = "release",
    [REPLAY_WALK_DEFER] = "defer",
    [REPLAY_WALK_END] = "end",
};

/* Of a cluster: which slots a node said to have before the walk, and says now. */
struct node_slots {
    uint8_t before[SLOT_SET_BYTES];
    uint8_t now[SLOT_SET_BYTES];
    uint8_t moving[SLOT_SET_BYTES]; /* at any time */
};

struct replay_release {
    struct replay *r;
    int64_t *ahead_ms; /* per node: of this machine's clock */
    struct node_slots *slots;
    enum replay_walk_kind kind;
    int64_t limit_ms;
    struct replay_held_keys near;
    struct bytes *args;
    size_t arg_cap;
    /* where the walk is */
    size_t node;
    uint32_t *dbs; /* of this node */
    size_t db_count, db;
    char cursor[KEY_SCAN_CURSOR_SIZE];
    bool scanned;
    uint8_t left[SLOT_SET_BYTES]; /* slots to be looked at again */
    uint64_t moving_ms;           /* since when that has been waited for */
};

/* How far the node's clock is ahead; one that does not tell counts as right. */
static int ask_clock(struct target_node *node, int64_t *ret_ahead_ms, struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("TIME")};
    int64_t before_us = (int64_t)clock_wall_us();
    redisReply *reply;

    *ret_ahead_ms = 0;
    if (target_node_ask(node, &reply, args, 1, err) != 0)
        return -1;
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
        reply->element[0]->type == REDIS_REPLY_STRING &&
        reply->element[1]->type == REDIS_REPLY_STRING) {
        int64_t there_us = strtoll(reply->element[0]->str, NULL, 10) * 1000000 +
                           strtoll(reply->element[1]->str, NULL, 10);

        *ret_ahead_ms = (there_us - (before_us + (int64_t)clock_wall_us()) / 2) / 1000;
    }
    reply_free(reply);
    return 0;
}

int replay_release_new(struct replay_release **ret, struct replay *r, struct ft_err *err)
{
    struct replay_release *w = calloc(1, sizeof(*w));
    size_t n = r->target.node_count;

    if (w == NULL)
        return err_nomem(err, "a walk over the target's keys");
    w->r = r;
    w->ahead_ms = calloc(n + 1, sizeof(*w->ahead_ms));
    w->slots = r->target.cluster ? calloc(n + 1, sizeof(*w->slots)) : NULL;
    if (w->ahead_ms == NULL || (r->target.cluster && w->slots == NULL)) {
        replay_release_free(w);
        return err_nomem(err, "a walk over the target's keys");
    }
    for (size_t i = 0; i < n; i++) {
        if (ask_clock(&r->target.nodes[i], &w->ahead_ms[i], err) != 0) {
            replay_release_free(w);
            return -1;
        }
    }
    *ret = w;
    return 0;
}

void replay_release_free(struct replay_release *w)
{
    if (w == NULL)
        return;
    replay_held_keys_clear(&w->near);
    free(w->ahead_ms);
    free(w->slots);
    free(w->args);
    free(w->dbs);
    free(w);
}

int64_t replay_release_ahead_ms(const struct replay_release *w)
{
    int64_t ahead_ms = w->ahead_ms[0];

    for (size_t i = 1; i < w->r->target.node_count; i++)
        ahead_ms = w->ahead_ms[i] > ahead_ms ? w->ahead_ms[i] : ahead_ms;
    return ahead_ms;
}

struct replay_held_keys replay_release_near(struct replay_release *w)
{
    struct replay_held_keys near = w->near;

    w->near = (struct replay_held_keys){0};
    return near;
}

/*
 * One script
 */

/* What the script answered. near: NULL if not wanted. *ret_elsewhere: there was a "?". */
static int take_answer(struct replay_release *w, enum replay_walk_kind kind, uint32_t db,
                       const redisReply *reply, struct replay_held_keys *near, bool *ret_elsewhere,
                       struct ft_err *err)
{
    size_t n = reply->elements;

    if (kind == REPLAY_WALK_END && n % 2 == 1)
        replay_report_overdue(&w->r->report, strtoull(reply->element[--n]->str, NULL, 10));
    for (size_t i = 0; i + 1 < n; i += 2) {
        const redisReply *key = reply->element[i];
        const redisReply *end = reply->element[i + 1];

        if (strcmp(end->str, "?") == 0)
            *ret_elsewhere = true;
        else if (end->str[0] == '+')
            continue; /* see finish_fields */
        else if (near != NULL && replay_held_keys_add(near, strtoll(end->str, NULL, 10), db,
                                                      bytes_of(key->str, key->len), err) != 0)
            return -1;
    }
    return 0;
}

#define SCRIPT_ARGS 7u

/* from: where fields are begun with, or continued; "": there are none. */
static int call_script(struct replay_release *w, size_t node_index, enum replay_walk_kind kind,
                       int64_t limit_ms, const char *from, uint32_t db, size_t count,
                       redisReply **ret, struct ft_err *err)
{
    struct target_node *node = &w->r->target.nodes[node_index];
    int64_t there_ms = (int64_t)(clock_wall_us() / 1000) + w->ahead_ms[node_index];
    bool flags = w->r->target.version >= REPLAY_SCRIPT_FLAGS_VERSION;
    char limit[I64_TEXT_SIZE];
    char deadline[I64_TEXT_SIZE];
    int rc;

    if (kind == REPLAY_WALK_RELEASE)
        limit_ms += there_ms;
    else if (kind == REPLAY_WALK_DEFER)
        limit_ms = TIMES_MOVED_MS;
    else
        limit_ms -= w->ahead_ms[node_index];
    w->args[0] = bytes_str("EVAL");
    w->args[1] = bytes_str(flags ? lua_times_shift : lua_times_shift_pttl);
    w->args[2] = bytes_str("0");
    w->args[3] = bytes_str(kind_names[kind]);
    w->args[4] = bytes_of(limit, i64_to_text(limit_ms, limit));
    w->args[5] = bytes_of(deadline, i64_to_text(there_ms + LATE_MS, deadline));
    w->args[6] = bytes_str(from);
    if (atomic_load(&w->r->target.no_eval)) {
        if (target_eval_keys(node->pipe, db, ret, w->args, SCRIPT_ARGS + count,
                             w->args + SCRIPT_ARGS, count, err) != 0)
            return -1;
        if ((*ret)->type == REDIS_REPLY_ERROR) {
            (void)target_node_refused(node, (*ret)->str, err);
            reply_free(*ret);
            return -1;
        }
    } else if (target_node_call(node, ret, w->args, SCRIPT_ARGS + count, err) != 0) {
        return -1;
    }
    if ((*ret)->type == REDIS_REPLY_ARRAY)
        return 0;
    rc = reply_not_of(*ret, node->name, "EVAL, for times", err);
    reply_free(*ret);
    return rc;
}

/* Hashes of which a script has left fields, portion by portion. */
static int finish_fields(struct replay_release *w, size_t node_index, enum replay_walk_kind kind,
                         int64_t limit_ms, uint32_t db, const redisReply *first,
                         struct replay_held_keys *near, bool *ret_elsewhere, struct ft_err *err)
{
    for (size_t i = 0; i + 1 < first->elements; i += 2) {
        const redisReply *key = first->element[i];
        char from[KEY_SCAN_CURSOR_SIZE] = "";

        if (first->element[i + 1]->str[0] == '+')
            (void)snprintf(from, sizeof(from), "%s", first->element[i + 1]->str + 1); /* fits */
        while (from[0] != '\0') {
            redisReply *reply;
            int rc;

            w->args[SCRIPT_ARGS] = bytes_of(key->str, key->len);
            if (call_script(w, node_index, kind, limit_ms, from, db, 1, &reply, err) != 0)
                return -1;
            from[0] = '\0';
            for (size_t j = 0; j + 1 < reply->elements; j += 2) {
                if (reply->element[j + 1]->str[0] == '+')
                    (void)snprintf(from, sizeof(from), "%s", reply->element[j + 1]->str + 1);
            }
            rc = take_answer(w, kind, db, reply, near, ret_elsewhere, err);
            reply_free(reply);
            if (rc != 0)
                return -1;
        }
    }
    return 0;
}

/* keys: w->args + SCRIPT_ARGS, of the database that is selected. */
static int run_script_once(struct replay_release *w, size_t node_index, enum replay_walk_kind kind,
                           int64_t limit_ms, uint32_t db, size_t count,
                           struct replay_held_keys *near, bool *ret_elsewhere, struct ft_err *err)
{
    const char *from = replay_defers_fields(w->r) ? "0" : "";
    redisReply *reply;
    int rc;

    if (call_script(w, node_index, kind, limit_ms, from, db, count, &reply, err) != 0)
        return -1;
    rc = take_answer(w, kind, db, reply, near, ret_elsewhere, err);
    if (rc == 0)
        rc = finish_fields(w, node_index, kind, limit_ms, db, reply, near, ret_elsewhere, err);
    reply_free(reply);
    return rc;
}

/* Without scripts on the server there is a transaction, which on a cluster has the keys of one slot. */
static int run_script(struct replay_release *w, size_t node_index, enum replay_walk_kind kind,
                      int64_t limit_ms, uint32_t db, size_t count, struct replay_held_keys *near,
                      bool *ret_elsewhere, struct ft_err *err)
{
    if (!w->r->target.cluster || !atomic_load(&w->r->target.no_eval))
        return run_script_once(w, node_index, kind, limit_ms, db, count, near, ret_elsewhere, err);
    for (size_t i = 0; i < count; i++) {
        w->args[SCRIPT_ARGS] = w->args[SCRIPT_ARGS + i];
        if (run_script_once(w, node_index, kind, limit_ms, db, 1, near, ret_elsewhere, err) != 0)
            return -1;
    }
    return 0;
}

/*
 * Slots
 */

static void mark_slots(struct node_slots *s, const char *line)
{
    unsigned first;
    unsigned last;

    memset(s->now, 0, sizeof(s->now));
    while (*line != '\0' && *line != '\n') {
        bool moving = *line == '[';
        int fields = sscanf(moving ? line + 1 : line, moving ? "%u" : "%u-%u", &first, &last);

        if (moving && fields == 1 && first < SLOT_COUNT)
            slot_set_add(s->moving, (uint16_t)first);
        if (fields == 1)
            last = first;
        for (unsigned slot = first; !moving && fields > 0 && slot <= last && slot < SLOT_COUNT;
             slot++)
            slot_set_add(s->now, (uint16_t)slot);
        line += strcspn(line, " \n");
        line += *line == ' ';
    }
}

/* "id addr myself,master - 0 0 1 connected 0-5460 [5461->-id]" */
static int ask_slots(struct replay_release *w, size_t index, struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("CLUSTER"), bytes_str("NODES")};
    struct target_node *node = &w->r->target.nodes[index];
    const char *line;
    redisReply *reply;
    int rc = 0;

    if (target_node_call(node, &reply, args, 2, err) != 0)
        return -1;
    line = reply->type == REDIS_REPLY_STRING ? strstr(reply->str, "myself") : NULL;
    line = line != NULL ? strstr(line, " connected") : NULL;
    if (line != NULL)
        mark_slots(&w->slots[index], line + strlen(" connected") + (line[10] == ' '));
    else
        rc = err_set(err, FT_ERR_PROTOCOL, "%s does not answer CLUSTER NODES as Redis does",
                     node->name);
    reply_free(reply);
    return rc;
}

static int ask_all_slots(struct replay_release *w, bool begin, struct ft_err *err)
{
    for (size_t i = 0; i < w->r->target.node_count; i++) {
        struct node_slots *s = &w->slots[i];

        memset(s->moving, 0, sizeof(s->moving));
        if (ask_slots(w, i, err) != 0)
            return -1;
        if (begin)
            memcpy(s->before, s->now, sizeof(s->now));
    }
    return 0;
}

/* The node that has the slot, and it alone; none while it is on its way. */
static struct target_node *holder_of(const struct replay_release *w, uint16_t slot)
{
    struct target_node *holder = NULL;

    for (size_t i = 0; i < w->r->target.node_count; i++) {
        if (slot_set_has(w->slots[i].moving, slot))
            return NULL;
        if (slot_set_has(w->slots[i].now, slot))
            holder = &w->r->target.nodes[i];
    }
    return holder;
}

/* Slots whose keys the walk may have missed: those that were, or are, on their way, or changed hands. */
static void find_left(struct replay_release *w)
{
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
        for (size_t i = 0; i < w->r->target.node_count; i++) {
            const struct node_slots *s = &w->slots[i];

            if (slot_set_has(s->moving, (uint16_t)slot) ||
                slot_set_has(s->before, (uint16_t)slot) != slot_set_has(s->now, (uint16_t)slot))
                slot_set_add(w->left, (uint16_t)slot);
        }
    }
}

/* Names of keys become arguments of a script: of a shared target those that are claimed, as others have the rest. The
 * replay's own have no times. */
static size_t put_names(struct replay_release *w, uint32_t db, redisReply *const *keys,
                        size_t count)
{
    const struct key_claim *claim = &w->r->o->map.claim;
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        struct bytes key = bytes_of(keys[i]->str, keys[i]->len);

        if ((db != 0 || !replay_is_own_key(key)) &&
            (key_claim_is_empty(claim) || key_claim_has(claim, key)))
            w->args[SCRIPT_ARGS + n++] = key;
    }
    return n;
}

static int take_slot(struct replay_release *w, struct target_node *node, uint16_t slot,
                     bool *ret_elsewhere, struct ft_err *err)
{
    char number[I64_TEXT_SIZE];
    const struct bytes args[] = {bytes_str("CLUSTER"), bytes_str("GETKEYSINSLOT"),
                                 bytes_of(number, i64_to_text(slot, number)),
                                 bytes_str("1000000000")};
    size_t index = (size_t)(node - w->r->target.nodes);
    redisReply *keys;
    int rc = 0;

    if (target_node_call(node, &keys, args, 4, err) != 0)
        return -1;
    for (size_t at = 0; rc == 0 && keys->type == REDIS_REPLY_ARRAY && at < keys->elements;) {
        size_t n = keys->elements - at < KEYS_MAX ? keys->elements - at : KEYS_MAX;
        size_t named;

        rc = ARRAY_RESERVE(&w->args, &w->arg_cap, SCRIPT_ARGS + n, "names of keys", err);
        named = rc == 0 ? put_names(w, 0, keys->element + at, n) : 0;
        if (named != 0)
            rc = run_script(w, index, w->kind, w->limit_ms, 0, named, &w->near, ret_elsewhere, err);
        at += n;
    }
    reply_free(keys);
    return rc;
}

/* A slot that is with the same node before and after has been gone through. */
static int look_at_left(struct replay_release *w, bool *ret_any, struct ft_err *err)
{
    *ret_any = false;
    for (unsigned n = 0; n < SLOT_COUNT; n++) {
        uint16_t slot = (uint16_t)n;
        struct target_node *node;
        bool elsewhere = false;

        if (!slot_set_has(w->left, slot))
            continue;
        node = holder_of(w, slot);
        if (node != NULL && take_slot(w, node, slot, &elsewhere, err) != 0)
            return -1;
        if (node != NULL && ask_all_slots(w, false, err) != 0)
            return -1;
        if (node != NULL && !elsewhere && holder_of(w, slot) == node)
            slot_set_remove(w->left, slot);
        else
            *ret_any = true;
    }
    return 0;
}

/* 1: none is left. */
static int finish_slots(struct replay_release *w, struct ft_err *err)
{
    bool any;

    if (w->slots == NULL)
        return 1;
    if (ask_all_slots(w, false, err) != 0)
        return -1;
    if (w->moving_ms == 0) {
        find_left(w);
        w->moving_ms = clock_mono_ms();
    }
    if (look_at_left(w, &any, err) != 0)
        return -1;
    if (!any)
        return 1;
    if (clock_mono_ms() - w->moving_ms > w->r->o->give_up_ms)
        return err_set(err, FT_ERR_NET, "slots have been on their way for too long");
    return replay_sleep(w->r, MOVING_MS, err);
}

int replay_release_moved(struct replay_release *w, bool *ret, struct ft_err *err)
{
    *ret = false;
    if (w->slots == NULL)
        return 0;
    if (ask_all_slots(w, false, err) != 0)
        return -1;
    for (size_t i = 0; i < w->r->target.node_count; i++) {
        const struct node_slots *s = &w->slots[i];

        *ret |= memcmp(s->before, s->now, sizeof(s->now)) != 0;
        for (size_t byte = 0; byte < sizeof(s->moving); byte++)
            *ret |= s->moving[byte] != 0;
    }
    return 0;
}

/*
 * A walk
 */

static int begin_node(struct replay_release *w, struct ft_err *err)
{
    free(w->dbs);
    w->dbs = NULL;
    w->db_count = w->db = 0;
    (void)snprintf(w->cursor, sizeof(w->cursor), "0"); /* fits */
    return key_scan_dbs(&w->r->target.nodes[w->node], &w->dbs, &w->db_count, err);
}

int replay_release_begin(struct replay_release *w, enum replay_walk_kind kind, int64_t limit_ms,
                         struct ft_err *err)
{
    replay_held_keys_clear(&w->near);
    w->kind = kind;
    w->limit_ms = limit_ms;
    w->node = 0;
    w->scanned = false;
    w->moving_ms = 0;
    memset(w->left, 0, sizeof(w->left));
    if (w->slots != NULL && ask_all_slots(w, true, err) != 0)
        return -1;
    for (size_t i = 0; w->slots != NULL && i < w->r->target.node_count; i++) {
        for (size_t byte = 0; byte < sizeof(w->left); byte++)
            w->left[byte] |= w->slots[i].moving[byte];
    }
    return begin_node(w, err);
}

static int scan_some(struct replay_release *w, struct ft_err *err)
{
    struct target_node *node = &w->r->target.nodes[w->node];
    uint32_t db = w->dbs[w->db];
    bool elsewhere = false; /* then its slot is one of those left */
    const redisReply *keys;
    redisReply *reply;
    size_t n;
    int rc;

    if ((db != 0 && key_scan_select(node, db, err) != 0) ||
        key_scan_some(node, w->cursor, &reply, err) != 0)
        return -1;
    keys = reply->element[1];
    rc = ARRAY_RESERVE(&w->args, &w->arg_cap, SCRIPT_ARGS + keys->elements, "names of keys", err);
    n = rc == 0 ? put_names(w, db, keys->element, keys->elements) : 0;
    if (n != 0)
        rc = run_script(w, w->node, w->kind, w->limit_ms, db, n, &w->near, &elsewhere, err);
    reply_free(reply);
    return rc == 0 && db != 0 ? key_scan_select(node, 0, err) : rc;
}

int replay_release_step(struct replay_release *w, struct ft_err *err)
{
    if (w->scanned)
        return finish_slots(w, err);
    if (w->db < w->db_count) {
        if (scan_some(w, err) != 0)
            return -1;
        w->db += strcmp(w->cursor, "0") == 0;
    } else if (w->node + 1 < w->r->target.node_count) {
        w->node++;
        if (begin_node(w, err) != 0)
            return -1;
    } else {
        w->scanned = true;
    }
    return 0;
}

/*
 * Keys by name
 */

static int run_named(struct replay_release *w, size_t node_index, uint32_t db,
                     enum replay_walk_kind kind, int64_t limit_ms, size_t count,
                     struct replay_held_keys *near, bool *ret_elsewhere, struct ft_err *err)
{
    struct target_node *node = &w->r->target.nodes[node_index];

    if (count == 0)
        return 0;
    if ((db != 0 && key_scan_select(node, db, err) != 0) ||
        run_script(w, node_index, kind, limit_ms, db, count, near, ret_elsewhere, err) != 0)
        return -1;
    return db != 0 ? key_scan_select(node, 0, err) : 0;
}

int replay_release_keys(struct replay_release *w, enum replay_walk_kind kind, int64_t limit_ms,
                        const struct replay_held_key *keys, size_t count,
                        struct replay_held_keys *near, struct ft_err *err)
{
    bool elsewhere = false;

    if (ARRAY_RESERVE(&w->args, &w->arg_cap, SCRIPT_ARGS + KEYS_MAX, "names of keys", err) != 0)
        return -1;
    for (size_t node = 0; node < w->r->target.node_count; node++) {
        uint32_t db = 0;
        size_t n = 0;

        for (size_t i = 0; i < count; i++) {
            if (target_client_node(&w->r->target, keys[i].key) != &w->r->target.nodes[node])
                continue;
            if (n == KEYS_MAX || keys[i].db != db) {
                if (run_named(w, node, db, kind, limit_ms, n, near, &elsewhere, err) != 0)
                    return -1;
                n = 0;
            }
            db = keys[i].db;
            w->args[SCRIPT_ARGS + n++] = keys[i].key;
        }
        if (run_named(w, node, db, kind, limit_ms, n, near, &elsewhere, err) != 0)
            return -1;
    }
    return elsewhere;
}

/*
 * The whole at once
 */

static int walk(struct replay *r, enum replay_walk_kind kind, int64_t limit_ms, struct ft_err *err)
{
    struct replay_release *w;
    int rc;

    if (replay_release_new(&w, r, err) != 0)
        return -1;
    rc = replay_release_begin(w, kind, limit_ms, err);
    while (rc == 0 && (rc = replay_release_step(w, err)) == 0)
        rc = replay_check_cancelled(r, err);
    replay_release_free(w);
    return rc < 0 ? -1 : 0;
}

int replay_release_done(struct replay *r, struct ft_err *err)
{
    if (replay_state_end_deferral(&r->set, err) != 0)
        return -1;
    atomic_store(&r->deferred, false);
    return 0;
}

int replay_release_all(struct replay *r, int64_t source_ahead_ms, struct ft_err *err)
{
    if (!replay_has_deferred(r))
        return 0;
    if (walk(r, REPLAY_WALK_END, source_ahead_ms, err) != 0)
        return -1;
    return replay_release_done(r, err);
}

/* A kill in between leaves some deferred: the state says so before the first is. */
int replay_release_undo(struct replay *r, struct ft_err *err)
{
    if (replay_note_deferred(r, true, err) != 0 || walk(r, REPLAY_WALK_DEFER, 0, err) != 0)
        return -1;
    return replay_state_defer_again(&r->set, err);
}
