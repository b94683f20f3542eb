#include "replay/replay_rights.h"

#include <stdio.h>
#include <stdlib.h>

#include "command/command_table.h"
#include "rdb/value_walk.h"
#include "replay/position/replay_node.h"
#include "replay/position/replay_way.h"

/* Is it known that none follows? */
static bool has_journal(const struct replay *r)
{
    return r->source == NULL || (source_can(r->source, SOURCE_HAS_JOURNAL) && !r->cut.is_snapshot);
}

/* Which of these are not allowed; what the target does not have is no loss where `may_lack` says so. */
static int add_denied(struct rights *rights, const struct replay *r, const char *const *names,
                      const bool *may_lack, size_t count, struct ft_err *err)
{
    enum rights_answer *answers = calloc(count + 1, sizeof(*answers));
    char why[RIGHTS_WHY] = "";
    int rc;

    if (answers == NULL)
        return err_nomem(err, "names of commands");
    rc = rights_ask_commands(&r->target, names, count, answers, why, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (answers[i] == RIGHTS_DENIED || (answers[i] == RIGHTS_NO_SUCH && !may_lack[i]))
            rights_add_missing(rights, names[i], why);
    }
    free(answers);
    return rc;
}

/* Those have other ways, or were asked for before. */
static bool is_known(const char *name)
{
    static const char *const names[] = {"MSET", "UNLINK", "EVAL", "SCRIPT LOAD"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}

/* What makes values of the snapshot where RESTORE is not allowed, by their class. */
static const struct {
    enum value_class class;
    const char *name;
    unsigned since; /* version of the target; it does without before */
} in_place_of_restore[] = {
    {VALUE_LIST, "RPUSH", 0},
    {VALUE_SET, "SADD", 0},
    {VALUE_ZSET, "ZADD", 0},
    {VALUE_STREAM, "XADD", 0},
    {VALUE_STREAM, "XSETID", 0},
    {VALUE_STREAM, "XGROUP CREATE", 0},
    {VALUE_STREAM, "XGROUP DESTROY", 0},
    {VALUE_STREAM, "XGROUP CREATECONSUMER", 602},
    {VALUE_STREAM, "XCLAIM", 0},
    {VALUE_STREAM, "XDEL", 0},
};
#define RESTORE_COUNT (sizeof(in_place_of_restore) / sizeof(in_place_of_restore[0]))

#define NEEDS_MORE 8

/* Where records follow, expiry is deferred: at the end each key gets its own time. */
static size_t add_expiry(const char **names, size_t count, const struct replay *r)
{
    names[count++] = "SCAN";
    names[count++] = "PEXPIREAT";
    names[count++] = r->target.version >= 700 ? "PEXPIRETIME" : "PTTL";
    return count;
}

/* What this input needs. */
static int add_needs(struct rights *rights, const struct replay *r,
                     const struct replay_survey *survey, struct ft_err *err)
{
    const char **names = calloc(survey->command_count + RESTORE_COUNT + NEEDS_MORE, sizeof(*names));
    bool *may_lack = calloc(survey->command_count + RESTORE_COUNT + NEEDS_MORE, sizeof(*may_lack));
    size_t count = 0;
    int rc = -1;

    if (names == NULL || may_lack == NULL) {
        (void)err_nomem(err, "names of commands");
    } else {
        if (survey->strings && r->rights.no_set)
            rights_add_missing(rights, "SET", "it was refused to this user");
        if (survey->modules && r->rights.no_restore)
            rights_add_missing(rights, "RESTORE", "it was refused to this user");
        if (survey->scripts && r->rights.no_eval)
            rights_add_missing(rights, "EVAL", "it was refused to this user");
        for (size_t i = 0; r->rights.no_restore && i < RESTORE_COUNT; i++) {
            if ((survey->classes & 1u << in_place_of_restore[i].class) != 0 &&
                r->target.version >= in_place_of_restore[i].since)
                names[count++] = in_place_of_restore[i].name;
        }
        if (survey->library_count != 0)
            names[count++] = "FUNCTION LOAD";
        if (has_journal(r) && (survey->times || r->follow != NULL))
            count = add_expiry(names, count, r);
        if (survey->db_max != 0 && !r->target.cluster)
            names[count++] = "SELECT";
        for (size_t i = 0; i < survey->command_count; i++) {
            if (is_known(survey->commands[i].name) ||
                (r->rights.no_restore && strcmp(survey->commands[i].name, "RESTORE") == 0))
                continue;
            may_lack[count] = survey->commands[i].called;
            names[count++] = survey->commands[i].name;
        }
        rc = add_denied(rights, r, names, may_lack, count, err);
    }
    free(names);
    free(may_lack);
    return rc;
}

/* The names alone, as many as there is room for. */
static void join(char out[REPLAY_RIGHTS_NAMES], const struct rights *rights)
{
    size_t n = 0;

    out[0] = '\0';
    for (size_t i = 0; i < rights->missing_count && n + RIGHTS_NAME + 3 < REPLAY_RIGHTS_NAMES; i++)
        n += (size_t)snprintf(out + n, REPLAY_RIGHTS_NAMES - n, "%s%s", i == 0 ? "" : ", ",
                              rights->missing[i]); /* fits */
}

/* An input that cannot be surveyed is another error, and not the one that was found first. */
static void complete(struct rights *rights, struct replay *r)
{
    struct ft_err ignored = FT_ERR_INIT;
    struct replay_survey survey;

    if (r->source == NULL || r->beside || r->o->forget || r->o->dead_letters != NULL)
        return;
    if (replay_survey_run(&survey, r, &ignored) == 0)
        (void)add_needs(rights, r, &survey, &ignored); /* what is known is named */
    replay_survey_release(&survey);
}

int replay_check_rights(struct replay *r, struct ft_err *err)
{
    const struct rights_wanted wanted = {
        .journal = has_journal(r),
        .transactions = has_journal(r) && replay_way_may_be_transactions(&r->target),
        .without = r->o->without | (replay_is_limited(r) ? RIGHTS_EVAL | RIGHTS_MSET : 0)};
    struct rights all;
    int rc = 0;

    if (!r->rights.known)
        rc = r->o->dry_run ? rights_ask(&r->rights, &r->target, &wanted, err)
                           : rights_probe(&r->rights, &r->target, &wanted, err);
    if (rc != 0)
        return -1;
    if (r->rights.no_eval)
        atomic_store(&r->target.no_eval, true);
    r->set.no_mset = r->rights.no_mset;
    if (replay_way_is_transactions(&r->rights) && replay_nodes_begin_multi(&r->set, err) != 0)
        return -1;
    if (r->rights.missing_count == 0)
        return 0;
    all = r->rights;
    complete(&all, r);
    return rights_check(&all, "the target", err);
}

int replay_check_needs(struct replay *r, const struct replay_survey *survey,
                       char ret_names[REPLAY_RIGHTS_NAMES], struct ft_err *err)
{
    struct rights needs = {.known = true};
    struct ft_err missing = FT_ERR_INIT;

    ret_names[0] = '\0';
    if (add_needs(&needs, r, survey, err) != 0)
        return -1;
    if (r->o->dead_letters != NULL) {
        join(ret_names, &needs);
        return 0;
    }
    if (rights_check(&needs, "the target", &missing) == 0)
        return 0;
    return err_set(err, FT_ERR_PROTOCOL,
                   "%s; nothing was written (--on-error dead-letter=FILE collects what is refused)",
                   missing.msg);
}

/* Without flushes, scripts and what has subcommands. */
static bool is_plain(const struct command_row *row)
{
    static const char *const names[] = {"EVAL", "EVALSHA", "XGROUP", "SCRIPT", "FUNCTION"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], row->name) == 0)
            return false;
    }
    return (row->flags & COMMAND_FLUSH) == 0 && strchr(row->name, ' ') == NULL;
}

int replay_find_later_needs(const struct replay *r, char ret_names[REPLAY_RIGHTS_NAMES],
                            struct ft_err *err)
{
    struct rights denied = {.known = true};
    size_t row_count;
    const struct command_row *rows = command_rows(&row_count);
    const char **names = calloc(row_count + NEEDS_MORE, sizeof(*names));
    bool *may_lack = calloc(row_count + NEEDS_MORE, sizeof(*may_lack));
    size_t count = 0;
    int rc = -1;

    if (names == NULL || may_lack == NULL) {
        (void)err_nomem(err, "names of commands");
    } else {
        count = add_expiry(names, count, r);
        for (size_t i = 0; i < row_count; i++) {
            if (!is_plain(&rows[i]))
                continue;
            may_lack[count] = true;
            names[count++] = rows[i].name;
        }
        rc = add_denied(&denied, r, names, may_lack, count, err);
    }
    if (rc == 0)
        join(ret_names, &denied);
    free(names);
    free(may_lack);
    return rc;
}
