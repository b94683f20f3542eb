#include "replay/replay_functions.h"

#include <inttypes.h>

#include "replay/replay_impl.h"
#include "replay/replay_survey.h"

/* Libraries of functions have no names that could be claimed. */
static int check_shared(const struct replay *r, const struct journal_record *record,
                        struct ft_err *err)
{
    if (!r->set.shared || record->arg_count < 2 ||
        !(bytes_is_word(record->args[1], "FLUSH") || bytes_is_word(record->args[1], "RESTORE")))
        return 0;
    return err_set(
        err, FT_ERR_STATE,
        "FUNCTION %.*s: on a shared target it would remove or replace libraries of other "
        "replays",
        (int)record->args[1].n, (const char *)record->args[1].p);
}

static bool is_kept(const struct replay *r, const struct journal_record *record)
{
    char name[REPLAY_LIBRARY_NAME];

    if (record->arg_count < 3)
        return false;
    if (bytes_is_word(record->args[1], "DELETE"))
        return key_set_has(&r->kept_libraries, 0, record->args[2]);
    return replay_loads_library(record) &&
           replay_library_name(record->args[record->arg_count - 1], name) &&
           key_set_has(&r->kept_libraries, 0, bytes_str(name));
}

static bool removes_kept(const struct replay *r, const struct journal_record *record)
{
    return record->arg_count >= 2 && bytes_is_word(record->args[1], "FLUSH") &&
           r->kept_libraries.count != 0;
}

static void load_replacing(struct replay_function *room, const struct journal_record *record)
{
    room->args[0] = bytes_str("FUNCTION");
    room->args[1] = bytes_str("LOAD");
    room->args[2] = bytes_str("REPLACE");
    room->args[3] = record->args[record->arg_count - 1];
    room->command = (struct translation_command){.args = room->args, .count = 4};
    room->t.commands = &room->command;
    room->t.command_count = 1;
}

int replay_function_take(struct replay *r, const struct item *item, const struct translation *t,
                         struct replay_function *room, const struct translation **ret,
                         struct ft_err *err)
{
    const struct journal_record *record = &item->record;

    *ret = t;
    if (!t->functions)
        return 0;
    if (check_shared(r, record, err) != 0)
        return -1;
    room->t = *t;
    if (is_kept(r, record)) {
        replay_report_left_out(&r->report, true);
        room->t.command_count = 0;
        *ret = &room->t;
    } else if (removes_kept(r, record)) {
        replay_report_left_out(&r->report, true);
        replay_report_note(
            &r->report,
            "flow %" PRIu32 ", LSN %" PRIu64
            ": FUNCTION FLUSH is left out, as the target keeps libraries of its own: "
            "those of the source stay as well",
            item->flow, item->lsn);
        room->t.command_count = 0;
        *ret = &room->t;
    } else if (replay_loads_library(record) && !r->set.shared &&
               r->o->on_conflict != REPLAY_CONFLICT_FAIL) {
        load_replacing(room, record);
        *ret = &room->t;
    }
    return 0;
}
