/* replay_dead.h - commands that the target refused, or that are not sent at all. */
#ifndef FLOWTAPE_REPLAY_POSITION_REPLAY_DEAD_H
#define FLOWTAPE_REPLAY_POSITION_REPLAY_DEAD_H

#include "base/bytes.h"
#include "base/err.h"
#include "item/item.h"
#include "replay/position/replay_letters.h"
#include "replay/position/replay_position_set.h"
#include "wire/reach.h"

/* replay_dead_add - a refused command: a line in the file, or the error that stops the run. part: of
 * the record; NULL: it is one inside the flow's full sync. */
int replay_dead_add(struct replay_position_set *set, uint32_t flow, uint64_t lsn, const char *part,
                    uint32_t db, const struct bytes *args, size_t count, const char *error,
                    struct ft_err *err);
/* replay_dead_add_entry - likewise, of an entry of the flow's snapshot. */
int replay_dead_add_entry(struct replay_position_set *set, uint32_t flow, uint32_t db,
                          const struct bytes *args, size_t count, const char *error,
                          struct ft_err *err);
/* replay_request_limit - how large a request to the target may be. */
struct reach_limit replay_request_limit(const struct replay_position_set *set);
/* replay_is_too_long - an argument that the target does not take. It answers such a command by closing the
 * connection, so it is not sent. ret_error: what it would say. */
#define REPLAY_TOO_LONG_TEXT 160
bool replay_is_too_long(const struct replay_position_set *set, const struct bytes *args,
                        size_t count, char ret_error[REPLAY_TOO_LONG_TEXT]);
/* replay_dead_refuse - a command that is not sent at all. Without a file for it this is an error, so
 * that no position passes the record. */
int replay_dead_refuse(struct replay_position_set *set, const struct item *item, const char *part,
                       uint32_t db, const struct bytes *args, size_t count, const char *error,
                       struct ft_err *err);
/* replay_is_foreign_script - the refusal of a SCRIPT LOAD whose script the target does not compile or
 * run, as it is written in the source's Lua: no key has changed by it. */
bool replay_is_foreign_script(const struct bytes *args, size_t count, const char *error);
/* replay_dead_drop - letters of the replay on the target that count no longer: those of a flow's
 * snapshot, which begins again, or with flow NULL all. */
int replay_dead_drop(struct replay_position_set *set, const uint32_t *flow, struct ft_err *err);
/* What messages say of a command: "flow 0, LSN 7", "SET "key"". */
struct replay_letter_name {
    char where[64];
    char what[128];
};
void replay_letter_name(const struct replay_letter_origin *origin, const struct bytes *args,
                        size_t count, struct replay_letter_name *ret);

#endif
