/*
 * replay_repair.h - some keys alone are brought to the state of the input: `--only-keys`.
 *
 * The file      A JSON object a line, as `flowtape diff --keys-to` writes them: {"db": 0, "key": "..."}, the key as the
 *               target calls it, a string or {"base64": ...}; other fields are not looked at. Anything else is refused by
 *               its line before the target is touched.
 * What happens  The state at --at is read (state_run.h), and each key of it that the file names, after --db-map and
 *               --rename, is written in one transaction, or one command. Then those of the file that the state does not
 *               have are deleted. Either may be done any number of times.
 * Beside        A replay of the same capture may be on the target: its positions stay, so they have to be those of the
 *               state that is brought.
 */
#ifndef FLOWTAPE_REPLAY_REPLAY_REPAIR_H
#define FLOWTAPE_REPLAY_REPLAY_REPAIR_H

#include "base/err.h"

struct replay;

/* replay_repair - connected, with the lease. */
int replay_repair(struct replay *r, struct ft_err *err);
/* replay_repair_check_file - can every line be understood? */
int replay_repair_check_file(const char *path, struct ft_err *err);

#endif
