#include "replay/position/replay_way.h"

/* From this version on a server counts what it refuses, and replicates what a script did. */
#define TRANSACTIONS_VERSION 700u

bool replay_way_may_be_transactions(const struct target_client *target)
{
    return !target->cluster && target->version >= TRANSACTIONS_VERSION;
}

bool replay_way_is_transactions(const struct rights *rights)
{
    return rights->no_eval || rights->transactions;
}
