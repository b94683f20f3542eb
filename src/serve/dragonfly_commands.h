/*
 * dragonfly_commands.h - what the Dragonfly master says to a command.
 *
 * Source   dragonfly src/server/server_family.cc (ReplConf), dflycmd.cc, replica.cc (1.4 to main of August 2026).
 * Threads  That of the connection.
 */
#ifndef FLOWTAPE_SERVE_DRAGONFLY_COMMANDS_H
#define FLOWTAPE_SERVE_DRAGONFLY_COMMANDS_H

#include "serve/dragonfly_peer.h"

/* dragonfly_command_answer - the command that the reader has given out; replies go to peer->out. Once peer->flow is set,
 * the connection has become a flow. An error is one of the capture. */
int dragonfly_command_answer(struct dragonfly_peer *peer, struct ft_err *err);

#endif
