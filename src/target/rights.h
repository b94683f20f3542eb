/*
 * rights.h - which commands the target lets the user run, without running them.
 *
 * How it works  Each command is sent in a form that changes nothing: of a key that is not there, or
 *               with an argument too many. Whether the user may run it at all, a server says first.
 * Two kinds     Some the work cannot do without. For others there is another way, a slower one:
 *               the flags say which is to be taken.
 */
#ifndef FLOWTAPE_TARGET_RIGHTS_H
#define FLOWTAPE_TARGET_RIGHTS_H

#include "target/target_client.h"

struct rights {
    bool known;
    bool no_set, no_restore; /* of values: each is refused when it comes */
    bool no_mset;            /* SET for each key */
    bool no_flush;           /* key by key */
    bool no_unlink;          /* DEL */
    char missing[120];       /* names of what cannot be done without; "" */
    char why[200];           /* what the server said to the first of these */
};

/* rights_probe - over the connections to all masters. journal: records may follow the snapshot, by a
 * script. *ret is untouched on failure. */
int rights_probe(struct rights *ret, const struct target_client *t, bool journal,
                 struct ft_err *err);
/* rights_delete_name - of the command that deletes keys. */
const char *rights_delete_name(const struct rights *rights);
/* rights_ask - the same, and no command but MULTI, DISCARD and ACL DRYRUN is executed. */
int rights_ask(struct rights *ret, const struct target_client *t, bool journal, struct ft_err *err);
/* rights_ask_command - likewise: may the user run this command on all masters, as far as they say? */
int rights_ask_command(const struct target_client *t, const char *name, bool *ret_allowed,
                       struct ft_err *err);
/* rights_check - FT_ERR_PROTOCOL if something is missing. */
int rights_check(const struct rights *rights, struct ft_err *err);

#endif
