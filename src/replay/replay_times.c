#include "replay/replay_times.h"

#include <stdlib.h>

#include "base/clock.h"
#include "replay/position/replay_state_store.h"
#include "replay/replay_begin.h"
#include "replay/replay_connect.h"
#include "replay/replay_input.h"
#include "replay/replay_release.h"
#include "replay/replay_setup.h"

#define NEAR_MS REPLAY_TIMES_NEAR_MS
/* Between looks at keys known by name, which may come so much nearer meanwhile. */
#define LOOK_MS  250u
#define SPARE_MS 1000
/* The window: at least this, or so many times what a walk takes. A walk takes a quarter of the time. */
#define WINDOW_MS    30000
#define WINDOW_WALKS 10u
#define REST_WALKS   3u
#define REST_MS      10000u

struct replay_times {
    struct replay_options options;
    struct replay_progress *progress;
    struct loss_report *losses;
    struct replay_held *held;
    struct replay_result result;
    struct replay replay;
    bool connected;
    struct replay_release *release;
    struct replay_held_keys near;  /* of the last walk */
    struct replay_held_keys older; /* listed by the replay until that began */
    struct replay_held_keys listed;
    bool walking;
    bool walked; /* with the window as it is */
    bool undoing, undo_walks;
    bool lost;        /* the connection, once: `given` may be wrong */
    uint64_t walk_ms; /* when it began, or when the next one is due */
    uint64_t looked_ms;
    uint64_t overdue;
};

int replay_times_new(struct replay_times **ret, const struct replay_options *options,
                     struct replay_progress *progress, struct loss_report *losses,
                     struct ft_err *err)
{
    struct replay_times *t = calloc(1, sizeof(*t));

    if (t == NULL)
        return err_nomem(err, "times to live that are given back");
    t->options = *options;
    t->options.live = NULL;
    t->options.follow = false;
    t->options.flush = false;
    t->options.from_start = false;
    t->options.at = "end";
    t->progress = progress;
    t->losses = losses;
    t->held = options->held;
    atomic_store(&t->held->window_ms, WINDOW_MS);
    *ret = t;
    return 0;
}

static void disconnect(struct replay_times *t)
{
    if (!t->connected)
        return;
    /* what a walk, or a step, that was cut short has done is not known */
    t->walked = t->walked && !t->walking;
    t->lost = true;
    replay_release_free(t->release);
    t->release = NULL;
    replay_disconnect(&t->replay);
    replay_teardown(&t->replay);
    t->overdue += t->result.overdue;
    replay_result_release(&t->result);
    t->connected = t->walking = t->undo_walks = false;
}

static int connect_target(struct replay_times *t, struct ft_err *err)
{
    struct replay *r = &t->replay;

    if (t->connected)
        return 0;
    replay_setup(r, &t->options, t->progress, t->losses, &t->result);
    t->connected = true;
    r->beside = true;
    if (replay_input_open(r, err) != 0 || replay_connect(r, err) != 0 ||
        replay_state_load(&r->set, err) != 0 || replay_release_new(&t->release, r, err) != 0)
        return -1;
    atomic_store(&t->held->ahead_ms, replay_release_ahead_ms(t->release));
    /* whoever finds the state after a crash has to defer everything again */
    return r->set.state.phase == REPLAY_PHASE_JOURNAL
               ? replay_note_deferred(r, !t->undoing, err)
               : err_set(err, FT_ERR_NET, "the target is not at the journal yet");
}

void replay_times_free(struct replay_times *t)
{
    if (t == NULL)
        return;
    atomic_store(&t->held->window_ms, 0);
    disconnect(t);
    replay_held_keys_clear(&t->near);
    replay_held_keys_clear(&t->older);
    replay_held_keys_clear(&t->listed);
    pthread_mutex_lock(&t->held->mu);
    replay_held_keys_clear(&t->held->added);
    pthread_mutex_unlock(&t->held->mu);
    free(t);
}

void replay_times_insist(struct replay_times *t)
{
    t->options.cancel_fd = -1;
    disconnect(t);
}

uint64_t replay_times_overdue(const struct replay_times *t)
{
    return t->overdue + t->result.overdue;
}

/* Moves all keys of one list to another. */
static int move_keys(struct replay_held_keys *from, struct replay_held_keys *to, struct ft_err *err)
{
    if (to->count == 0) {
        replay_held_keys_clear(to);
        *to = *from;
        *from = (struct replay_held_keys){0};
        return 0;
    }
    for (size_t i = 0; i < from->count; i++) {
        const struct replay_held_key *k = &from->keys[i];

        if (replay_held_keys_add(to, k->end_ms, k->db, k->key, err) != 0)
            return -1;
        to->keys[to->count - 1].given = k->given;
    }
    replay_held_keys_clear(from);
    return 0;
}

static int take_listed(struct replay_times *t, struct ft_err *err)
{
    int rc;

    pthread_mutex_lock(&t->held->mu);
    rc = move_keys(&t->held->added, &t->listed, err);
    pthread_mutex_unlock(&t->held->mu);
    return rc;
}

/*
 * Keys by name
 */

/* Those of a list that have to change: release, or defer again. */
static int change_some(struct replay_times *t, struct replay_held_keys *list, bool release,
                       int64_t there_ms, struct ft_err *err)
{
    struct replay_held_key *picked = calloc(list->count + 1, sizeof(*picked));
    size_t n = 0;
    int rc;

    if (picked == NULL)
        return err_nomem(err, "keys that end soon");
    for (size_t i = 0; i < list->count; i++) {
        struct replay_held_key *k = &list->keys[i];
        bool wanted = release ? !k->given && k->end_ms > there_ms + NEAR_MS + SPARE_MS
                              : k->given && (t->undoing || k->end_ms <= there_ms + NEAR_MS);

        if (!wanted)
            continue;
        picked[n++] = *k;
        k->given = release;
    }
    rc = n == 0 ? 0
                : replay_release_keys(t->release, REPLAY_WALK_RELEASE,
                                      release ? NEAR_MS : NEAR_MS + 2 * SPARE_MS, picked, n, NULL,
                                      err);
    free(picked);
    return rc < 0 ? -1 : 0;
}

static int look_at_near(struct replay_times *t, struct ft_err *err)
{
    int64_t there_ms = (int64_t)(clock_wall_us() / 1000) + atomic_load(&t->held->ahead_ms);
    struct replay_held_keys *const lists[] = {&t->near, &t->older, &t->listed};

    if (take_listed(t, err) != 0)
        return -1;
    for (size_t i = 0; i < 3; i++) {
        if (change_some(t, lists[i], false, there_ms, err) != 0 ||
            (!t->undoing && change_some(t, lists[i], true, there_ms, err) != 0))
            return -1;
    }
    t->looked_ms = clock_mono_ms();
    return 0;
}

/*
 * Walks
 */

static int begin_walk(struct replay_times *t, struct ft_err *err)
{
    if (take_listed(t, err) != 0 ||
        replay_release_begin(t->release, REPLAY_WALK_RELEASE, atomic_load(&t->held->window_ms),
                             err) != 0)
        return -1;
    t->walking = true;
    t->walk_ms = clock_mono_ms();
    return 0;
}

/* What the walk has found stands for what the one before had. What the replay listed meanwhile, or shortly before,
 * may not have been applied when the walk came to it. */
static int end_walk(struct replay_times *t, struct ft_err *err)
{
    uint64_t took_ms = clock_mono_ms() - t->walk_ms;
    int64_t window_ms = (int64_t)(WINDOW_WALKS * took_ms);

    replay_held_keys_clear(&t->near);
    t->near = replay_release_near(t->release);
    replay_held_keys_clear(&t->older);
    if (take_listed(t, err) != 0 || move_keys(&t->listed, &t->older, err) != 0)
        return -1;
    t->walking = false;
    t->walked = window_ms <= atomic_load(&t->held->window_ms);
    t->walk_ms = clock_mono_ms();
    if (t->walked)
        t->walk_ms += REST_WALKS * took_ms > REST_MS ? REST_WALKS * took_ms : REST_MS;
    else
        atomic_store(&t->held->window_ms, 2 * window_ms);
    t->looked_ms = 0;
    return 0;
}

static int step(struct replay_times *t, struct ft_err *err)
{
    uint64_t now_ms = clock_mono_ms();
    int rc;

    if (connect_target(t, err) != 0)
        return -1;
    if (now_ms - t->looked_ms >= LOOK_MS && look_at_near(t, err) != 0)
        return -1;
    if (!t->walking)
        return now_ms >= t->walk_ms && begin_walk(t, err) != 0 ? -1
                                                               : t->walked && t->looked_ms != 0;
    rc = replay_release_step(t->release, err);
    if (rc > 0)
        rc = end_walk(t, err);
    return rc < 0 ? -1 : t->walked && t->looked_ms != 0;
}

int replay_times_step(struct replay_times *t, struct ft_err *err)
{
    int rc = step(t, err);

    if (rc < 0)
        disconnect(t);
    return rc;
}

/*
 * The end
 */

/* all: also those that should have their own times. */
static int end_list(struct replay_times *t, const struct replay_held_keys *list, bool all,
                    int64_t source_ahead_ms, bool *ret_elsewhere, struct ft_err *err)
{
    struct replay_held_key *picked = calloc(list->count + 1, sizeof(*picked));
    size_t n = 0;
    int rc;

    if (picked == NULL)
        return err_nomem(err, "keys that end soon");
    for (size_t i = 0; i < list->count; i++) {
        if (all || !list->keys[i].given)
            picked[n++] = list->keys[i];
    }
    rc = replay_release_keys(t->release, REPLAY_WALK_END, source_ahead_ms, picked, n, NULL, err);
    free(picked);
    if (rc > 0)
        *ret_elsewhere = true;
    return rc < 0 ? -1 : 0;
}

/* What the replay listed may have been released before it was applied, and be deferred since. */
static int finish(struct replay_times *t, int64_t source_ahead_ms, struct ft_err *err)
{
    bool elsewhere = false;
    bool moved = true;

    if (connect_target(t, err) != 0 || take_listed(t, err) != 0)
        return -1;
    if (t->walked && t->walking) { /* what it has found so far it has deferred */
        struct replay_held_keys found = replay_release_near(t->release);
        int rc = move_keys(&found, &t->near, err);

        replay_held_keys_clear(&found);
        if (rc != 0)
            return -1;
    }
    if (t->walked && (end_list(t, &t->near, t->lost, source_ahead_ms, &elsewhere, err) != 0 ||
                      end_list(t, &t->older, true, source_ahead_ms, &elsewhere, err) != 0 ||
                      end_list(t, &t->listed, true, source_ahead_ms, &elsewhere, err) != 0 ||
                      replay_release_moved(t->release, &moved, err) != 0))
        return -1;
    if (!t->walked || elsewhere || moved)
        return replay_release_all(&t->replay, source_ahead_ms, err);
    return replay_release_done(&t->replay, err);
}

int replay_times_finish(struct replay_times *t, const int64_t *source_ahead_ms, struct ft_err *err)
{
    int64_t ahead_ms =
        source_ahead_ms != NULL ? *source_ahead_ms : -atomic_load(&t->held->source_behind_ms);
    int rc = finish(t, ahead_ms, err);

    if (rc == 0)
        replay_end_lease(&t->replay, true);
    else
        disconnect(t);
    return rc;
}

static int undo(struct replay_times *t, struct ft_err *err)
{
    int rc;

    if (connect_target(t, err) != 0 || (!t->undo_walks && look_at_near(t, err) != 0))
        return -1;
    if (!t->undo_walks) {
        t->undo_walks = true;
        return replay_release_begin(t->release, REPLAY_WALK_DEFER, 0, err);
    }
    rc = replay_release_step(t->release, err);
    if (rc > 0 && replay_state_set(&t->replay.set, "overdue", "1", err) != 0)
        return -1;
    return rc;
}

int replay_times_undo(struct replay_times *t, struct ft_err *err)
{
    int rc;

    atomic_store(&t->held->window_ms, 0);
    t->undoing = true;
    rc = undo(t, err);
    if (rc < 0)
        disconnect(t);
    return rc;
}
