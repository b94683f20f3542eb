/*
 * dragonfly_peer.h - who is at the other end of a connection to the Dragonfly master.
 *
 * Threads  Belongs to the thread of its connection.
 */
#ifndef FLOWTAPE_SERVE_DRAGONFLY_PEER_H
#define FLOWTAPE_SERVE_DRAGONFLY_PEER_H

#include "serve/command_reader.h"
#include "serve/dragonfly_master.h"
#include "wire/conn.h"

/* One that takes nothing for so long is dropped: replication_timeout of a Dragonfly. */
#define DRAGONFLY_TIMEOUT_MS 30000u

struct dragonfly_peer {
    struct dragonfly_master *master;
    struct conn conn;
    struct command_reader reader;
    struct buf out; /* replies that are collected */
    bool authenticated;
    uint32_t db;
    uint16_t port;                     /* where it listens itself, as it said; 0: it did not */
    char host[URI_HOST_SIZE];          /* likewise, else that of the connection */
    bool ends;                         /* QUIT, or it became a flow and that is over */
    struct dragonfly_session *session; /* that it controls, or of whose flows it is one */
    struct dragonfly_flow *flow;       /* which it has become; NULL: none */
};

#endif
