/*
 * copy_check.h - at the end of a replay: is the target what the input says? `--check all`.
 *
 * What it is   A comparison as flowtape diff makes it (diff/diff.h), of the input at the state that was asked for with the
 *              target, by the rules of the replay.
 * Threads      copy_check_run in any; copy_check_show may be called meanwhile.
 */
#ifndef FLOWTAPE_CMD_COPY_CHECK_H
#define FLOWTAPE_CMD_COPY_CHECK_H

#include <stdatomic.h>

#include "cmd/diff_print.h"
#include "cmd/ui.h"
#include "replay/replay.h"

struct copy_check {
    atomic_bool begun;
    bool done;
    struct diff_args args;
    struct diff_progress progress;
    struct diff_result result;
    struct diff_examples examples;
    struct loss_report losses; /* expected ones */
};

void copy_check_init(struct copy_check *c);
/* copy_check_run - after a replay with these options was complete. */
int copy_check_run(struct copy_check *c, const struct replay_options *o, struct ft_err *err);
void copy_check_show(struct progress *p, const struct copy_check *c);
/* copy_check_is_equal - made, and nothing differs. */
bool copy_check_is_equal(const struct copy_check *c);
/* copy_check_print - on standard output. copy_check_to_json - NULL: out of memory; null: it was not made. */
void copy_check_print(const struct copy_check *c);
json_t *copy_check_to_json(const struct copy_check *c);
void copy_check_release(struct copy_check *c);

#endif
