/*
 * redis_commands.h - what a master answers to the commands of who attaches to it.
 *
 * What it is   Those that replicas, redis-cli and the libraries they are built on send before they ask for data. Anything
 *              else is an error that says what this is.
 * Threads      The session's.
 */
#ifndef FLOWTAPE_SERVE_REDIS_COMMANDS_H
#define FLOWTAPE_SERVE_REDIS_COMMANDS_H

#include "serve/redis_peer.h"

enum redis_request_kind {
    REQUEST_NONE,
    REQUEST_SYNC,
    REQUEST_PSYNC,
};

/* What makes a client a replica. */
struct redis_request {
    enum redis_request_kind kind;
    char id[STREAM_ID_LENGTH + 1]; /* the replication id that it knows, or "?" */
    int64_t offset;                /* the first that it wants of that; -1: none */
};

/* redis_command_answer - the command that the reader has, into s->out; *ret is set by PSYNC and SYNC. */
int redis_command_answer(struct redis_peer *s, struct redis_request *ret, struct ft_err *err);

#endif
