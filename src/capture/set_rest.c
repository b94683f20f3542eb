#include "capture/set_rest.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "input/set_slots.h"

#define MOVED       1u /* since it was settled last */
#define MOVED_LATER 2u /* since the look that waits to be durable */

struct set_rest {
    uint32_t count;
    uint16_t owner[SLOT_COUNT]; /* as settled; SLOT_OWNER_NONE: not yet */
    uint8_t moved[SLOT_COUNT];
    struct set_moment *list; /* since the beginning, until it has begun */
    size_t list_count;
    bool begun;
    bool resumed;   /* and no look since */
    uint64_t since; /* set_rest_begin */

    /* the look before */
    bool looked;
    uint16_t seen_owner[SLOT_COUNT];
    uint64_t *seen_epoch;
    unsigned *seen_moves;
    uint64_t
        quiet_since; /* the first look from which on all were the same, and nothing was on its way */
    bool doubtful;   /* something may have moved that no look has shown */

    struct set_moment waiting; /* lsn NULL: none */
    unsigned *waiting_moves;
    bool *waiting_idle;
    struct set_moment written; /* what was returned last */

    struct cluster_calm calm;
    uint64_t *calm_lsn; /* NULL: none yet */
    bool *crossed;      /* [from * count + to]: since then slots went from one to the other */
    bool *was_idle;
};

int set_rest_new(struct set_rest **ret, uint32_t node_count, struct ft_err *err)
{
    struct set_rest *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return err_nomem(err, "the slots of a set");
    s->count = node_count;
    s->seen_epoch = calloc(node_count, sizeof(*s->seen_epoch));
    s->seen_moves = calloc(node_count, sizeof(*s->seen_moves));
    s->waiting_moves = calloc(node_count, sizeof(*s->waiting_moves));
    s->waiting_idle = calloc(node_count, sizeof(*s->waiting_idle));
    s->was_idle = calloc(node_count, sizeof(*s->was_idle));
    s->crossed = calloc((size_t)node_count * node_count, sizeof(*s->crossed));
    if (s->seen_epoch == NULL || s->seen_moves == NULL || s->waiting_moves == NULL ||
        s->waiting_idle == NULL || s->was_idle == NULL || s->crossed == NULL) {
        set_rest_free(s);
        return err_nomem(err, "the slots of a set");
    }
    set_rest_begin(s, 0);
    *ret = s;
    return 0;
}

static void clear_list(struct set_rest *s)
{
    for (size_t i = 0; i < s->list_count; i++)
        set_moment_release(&s->list[i]);
    s->list_count = 0;
}

void set_rest_free(struct set_rest *s)
{
    if (s == NULL)
        return;
    clear_list(s);
    free(s->list);
    set_moment_release(&s->waiting);
    set_moment_release(&s->written);
    free(s->seen_epoch);
    free(s->seen_moves);
    free(s->waiting_moves);
    free(s->waiting_idle);
    free(s->was_idle);
    free(s->calm_lsn);
    free(s->crossed);
    free(s);
}

static void forget_crossings(struct set_rest *s)
{
    memset(s->crossed, 0, (size_t)s->count * s->count * sizeof(*s->crossed));
}

void set_rest_begin(struct set_rest *s, uint64_t since)
{
    clear_list(s);
    set_moment_release(&s->waiting);
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
        s->owner[slot] = SLOT_OWNER_NONE;
        s->moved[slot] = MOVED;
    }
    s->begun = false;
    s->resumed = false;
    s->since = since;
    free(s->calm_lsn);
    s->calm_lsn = NULL;
    forget_crossings(s);
}

int set_rest_resume(struct set_rest *s, const struct set_generation *g, struct ft_err *err)
{
    const struct set_moment *last = &g->moments[g->moment_count - 1];

    set_rest_begin(s, 0);
    s->calm_lsn = calloc(s->count, sizeof(*s->calm_lsn));
    if (s->calm_lsn == NULL)
        return err_nomem(err, "the LSNs of a set");
    memcpy(s->calm_lsn, last->from != NULL ? last->from : last->lsn,
           s->count * sizeof(*s->calm_lsn));
    for (uint32_t i = 0; i < s->count; i++)
        s->was_idle[i] = last->lsn[i] == CAPTURE_SET_IDLE_LSN;
    for (size_t i = 0; i < g->moment_count; i++) {
        const struct set_moment *one = &g->moments[i];

        for (size_t k = 0; k < one->slots_count; k++) {
            for (uint32_t slot = one->slots[k].first; slot <= one->slots[k].last; slot++)
                s->owner[slot] = one->slots[k].node;
        }
    }
    /* who has moved while nobody looked is not known, so all slots are settled again */
    memcpy(s->seen_owner, s->owner, sizeof(s->owner));
    memcpy(s->seen_epoch, last->epoch, s->count * sizeof(*s->seen_epoch));
    s->looked = true;
    s->resumed = true;
    s->begun = true;
    return 0;
}

bool set_rest_has_begun(const struct set_rest *s)
{
    return s->begun;
}

const struct set_moment *set_rest_list(const struct set_rest *s, size_t *ret_count)
{
    *ret_count = s->list_count;
    return s->list;
}

const uint16_t *set_rest_owners(const struct set_rest *s)
{
    return s->owner;
}

const uint64_t *set_rest_last_calm(const struct set_rest *s)
{
    return s->begun ? s->calm_lsn : NULL;
}

struct cluster_calm set_rest_calm(const struct set_rest *s)
{
    return s->calm;
}

/*
 * A look
 */

/* A slot that goes and comes back between two looks leaves an epoch, or what was imported. */
void set_rest_see(struct set_rest *s, const struct cluster_look *look, bool imported)
{
    uint8_t flag = s->waiting.lsn == NULL ? MOVED : MOVED_LATER;
    bool any = imported;

    for (uint32_t i = 0; s->looked && i < s->count; i++)
        any = any || (look->epoch[i] != s->seen_epoch[i] && look->moves[i] == s->seen_moves[i]);
    s->doubtful = s->doubtful || any;
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
        bool moves = look->owner[slot] == SLOT_OWNER_NONE ||
                     (s->looked && look->owner[slot] != s->seen_owner[slot]);

        any = any || moves;
        s->moved[slot] |= moves ? flag : 0;
    }
    if (any || !s->looked || s->quiet_since == 0)
        s->quiet_since = look->number;
    memcpy(s->seen_owner, look->owner, sizeof(s->seen_owner));
    memcpy(s->seen_epoch, look->epoch, s->count * sizeof(*s->seen_epoch));
    memcpy(s->seen_moves, look->moves, s->count * sizeof(*s->seen_moves));
    s->looked = true;
}

/* Slots of which there is something to be settled, and which are at rest. */
static int take_news(struct set_rest *s, const struct cluster_look *look, struct set_slots **ret,
                     size_t *ret_count, struct ft_err *err)
{
    uint16_t *news = calloc(SLOT_COUNT, sizeof(*news));
    int rc;

    if (news == NULL)
        return err_nomem(err, "the slots of a set");
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++)
        news[slot] = s->moved[slot] != 0 ? look->owner[slot] : SLOT_OWNER_NONE;
    rc = set_slots_ranges(news, ret, ret_count, err);
    free(news);
    return rc;
}

static bool is_calm(const struct set_rest *s)
{
    if (!s->begun || s->waiting.lsn != NULL)
        return false;
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
        if (s->moved[slot] != 0)
            return false;
    }
    return true;
}

static int keep_calm(struct set_rest *s, const struct cluster_look *look, struct ft_err *err)
{
    if (s->calm_lsn == NULL) {
        s->calm_lsn = calloc(s->count, sizeof(*s->calm_lsn));
        if (s->calm_lsn == NULL)
            return err_nomem(err, "the LSNs of a set");
    }
    memcpy(s->calm_lsn, look->lsn, s->count * sizeof(*s->calm_lsn));
    s->calm.calm = look->number;
    forget_crossings(s);
    return 0;
}

/* Before these LSNs none of the slots was on its way; NULL: none was at all. */
static const uint64_t *moved_from(const struct set_rest *s, bool same, const uint64_t *nothing)
{
    if (!s->begun)
        return s->quiet_since <= s->since ? NULL : nothing;
    if (same)
        return NULL;
    return s->calm_lsn != NULL ? s->calm_lsn : nothing;
}

/* Is everything as it was when the generation was left? */
static bool is_same(const struct set_rest *s, const struct cluster_look *look, bool imported)
{
    return s->resumed && !imported && memcmp(s->owner, look->owner, sizeof(s->owner)) == 0 &&
           memcmp(s->seen_epoch, look->epoch, s->count * sizeof(*s->seen_epoch)) == 0;
}

static int begin_waiting(struct set_rest *s, const struct cluster_look *look, bool same,
                         struct ft_err *err)
{
    struct set_moment one = {.lsn = look->lsn, .epoch = look->epoch};
    uint64_t *nothing = calloc(s->count, sizeof(*nothing));
    int rc = nothing == NULL ? err_nomem(err, "the LSNs of a set")
                             : take_news(s, look, &one.slots, &one.slots_count, err);

    one.from = (uint64_t *)moved_from(s, same, nothing); /* only to be copied */
    if (rc == 0 && one.slots_count != 0)
        rc = set_moment_copy(&s->waiting, &one, s->count, err);
    for (uint32_t i = 0; rc == 0 && one.slots_count != 0 && i < s->count; i++) {
        s->waiting_moves[i] = look->moves[i];
        s->waiting_idle[i] = look->lsn[i] == 0;
        if (s->waiting_idle[i])
            s->waiting.lsn[i] = CAPTURE_SET_IDLE_LSN;
    }
    free(one.slots);
    free(nothing);
    return rc;
}

int set_rest_look(struct set_rest *s, const struct cluster_look *look, bool imported,
                  struct ft_err *err)
{
    bool same = is_same(s, look, imported);

    set_rest_see(s, look, imported);
    s->resumed = false;
    if (is_calm(s) && !s->doubtful)
        return keep_calm(s, look, err);
    s->calm.restless = look->number;
    if (is_calm(s)) {
        memset(s->moved, MOVED, sizeof(s->moved));
        s->doubtful = false;
    }
    return s->waiting.lsn != NULL ? 0 : begin_waiting(s, look, same, err);
}

/*
 * What becomes of it
 */

static bool is_durable(const struct set_rest *s, const uint64_t *durable)
{
    for (uint32_t i = 0; i < s->count; i++) {
        if (!s->waiting_idle[i] && durable[i] < s->waiting.lsn[i])
            return false;
    }
    return true;
}

static void move_flags(struct set_rest *s)
{
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++)
        s->moved[slot] = s->moved[slot] != 0 ? MOVED : 0;
}

/* Can one get from a node to itself, along the ways that slots went? */
static bool is_crossed(const struct set_rest *s)
{
    uint32_t n = s->count;
    bool *reach = malloc((size_t)n * n * sizeof(*reach));
    bool found = reach == NULL; /* if it cannot be told */

    if (reach != NULL)
        memcpy(reach, s->crossed, (size_t)n * n * sizeof(*reach));
    for (uint32_t via = 0; reach != NULL && via < n; via++) {
        for (uint32_t from = 0; from < n; from++) {
            for (uint32_t to = 0; reach[from * n + via] && to < n; to++)
                reach[from * n + to] = reach[from * n + to] || reach[via * n + to];
        }
    }
    for (uint32_t i = 0; reach != NULL && i < n; i++)
        found = found || reach[i * n + i];
    free(reach);
    return found;
}

static void take_owners(struct set_rest *s)
{
    for (size_t k = 0; k < s->waiting.slots_count; k++) {
        const struct set_slots *row = &s->waiting.slots[k];

        for (uint32_t slot = row->first; slot <= row->last; slot++) {
            if (s->begun && s->owner[slot] != SLOT_OWNER_NONE && s->owner[slot] != row->node)
                s->crossed[(size_t)s->owner[slot] * s->count + row->node] = true;
            s->owner[slot] = row->node;
            s->moved[slot] &= MOVED_LATER;
        }
    }
    move_flags(s);
}

static bool has_all_owners(const struct set_rest *s)
{
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
        if (s->owner[slot] == SLOT_OWNER_NONE)
            return false;
    }
    return true;
}

static bool has_slots(const struct set_rest *s, uint32_t node)
{
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
        if (s->owner[slot] == node)
            return true;
    }
    return false;
}

/* What a node that has become idle had not sent yet nobody gets any more; without slots it had nothing to say. */
static bool has_lost_any(const struct set_rest *s)
{
    bool found = false;

    for (uint32_t i = 0; s->begun && i < s->count; i++)
        found = found || (s->waiting_idle[i] && !s->was_idle[i] && has_slots(s, i));
    return found;
}

/* All that an idle node has is from before its moments: what comes when it is back needs others. */
static bool has_come_back(const struct set_rest *s)
{
    bool found = false;

    for (uint32_t i = 0; i < s->count; i++)
        found = found || (s->was_idle[i] && !s->waiting_idle[i]);
    return found;
}

enum set_rest_step set_rest_next(struct set_rest *s, const uint64_t *durable, const unsigned *moves,
                                 const struct set_moment **ret, struct ft_err *err)
{
    bool over;
    bool back;

    if (s->waiting.lsn == NULL)
        return SET_REST_NOTHING;
    if (memcmp(moves, s->waiting_moves, s->count * sizeof(*moves)) != 0) {
        set_moment_release(&s->waiting); /* of a stream that may have ended before that */
        move_flags(s);
        return SET_REST_NOTHING;
    }
    if (!is_durable(s, durable))
        return SET_REST_NOTHING;
    over = has_lost_any(s);
    back = has_come_back(s);
    memcpy(s->was_idle, s->waiting_idle, s->count * sizeof(*s->was_idle));
    take_owners(s);
    if (over || back || is_crossed(s)) {
        bool begun = s->begun;

        set_rest_begin(s, 0);
        return begun ? SET_REST_AGAIN : SET_REST_NOTHING;
    }
    if (s->begun) {
        set_moment_release(&s->written);
        s->written = s->waiting;
        s->waiting = (struct set_moment){0};
        *ret = &s->written;
        return SET_REST_WRITE;
    }
    if (ARRAY_ADD_ROOM(&s->list, s->list_count, "the slots of a set", err) != 0)
        return SET_REST_ERROR;
    s->list[s->list_count++] = s->waiting;
    s->waiting = (struct set_moment){0};
    s->begun = has_all_owners(s);
    return s->begun ? SET_REST_BEGUN : SET_REST_NOTHING;
}
