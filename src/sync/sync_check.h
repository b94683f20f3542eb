/*
 * sync_check.h - suspect keys, read again from the source.
 *
 * What it is   The target lists keys whose state the journal does not tell for sure. Each is read from
 *              the source while the target stands at a known position, the goal of the cut-over, and
 *              corrected where it differs.
 * When is a value that of the goal?  When the source's LSNs, asked for after the value, are the goal: then
 *              nothing was written in between. Where the source keeps running, the capture is awaited up to those LSNs, and
 *              tells whether a record from the goal to them names the key. If one does, the goal is taken
 *              anew, and the key is read again when the target is there. A key that changes each time is given up
 *              after a few rounds: it stays as the journal made it, and unread.
 * Steps        One key at a time, so that whoever runs the cut-over can renew a pause in between.
 * Errors       A target that is lost is waited for. What a key alone is about makes that key unread.
 *              The source's errors are the caller's.
 * Threads      One; no replay runs on the target during a step.
 */
#ifndef FLOWTAPE_SYNC_SYNC_CHECK_H
#define FLOWTAPE_SYNC_SYNC_CHECK_H

#include "item/key_set.h"
#include "replay/replay_pops.h"
#include "sync/check_target.h"
#include "sync/sync_source.h"

/* While keys are being read the reasons of so many that were not are kept. */
#define SYNC_REASONS_KEPT 1000u

struct sync_unread {
    uint32_t db;
    struct bytes key; /* owned */
    char *why;        /* owned */
};

struct sync_checked {
    uint64_t corrected;
    uint64_t deleted; /* the source has no such key any more */
    uint64_t equal;
    uint64_t unread;           /* set by sync_check_finish */
    struct sync_unread *names; /* all of them, when it is finished */
    size_t name_count;
};
void sync_checked_release(struct sync_checked *c);

enum sync_check_state {
    SYNC_CHECK_ERROR = -1,
    SYNC_CHECK_ON,    /* there is more */
    SYNC_CHECK_MOVED, /* the source has gone on: set a new goal, go on when the target is there */
    SYNC_CHECK_DONE,
};

struct serve_live;
struct serve_options;
struct sync_candidate;

struct sync_check {
    /* set by the owner */
    const struct check_target *kind;
    struct serve_live *live; /* of check_served, as the next; else NULL */
    const struct serve_options *serve;
    const struct replay_options *replay;
    struct replay_progress *progress;
    struct loss_report *losses;
    struct sync_source *source;
    struct sync_checked *result;
    void (*on_note)(void *context, const char *text);
    void *context;
    /* its own */
    void *target; /* of the kind; NULL: not connected */
    struct sync_candidate *page;
    size_t count;
    size_t next;
    unsigned rounds;
    unsigned passes;
    bool last_page;
    bool fresh; /* this pass has found keys that were not given up before */
    struct key_set given_up;
    struct suspect_report brought; /* the target has got the source's value of them */
    struct sync_value value;       /* of page[next], if has_read */
    uint64_t *behind;              /* per flow: the source's LSNs when it had been read */
    size_t behind_cap;
    bool has_read;
    /* sync_check_pops.h: calls that the source counted when keys were listed last, and now */
    struct replay_pops pops;
    uint64_t pops_seen;
    uint64_t pops_calls;
    bool pops_due;
    bool pops_refused;
    uint64_t lost_ms; /* since when the target is away; 0: it is there */
    uint64_t retry_ms;
};

/* sync_check_is_due - are there keys that have not been read? */
bool sync_check_is_due(const struct sync_check *c);
/* sync_check_begin - another cut-over begins: what was given up is read again. */
void sync_check_begin(struct sync_check *c);
enum sync_check_state sync_check_step(struct sync_check *c, const uint64_t *goal,
                                      uint32_t flow_count, struct ft_err *err);
/* sync_check_finish - what is on the list now was not read; fills result. */
int sync_check_finish(struct sync_check *c, struct ft_err *err);
void sync_check_release(struct sync_check *c);

#endif
