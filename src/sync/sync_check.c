#include "sync/sync_check.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/clock.h"
#include "item/dump.h"
#include "sync/sync_check_pops.h"

#define ROUNDS_MAX 5u
#define PASSES_MAX 8u
#define RETRY_MS   200u
/* Between looks at how far the capture is. */
#define WRITTEN_MS 1
#define NOTE_SIZE  700

/* A key of the page, as it was read last. */
struct sync_candidate {
    struct replay_suspect suspect; /* the key is owned */
    bool resolved;                 /* the target has what the source has */
    bool closed;                   /* and is off the list; or it was given up */
    enum replay_rechecked outcome;
};

void sync_checked_release(struct sync_checked *c)
{
    for (size_t i = 0; i < c->name_count; i++) {
        free((void *)(uintptr_t)c->names[i].key.p);
        free(c->names[i].why);
    }
    free(c->names);
    *c = (struct sync_checked){0};
}

bool sync_check_is_due(const struct sync_check *c)
{
    return c->target != NULL || c->count != 0 || c->pops_due ||
           atomic_load(&c->progress->suspects) > c->given_up.count;
}

static void drop_page(struct sync_check *c)
{
    for (size_t i = 0; i < c->count; i++)
        free((void *)(uintptr_t)c->page[i].suspect.key.p);
    free(c->page);
    c->page = NULL;
    c->count = 0;
    c->next = 0;
    c->rounds = 0;
    c->has_read = false;
}

/* The next look at the list is at its beginning; whoever is not done is still there. */
static void disconnect(struct sync_check *c)
{
    if (c->target != NULL)
        c->kind->close(c->target);
    c->target = NULL;
    c->last_page = false;
    c->fresh = false;
}

static void drop_all(struct sync_check *c)
{
    drop_page(c);
    disconnect(c);
    c->passes = 0;
    c->lost_ms = 0;
}

void sync_check_begin(struct sync_check *c)
{
    drop_all(c);
    key_set_release(&c->given_up);
    sync_checked_release(c->result);
}

void sync_check_release(struct sync_check *c)
{
    drop_all(c);
    key_set_release(&c->given_up);
    suspect_release(&c->brought);
    buf_release(&c->value.payload);
    replay_pops_release(&c->pops);
    free(c->behind);
    c->behind = NULL;
}

static int copy_key(struct bytes key, struct bytes *ret, struct ft_err *err)
{
    uint8_t *copy = malloc(key.n + 1);

    if (copy == NULL)
        return err_nomem(err, "suspect keys");
    memcpy(copy, key.p, key.n);
    *ret = bytes_of(copy, key.n);
    return 0;
}

/*
 * Keys that stay unread
 */

static int name_unread(struct sync_checked *r, const struct replay_suspect *suspect,
                       const char *why, struct ft_err *err)
{
    struct bytes key;
    char *reason;

    if (ARRAY_ADD_ROOM(&r->names, r->name_count, "the keys that were not read", err) != 0)
        return -1;
    reason = strdup(why);
    if (reason == NULL)
        return err_nomem(err, "the keys that were not read");
    if (copy_key(suspect->key, &key, err) != 0) {
        free(reason);
        return -1;
    }
    r->names[r->name_count++] = (struct sync_unread){.db = suspect->db, .key = key, .why = reason};
    return 0;
}

static int give_up(struct sync_check *c, struct sync_candidate *candidate, const char *why,
                   struct ft_err *err)
{
    uint8_t hash[KEY_SET_HASH_SIZE];

    candidate->resolved = true;
    candidate->closed = true;
    key_set_hash(candidate->suspect.db, candidate->suspect.key, hash);
    if (key_set_add(&c->given_up, hash, err) != 0)
        return -1;
    if (c->result->name_count >= SYNC_REASONS_KEPT)
        return 0;
    return name_unread(c->result, &candidate->suspect, why, err);
}

/*
 * One key
 */

static int put(struct sync_check *c, struct sync_candidate *k, const struct dump *dump,
               struct ft_err *err)
{
    const struct rdb_entry entry = {
        .db = k->suspect.db,
        .type = dump->type,
        .key = k->suspect.key,
        .value = dump->value,
        .value_bytes = dump->value.n,
        .expire_ms = c->value.expire_ms < 0 ? RDB_NO_EXPIRY : c->value.expire_ms,
        .dragonfly = !c->source->redis,
    };
    char why[REPLAY_WHY_SIZE];

    k->outcome = c->kind->put(c->target, &entry, c->value.gone, why, err);
    if (k->outcome == REPLAY_RECHECK_REFUSED)
        return give_up(c, k, why, err);
    k->resolved = k->outcome != REPLAY_RECHECK_ERROR;
    return k->resolved ? 0 : -1;
}

/* Does the capture have all that the source had done when the value had been read? */
static bool is_written(const struct sync_check *c, uint32_t flow_count)
{
    struct live_point point;

    for (uint32_t i = 0; i < flow_count; i++) {
        if (!live_flows_point(c->replay->live, LIVE_WRITTEN, i, &point) ||
            point.next_lsn < c->behind[i])
            return false;
    }
    return true;
}

static bool has_ended(const struct sync_check *c)
{
    struct live_state state;

    live_flows_state(c->replay->live, &state);
    return state.ended;
}

enum value_is {
    VALUE_ERROR = -1,
    VALUE_OF_THE_GOAL,
    VALUE_LATER,
    VALUE_NOT_KNOWN_YET
};

/* Is the value that was read the one at the goal? It is if nothing has touched the key since. */
static enum value_is classify(struct sync_check *c, const struct sync_candidate *k,
                              const uint64_t *goal, uint32_t flow_count, struct ft_err *err)
{
    bool touched;

    if (memcmp(c->behind, goal, flow_count * sizeof(*goal)) == 0)
        return VALUE_OF_THE_GOAL;
    if (!is_written(c, flow_count)) {
        (void)poll(NULL, 0, WRITTEN_MS); /* only to let time pass */
        return has_ended(c) ? VALUE_LATER : VALUE_NOT_KNOWN_YET;
    }
    if (c->kind->touched(c->target, goal, c->behind, &k->suspect, &touched, err) != 0)
        return VALUE_ERROR;
    return touched ? VALUE_LATER : VALUE_OF_THE_GOAL;
}

static int put_value(struct sync_check *c, struct sync_candidate *k, struct ft_err *err)
{
    struct dump dump = {0};

    if (!c->value.gone && dump_parse(buf_bytes(&c->value.payload), &dump, err) != 0)
        return -1;
    return put(c, k, &dump, err);
}

static bool is_of_the_value(const struct ft_err *err)
{
    return err->kind == FT_ERR_CORRUPT || err->kind == FT_ERR_UNSUPPORTED;
}

static int read_value(struct sync_check *c, const struct sync_candidate *k, uint32_t flow_count,
                      struct ft_err *err)
{
    if (ARRAY_RESERVE(&c->behind, &c->behind_cap, flow_count + 1u, "a position", err) != 0)
        return -1;
    c->has_read = sync_source_read(c->source, k->suspect.db, k->suspect.key, &c->value, c->behind,
                                   flow_count, err) == 0;
    return c->has_read ? 0 : -1;
}

/* 1: once more, when the capture has come as far as the value. */
static int look_at(struct sync_check *c, struct sync_candidate *k, const uint64_t *goal,
                   uint32_t flow_count, struct ft_err *err)
{
    struct ft_err own = FT_ERR_INIT;

    if (!c->has_read && read_value(c, k, flow_count, err) != 0)
        return -1;
    c->has_read = false;
    if (c->value.refused)
        return give_up(c, k, c->value.why, err);
    switch (classify(c, k, goal, flow_count, err)) {
    case VALUE_ERROR:
        return -1;
    case VALUE_LATER:
        return 0;
    case VALUE_NOT_KNOWN_YET:
        c->has_read = true;
        return 1;
    case VALUE_OF_THE_GOAL:
        break;
    }
    if (put_value(c, k, &own) == 0)
        return 0;
    if (is_of_the_value(&own))
        return give_up(c, k, own.msg, err);
    *err = own;
    return -1;
}

/*
 * A page of keys
 */

static int add_candidate(struct sync_check *c, const struct replay_suspect *suspect,
                         struct ft_err *err)
{
    struct bytes key;

    if (copy_key(suspect->key, &key, err) != 0)
        return -1;
    c->page[c->count++].suspect = (struct replay_suspect){suspect->db, key};
    return 0;
}

static int take_page(struct sync_check *c, struct ft_err *err)
{
    const struct replay_suspect *suspects;
    size_t count;

    if (c->kind->next(c->target, &suspects, &count, &c->last_page, err) != 0)
        return -1;
    drop_page(c);
    c->page = calloc(count + 1, sizeof(*c->page));
    if (c->page == NULL)
        return err_nomem(err, "suspect keys");
    for (size_t i = 0; i < count; i++) {
        if (!key_set_has(&c->given_up, suspects[i].db, suspects[i].key) &&
            add_candidate(c, &suspects[i], err) != 0)
            return -1;
    }
    c->fresh |= c->count != 0;
    return 0;
}

static int count_outcome(struct sync_check *c, const struct sync_candidate *k, struct ft_err *err)
{
    const struct suspect brought = {.db = k->suspect.db, .key = k->suspect.key};
    struct sync_checked *r = c->result;

    r->corrected += k->outcome == REPLAY_RECHECK_CORRECTED;
    r->deleted += k->outcome == REPLAY_RECHECK_DELETED;
    r->equal += k->outcome == REPLAY_RECHECK_EQUAL;
    return k->outcome == REPLAY_RECHECK_EQUAL ? 0 : suspect_add(&c->brought, &brought, err);
}

/* Those that are resolved come off the list, and count. */
static int unlist_resolved(struct sync_check *c, struct ft_err *err)
{
    struct replay_suspect *done = calloc(c->count + 1, sizeof(*done));
    size_t n = 0;
    int rc;

    if (done == NULL)
        return err_nomem(err, "suspect keys");
    for (size_t i = 0; i < c->count; i++) {
        if (c->page[i].resolved && !c->page[i].closed)
            done[n++] = c->page[i].suspect;
    }
    rc = c->kind->done(c->target, done, n, err);
    free(done);
    if (rc != 0)
        return -1;
    c->lost_ms = 0;
    for (size_t i = 0; i < c->count; i++) {
        if (c->page[i].resolved && !c->page[i].closed && count_outcome(c, &c->page[i], err) != 0)
            return -1;
        c->page[i].closed |= c->page[i].resolved;
    }
    return 0;
}

static bool is_resolved(const struct sync_check *c)
{
    for (size_t i = 0; i < c->count; i++) {
        if (!c->page[i].resolved)
            return false;
    }
    return true;
}

static int give_up_rest(struct sync_check *c, struct ft_err *err)
{
    for (size_t i = 0; i < c->count; i++) {
        if (!c->page[i].resolved &&
            give_up(c, &c->page[i], "it was changed at the source each time it was read", err) != 0)
            return -1;
    }
    return 0;
}

/* The page has been read once more. */
static enum sync_check_state end_round(struct sync_check *c, struct ft_err *err)
{
    bool more = !is_resolved(c) && ++c->rounds < ROUNDS_MAX;

    c->next = 0;
    if ((!more && give_up_rest(c, err) != 0) || unlist_resolved(c, err) != 0)
        return SYNC_CHECK_ERROR;
    if (!more) {
        drop_page(c);
        return SYNC_CHECK_ON;
    }
    disconnect(c); /* the replay closes what others have open there */
    return SYNC_CHECK_MOVED;
}

/* The end is a pass that finds nothing new; where the source makes more all the time, one of the next. */
static enum sync_check_state next_page(struct sync_check *c, struct ft_err *err)
{
    bool end = c->last_page && (!c->fresh || ++c->passes == PASSES_MAX);

    if (end) {
        drop_all(c);
        atomic_store(&c->progress->suspects, c->given_up.count);
        return SYNC_CHECK_DONE;
    }
    if (c->last_page)
        c->fresh = false;
    return take_page(c, err) == 0 ? SYNC_CHECK_ON : SYNC_CHECK_ERROR;
}

static enum sync_check_state step(struct sync_check *c, const uint64_t *goal, uint32_t flow_count,
                                  struct ft_err *err)
{
    struct sync_candidate *k;
    int rc = 0;

    if (c->target == NULL &&
        (c->kind->open(c, &c->target, err) != 0 || sync_pops_list(c, err) != 0))
        return SYNC_CHECK_ERROR;
    if (c->count == 0)
        return next_page(c, err);
    if (c->next == c->count)
        return end_round(c, err);
    k = &c->page[c->next];
    if (!k->resolved)
        rc = look_at(c, k, goal, flow_count, err);
    if (rc < 0)
        return SYNC_CHECK_ERROR;
    c->next += rc == 0;
    return SYNC_CHECK_ON;
}

/* Waits for a target that went away. */
static enum sync_check_state lose(struct sync_check *c, const struct ft_err *cause,
                                  struct ft_err *err)
{
    uint64_t now_ms = clock_mono_ms();
    char text[NOTE_SIZE];

    drop_page(c); /* what was not made safe has to be done again */
    disconnect(c);
    if (c->lost_ms == 0) {
        c->lost_ms = now_ms;
        (void)snprintf(text, sizeof(text), "suspect keys: %.500s; trying again", cause->msg);
        c->on_note(c->context, text);
    }
    c->retry_ms = now_ms + RETRY_MS;
    if (now_ms - c->lost_ms <= c->replay->give_up_ms)
        return SYNC_CHECK_ON;
    *err = *cause;
    return SYNC_CHECK_ERROR;
}

enum sync_check_state sync_check_step(struct sync_check *c, const uint64_t *goal,
                                      uint32_t flow_count, struct ft_err *err)
{
    struct ft_err cause = FT_ERR_INIT;
    enum sync_check_state state;

    if (c->lost_ms != 0 && clock_mono_ms() < c->retry_ms)
        return SYNC_CHECK_ON;
    state = step(c, goal, flow_count, &cause);
    if (state != SYNC_CHECK_ERROR)
        return state;
    if ((cause.kind == FT_ERR_NET || cause.kind == FT_ERR_TIMEOUT) && c->source->pipe != NULL)
        return lose(c, &cause, err);
    *err = cause;
    return SYNC_CHECK_ERROR;
}

/*
 * The end
 */

static const char *why_of(const struct sync_checked *known, const struct replay_suspect *suspect)
{
    for (size_t i = 0; i < known->name_count; i++) {
        if (known->names[i].db == suspect->db && bytes_eq(known->names[i].key, suspect->key))
            return known->names[i].why;
    }
    return "it became suspect after the source could be asked";
}

static int list_rest(struct sync_check *c, const struct sync_checked *known, struct ft_err *err)
{
    const struct replay_suspect *suspects;
    bool end = false;
    size_t count;

    while (!end) {
        if (c->kind->next(c->target, &suspects, &count, &end, err) != 0)
            return -1;
        for (size_t i = 0; i < count; i++) {
            if (name_unread(c->result, &suspects[i], why_of(known, &suspects[i]), err) != 0)
                return -1;
        }
    }
    return 0;
}

int sync_check_finish(struct sync_check *c, struct ft_err *err)
{
    struct sync_checked known = {.names = c->result->names, .name_count = c->result->name_count};
    int rc = 0;

    /* whatever the count says: what was listed while keys were still read is not in it for sure */
    drop_all(c);
    c->result->names = NULL;
    c->result->name_count = 0;
    if (c->kind->open(c, &c->target, err) != 0 || list_rest(c, &known, err) != 0)
        rc = -1;
    c->result->unread = atomic_load(&c->progress->suspects);
    drop_all(c);
    sync_checked_release(&known);
    return rc;
}
