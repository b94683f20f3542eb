/* replay_own_key.h - what a replay calls its own keys on the target; replay_state.h says what they hold. */
#ifndef FLOWTAPE_MAPPING_REPLAY_OWN_KEY_H
#define FLOWTAPE_MAPPING_REPLAY_OWN_KEY_H

#include <string.h>

#include "base/bytes.h"

#define REPLAY_KEY_PREFIX "flowtape:"
#define REPLAY_STATE_KEY  REPLAY_KEY_PREFIX "replay"
/* Of a target that several replays share: who has which keys, and the state of one of them. In a cluster they all have
 * the slot of the state of a replay that has the target alone, so that one script sees them. */
#define REPLAY_CLAIMS_KEY          REPLAY_KEY_PREFIX "claims:{" REPLAY_STATE_KEY "}"
#define REPLAY_SHARED_STATE_SUFFIX ":{" REPLAY_STATE_KEY "}"
#define REPLAY_ID_SIZE             33 /* 32 hexadecimal digits */
#define REPLAY_KEY_SIZE            80 /* any of their names */

/* replay_may_be_own_key - nearly no other key may. */
static inline bool replay_may_be_own_key(struct bytes key)
{
    return key.n >= strlen(REPLAY_KEY_PREFIX) &&
           memcmp(key.p, REPLAY_KEY_PREFIX, strlen(REPLAY_KEY_PREFIX)) == 0;
}

/* replay_shared_state_name - what the state of a capture is called on a target that is shared. */
void replay_shared_state_name(const char *capture, char out[REPLAY_KEY_SIZE]);
/* replay_is_own_key - is this the name of one of these keys, of whatever capture? */
bool replay_is_own_key(struct bytes key);

#endif
