/*
 * cutover.h - when to do what in a cut-over: decisions only.
 *
 * What it is   A machine that is shown what is seen (struct cutover_seen) and says what to do next.
 *              Who runs it carries the action out and shows it what is seen then; an action that
 *              failed is told by cutover_failed.
 * Modes        manual: when told, the LSNs that the source has then become the goal; done when they
 *              are applied. pause: the same, with the source's writes paused before its LSNs are
 *              asked for; then held, the pause renewed, until confirmed or the time limit is reached.
 *              takeover: as manual; then, while it has a session to hand over to, the source stops for good by
 *              itself once everything is acknowledged, and what is left is applied.
 * Times        Before all that the keys' times to live are prepared (sync_times.h), while the source keeps running.
 * Suspects     Where there are suspect keys they are read again at the goal (sync_check.h), before it
 *              is held or done. For that a takeover pauses the source, if it can be.
 * Proof        With --check the target is compared with the capture (sync_proof.h): most of it in the preparation, the
 *              rest at the goal, when suspect keys are right. That is done once: a goal that moves after that, as keys end by their
 *              time, is not waited for again.
 * Threads      None.
 */
#ifndef FLOWTAPE_SYNC_CUTOVER_H
#define FLOWTAPE_SYNC_CUTOVER_H

#include <stdbool.h>
#include <stdint.h>

enum cutover_mode {
    CUTOVER_MANUAL,
    CUTOVER_PAUSE,
    CUTOVER_TAKEOVER,
};
/* cutover_mode_names - in the order of the modes; NULL ends them. */
extern const char *const cutover_mode_names[];

/* A pause of the source ends by itself after this time, and is renewed that often. */
#define CUTOVER_PAUSE_MS 10000u
#define CUTOVER_RENEW_MS 2500u
/* Confirmed: so long the source stays paused, for whoever stops it. */
#define CUTOVER_LAST_PAUSE_MS 60000u

enum cutover_state {
    CUTOVER_FOLLOWING,
    CUTOVER_PREPARING, /* times to live are given back, as far as they can be now */
    CUTOVER_DRAINING,  /* the goal is known */
    CUTOVER_CHECKING,  /* applied; suspect keys are being read */
    CUTOVER_HOLDING,   /* applied, the source is paused */
    CUTOVER_ENDING,    /* taken over: the rest is being applied */
    CUTOVER_OVER,
};

enum cutover_action {
    CUTOVER_DO_NOTHING,
    CUTOVER_DO_SAY,      /* that it has caught up, and how to begin */
    CUTOVER_DO_PREPARE,  /* one more step of giving times back */
    CUTOVER_DO_PAUSE,    /* pause the source, then as GOAL */
    CUTOVER_DO_GOAL,     /* ask the source for its LSNs; they are the goal */
    CUTOVER_DO_RENEW,    /* renew the pause */
    CUTOVER_DO_CHECK,    /* one more step of reading suspect keys */
    CUTOVER_DO_PROVE,    /* one more step of comparing the target with the capture */
    CUTOVER_DO_HOLD,     /* tell that all is there and is waiting for confirmation */
    CUTOVER_DO_FINISH,   /* it is done */
    CUTOVER_DO_RELEASE,  /* not confirmed: unpause; then follow again, or end if begun by itself */
    CUTOVER_DO_TAKEOVER, /* unpause if paused, DFLY TAKEOVER */
};

struct cutover {
    enum cutover_mode mode;
    enum cutover_state state;
    bool by_itself;   /* begin as soon as it has caught up */
    uint64_t hold_ms; /* 0: for ever */
    bool paused;      /* as far as is known */
    bool unpausable;  /* the source takes no pause */
    bool confirmed;
    bool said;
    uint64_t renewed_ms;
    uint64_t hold_until_ms;
    uint64_t moving_ms; /* since when the source has gone further at each look; 0: it has not */
};

struct cutover_seen {
    uint64_t now_ms;
    bool caught_up;
    bool prepared;  /* times are given back but those of keys that end soon; most is compared */
    bool told;      /* to begin, or, while it holds, to confirm */
    bool applied;   /* the goal, or after a takeover everything */
    bool attached;  /* the source has a session in stable sync, which it can hand over to */
    bool lost_goal; /* its generation is over */
    bool suspects;  /* there are some that have not been read */
    bool unproven;  /* the target has not been compared since the cut-over began */
};

/* cutover_state_name - in one word. */
const char *cutover_state_name(enum cutover_state state);
/* cutover_init - pause and takeover begin by themselves. */
void cutover_init(struct cutover *c, enum cutover_mode mode, uint64_t hold_ms);
/* cutover_begin_as - told to begin, in this mode; it will not end the run if it comes to nothing. */
void cutover_begin_as(struct cutover *c, enum cutover_mode mode);
enum cutover_action cutover_next(struct cutover *c, const struct cutover_seen *seen);
/* cutover_failed - the action just given could not be executed: follow on, wait to be told. */
void cutover_failed(struct cutover *c);
/* cutover_not_paused - the source does not take a pause, and it can be done without. */
void cutover_not_paused(struct cutover *c);
/* cutover_more - at the goal there is more to be done. */
void cutover_more(struct cutover *c);
/*
 * cutover_moved - the source has gone further than the goal that was applied: there is another. Returns for how long it has
 * done so although it is paused, in ms. cutover_stands - it has not.
 */
uint64_t cutover_moved(struct cutover *c, uint64_t now_ms);
void cutover_stands(struct cutover *c);
/* cutover_is_paused - has the source to be unpaused if the run ends now? */
bool cutover_is_paused(const struct cutover *c);

#endif
