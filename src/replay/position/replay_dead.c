#include "replay/position/replay_dead.h"

#include <inttypes.h>
#include <stdio.h>

#include "command/command_lua.h"
#include "command/sent_key.h"
#include "item/times_shift.h"
#include "resp/resp_write.h"
#include "wire/reply_error.h"

#define KEY_SHOWN   60
#define ERROR_SHOWN 200

void replay_letter_name(const struct replay_letter_origin *origin, const struct bytes *args,
                        size_t count, struct replay_letter_name *ret)
{
    struct bytes key = command_sent_key(args, count);
    char name[KEY_SHOWN];
    char shown[KEY_SHOWN];

    if (origin->part != NULL)
        (void)snprintf(ret->where, sizeof(ret->where), "flow %" PRIu32 ", LSN %" PRIu64,
                       origin->flow, origin->lsn); /* all of these fit */
    else
        (void)snprintf(ret->where, sizeof(ret->where), "flow %" PRIu32 ", snapshot", origin->flow);
    (void)bytes_escape(args[0], name, sizeof(name));
    if (key.p == NULL)
        (void)snprintf(ret->what, sizeof(ret->what), "%s", name);
    else
        (void)snprintf(ret->what, sizeof(ret->what), "%s \"%s\"", name,
                       bytes_escape(key, shown, sizeof(shown)));
}

/* The first one is what the run ends with. */
static void note_failure(struct replay_position_set *set, const struct replay_letter_origin *origin,
                         const struct bytes *args, size_t count, const char *error)
{
    struct replay_letter_name name;

    struct ft_err failure = FT_ERR_INIT;

    replay_letter_name(origin, args, count, &name);
    (void)err_set(&failure, FT_ERR_PROTOCOL,
                  "%s: the target refused %s: %.*s; the same command with --on-error "
                  "dead-letter=FILE collects such commands and continues",
                  name.where, name.what, ERROR_SHOWN, error);
    replay_report_fail(set->report, &failure);
}

/* As the source has its times: not those that keep keys from ending while records follow. */
static int write_letter(struct replay_position_set *set, const struct replay_letter_origin *origin,
                        uint32_t db, const struct bytes *args, size_t count, const char *error,
                        struct ft_err *err)
{
    struct times_shift own = {.script = lua_hsetex};
    const struct bytes *timed;
    int rc = times_shift_undo(&own, args, count, &timed, err);

    if (rc == 0)
        rc = replay_letters_add(set->letters, origin, db, timed, count, error, err);
    times_shift_release(&own);
    return rc;
}

bool replay_is_foreign_script(const struct bytes *args, size_t count, const char *error)
{
    return count > 1 && bytes_is_word(args[0], "SCRIPT") && bytes_is_word(args[1], "LOAD") &&
           reply_error_kind_of(bytes_str(error)) == REPLY_ERROR_OTHER;
}

static int add(struct replay_position_set *set, const struct replay_letter_origin *origin,
               uint32_t db, const struct bytes *args, size_t count, const char *error,
               struct ft_err *err)
{
    int rc;

    replay_report_refused(set->report);
    if (set->letters == NULL) {
        note_failure(set, origin, args, count, error);
        return 0;
    }
    pthread_mutex_lock(&set->letters_mu);
    rc = write_letter(set, origin, db, args, count, error, err);
    pthread_mutex_unlock(&set->letters_mu);
    if (rc != 0)
        return -1;
    return replay_position_set_note_refused(set, origin->flow, origin->lsn, db, args, count, err);
}

int replay_dead_add(struct replay_position_set *set, uint32_t flow, uint64_t lsn, const char *part,
                    uint32_t db, const struct bytes *args, size_t count, const char *error,
                    struct ft_err *err)
{
    const struct replay_letter_origin origin = {
        .capture = set->id,
        .began_ms = set->state.began_ms,
        .flow = flow,
        .lsn = part == NULL ? 0 : lsn,
        .part = part,
    };

    return add(set, &origin, db, args, count, error, err);
}

int replay_dead_add_entry(struct replay_position_set *set, uint32_t flow, uint32_t db,
                          const struct bytes *args, size_t count, const char *error,
                          struct ft_err *err)
{
    const struct replay_letter_origin origin = {
        .capture = set->id, .began_ms = set->state.began_ms, .flow = flow, .entry = true};

    return add(set, &origin, db, args, count, error, err);
}

int replay_dead_refuse(struct replay_position_set *set, const struct item *item, const char *part,
                       uint32_t db, const struct bytes *args, size_t count, const char *error,
                       struct ft_err *err)
{
    if (replay_dead_add(set, item->flow, item->lsn, part, db, args, count, error, err) != 0)
        return -1;
    return set->letters != NULL ? 0 : err_set(err, FT_ERR_PROTOCOL, "%s", error);
}

struct reach_limit replay_request_limit(const struct replay_position_set *set)
{
    return reach_limit_of(set->target->named->reach);
}

bool replay_is_too_long(const struct replay_position_set *set, const struct bytes *args,
                        size_t count, char ret_error[REPLAY_TOO_LONG_TEXT])
{
    const struct reach_limit limit = replay_request_limit(set);
    uint64_t longest = 0;
    uint64_t bytes;

    if (limit.args != 0 || limit.bytes != 0) {
        bytes = resp_command_size(args, count);
        if (!reach_fits(&limit, count, bytes)) {
            (void)snprintf(ret_error, REPLAY_TOO_LONG_TEXT,
                           "a request of %zu arguments and %" PRIu64 " bytes is too long for it "
                           "(--max-request-args, --max-request-bytes)",
                           count, bytes); /* fits */
            return true;
        }
    }
    if (set->target->arg_max == 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (args[i].n > longest)
            longest = args[i].n;
    }
    if (longest <= set->target->arg_max)
        return false;
    (void)snprintf(ret_error, REPLAY_TOO_LONG_TEXT,
                   "an argument of %" PRIu64 " bytes is too long for it, which takes %" PRIu64
                   " (proto-max-bulk-len)",
                   longest, set->target->arg_max); /* fits */
    return true;
}

int replay_dead_drop(struct replay_position_set *set, const uint32_t *flow, struct ft_err *err)
{
    int rc = 0;

    pthread_mutex_lock(&set->letters_mu);
    if (set->letters != NULL && set->state.phase != REPLAY_PHASE_NONE)
        rc = replay_letters_drop(set->letters, set->state.capture, set->state.began_ms, flow, err);
    pthread_mutex_unlock(&set->letters_mu);
    return rc;
}
