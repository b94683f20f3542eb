/*
 * lease.h - one writer per target.
 *
 * What it is   A field `lease` of a hash on the target says who writes: a random word for the process,
 *              until when (by the target's clock), and which process of which machine that is. A
 *              thread with a connection of its own renews it until lease_end; it is taken, or found
 *              to be one's own, by whoever connects, before anything else is done.
 * Somebody's   It is taken over when it has run out, when its process is seen to have ended, or where
 *              the terms say so.
 * Threads      Taken and ended by one; the thread calls `lost`, and touches nothing else.
 */
#ifndef FLOWTAPE_TARGET_LEASE_H
#define FLOWTAPE_TARGET_LEASE_H

#include "target/target_client.h"

struct lease;

struct lease_terms {
    const char *key; /* of the hash; outlives the lease */
    bool may_create; /* where there is no hash, one with nothing but the lease is made */
    bool take_over;  /* from whoever has it; not by who has had it and lost it */
    bool
        quiet; /* no note that the user may run neither scripts nor transactions, and goes without */
    /* somebody else has taken it; err: FT_ERR_STATE, in the words of a message */
    void (*lost)(void *context, const struct ft_err *err);
    void *context;
};

/* lease_take - FT_ERR_STATE if somebody else has it. *lease is NULL, or what this process has already:
 * it is renewed. It stays NULL where there is no hash, or what it takes is not allowed. */
int lease_take(struct lease **lease, struct target_client *t, const struct lease_terms *terms,
               struct ft_err *err);
/* lease_look - changes nothing: FT_ERR_STATE if somebody else has it; `take_over` then makes that a note. */
int lease_look(struct target_client *t, const struct lease_terms *terms, struct ft_err *err);
/* lease_end - it is renewed no longer; NULL: there is none. give_back: and removed, as nothing more
 * will be written. */
void lease_end(struct lease *lease, bool give_back);

#endif
