#include "sync/sync_served.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "serve/serve.h"
#include "state/fold.h"
#include "sync/check_served.h"
#include "sync/sync_impl.h"

static void on_note(void *context, const char *text)
{
    const struct sync *s = context;

    s->o->on_note(s->o->context, text);
}

int sync_served_init(struct sync *s, struct ft_err *err)
{
    struct sync_served *v = &s->served;

    if (s->o->serve == NULL)
        return 0;
    if (serve_live_init(&v->live, s->o->live, s->o->capture.directory, err) != 0) {
        serve_live_release(&v->live);
        return -1;
    }
    s->serves = true;
    s->check.kind = &check_served;
    s->check.live = &v->live;
    s->check.serve = &v->options;
    v->options = *s->o->serve;
    v->options.input = s->o->capture.directory;
    v->options.live = &v->live;
    v->options.cancel_fd = s->replay.cancel_fd;
    v->options.on_note = on_note;
    v->options.context = s;
    return 0;
}

void sync_served_release(struct sync *s)
{
    if (s->serves)
        serve_live_release(&s->served.live);
}

/* A full sync of a large source takes hours: what its states will need is found out before. */
int sync_served_preflight(struct sync *s, struct ft_err *err)
{
    return fold_check_server(s->served.options.redis_server, s->o->cancel_fd, err);
}

int sync_served_run(struct sync *s, struct ft_err *err)
{
    return serve_run(&s->served.options, &s->progress->serve, &s->result->serve, err);
}

int sync_served_look(struct sync *s, struct ft_err *err)
{
    struct sync_served *v = &s->served;

    if (serve_live_look(&v->live, &v->seen, err) != 0)
        return -1;
    atomic_store(&s->progress->replay.suspects, serve_suspects_count(&v->live.suspects));
    return 0;
}

static bool are_enough(const struct sync *s)
{
    return s->served.seen.attached >= s->o->min_replicas;
}

bool sync_served_is_ready(const struct sync *s)
{
    return s->served.seen.ready && are_enough(s);
}

bool sync_served_has_all(const struct sync *s)
{
    return s->served.seen.acknowledged && are_enough(s);
}

bool sync_served_has_goal(const struct sync *s, bool all)
{
    enum serve_standing standing = s->served.seen.standing;

    return sync_served_has_all(s) &&
           (standing == SERVE_AT_END || (!all && standing == SERVE_AT_GOAL));
}

bool sync_served_needs_goal(const struct sync *s)
{
    return s->served.seen.standing == SERVE_AT_FLUSH;
}

static void describe(const struct sync *s, char *out, size_t size)
{
    const struct serve_seen *seen = &s->served.seen;

    if (seen->attached < s->o->min_replicas)
        (void)snprintf(out, size,
                       "%" PRIu32 " replica%s attached, %" PRIu32 " %s needed (--min-replicas)",
                       seen->attached, seen->attached == 1 ? " is" : "s are", s->o->min_replicas,
                       s->o->min_replicas == 1 ? "is" : "are");
    else if (seen->missing != 0)
        (void)snprintf(out, size,
                       "replica %s is away; \"flowtape cutover %s --without %s\" does without it",
                       seen->waits_for, s->o->capture.directory, seen->waits_for);
    else
        (void)snprintf(out, size, "replica %s does not have everything yet", seen->waits_for);
}

/* One that is there may take its time, as a slow target may. */
int sync_served_wait(struct sync *s, struct ft_err *err)
{
    struct sync_served *v = &s->served;
    uint64_t now_ms = clock_mono_ms();
    char text[SYNC_NOTE_MAX];

    if (are_enough(s) && v->seen.missing == 0) {
        v->waits_ms = 0;
        v->noted = false;
        return 0;
    }
    if (v->waits_ms == 0)
        v->waits_ms = now_ms;
    describe(s, text, sizeof(text));
    if (!v->noted)
        sync_note(s, "waiting: %s", text);
    v->noted = true;
    if (now_ms - v->waits_ms <= s->o->replay.give_up_ms)
        return 0;
    v->waits_ms = 0;
    v->noted = false;
    return err_set(err, FT_ERR_TIMEOUT, "%s", text);
}

bool sync_served_forget(struct sync *s, const char *name)
{
    struct ft_err err = FT_ERR_INIT;

    if (serve_live_forget(&s->served.live, name, &err) != 0) {
        sync_note(s, "%s", err.msg);
        return false;
    }
    sync_note(s, "replica %s is not waited for any more", name);
    return true;
}

void sync_served_say_done(struct sync *s)
{
    uint32_t n = s->served.seen.attached;

    sync_note(s,
              "%s %" PRIu32 " replica%s acknowledged everything, offset %" PRIu64
              "; now: REPLICAOF NO ONE on each of them",
              n == 1 ? "the" : "all", n, n == 1 ? " has" : "s have",
              STREAM_FIRST_OFFSET + serve_live_content(&s->served.live));
}
