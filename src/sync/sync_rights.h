/*
 * sync_rights.h - whether the source lets the user do what a sync cannot do without.
 *
 * How it works  Commands are sent in a form that does nothing, or the server is asked what it would say to them
 *               (rights.h); PSYNC cannot be tried, as it begins a full sync. What a server does not say is
 *               not known, and is found out when it matters.
 */
#ifndef FLOWTAPE_SYNC_SYNC_RIGHTS_H
#define FLOWTAPE_SYNC_SYNC_RIGHTS_H

#include "sync/sync.h"

#define SYNC_ASK_MS 5000u

/* sync_ask_ms - a source that is slower has not said what it holds, or allows. */
static inline uint64_t sync_ask_ms(const struct sync_options *o)
{
    return o->capture.give_up_after_ms < SYNC_ASK_MS ? o->capture.give_up_after_ms : SYNC_ASK_MS;
}

/* sync_check_rights - FT_ERR_PROTOCOL: a server of the source does not allow what is named then. One that does not answer
 * is no error. */
int sync_check_rights(const struct sync_options *o, struct ft_err *err);

#endif
