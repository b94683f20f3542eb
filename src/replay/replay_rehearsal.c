#include "replay/replay_rehearsal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "replay/position/replay_claims.h"
#include "replay/position/replay_state_store.h"
#include "replay/replay_begin.h"
#include "replay/replay_connect.h"
#include "replay/replay_impl.h"
#include "replay/replay_input.h"
#include "replay/replay_outlook.h"
#include "replay/replay_setup.h"
#include "replay/replay_survey.h"

/* A target that cannot be reached is what was seen; that the user has stopped is not. */
static int connect_to(struct replay_rehearsal *ret, struct replay *r, bool *ret_there,
                      struct ft_err *err)
{
    struct ft_err why = FT_ERR_INIT;
    int rc = replay_connect(r, &why);

    *ret_there = rc == 0;
    ret->target_version = r->target.version;
    ret->masters = r->target.node_count;
    ret->cluster = r->target.cluster;
    if (rc == 0 || why.kind != FT_ERR_CANCELLED) {
        if (rc != 0)
            (void)replay_checks_fail(&ret->checks, "target", &why);
        return 0;
    }
    *err = why;
    return -1;
}

static void look_at_lease(struct replay_rehearsal *ret, struct replay *r)
{
    struct ft_err why = FT_ERR_INIT;

    if (replay_take_lease(r, &why) != 0)
        (void)replay_checks_fail(&ret->checks, "writer", &why);
    else
        replay_checks_add(&ret->checks, "writer", REPLAY_CHECK_PASSED,
                          r->o->take_over ? "it would be this one (--take-over)"
                                          : "no other replay is at work");
}

/* Would it begin, or resume? */
static void look_at_state(struct replay_rehearsal *ret, struct replay *r)
{
    struct ft_err why = FT_ERR_INIT;
    bool begins;

    if (replay_claims_check(&r->set, &why) != 0 || replay_state_load(&r->set, &why) != 0) {
        (void)replay_checks_fail(&ret->checks, "replay", &why);
        return;
    }
    begins = r->set.state.phase <= REPLAY_PHASE_ENDING || r->o->flush;
    ret->resumes = !begins && !r->o->from_start;
    if (!begins && (ret->resumes ? replay_check_resumed(r, &why)
                                 : replay_state_check_owner(&r->set, &why)) != 0)
        (void)replay_checks_fail(&ret->checks, "replay", &why);
    else
        replay_checks_add(&ret->checks, "replay", REPLAY_CHECK_PASSED, "%s",
                          ret->resumes ? (r->set.state.phase == REPLAY_PHASE_JOURNAL
                                              ? "it resumes in the journal"
                                              : "it resumes in the snapshot")
                          : begins     ? "it begins: none is there"
                                       : "it begins again (--from-start)");
    replay_set_shift(r);
}

static void look_at_disk(struct replay_rehearsal *ret)
{
    const char *directory = getenv("TMPDIR");

    replay_outlook_disk(&ret->checks, directory == NULL || *directory == '\0' ? "/tmp" : directory,
                        "temporary files", 0);
}

static int look(struct replay_rehearsal *ret, struct replay *r, struct ft_err *err)
{
    struct replay_load load = {
        .source_memory = r->source->info.used_mem,
        .rate_keys = r->o->rate_keys,
        .rate_bytes = r->o->rate_bytes,
        .flush = r->o->flush,
    };
    uint64_t began_ms;
    struct replay_survey survey;
    int rc;

    if (replay_outlook_target(&ret->checks, &r->target, err) != 0)
        return -1;
    look_at_lease(ret, r);
    look_at_state(ret, r);
    began_ms = clock_mono_ms();
    rc = replay_preflight_survey(&ret->checks, &survey, r, err);
    load.read_ms = clock_mono_ms() - began_ms;
    ret->keys = load.keys = survey.keys;
    ret->records = load.records = survey.records;
    ret->bytes = load.bytes = survey.bytes;
    if (rc == 0 && (rc = replay_outlook_memory(&ret->checks, &r->target, &load, err)) == 0 &&
        (rc = replay_outlook_clocks(&ret->checks, &r->target, err)) == 0) {
        look_at_disk(ret);
        rc = replay_outlook_time(&ret->checks, &ret->estimated_ms, &r->target, &load, err);
    }
    replay_survey_release(&survey);
    return rc;
}

static void begin(struct replay *r, struct replay_options *o, struct replay_progress *progress,
                  struct loss_report *losses, struct replay_result *result)
{
    o->dry_run = true;
    replay_setup(r, o, progress, losses, result);
}

static void end(struct replay *r, struct replay_result *result)
{
    replay_disconnect(r);
    replay_teardown(r);
    replay_result_release(result);
}

int replay_rehearse(struct replay_rehearsal *ret, const struct replay_options *options,
                    struct loss_report *losses, struct ft_err *err)
{
    struct replay_options o = *options;
    struct replay_progress progress = {0};
    struct replay_result result;
    struct replay r;
    bool there = false;
    int rc;

    *ret = (struct replay_rehearsal){0};
    begin(&r, &o, &progress, losses, &result);
    rc = replay_input_open(&r, err);
    if (rc == 0)
        rc = connect_to(ret, &r, &there, err);
    if (rc == 0 && there)
        rc = look(ret, &r, err);
    end(&r, &result);
    return rc;
}

static int look_before_input(struct replay_rehearsal *ret, struct replay *r,
                             const struct replay_expected *expected, struct ft_err *err)
{
    const struct replay_load load = {
        .keys = expected->keys,
        .bytes = expected->used_memory,
        .source_memory = expected->used_memory,
        .rate_keys = r->o->rate_keys,
        .rate_bytes = r->o->rate_bytes,
        .flush = r->o->flush,
    };

    if (replay_outlook_target(&ret->checks, &r->target, err) != 0)
        return -1;
    look_at_lease(ret, r);
    if (replay_preflight_look(&ret->checks, r, expected, err) != 0)
        return -1;
    ret->resumes = r->set.state.phase > REPLAY_PHASE_ENDING && !r->o->flush;
    if (replay_outlook_memory(&ret->checks, &r->target, &load, err) != 0 ||
        replay_outlook_clocks(&ret->checks, &r->target, err) != 0)
        return -1;
    return expected->keys == 0
               ? 0
               : replay_outlook_time(&ret->checks, &ret->estimated_ms, &r->target, &load, err);
}

int replay_rehearse_target(struct replay_rehearsal *ret, const struct replay_options *options,
                           const struct replay_expected *expected, struct ft_err *err)
{
    struct replay_options o = *options;
    struct replay_progress progress = {0};
    struct replay_result result;
    struct loss_report losses;
    struct replay r;
    bool there;
    int rc;

    loss_init(&losses);
    begin(&r, &o, &progress, &losses, &result);
    if (expected->capture != NULL)
        replay_position_set_name(&r.set, expected->capture);
    rc = connect_to(ret, &r, &there, err);
    if (rc == 0 && there)
        rc = look_before_input(ret, &r, expected, err);
    end(&r, &result);
    loss_release(&losses);
    return rc;
}
