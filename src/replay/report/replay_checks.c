#include "replay/report/replay_checks.h"

#include <stdarg.h>
#include <stdio.h>

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

const char *replay_check_outcome_name(enum replay_check_outcome outcome)
{
    return outcome_names[outcome];
}
