/*
 * notify.h - what a service manager wants to hear (sd_notify(3)): that a run is at work, and still alive.
 *
 * What it is   Datagrams to the socket that NOTIFY_SOCKET names; nothing where there is none. Servers that are started do not
 *              inherit the variables.
 * Threads      One.
 */
#ifndef FLOWTAPE_CMD_NOTIFY_H
#define FLOWTAPE_CMD_NOTIFY_H

#include <stdatomic.h>

/* notify_watch - alive is who counts this up, from the time on at which it is not 0 any more. */
void notify_watch(const atomic_uint_fast64_t *beats);
/* notify_ready - at work. notify_alive - often: a watchdog is fed when it is time for it. notify_stopping - at the end. */
void notify_ready(void);
void notify_alive(void);
void notify_stopping(void);

#endif
