/*
 * dragonfly_flow.h - a connection that has become a flow: what it is sent, and its acknowledgements.
 *
 * Threads  The thread of the connection does both, so that a slow peer keeps up nobody.
 */
#ifndef FLOWTAPE_SERVE_DRAGONFLY_FLOW_H
#define FLOWTAPE_SERVE_DRAGONFLY_FLOW_H

#include "serve/dragonfly_peer.h"

/* dragonfly_flow_run - until the session ends, for whatever reason. An error that is not the connection's is one of the
 * capture. */
int dragonfly_flow_run(struct dragonfly_peer *peer, struct ft_err *err);

#endif
