/* replay_suspect.h - the list of suspect keys on the target, which outlives whoever found them. */
#ifndef FLOWTAPE_REPLAY_POSITION_REPLAY_SUSPECT_H
#define FLOWTAPE_REPLAY_POSITION_REPLAY_SUSPECT_H

#include <hiredis/hiredis.h>

#include "command/suspect.h"
#include "command/translation.h"
#include "replay/position/replay_position_set.h"
#include "replay/position/replay_state.h"
#include "target/key_scan.h"

/* How a part begins whose record has a key in doubt. */
#define REPLAY_DOUBTFUL 's'

/* replay_suspects_name - the list's key. */
void replay_suspects_name(const char *capture, char out[REPLAY_KEY_SIZE]);
/* replay_suspects_list - a key that is not known to be on the list. Whoever calls keeps others away from the
 * connection of the state. */
int replay_suspects_list(struct replay_position_set *set, uint32_t db, struct bytes key,
                         struct ft_err *err);
/* replay_suspects_add - a key, unless it is listed. Any thread. */
int replay_suspects_add(struct replay_position_set *set, uint32_t db, struct bytes key,
                        struct ft_err *err);
/* replay_suspects_note - those of a record, before it is executed: keys that the translation calls
 * suspect, and all of a record that has one listed before among its keys. Any thread. */
int replay_suspects_note(struct replay_position_set *set, const struct translation *t,
                         struct ft_err *err);
/* replay_suspects_note_entry - of a snapshot that a journal follows. Any thread. */
int replay_suspects_note_entry(struct replay_position_set *set, const struct item *item,
                               struct ft_err *err);
/* replay_suspects_load - what the target has listed. */
int replay_suspects_load(struct replay_position_set *set, struct ft_err *err);
/* replay_suspects_count - how many, into the progress. */
int replay_suspects_count(struct replay_position_set *set, struct ft_err *err);
/* replay_suspects_scan - the next portion of the list: *ret is {cursor, members}; the cursor is "0" at
 * the beginning and at the end. The caller frees *ret. */
int replay_suspects_scan(struct replay_position_set *set, char cursor[KEY_SCAN_CURSOR_SIZE],
                         redisReply **ret, struct ft_err *err);
/* replay_suspects_parse - a member; false: none of ours. */
bool replay_suspects_parse(struct bytes member, uint32_t *ret_db, struct bytes *ret_key);
/*
 * replay_is_doubtful - is a key of the record a suspect or lost (replay_lost.h), so that the target may
 * not carry it out as the source did? Its parts are then marked REPLAY_DOUBTFUL, and an error that the
 * state of a key explains is no reason to stop: replay_doubt_explains. Not where keys do not depend on
 * each other.
 */
bool replay_is_doubtful(struct replay_position_set *set, const struct translation *t);
bool replay_doubt_explains(const char *part, const char *error);
/* replay_suspects_clear - a snapshot replaces everything. */
int replay_suspects_clear(struct replay_position_set *set, struct ft_err *err);

#endif
