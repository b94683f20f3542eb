#include "replay/replay_preflight.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "replay/position/replay_state_store.h"
#include "replay/replay_conflicts.h"
#include "replay/replay_connect.h"
#include "replay/replay_content.h"
#include "replay/replay_setup.h"
#include "replay/replay_survey.h"

/* What the checks are made with. */
struct look {
    struct replay_preflight *ret;
    struct replay *r;
    struct replay_survey survey;
    bool fresh; /* no replay of this capture has begun */
    bool empty; /* nothing is on the target, or nothing will be */
};

static void add_check(struct replay_preflight *p, const char *name,
                      enum replay_check_outcome outcome, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static void add_check(struct replay_preflight *p, const char *name,
                      enum replay_check_outcome outcome, const char *fmt, ...)
{
    struct replay_check *c;
    va_list ap;

    if (p->count == REPLAY_CHECKS_MAX)
        return;
    c = &p->checks[p->count++];
    c->name = name;
    c->outcome = outcome;
    va_start(ap, fmt);
    (void)vsnprintf(c->text, sizeof(c->text), fmt, ap); /* a longer one is cut */
    va_end(ap);
}

/* The error of a check is its sentence. */
static int failed(struct replay_preflight *p, const char *name, const struct ft_err *err)
{
    add_check(p, name, REPLAY_CHECK_FAILED, "%s", err->msg);
    return -1;
}

static void note(struct replay_preflight *p, struct replay *r, const char *name, const char *text)
{
    add_check(p, name, REPLAY_CHECK_NOTED, "%s", text);
    replay_report_note(&r->report, "%s", text);
}

/*
 * Checks
 */

static int check_permissions(struct replay_preflight *p, struct replay *r, struct ft_err *err)
{
    if (replay_check_rights(r, err) != 0)
        return failed(p, "permissions", err);
    add_check(p, "permissions", REPLAY_CHECK_PASSED,
              r->rights.no_mset || r->rights.no_flush || r->rights.no_unlink
                  ? "the user may run what is needed; other commands take the place of some"
                  : "the user may run what is needed");
    return 0;
}

/* While a capture grows, nobody knows what it will touch. */
static int check_content(struct replay_preflight *p, struct replay *r, bool follows,
                         bool *ret_empty, struct ft_err *err)
{
    *ret_empty = true;
    if (r->o->flush) {
        add_check(p, "content", REPLAY_CHECK_PASSED, "the target is going to be emptied");
        return 0;
    }
    if (replay_content_is_empty(r, ret_empty, err) != 0)
        return failed(p, "content", err);
    if (!*ret_empty && follows) {
        (void)err_set(err, FT_ERR_STATE,
                      "the target is not empty: what a growing capture will touch is not known "
                      "yet; --flush empties it");
        return failed(p, "content", err);
    }
    add_check(p, "content", REPLAY_CHECK_PASSED, "the target %s",
              *ret_empty ? "is empty" : "has keys");
    return 0;
}

/* The answer to SELECT of a database. */
static int select_db(struct replay *r, uint32_t db, bool *ret_there, struct ft_err *err)
{
    char number[I64_TEXT_SIZE];
    const struct bytes words[] = {bytes_str("SELECT"), bytes_of(number, i64_to_text(db, number))};
    struct target_node *node = &r->target.nodes[0];
    redisReply *reply;

    if (target_node_ask(node, &reply, words, 2, err) != 0)
        return -1;
    *ret_there = reply->type != REDIS_REPLY_ERROR;
    if (!*ret_there && strstr(reply->str, "out of range") == NULL)
        (void)err_set(err, FT_ERR_PROTOCOL, "%s does not let database %" PRIu32 " be used: %s",
                      node->name, db, reply->str);
    freeReplyObject(reply);
    return err->kind == FT_ERR_NONE ? 0 : -1;
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
static int check_databases(struct replay_preflight *p, struct replay *r, uint32_t db,
                           struct ft_err *err)
{
    bool there = true;
    bool back;

    if (db != 0 && !r->target.cluster &&
        (select_db(r, db, &there, err) != 0 || select_db(r, 0, &back, err) != 0))
        return failed(p, "databases", err);
    if (!there) {
        (void)too_few(db, err);
        return failed(p, "databases", err);
    }
    add_check(p, "databases", REPLAY_CHECK_PASSED, "the target has database %" PRIu32, db);
    return 0;
}

static int check_conflicts(struct look *l, struct ft_err *err)
{
    struct replay *r = l->r;

    if (!l->fresh)
        return replay_load_kept(r, err);
    if (l->empty || r->o->on_conflict == REPLAY_CONFLICT_REPLACE)
        return 0;
    if (replay_find_kept(r, err) != 0)
        return failed(l->ret, "conflicts", err);
    add_check(l->ret, "conflicts", REPLAY_CHECK_PASSED,
              "%zu keys of the input are on the target already", r->kept.count);
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
    const struct bytes words[] = {bytes_str("FUNCTION"), bytes_str("LIST")};
    redisReply *reply;
    int rc = 0;

    if (target_node_ask(node, &reply, words, 2, err) != 0)
        return -1;
    for (size_t i = 0; rc == 0 && reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
        if (is_expected(&l->survey, reply->element[i]))
            rc = err_set(err, FT_ERR_LOSS,
                         "the target has the function library \"%s\" of the input already; nothing "
                         "was written (--on-conflict replace or skip)",
                         reply->element[i]->element[1]->str);
    }
    if (reply->type == REDIS_REPLY_ERROR)
        rc = err_set(err, FT_ERR_PROTOCOL, "%s does not report its function libraries: %s",
                     node->name, reply->str);
    freeReplyObject(reply);
    return rc;
}

static int check_functions(struct look *l, struct ft_err *err)
{
    struct replay *r = l->r;

    if (!l->fresh || l->survey.library_count == 0 || r->o->on_conflict != REPLAY_CONFLICT_FAIL)
        return 0;
    for (size_t i = 0; i < r->target.node_count; i++) {
        if (check_node_functions(l, &r->target.nodes[i], err) != 0)
            return failed(l->ret, "functions", err);
    }
    add_check(l->ret, "functions", REPLAY_CHECK_PASSED,
              "the target has none of the input's function libraries");
    return 0;
}

static int check_losses(struct look *l, struct ft_err *err)
{
    struct replay *r = l->r;
    const struct loss_report *losses = &l->survey.losses;

    if (losses->losses == 0 || !r->o->fail_on_loss) {
        add_check(l->ret, "losses", losses->losses == 0 ? REPLAY_CHECK_PASSED : REPLAY_CHECK_NOTED,
                  "%" PRIu64 " losses", losses->losses);
        return 0;
    }
    for (size_t i = 0; err->kind == FT_ERR_NONE && i < losses->line_count; i++) {
        const struct loss_line *line = &losses->lines[i];

        if (!loss_is_note(line->reason))
            (void)err_set(err, FT_ERR_LOSS,
                          "%s: Redis %s cannot hold %s; --on-loss skip leaves such things out; "
                          "nothing was written",
                          line->class_name, r->target.kind->name, loss_reason_text(line->reason));
    }
    replay_report_losses(&r->report, &l->survey.losses);
    return failed(l->ret, "losses", err);
}

/* Letters take what is refused; without them the first one ends the run. */
static int check_values(struct look *l, struct ft_err *err)
{
    const struct replay *r = l->r;
    bool set = l->survey.strings && r->rights.no_set;
    bool restore = l->survey.values && r->rights.no_restore;

    if (r->set.letters != NULL || (!set && !restore))
        return 0;
    (void)err_set(
        err, FT_ERR_PROTOCOL,
        "before the snapshot: the target refused %s to this user, and the input has values "
        "for it; nothing was written (--on-error dead-letter=FILE collects such commands "
        "and continues)",
        set ? "SET" : "RESTORE");
    return failed(l->ret, "permissions", err);
}

static void check_memory(struct replay_preflight *p, struct replay *r, uint64_t wanted)
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

static int run_checks(struct look *l, struct ft_err *err)
{
    struct replay *r = l->r;

    if (check_permissions(l->ret, r, err) != 0)
        return -1;
    if (l->fresh && r->set.state.phase == REPLAY_PHASE_NONE &&
        check_content(l->ret, r, r->follow != NULL, &l->empty, err) != 0)
        return -1;
    if (replay_survey_run(&l->survey, r, err) != 0 ||
        check_databases(l->ret, r, l->survey.db_max, err) != 0 || check_conflicts(l, err) != 0)
        return -1;
    if (l->survey.losses.losses != 0 && r->kept.count != 0) { /* not of keys that are kept */
        replay_survey_release(&l->survey);
        if (replay_survey_run(&l->survey, r, err) != 0)
            return -1;
    }
    if (check_functions(l, err) != 0 || check_losses(l, err) != 0 || check_values(l, err) != 0)
        return -1;
    check_memory(l->ret, r, r->source->info.used_mem);
    return 0;
}

int replay_preflight_run(struct replay_preflight *ret, struct replay *r, struct ft_err *err)
{
    struct look l = {.ret = ret, .r = r, .empty = r->o->flush};
    int rc;

    *ret = (struct replay_preflight){0};
    l.fresh = r->set.state.phase <= REPLAY_PHASE_ENDING || (!r->started && r->o->flush);
    loss_init(&l.survey.losses);
    rc = run_checks(&l, err);
    replay_survey_release(&l.survey);
    return rc;
}

/*
 * Before there is an input
 */

/* The highest database that keys go to; a cluster has one alone. */
static int expect_databases(struct replay_preflight *p, struct replay *r,
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
            return failed(p, "databases", err);
        }
        if (db > highest)
            highest = db;
    }
    return check_databases(p, r, highest, err);
}

static int check_state(struct replay_preflight *p, struct replay *r, bool *ret_begun,
                       struct ft_err *err)
{
    if (replay_state_load(&r->set, err) != 0)
        return failed(p, "replay", err);
    *ret_begun = r->set.state.phase > REPLAY_PHASE_ENDING && !r->o->flush;
    if (*ret_begun && replay_state_check_owner(&r->set, err) != 0)
        return failed(p, "replay", err);
    add_check(p, "replay", REPLAY_CHECK_PASSED,
              *ret_begun ? "the target has a part of this capture" : "no other replay is there");
    return 0;
}

static int look_at_target(struct replay_preflight *p, struct replay *r,
                          const struct replay_expected *e, struct ft_err *err)
{
    bool follows = r->o->follow || r->o->live != NULL;
    bool begun;
    bool empty;

    if (check_permissions(p, r, err) != 0 || check_state(p, r, &begun, err) != 0)
        return -1;
    if (!begun && check_content(p, r, follows, &empty, err) != 0)
        return -1;
    if (expect_databases(p, r, e, err) != 0)
        return -1;
    check_memory(p, r, e->used_memory);
    return 0;
}

/* One that is not ready yet is waited for later. */
static bool may_become_ready(const struct replay *r, const struct ft_err *err)
{
    return err->kind == FT_ERR_NET && r->target.was_reached;
}

int replay_preflight_target(struct replay_preflight *ret, const struct replay_options *options,
                            const struct replay_expected *expected, struct ft_err *err)
{
    struct replay_options o = *options;
    struct replay_progress progress = {0};
    struct replay_result result;
    struct loss_report losses;
    struct ft_err why = FT_ERR_INIT;
    struct replay r;
    int rc;

    *ret = (struct replay_preflight){0};
    o.forget = true; /* neither a lease nor a name where there is no state yet */
    loss_init(&losses);
    replay_setup(&r, &o, &progress, &losses, &result);
    if (expected->capture != NULL)
        replay_position_set_name(&r.set, expected->capture);
    rc = replay_connect(&r, &why);
    add_check(ret, "target", rc == 0 ? REPLAY_CHECK_PASSED : REPLAY_CHECK_FAILED, "%s",
              rc == 0 ? "it can be reached, and written into" : why.msg);
    if (rc == 0)
        rc = look_at_target(ret, &r, expected, &why);
    if (rc != 0 && may_become_ready(&r, &why)) {
        add_check(ret, "target", REPLAY_CHECK_NOTED, "not ready yet: %s", why.msg);
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
