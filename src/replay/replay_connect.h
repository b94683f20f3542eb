/*
 * replay_connect.h - one attempt's connections to the target, and the right to write over them.
 */
#ifndef FLOWTAPE_REPLAY_REPLAY_CONNECT_H
#define FLOWTAPE_REPLAY_REPLAY_CONNECT_H

#include <stdbool.h>

#include "base/err.h"

struct replay;

/* replay_connect_init - the target of the options; nothing is connected to yet. */
void replay_connect_init(struct replay *r);
/* replay_connect - to all masters; see that the user may do what is needed, take the lease, and close what
 * earlier attempts left open. Losing one is FT_ERR_NET. */
int replay_connect(struct replay *r, struct ft_err *err);
/* replay_disconnect - also after a failed replay_connect. */
void replay_disconnect(struct replay *r);
/* replay_take_lease - once more, for who has removed the state that held it. In a rehearsal it is only looked
 * at. */
int replay_take_lease(struct replay *r, struct ft_err *err);
/* replay_end_lease - see lease_end; before replay_disconnect, which does not give it back. */
void replay_end_lease(struct replay *r, bool give_back);

#endif
