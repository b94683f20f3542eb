#include "replay/replay_preflight.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "replay/position/replay_claims.h"
#include "replay/position/replay_state_store.h"
#include "replay/replay_conflicts.h"
#include "replay/replay_connect.h"
#include "replay/replay_content.h"
#include "replay/replay_rights.h"
#include "replay/replay_setup.h"
#include "replay/replay_survey.h"

/* What the checks are made with. */
struct look {
    struct replay_checks *ret;
    struct replay *r;
    struct replay_survey *survey;
    const struct replay_expected *expected; /* of a sync */
    bool surveyed;                          /* it is known what the input asks of the target */
    bool fresh;                             /* no replay of this capture has begun */
    bool empty;                             /* nothing is on the target, or nothing will be */
};

typedef int step_fn(struct look *l, struct ft_err *err);

/* A rehearsal makes the checks after one that failed, too; but not if it could not find out. */
static int run_steps(struct look *l, step_fn *const *steps, size_t count, struct ft_err *err)
{
    for (size_t i = 0; i < count; i++) {
        size_t failed = replay_checks_count(l->ret, REPLAY_CHECK_FAILED);

        if (steps[i](l, err) == 0)
            continue;
        if (!l->r->o->dry_run || replay_checks_count(l->ret, REPLAY_CHECK_FAILED) == failed)
            return -1;
        err_clear(err);
    }
    return 0;
}

static void note(struct replay_checks *p, struct replay *r, const char *name, const char *text)
{
    replay_checks_add(p, name, REPLAY_CHECK_NOTED, "%s", text);
    replay_report_note(&r->report, "%s", text);
}

/*
 * Checks
 */

static int check_permissions(struct look *l, struct ft_err *err)
{
    struct replay_checks *p = l->ret;
    struct replay *r = l->r;

    if (replay_check_rights(r, err) != 0)
        return replay_checks_fail(p, "permissions", err);
    replay_checks_add(p, "permissions", REPLAY_CHECK_PASSED,
                      r->rights.no_mset || r->rights.no_flush || r->rights.no_unlink
                          ? "the user may run what is needed; other commands take the place of some"
                          : "the user may run what is needed");
    return 0;
}

/* While a capture grows, nobody knows what it will touch. */
static int check_content(struct replay_checks *p, struct replay *r, bool follows, bool *ret_empty,
                         struct ft_err *err)
{
    *ret_empty = true;
    if (r->o->flush) {
        replay_checks_add(p, "content", REPLAY_CHECK_PASSED, "the target is going to be emptied");
        return 0;
    }
    if (replay_content_is_empty(r, ret_empty, err) != 0)
        return replay_checks_fail(p, "content", err);
    if (!*ret_empty && follows) {
        (void)replay_content_refuse(r, err);
        return replay_checks_fail(p, "content", err);
    }
    replay_checks_add(p, "content", REPLAY_CHECK_PASSED, "the target %s%s",
                      !*ret_empty     ? "has keys"
                      : r->set.shared ? "has no keys"
                                      : "is empty",
                      r->set.shared ? " among those that are claimed" : "");
    return 0;
}

static int too_few(uint32_t db, struct ft_err *err)
{
    return err_set(err, FT_ERR_STATE,
                   "there are keys for database %" PRIu32 ", and the target has fewer databases "
                   "(databases in its configuration); --db-map puts them elsewhere; nothing was "
                   "written",
                   db);
}

/* db: the highest that is needed. */
static int check_databases(struct replay_checks *p, struct replay *r, uint32_t db,
                           struct ft_err *err)
{
    bool there = true;

    if (db != 0 && !r->target.cluster &&
        target_node_has_db(&r->target.nodes[0], db, &there, err) != 0)
        return replay_checks_fail(p, "databases", err);
    if (!there) {
        (void)too_few(db, err);
        return replay_checks_fail(p, "databases", err);
    }
    replay_checks_add(p, "databases", REPLAY_CHECK_PASSED, "the target has database %" PRIu32, db);
    return 0;
}

/* Keys that are replaced are of interest before, not when it happens. */
static int count_replaced(struct look *l, struct ft_err *err)
{
    struct replay *r = l->r;
    size_t count;

    if (replay_find_kept(r, err) != 0)
        return -1;
    count = r->kept.count;
    key_set_release(&r->kept);
    replay_checks_add(l->ret, "conflicts", count == 0 ? REPLAY_CHECK_PASSED : REPLAY_CHECK_NOTED,
                      count == 0 ? "no key of the input is on the target"
                                 : "keys of the input that the target has already: %zu; they are "
                                   "replaced (--on-conflict skip or fail)",
                      count);
    return 0;
}

static int check_conflicts(struct look *l, struct ft_err *err)
{
    struct replay *r = l->r;

    if (!l->fresh)
        return replay_load_kept(r, err);
    if (l->empty)
        return 0;
    if (r->o->on_conflict == REPLAY_CONFLICT_REPLACE)
        return r->o->dry_run ? count_replaced(l, err) : 0;
    if (replay_find_kept(r, err) != 0)
        return err->kind == FT_ERR_LOSS || !r->o->dry_run
                   ? replay_checks_fail(l->ret, "conflicts", err)
                   : -1;
    replay_checks_add(l->ret, "conflicts", REPLAY_CHECK_PASSED,
                      "keys of the input that the target has already: %zu", r->kept.count);
    return 0;
}

/* {library_name, name, ...}: is it one of the input's? */
static bool is_expected(const struct replay_survey *s, const redisReply *library)
{
    if (library->type != REDIS_REPLY_ARRAY || library->elements < 2 ||
        library->element[1]->type != REDIS_REPLY_STRING)
        return false;
    for (size_t i = 0; i < s->library_count; i++) {
        if (strcmp(s->libraries[i], library->element[1]->str) == 0)
            return true;
    }
    return false;
}

static int check_node_functions(struct look *l, struct target_node *node, struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("FUNCTION"), bytes_str("LIST")};
    redisReply *reply;
    int rc = 0;

    if (target_node_ask(node, &reply, args, 2, err) != 0)
        return -1;
    for (size_t i = 0; rc == 0 && reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
        if (is_expected(l->survey, reply->element[i]))
            rc = err_set(err, FT_ERR_LOSS,
                         "the target has the function library \"%s\" of the input already; nothing "
                         "was written (--on-conflict %s)",
                         reply->element[i]->element[1]->str,
                         l->r->set.shared ? "skip leaves it" : "replace or skip");
    }
    if (reply->type == REDIS_REPLY_ERROR)
        rc = err_set(err, FT_ERR_PROTOCOL, "%s does not report its function libraries: %s",
                     node->name, reply->str);
    reply_free(reply);
    return rc;
}

static int check_functions(struct look *l, struct ft_err *err)
{
    struct replay *r = l->r;

    if (l->fresh && r->o->on_conflict == REPLAY_CONFLICT_SKIP)
        return replay_find_kept_libraries(r, err);
    /* on a shared target it may be another replay's */
    if (!l->fresh || l->survey->library_count == 0 ||
        (r->o->on_conflict == REPLAY_CONFLICT_REPLACE && !r->set.shared))
        return 0;
    for (size_t i = 0; i < r->target.node_count; i++) {
        if (check_node_functions(l, &r->target.nodes[i], err) != 0)
            return replay_checks_fail(l->ret, "functions", err);
    }
    replay_checks_add(l->ret, "functions", REPLAY_CHECK_PASSED,
                      "the target has none of the input's function libraries");
    return 0;
}

static int check_losses(struct look *l, struct ft_err *err)
{
    struct replay *r = l->r;

    return replay_checks_losses(l->ret, &r->report, &l->survey->losses, r->target.kind->name,
                                r->o->dry_run, err);
}

/* What one request cannot hold, as far as it can be known without reading values. */
static int check_requests(struct look *l, struct ft_err *err)
{
    const struct replay_survey *s = l->survey;

    if (s->too_large_count == 0)
        return 0;
    if (l->r->o->dead_letters != NULL) {
        replay_checks_add(l->ret, "requests", REPLAY_CHECK_LOST,
                          "%" PRIu64
                          " values or commands are too large for one request, and become "
                          "dead letters, such as %s",
                          s->too_large_count, s->too_large);
        return 0;
    }
    (void)err_set(err, FT_ERR_LIMIT,
                  "%" PRIu64 " values or commands are larger than one request to the target may be "
                  "(--max-request-args, --max-request-bytes), such as %s; nothing was written "
                  "(--on-error dead-letter=FILE collects them)",
                  s->too_large_count, s->too_large);
    return replay_checks_fail(l->ret, "requests", err);
}

/* Before anything is written, what the input needs beyond what every replay does. */
static int check_needs(struct look *l, struct ft_err *err)
{
    struct replay *r = l->r;
    char names[REPLAY_RIGHTS_NAMES];

    if (replay_check_needs(r, l->survey, names, err) != 0)
        return replay_checks_fail(l->ret, "permissions", err);
    if (names[0] != '\0')
        replay_checks_add(l->ret, "permissions", REPLAY_CHECK_LOST,
                          "the user may not run commands that the input needs: %s; what they bring "
                          "becomes dead letters",
                          names);
    return 0;
}

/* What comes later is not known yet. */
static int look_at_later_commands(struct replay_checks *p, struct replay *r, struct ft_err *err)
{
    char names[REPLAY_RIGHTS_NAMES];
    char text[REPLAY_RIGHTS_NAMES + 100];

    if (replay_find_later_needs(r, names, err) != 0)
        return -1;
    if (names[0] == '\0')
        return 0;
    (void)snprintf(text, sizeof(text),
                   "the user may not run %s: a record that becomes one of these is refused", names);
    note(p, r, "permissions", text);
    return 0;
}

static void check_memory(struct replay_checks *p, struct replay *r, uint64_t wanted)
{
    uint64_t limit = 0;
    char text[200];

    for (size_t i = 0; i < r->target.node_count; i++) {
        if (r->target.nodes[i].maxmemory == 0)
            return;
        limit += r->target.nodes[i].maxmemory;
    }
    if (wanted <= limit)
        return;
    (void)snprintf(text, sizeof(text),
                   "the source used %" PRIu64 " bytes of memory, the target may use %" PRIu64
                   " (maxmemory): it may become full",
                   wanted, limit); /* fits */
    note(p, r, "memory", text);
}

/* Not of keys that are kept. */
static int survey_again(struct look *l, struct ft_err *err)
{
    if (l->survey->losses.losses == 0 || l->r->kept.count == 0)
        return 0;
    replay_survey_release(l->survey);
    return replay_survey_run(l->survey, l->r, err);
}

static int check_needed_databases(struct look *l, struct ft_err *err)
{
    return check_databases(l->ret, l->r, l->survey->db_max, err);
}

static int check_target_content(struct look *l, struct ft_err *err)
{
    struct replay *r = l->r;

    if (!l->fresh || r->set.state.phase != REPLAY_PHASE_NONE)
        return 0;
    return check_content(l->ret, r, r->follow != NULL || (r->o->dry_run && r->o->follow), &l->empty,
                         err);
}

/* What the command line has to be changed for is a finding of a rehearsal, as a database that a cluster does
 * not have. */
static int survey_input(struct look *l, struct ft_err *err)
{
    l->surveyed = replay_survey_run(l->survey, l->r, err) == 0;
    if (l->surveyed)
        return 0;
    return l->r->o->dry_run && err->kind == FT_ERR_USAGE
               ? replay_checks_fail(l->ret, "databases", err)
               : -1;
}

static int run_checks(struct look *l, struct ft_err *err)
{
    static step_fn *const of_target[] = {check_permissions, check_target_content, survey_input};
    static step_fn *const of_input[] = {
        check_needs,  check_requests,  check_needed_databases, check_conflicts,
        survey_again, check_functions, check_losses,
    };

    if (run_steps(l, of_target, sizeof(of_target) / sizeof(of_target[0]), err) != 0)
        return -1;
    if (l->surveyed && run_steps(l, of_input, sizeof(of_input) / sizeof(of_input[0]), err) != 0)
        return -1;
    if (l->r->follow != NULL && look_at_later_commands(l->ret, l->r, err) != 0)
        return -1;
    if (!l->r->o->dry_run)
        check_memory(l->ret, l->r, l->r->source->info.used_mem);
    return 0;
}

int replay_preflight_survey(struct replay_checks *ret, struct replay_survey *ret_survey,
                            struct replay *r, struct ft_err *err)
{
    struct look l = {.ret = ret, .r = r, .survey = ret_survey, .empty = r->o->flush};

    l.fresh = r->set.state.phase <= REPLAY_PHASE_ENDING || (!r->started && r->o->flush);
    *ret_survey = (struct replay_survey){0};
    loss_init(&ret_survey->losses);
    return run_checks(&l, err);
}

int replay_preflight_run(struct replay_checks *ret, struct replay *r, struct ft_err *err)
{
    struct replay_survey survey;
    int rc;

    *ret = (struct replay_checks){0};
    rc = replay_preflight_survey(ret, &survey, r, err);
    replay_survey_release(&survey);
    return rc;
}

/*
 * Before the input is complete
 */

static int check_is_empty(struct look *l, struct ft_err *err)
{
    bool empty = l->r->o->flush;

    if (!empty && replay_content_is_empty(l->r, &empty, err) != 0)
        return replay_checks_fail(l->ret, "content", err);
    return empty ? 0 : err_set(err, FT_ERR_STATE, "the target is not empty");
}

static int check_no_functions(struct look *l, struct ft_err *err)
{
    bool has;

    if (replay_content_has_functions(l->r, &has, err) != 0)
        return replay_checks_fail(l->ret, "functions", err);
    return has ? err_set(err, FT_ERR_STATE, "the target has function libraries, or may have some")
               : 0;
}

/* What is missing can be done without, or is of interest when it is known what the input has. */
static int check_all_rights(struct look *l, struct ft_err *err)
{
    const struct rights *rights = &l->r->rights;
    char names[REPLAY_RIGHTS_NAMES];

    if (rights->no_set || rights->no_restore || rights->no_flush)
        return err_set(err, FT_ERR_STATE,
                       "the user may not run all of SET, RESTORE and FLUSHALL on the target");
    if (replay_find_later_needs(l->r, names, err) != 0)
        return -1;
    return names[0] == '\0'
               ? 0
               : err_set(err, FT_ERR_STATE, "the user may not run %s on the target", names);
}

int replay_preflight_early(struct replay_checks *ret, struct replay *r, struct ft_err *err)
{
    static step_fn *const steps[] = {check_permissions, check_all_rights, check_is_empty,
                                     check_no_functions};
    struct look l = {.ret = ret, .r = r};

    *ret = (struct replay_checks){0};
    return run_steps(&l, steps, sizeof(steps) / sizeof(steps[0]), err);
}

/*
 * Before there is an input
 */

/* The highest database that keys go to; a cluster has one alone. */
static int expect_databases(struct replay_checks *p, struct replay *r,
                            const struct replay_expected *e, struct ft_err *err)
{
    uint32_t highest = 0;

    for (size_t i = 0; i < e->db_count; i++) {
        uint32_t db;

        if (!filter_db(&r->o->filter, e->dbs[i]) || !replay_map_db(&r->o->map, e->dbs[i], &db))
            continue;
        if (db != 0 && r->target.cluster) {
            (void)err_set(err, FT_ERR_USAGE,
                          "database %" PRIu32 ": a cluster has only database 0; --db-map says what "
                          "becomes of others, for example --db-map '*:prefix=db%%d:'",
                          e->dbs[i]);
            return replay_checks_fail(p, "databases", err);
        }
        if (db > highest)
            highest = db;
    }
    return check_databases(p, r, highest, err);
}

static int check_state(struct look *l, struct ft_err *err)
{
    struct replay *r = l->r;

    if (replay_claims_check(&r->set, err) != 0 || replay_state_load(&r->set, err) != 0)
        return replay_checks_fail(l->ret, "replay", err);
    l->fresh = r->set.state.phase <= REPLAY_PHASE_ENDING || r->o->flush;
    if (!l->fresh && replay_state_check_owner(&r->set, err) != 0)
        return replay_checks_fail(l->ret, "replay", err);
    replay_checks_add(l->ret, "replay", REPLAY_CHECK_PASSED,
                      l->fresh ? "no other replay is there"
                               : "the target has a part of this capture");
    return 0;
}

static int check_expected_content(struct look *l, struct ft_err *err)
{
    const struct replay_options *o = l->r->o;

    return l->fresh ? check_content(l->ret, l->r, o->follow || o->live != NULL, &l->empty, err) : 0;
}

static int check_expected_databases(struct look *l, struct ft_err *err)
{
    return expect_databases(l->ret, l->r, l->expected, err);
}

int replay_preflight_look(struct replay_checks *ret, struct replay *r,
                          const struct replay_expected *expected, struct ft_err *err)
{
    static step_fn *const steps[] = {check_permissions, check_state, check_expected_content,
                                     check_expected_databases};
    struct look l = {.ret = ret, .r = r, .expected = expected};

    if (run_steps(&l, steps, sizeof(steps) / sizeof(steps[0]), err) != 0)
        return -1;
    if (r->o->dry_run)
        return r->o->follow ? look_at_later_commands(ret, r, err) : 0;
    check_memory(ret, r, expected->used_memory);
    return 0;
}

/* One that is not ready yet is waited for later. */
static bool may_become_ready(const struct replay *r, const struct ft_err *err)
{
    return err->kind == FT_ERR_NET && r->target.was_reached;
}

int replay_preflight_target(struct replay_checks *ret, const struct replay_options *options,
                            const struct replay_expected *expected, struct ft_err *err)
{
    struct replay_options o = *options;
    struct replay_progress progress = {0};
    struct replay_result result;
    struct loss_report losses;
    struct ft_err why = FT_ERR_INIT;
    struct replay r;
    int rc;

    *ret = (struct replay_checks){0};
    o.forget = true; /* neither a lease nor a name where there is no state yet */
    loss_init(&losses);
    replay_setup(&r, &o, &progress, &losses, &result);
    if (expected->capture != NULL)
        replay_position_set_name(&r.set, expected->capture);
    rc = replay_connect(&r, &why);
    replay_checks_add(ret, "target", rc == 0 ? REPLAY_CHECK_PASSED : REPLAY_CHECK_FAILED, "%s",
                      rc == 0 ? "it can be reached, and written into" : why.msg);
    if (rc == 0)
        rc = replay_preflight_look(ret, &r, expected, &why);
    if (rc != 0 && may_become_ready(&r, &why)) {
        replay_checks_add(ret, "target", REPLAY_CHECK_NOTED, "not ready yet: %s", why.msg);
        rc = 0;
    }
    if (rc != 0)
        *err = why;
    replay_end_lease(&r, true);
    replay_disconnect(&r);
    replay_teardown(&r);
    replay_result_release(&result);
    loss_release(&losses);
    return rc;
}
