#include "replay/report/replay_checks.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/parse.h"

static const char *const outcome_names[] = {
    [REPLAY_CHECK_PASSED] = "passed",
    [REPLAY_CHECK_NOTED] = "noted",
    [REPLAY_CHECK_LOST] = "lost",
    [REPLAY_CHECK_FAILED] = "failed",
};

void replay_checks_add(struct replay_checks *c, const char *name, enum replay_check_outcome outcome,
                       const char *fmt, ...)
{
    struct replay_check *check;
    va_list ap;

    if (c->count == REPLAY_CHECKS_MAX)
        return;
    check = &c->list[c->count++];
    check->name = name;
    check->outcome = outcome;
    va_start(ap, fmt);
    (void)vsnprintf(check->text, sizeof(check->text), fmt, ap); /* a longer one is cut */
    va_end(ap);
}

int replay_checks_fail(struct replay_checks *c, const char *name, const struct ft_err *err)
{
    replay_checks_add(c, name, REPLAY_CHECK_FAILED, "%s", err->msg);
    return -1;
}

size_t replay_checks_count(const struct replay_checks *c, enum replay_check_outcome outcome)
{
    size_t count = 0;

    for (size_t i = 0; i < c->count; i++)
        count += c->list[i].outcome == outcome;
    return count;
}

static void tell_losses(struct replay_checks *c, const struct replay_report *rep, uint64_t count,
                        const char *redis)
{
    char title[TARGET_TITLE_SIZE];

    target_title(redis, title);
    if (count == 0)
        replay_checks_add(c, "losses", REPLAY_CHECK_PASSED, "%s can hold all of it", title);
    else
        replay_checks_add(c, "losses", REPLAY_CHECK_LOST,
                          "%s cannot hold %" PRIu64 " thing%s: see below; %s", title, count,
                          plural(count),
                          rep->fail_on_loss ? "they end the replay, or --on-loss skip leaves them "
                                              "out"
                                            : "they are left out");
}

int replay_checks_losses(struct replay_checks *c, struct replay_report *rep,
                         struct loss_report *found, const char *redis, bool dry_run,
                         struct ft_err *err)
{
    uint64_t count = found->losses;
    char title[TARGET_TITLE_SIZE];

    if (dry_run) {
        replay_report_losses(rep, found);
        tell_losses(c, rep, count, redis);
        return 0;
    }
    if (count == 0 || !rep->fail_on_loss) {
        replay_checks_add(c, "losses", count == 0 ? REPLAY_CHECK_PASSED : REPLAY_CHECK_NOTED,
                          "%" PRIu64 " loss%s", count, count == 1 ? "" : "es");
        return 0;
    }
    /* the first line that is a loss gives the reason: later ones do not replace it */
    for (size_t i = 0; i < found->line_count; i++) {
        const struct loss_line *line = &found->lines[i];

        if (!loss_is_note(line->reason))
            (void)err_set(err, FT_ERR_LOSS,
                          "%s: %s cannot hold %s; --on-loss skip leaves such things out; "
                          "nothing was written",
                          line->class_name, target_title(redis, title),
                          loss_reason_text(line->reason));
    }
    replay_report_losses(rep, found);
    return replay_checks_fail(c, "losses", err);
}

const char *replay_check_outcome_name(enum replay_check_outcome outcome)
{
    return outcome_names[outcome];
}
