#include "mapping/replay_own_key.h"

#include <stdio.h>

void replay_shared_state_name(const char *capture, char out[REPLAY_KEY_SIZE])
{
    (void)snprintf(out, REPLAY_KEY_SIZE, REPLAY_KEY_PREFIX "%s" REPLAY_SHARED_STATE_SUFFIX,
                   capture); /* fits */
}

bool replay_is_own_key(struct bytes key)
{
    const size_t prefix = strlen(REPLAY_KEY_PREFIX);
    const size_t end = prefix + REPLAY_ID_SIZE - 1;

    if (!replay_may_be_own_key(key))
        return false;
    if (bytes_eq_str(key, REPLAY_STATE_KEY) || bytes_eq_str(key, REPLAY_CLAIMS_KEY))
        return true;
    if (key.n <= end || key.p[end] != ':')
        return false;
    for (size_t i = prefix; i < end; i++) {
        if (!(key.p[i] >= '0' && key.p[i] <= '9') && !(key.p[i] >= 'a' && key.p[i] <= 'f'))
            return false;
    }
    return true;
}
