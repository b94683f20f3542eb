/*
 * replay_rights.h - which commands the target lets the user run, without running them.
 *
 * How it works  Each command is sent in a form that changes nothing: of a key that is not there, or
 *               with a word too many. Whether the user may run it at all, a server says first.
 * Two kinds     Some the work cannot do without. For others there is another way, a slower one:
 *               the flags say which is to be taken.
 */
#ifndef FLOWTAPE_TARGET_REPLAY_RIGHTS_H
#define FLOWTAPE_TARGET_REPLAY_RIGHTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct replay;

struct replay_rights {
    bool known;
    bool no_set, no_restore; /* of values: each is refused when it comes */
    bool no_mset;            /* SET for each key */
    bool no_flush;           /* key by key */
    char missing[120];       /* names of what cannot be done without; "" */
    char why[200];           /* what the server said to the first of these */
};

/* replay_rights_probe - once per run, over the connections to all masters. Fills r->rights. */
int replay_rights_probe(struct replay *r, struct ft_err *err);
/* replay_rights_check - FT_ERR_PROTOCOL if something is missing. */
int replay_rights_check(const struct replay *r, struct ft_err *err);

#endif
