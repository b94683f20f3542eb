#include "sync/cutover.h"

#include <stddef.h>

const char *const cutover_mode_names[] = {"manual", "pause", "takeover", NULL};

const char *cutover_state_name(enum cutover_state state)
{
    static const char *const names[] = {
        [CUTOVER_FOLLOWING] = "following", [CUTOVER_PREPARING] = "preparing",
        [CUTOVER_DRAINING] = "draining",   [CUTOVER_CHECKING] = "checking",
        [CUTOVER_HOLDING] = "holding",     [CUTOVER_ENDING] = "ending",
        [CUTOVER_OVER] = "over",
    };

    return names[state];
}

void cutover_init(struct cutover *c, enum cutover_mode mode, uint64_t hold_ms)
{
    *c = (struct cutover){.mode = mode, .by_itself = mode != CUTOVER_MANUAL, .hold_ms = hold_ms};
}

void cutover_begin_as(struct cutover *c, enum cutover_mode mode)
{
    if (c->state != CUTOVER_FOLLOWING)
        return;
    c->mode = mode;
    c->by_itself = false;
}

static enum cutover_action aim(struct cutover *c, uint64_t now_ms)
{
    c->state = CUTOVER_DRAINING;
    c->renewed_ms = now_ms;
    c->moving_ms = 0;
    return c->paused ? CUTOVER_DO_PAUSE : CUTOVER_DO_GOAL;
}

static enum cutover_action begin(struct cutover *c, uint64_t now_ms)
{
    c->confirmed = false;
    c->paused = c->mode == CUTOVER_PAUSE;
    c->unpausable = false;
    return aim(c, now_ms);
}

static enum cutover_action prepare(struct cutover *c, const struct cutover_seen *seen)
{
    c->state = CUTOVER_PREPARING;
    if (!seen->prepared || (c->by_itself && !seen->caught_up))
        return CUTOVER_DO_PREPARE;
    return begin(c, seen->now_ms);
}

static enum cutover_action follow(struct cutover *c, const struct cutover_seen *seen)
{
    if (seen->told || (c->by_itself && seen->caught_up))
        return prepare(c, seen);
    if (!seen->caught_up || c->said || c->by_itself)
        return CUTOVER_DO_NOTHING;
    c->said = true;
    return CUTOVER_DO_SAY;
}

static bool renew_is_due(struct cutover *c, uint64_t now_ms)
{
    if (!c->paused || now_ms - c->renewed_ms < CUTOVER_RENEW_MS)
        return false;
    c->renewed_ms = now_ms;
    return true;
}

/* At the goal, with nothing left to be read. */
static enum cutover_action arrive(struct cutover *c, uint64_t now_ms)
{
    if (c->mode == CUTOVER_TAKEOVER) {
        c->state = CUTOVER_ENDING;
        return CUTOVER_DO_TAKEOVER;
    }
    if (c->mode != CUTOVER_PAUSE || c->confirmed) {
        c->state = CUTOVER_OVER;
        return CUTOVER_DO_FINISH;
    }
    c->state = CUTOVER_HOLDING;
    c->hold_until_ms = c->hold_ms == 0 ? UINT64_MAX : now_ms + c->hold_ms;
    return CUTOVER_DO_HOLD;
}

/* What was stored before can be applied before the source has taken a session up again. */
static bool can_arrive(const struct cutover *c, const struct cutover_seen *seen)
{
    return c->mode != CUTOVER_TAKEOVER || seen->attached;
}

static enum cutover_action check(struct cutover *c, const struct cutover_seen *seen)
{
    if (seen->lost_goal)
        return aim(c, seen->now_ms);
    if (renew_is_due(c, seen->now_ms))
        return CUTOVER_DO_RENEW;
    if (!can_arrive(c, seen)) {
        c->state = CUTOVER_DRAINING;
        return CUTOVER_DO_NOTHING;
    }
    if (!seen->suspects)
        return seen->unproven ? CUTOVER_DO_PROVE : arrive(c, seen->now_ms);
    if (c->mode != CUTOVER_TAKEOVER || c->paused || c->unpausable)
        return CUTOVER_DO_CHECK;
    c->paused = true; /* or more might come before it hands over */
    return aim(c, seen->now_ms);
}

static enum cutover_action drain(struct cutover *c, const struct cutover_seen *seen)
{
    if (seen->lost_goal)
        return aim(c, seen->now_ms);
    if (!seen->applied || !can_arrive(c, seen))
        return renew_is_due(c, seen->now_ms) ? CUTOVER_DO_RENEW : CUTOVER_DO_NOTHING;
    c->state = CUTOVER_CHECKING;
    return check(c, seen);
}

static enum cutover_action hold(struct cutover *c, const struct cutover_seen *seen)
{
    if (seen->told) {
        c->confirmed = true;
        c->state = CUTOVER_OVER;
        return CUTOVER_DO_FINISH;
    }
    if (seen->now_ms >= c->hold_until_ms) {
        c->state = CUTOVER_FOLLOWING;
        return CUTOVER_DO_RELEASE;
    }
    if (seen->lost_goal)
        return aim(c, seen->now_ms);
    return renew_is_due(c, seen->now_ms) ? CUTOVER_DO_RENEW : CUTOVER_DO_NOTHING;
}

enum cutover_action cutover_next(struct cutover *c, const struct cutover_seen *seen)
{
    switch (c->state) {
    case CUTOVER_FOLLOWING:
        return follow(c, seen);
    case CUTOVER_PREPARING:
        return prepare(c, seen);
    case CUTOVER_DRAINING:
        return drain(c, seen);
    case CUTOVER_CHECKING:
        return check(c, seen);
    case CUTOVER_HOLDING:
        return hold(c, seen);
    case CUTOVER_ENDING:
        if (!seen->applied)
            return CUTOVER_DO_NOTHING;
        c->state = CUTOVER_OVER;
        return CUTOVER_DO_FINISH;
    case CUTOVER_OVER:
        break;
    }
    return CUTOVER_DO_NOTHING;
}

void cutover_failed(struct cutover *c)
{
    c->state = CUTOVER_FOLLOWING;
    c->by_itself = false;
    c->said = false;
    c->paused = false;
}

void cutover_not_paused(struct cutover *c)
{
    c->paused = false;
    c->unpausable = true;
}

void cutover_more(struct cutover *c)
{
    c->state = CUTOVER_DRAINING;
}

uint64_t cutover_moved(struct cutover *c, uint64_t now_ms)
{
    if (c->moving_ms == 0)
        c->moving_ms = now_ms;
    cutover_more(c);
    return c->paused ? now_ms - c->moving_ms : 0;
}

void cutover_stands(struct cutover *c)
{
    c->moving_ms = 0;
}

bool cutover_is_paused(const struct cutover *c)
{
    return c->paused && (c->state == CUTOVER_DRAINING || c->state == CUTOVER_CHECKING ||
                         c->state == CUTOVER_HOLDING);
}
