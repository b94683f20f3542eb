/*
 * copy_check.h - is a target what its input says? `--check` of replay and sync.
 *
 * What it is   A comparison (diff.h) of an input at the moment that the target has reached with the target, by the rules
 *              of the replay: of all keys, or of the N that the journal touched last and N random ones of the input.
 * Beside a live stream  Comparing everything takes long, and the target has to stand still in the end. So
 *              copy_check_begin reads all of both sides while the replay goes on, at a moment that the target has passed:
 *              keys that are touched from there on may differ. copy_check_refine, also while it goes on, reads again what
 *              differed or was touched. copy_check_end, with the target at its goal, reads only what was touched since the
 *              last of these, or still differed.
 * A flush      makes all that was read before worthless: everything is read again.
 * Threads      One at a time; progress may be read by any.
 */
#ifndef FLOWTAPE_DIFF_COPY_CHECK_H
#define FLOWTAPE_DIFF_COPY_CHECK_H

#include "diff/diff_examples.h"
#include "mapping/replay_rules.h"

struct copy_check_options {
    const char *input; /* path */
    uint32_t generation;
    const struct uri *target;
    const struct filter *filter;
    const struct replay_map *map;
    enum replay_ttl ttl;
    enum json_as json_as;
    uint64_t rate_keys;       /* a second, of each server; 0: no limit */
    uint64_t sample;          /* so many of both kinds; 0: all keys */
    const char *redis_server; /* the program that applies the journal */
    bool follows;             /* the target stands still for copy_check_end alone */
    int cancel_fd;
};

/* What was compared, and what came of it. Zero: nothing was. */
struct copy_checked {
    bool done;
    uint64_t sample;
    char source_id[33]; /* of the input */
    char source_version[64];
    uint32_t generation;
    uint32_t flow_count;
    uint64_t *next_lsn;   /* of each flow: the first record that the state does not have; owned */
    int64_t began_ms;     /* by the clock */
    int64_t ended_ms;     /* likewise: keys that had ended by then do not count */
    struct buf rules;     /* as replay_saved.h has them */
    char target_kind[16]; /* "7.0" */
    unsigned target_modules;
    char target_name[300]; /* without a password; cut */
    struct diff_result result;
    struct diff_examples examples;
    struct loss_report losses; /* expected ones */
    struct diff_sums sums;     /* of those that were compared */
};

void copy_checked_init(struct copy_checked *c);
void copy_checked_release(struct copy_checked *c);
/* copy_checked_is_equal - it was made, and nothing differs. */
bool copy_checked_is_equal(const struct copy_checked *c);

struct copy_check;

/* copy_check_new - options are copied, what they point to has to stay. */
int copy_check_new(struct copy_check **ret, const struct copy_check_options *options,
                   struct ft_err *err);
/* Moments are texts as --at takes them. copy_check_begin - *progress has to stay, too. */
int copy_check_begin(struct copy_check *c, const char *at, struct diff_progress *progress,
                     struct ft_err *err);
/* copy_check_refine - ret_keys: so many had to be read. */
int copy_check_refine(struct copy_check *c, const char *at, uint64_t *ret_keys, struct ft_err *err);
/*
 * copy_check_end - ret is initialised; what it had before is dropped. brought: keys that have got the source's own value, whenever that
 * was: they are read again, and as those that the journal does not tell for sure they are not called different. NULL: none.
 * Once more when the target has got further.
 */
int copy_check_end(struct copy_check *c, const char *at, const struct suspect_report *brought,
                   struct copy_checked *ret, struct ft_err *err);
void copy_check_free(struct copy_check *c);

#endif
