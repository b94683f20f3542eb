/*
 * replay.h - an INPUT into a running Redis: `flowtape replay`.
 *
 * How it works  The snapshot goes first, its streams in parallel, entries replacing what is there; a
 *               stream is done or it is done again. The journal follows, each record exactly once:
 *               batches are executed by a script on the target which in the same atomic step
 *               writes how far they go (replay_node.h). Whatever goes wrong on the way (a lost
 *               connection, a restart of either side), there is one way to go on: connect, read the
 *               positions, go back in the journal to the lowest, leave out what is there already.
 * On the target A few keys in database 0 besides the data: see replay_state.h. --finish and --forget
 *               remove them.
 * Threads       replay_run blocks and uses threads of its own for the snapshot's streams. The progress
 *               may be read by others meanwhile.
 */
#ifndef FLOWTAPE_REPLAY_REPLAY_H
#define FLOWTAPE_REPLAY_REPLAY_H

#include "item/filter.h"
#include "item/loss.h"
#include "mapping/replay_rules.h"
#include "replay/report/replay_result.h"
#include "store/live_flows.h"
#include "wire/uri.h"

enum replay_conflict {
    REPLAY_CONFLICT_REPLACE,
    REPLAY_CONFLICT_SKIP, /* keys that were there before keep what they have, records included */
    REPLAY_CONFLICT_FAIL, /* nothing is written if there is one */
};

enum replay_pace {
    REPLAY_PACE_MAX,
    REPLAY_PACE_RECORDED,
};

struct replay_options {
    const char *input;
    uint32_t generation; /* 0: the newest complete one */
    const struct uri *target;
    const char *at; /* of --at; "end" */
    bool from_start;
    bool flush;   /* empty the target first */
    bool finish;  /* remove the positions when everything is there */
    bool forget;  /* remove the positions and do nothing else */
    bool dry_run; /* nothing is written, see replay_rehearsal.h */
    bool fail_on_loss;
    bool take_over;     /* write though another replay seems to be at work on the target */
    bool accept_errors; /* forget commands that the target refused in earlier runs */
    enum replay_conflict on_conflict;
    enum replay_ttl ttl;
    enum json_as json_as;
    struct filter filter;
    struct replay_map map;
    const char *dead_letters; /* file for refused commands; NULL: the first one stops the run */
    const char
        *only_keys; /* bring the keys that this file names, and do nothing else: replay_repair.h */
    const char *retry_dead_letters; /* send the commands of this file again, and do nothing else */
    unsigned without;   /* commands that are not to be used: RIGHTS_ of target/rights.h */
    uint64_t rate_keys; /* a second; 0: no limit */
    uint64_t rate_bytes;
    enum replay_pace pace;
    double pace_factor; /* with RECORDED: 2 is twice as fast */
    bool known_target;  /* it has been written into before: waited for when it cannot be reached */
    /* whose snapshots this run's forerunner has brought while the full sync was running: replay_early.h; 0: none */
    uint32_t early_generation;
    bool follow; /* wait for more of the capture, until cancelled */
    /* the capture runs in this process: follow it until it has ended, or its goal is applied; NULL:
     * it does not. Implies follow. */
    struct live_flows *live;
    struct live_flows *told; /* how far this replay is, unless `live` says so; NULL: nobody looks */
    struct replay_held *held; /* of a sync: see replay_deferred.h; NULL: nobody gives times back */
    uint64_t give_up_ms;      /* how long the target may be away */
    int cancel_fd;            /* readable: stop; -1: never */
    /* A line for the user; may come from any thread. */
    void (*on_note)(void *context, const char *text);
    void *context;
};

/* replay_take_without - "eval,restore": adds to *ret, see `without`; FT_ERR_USAGE. */
int replay_take_without(unsigned *ret, const char *text, struct ft_err *err);
/* replay_run_defaults - what an option has when it is not given; input and target are NULL. */
struct replay_options replay_run_defaults(void);

/*
 * replay_run - losses must be initialised. *ret is filled in any case and released by
 * replay_result_release. FT_ERR_CANCELLED: stopped by cancel_fd; the next run goes on.
 */
int replay_run(const struct replay_options *options, struct replay_progress *progress,
               struct loss_report *losses, struct replay_result *ret, struct ft_err *err);

#endif
