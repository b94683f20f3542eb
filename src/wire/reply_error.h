/*
 * reply_error.h - what an error reply of a Redis says beyond its text.
 *
 * What it is   The error code in front of the text as an enum, with the address of a redirect.
 *              Errors that redis.call and redis.pcall give inside a script are understood too.
 * Not here     Whether a command's error was to be expected: command/command_table.h.
 * Source       redis src/server.c (createSharedObjects), src/cluster.c (clusterRedirectClient),
 *              src/script.c (scriptVerifyClusterState), src/scripting.c (luaPushError), src/multi.c (execCommandAbort); 5.0 to 8.0.
 */
#ifndef FLOWTAPE_WIRE_REPLY_ERROR_H
#define FLOWTAPE_WIRE_REPLY_ERROR_H

#include "base/bytes.h"
#include "wire/uri.h"

enum reply_error_kind {
    REPLY_ERROR_OTHER,       /* ERR, WRONGTYPE, ...: about the command itself */
    REPLY_ERROR_MOVED,       /* redirect: the slot belongs to another node */
    REPLY_ERROR_ASK,         /* redirect: the key, if it exists, is on another node already */
    REPLY_ERROR_NOT_LOCAL,   /* a script used a key of another node, or of a slot on its way */
    REPLY_ERROR_TRYAGAIN,    /* keys of one slot, on its way, are on two nodes */
    REPLY_ERROR_CROSSSLOT,   /* keys of more than one slot; our mistake */
    REPLY_ERROR_CLUSTERDOWN, /* also within a script */
    REPLY_ERROR_LOADING,
    REPLY_ERROR_READONLY,   /* a replica, maybe since a moment ago */
    REPLY_ERROR_UNBLOCKED,  /* while the command waited, the server became a replica */
    REPLY_ERROR_MASTERDOWN, /* a replica without its master */
    REPLY_ERROR_NOREPLICAS, /* min-replicas-to-write is not met */
    REPLY_ERROR_OOM,        /* maxmemory */
    REPLY_ERROR_MISCONF,    /* the server could not save and refuses writes */
    REPLY_ERROR_MAXCLIENTS, /* no room for another connection */
    REPLY_ERROR_BUSY,       /* a script, function or module command is running */
    REPLY_ERROR_BUSYKEY,    /* RESTORE without REPLACE of a key that exists */
    REPLY_ERROR_EXECABORT,  /* nothing of the transaction was done; see cause */
    REPLY_ERROR_NOSCRIPT,
    REPLY_ERROR_DENIED, /* NOAUTH, NOPERM, WRONGPASS, DENIED */
};

struct reply_error {
    enum reply_error_kind kind;
    /* MOVED, ASK. An empty host is that of the node which answered. */
    uint16_t slot;
    uint16_t port;
    char host[URI_HOST_SIZE];
    /* EXECABORT since redis 7.0: why; else REPLY_ERROR_OTHER. */
    enum reply_error_kind cause;
};

/*
 * reply_error_parse - text: an error reply, with or without its '-'. A redirect that cannot be read
 * (no such slot, no port, an impossible host) is REPLY_ERROR_OTHER.
 */
void reply_error_parse(struct bytes text, struct reply_error *ret);
enum reply_error_kind reply_error_kind_of(struct bytes text);

/*
 * reply_error_is_passing - the command was not executed, and the same command may succeed later,
 * here or on another node: everything from MOVED to BUSY but CROSSSLOT
 */
bool reply_error_is_passing(enum reply_error_kind kind);
/* reply_error_denies_command - in whatever words a user is refused, or a command has been taken away. */
bool reply_error_denies_command(const char *text);
/* reply_error_denies_key - the user may run the command, but not on this key. */
bool reply_error_denies_key(const char *text);
/* reply_error_is_of_data - about the keys that the command found: not about who sent it, or the command. */
bool reply_error_is_of_data(struct bytes text);
/* reply_text_is_passing - the same of a reply; a transaction is passing if its cause is. */
bool reply_text_is_passing(struct bytes text);
/* reply_error_is_topology - passing, and a new slot map may tell more: MOVED, ASK, NOT_LOCAL,
 * TRYAGAIN, CLUSTERDOWN, READONLY, UNBLOCKED, MASTERDOWN. */
bool reply_error_is_topology(enum reply_error_kind kind);

#endif
