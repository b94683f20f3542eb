#include "replay/replay_deferred.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/clock.h"
#include "replay/position/replay_state_store.h"

/* A replay that has an end is not expected to take longer. */
#define AHEAD_MS INT64_C(86400000)
/* So late a record may be without its source's clock being wrong. */
#define LATE_MS 1000
/* From this one on. */
#define FIELD_EXPIRY_RELEASE 140u

void replay_held_init(struct replay_held *h)
{
    *h = (struct replay_held){0};
    (void)pthread_mutex_init(&h->mu, NULL); /* default attributes: cannot fail on Linux */
}

void replay_held_keys_clear(struct replay_held_keys *list)
{
    for (size_t i = 0; i < list->count; i++)
        free((void *)(uintptr_t)list->keys[i].key.p);
    free(list->keys);
    *list = (struct replay_held_keys){0};
}

void replay_held_release(struct replay_held *h)
{
    replay_held_keys_clear(&h->added);
    (void)pthread_mutex_destroy(&h->mu); /* nobody holds it any more */
}

int replay_held_keys_add(struct replay_held_keys *list, int64_t end_ms, uint32_t db,
                         struct bytes key, struct ft_err *err)
{
    const char *what = "keys that end soon";
    uint8_t *copy;

    if (ARRAY_RESERVE(&list->keys, &list->capacity, list->count + 1, what, err) != 0)
        return -1;
    copy = malloc(key.n + 1);
    if (copy == NULL)
        return err_nomem(err, what);
    if (key.n != 0)
        memcpy(copy, key.p, key.n);
    list->keys[list->count++] =
        (struct replay_held_key){.end_ms = end_ms, .db = db, .key = bytes_of(copy, key.n)};
    return 0;
}

/* Those who give times back are at work, and want to know. */
static bool is_listing(const struct replay *r)
{
    return r->o->held != NULL && atomic_load(&r->o->held->window_ms) != 0;
}

bool replay_defers(const struct replay *r)
{
    return (source_can(r->source, SOURCE_HAS_JOURNAL) && !r->no_more_records) || is_listing(r);
}

/* Sources before this release do not say that a field has expired: what they say later of such a field must not
 * find it. */
bool replay_defers_fields(const struct replay *r)
{
    return r->target.kind->member_ttl &&
           (r->source->release == 0 || r->source->release >= FIELD_EXPIRY_RELEASE);
}

/* Times up to this one are deferred. */
static int64_t defer_until(const struct replay *r)
{
    int64_t now_ms = (int64_t)(clock_wall_us() / 1000);

    if (is_listing(r))
        return now_ms + atomic_load(&r->o->held->ahead_ms) + atomic_load(&r->o->held->window_ms);
    return r->follow != NULL ? INT64_MAX : now_ms + AHEAD_MS;
}

static int list_key(const struct replay *r, int64_t end_ms, uint32_t db, struct bytes key,
                    struct ft_err *err)
{
    struct replay_held *h = r->o->held;
    int rc;

    pthread_mutex_lock(&h->mu);
    rc = replay_held_keys_add(&h->added, end_ms, db, key, err);
    pthread_mutex_unlock(&h->mu);
    return rc;
}

/* What the record being put gives was yet to come at the source: its clock shows no later time. */
static void see_end(struct replay *r, int64_t end_ms)
{
    int64_t late_ms = (int64_t)(r->seen_us / 1000) - end_ms;

    if (r->o->ttl == REPLAY_TTL_KEEP && late_ms > LATE_MS && late_ms > r->source_behind_ms)
        r->source_behind_ms = late_ms;
    if (r->o->held != NULL)
        atomic_store(&r->o->held->source_behind_ms, r->source_behind_ms);
}

static int defer_times(struct replay *r, struct times_shift *shift, uint32_t db,
                       const struct bytes **args, size_t count, struct ft_err *err)
{
    struct bytes key = count > 1 ? (*args)[1] : bytes_of(NULL, 0);
    int64_t end_ms;

    if (!replay_defers(r))
        return 0;
    if (times_shift_defer(shift, *args, count, defer_until(r), replay_defers_fields(r), args,
                          &end_ms, err) != 0)
        return -1;
    if (end_ms == 0)
        return 0;
    if (r->seen_us != 0 && source_can(r->source, SOURCE_WAS_RECEIVED))
        see_end(r, end_ms);
    if (is_listing(r) && list_key(r, end_ms, db, key, err) != 0)
        return -1;
    return replay_note_deferred(r, false, err);
}

int replay_retime(struct replay *r, struct replay_mapper *mapper, struct times_shift *defer,
                  uint32_t db, const struct bytes *args, size_t count,
                  const struct bytes **ret_args, size_t *ret_count, struct ft_err *err)
{
    if (replay_mapper_times(mapper, args, count, ret_args, ret_count, err) != 0)
        return -1;
    if (*ret_count == 0 || r->o->ttl == REPLAY_TTL_DROP)
        return 0;
    return defer_times(r, defer, db, ret_args, *ret_count, err);
}

int replay_defer_moved(struct replay *r, uint32_t db, struct bytes key, struct ft_err *err)
{
    return is_listing(r) ? list_key(r, 0, db, key, err) : 0;
}

int replay_note_deferred(struct replay *r, bool released, struct ft_err *err)
{
    if (atomic_load(&r->deferred) && !released)
        return 0;
    if ((released || !replay_has_deferred(r)) &&
        replay_state_note_deferral(&r->set, released || is_listing(r), err) != 0)
        return -1;
    atomic_store(&r->deferred, true);
    return 0;
}

bool replay_gives_back_itself(const struct replay *r)
{
    return !is_listing(r);
}

bool replay_has_deferred(const struct replay *r)
{
    return r->set.state.deferred || atomic_load(&r->deferred);
}

int64_t replay_source_ahead_ms(const struct replay *r)
{
    return -r->source_behind_ms;
}
