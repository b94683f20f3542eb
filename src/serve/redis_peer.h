/*
 * redis_peer.h - who is at the other end of a connection: what it has said of itself, and what it is sent.
 *
 * Threads  Belongs to the thread of its session.
 */
#ifndef FLOWTAPE_SERVE_REDIS_PEER_H
#define FLOWTAPE_SERVE_REDIS_PEER_H

#include "serve/command_reader.h"
#include "serve/redis_master.h"
#include "wire/conn.h"

/* A replica that says nothing for so long is dropped, as one that takes nothing: repl-timeout of redis.conf. */
#define SESSION_TIMEOUT_MS 60000u

struct redis_peer {
    struct redis_master *master;
    struct conn conn;
    struct command_reader reader;
    struct buf out; /* replies that are collected */
    struct replica replica;
    bool authenticated;
    bool resp3;
    bool ends;          /* QUIT, or refused */
    bool eof;           /* capa eof: takes a state whose length is not known */
    bool psync2;        /* capa psync2: wants the replication id with CONTINUE */
    bool state_only;    /* rdb-only */
    bool no_keys;       /* rdb-filter-only without "data" */
    bool attached;      /* has been a replica */
    bool marked;        /* got a state that ended with a mark */
    bool old;           /* came by SYNC: it does not acknowledge */
    bool unfit;         /* by its version it cannot load what is served */
    struct target kind; /* by REPLCONF version, for the state; name NULL: as served */
};

/* redis_peer_read - what has come, into the reader; waits up to timeout_ms. */
int redis_peer_read(struct redis_peer *s, uint64_t timeout_ms, struct ft_err *err);
/* redis_peer_note - a line for the user, with the peer's name in front. */
void redis_peer_note(const struct redis_peer *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
