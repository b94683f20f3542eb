/*
 * rights.h - which commands the target lets the user run, without running them.
 *
 * How it works  Each command is sent in a form that changes nothing: of a key that is not there, or
 *               with an argument too many. Whether the user may run it at all, a server says first.
 * Two kinds     Some the work cannot do without. For others there is another way, a slower one:
 *               the flags say which is to be taken.
 * All at once   What is missing is collected; who adds to it what an input needs besides has one
 *               message that names everything.
 */
#ifndef FLOWTAPE_TARGET_RIGHTS_H
#define FLOWTAPE_TARGET_RIGHTS_H

#include "target/target_client.h"

#define RIGHTS_NAME 48
#define RIGHTS_MAX  64
#define RIGHTS_WHY  200

enum rights_answer {
    RIGHTS_ALLOWED, /* as far as the server says */
    RIGHTS_DENIED,
    RIGHTS_NO_SUCH, /* nobody may run it there: it is not known, or was taken away */
};

/* Commands that are not to be used, though the server may allow them. */
enum {
    RIGHTS_EVAL = 1 << 0, /* also EVALSHA and SCRIPT */
    RIGHTS_RESTORE = 1 << 1,
    RIGHTS_MSET = 1 << 2,
    RIGHTS_UNLINK = 1 << 3,
    RIGHTS_FLUSH = 1 << 4, /* FLUSHALL and FLUSHDB */
};

struct rights_wanted {
    bool journal;      /* records may follow the snapshot */
    bool transactions; /* which go by transactions, if the user may run these */
    unsigned without;  /* of the commands above */
};

struct rights {
    bool known;
    bool no_set, no_restore; /* of values: each is refused when it comes */
    bool no_eval;            /* scripts are run here, see target_eval.h */
    bool transactions;       /* they were wanted, and may be run */
    bool no_mset;            /* SET for each key */
    bool no_flush;           /* key by key */
    bool no_unlink;          /* DEL */
    /* What cannot be done without: commands, and keys. */
    char missing[RIGHTS_MAX][RIGHTS_NAME];
    size_t missing_count;
    char why[RIGHTS_WHY]; /* what the server said to the first of these */
};

/* rights_take_without - "eval,restore": adds to *ret; FT_ERR_USAGE. */
int rights_take_without(unsigned *ret, const char *text, struct ft_err *err);
/* rights_probe - over the connections to all masters. *ret is untouched on failure. */
int rights_probe(struct rights *ret, const struct target_client *t,
                 const struct rights_wanted *wanted, struct ft_err *err);
/* rights_delete_name - of the command that deletes keys. */
const char *rights_delete_name(const struct rights *rights);
/* rights_ask - the same, and no command but MULTI, DISCARD and ACL DRYRUN is executed. */
int rights_ask(struct rights *ret, const struct target_client *t,
               const struct rights_wanted *wanted, struct ft_err *err);
/* rights_ask_command - likewise: may the user run this command on all masters, as far as they say? */
int rights_ask_command(const struct target_client *t, const char *name, bool *ret_allowed,
                       struct ft_err *err);
/* rights_ask_commands - the same of many, over connections of its own: ret[i] is of names[i], "NAME" or "NAME SUB".
 * A why that is not NULL gets what was said to the first that is not allowed. */
int rights_ask_commands(const struct target_client *t, const char *const *names, size_t count,
                        enum rights_answer *ret, char why[RIGHTS_WHY], struct ft_err *err);
/* rights_ask_server - the same of one server, which need not be a target. */
int rights_ask_server(const struct uri *u, int cancel_fd, uint64_t timeout_ms,
                      const char *const *names, size_t count, enum rights_answer *ret,
                      char why[RIGHTS_WHY], struct ft_err *err);
/* rights_add_missing - once, however often it is named. */
void rights_add_missing(struct rights *rights, const char *name, const char *why);
/* rights_check - FT_ERR_PROTOCOL if something is missing; whom: who does not allow it. */
int rights_check(const struct rights *rights, const char *whom, struct ft_err *err);

#endif
