/*
 * dragonfly_hooks.h - what a program that wraps the Dragonfly master may look at and change: tests, which want mishaps that
 * nobody else wants.
 *
 * Threads  Hooks are called by the threads of connections, without a lock held. Each may be NULL.
 */
#ifndef FLOWTAPE_SERVE_DRAGONFLY_HOOKS_H
#define FLOWTAPE_SERVE_DRAGONFLY_HOOKS_H

#include "serve/dragonfly_tape.h"

struct dragonfly_flow;
struct dragonfly_peer;
struct dragonfly_session;

/* The next bytes of a flow: how many are sent at once, and what happens then. */
struct dragonfly_send {
    size_t n;         /* of as many as there are */
    uint64_t wait_ms; /* before the next ones */
    bool cut;         /* the session ends after them */
};

struct dragonfly_hooks {
    void *context;
    /* command - the one in peer->reader. 1: it is answered by what was put into peer->out; 0: as always. */
    int (*command)(void *context, struct dragonfly_peer *peer, struct ft_err *err);
    /* grants - of an LSN that the capture has: is it PARTIAL? */
    bool (*grants)(void *context, const struct dragonfly_flow *f, uint64_t lsn);
    /* next - instead of dragonfly_tape_next. */
    enum step (*next)(void *context, struct dragonfly_flow *f, struct dragonfly_tape *tape,
                      struct dragonfly_piece *ret, struct ft_err *err);
    /* send - offset: of the first byte, as in the piece. After the options had their say. */
    void (*send)(void *context, const struct dragonfly_flow *f, uint64_t offset,
                 struct dragonfly_send *send);
    /* sent - so long did it take until the peer had room for what was sent at once. */
    void (*sent)(void *context, const struct dragonfly_flow *f, uint64_t took_ms);
    void (*ack)(void *context, const struct dragonfly_flow *f, uint64_t lsn);
    /* ended - a session does, by whatever; mu is held. */
    void (*ended)(void *context, const struct dragonfly_session *s);
    /* taken_over - what is answered to a takeover, instead of "+OK", after the flows were closed. */
    const char *taken_over;
};

#endif
