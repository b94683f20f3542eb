/*
 * set_moments.h - what a set (capture_set.h) writes down of slots that move: where in the journals they had come to rest.
 *
 * Redis        struct set_moment: whose each slot was at one moment. Its journals do not tell.
 * Dragonfly    struct set_settled. Its journals tell when a node gives slots up, but what the other nodes have got of them lies in other
 *              journals, which may end before that. So the capture asks all nodes how far they are, twice: what was given up before
 *              the first answers, the others had got before the second ones.
 * Threads      Belongs to one thread, or is constant.
 */
#ifndef FLOWTAPE_STORE_SET_MOMENTS_H
#define FLOWTAPE_STORE_SET_MOMENTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* In a moment, of a node that was idle: all that it had. */
#define CAPTURE_SET_IDLE_LSN ((uint64_t)INT64_MAX)

/* Slots first to last, both included, of the node with this index. */
struct set_slots {
    uint16_t first, last;
    uint16_t node;
};

/*
 * What was found out at one moment about slots that may have been on their way before: whose they are. It is written
 * down when what lies before the LSNs is durable.
 */
struct set_moment {
    uint64_t *
        from; /* per node: before these LSNs none of the slots was on its way; NULL: none was at all */
    uint64_t *
        lsn; /* per node, whose journal has one flow: the next LSN when it said that it has the slots, or CAPTURE_SET_IDLE_LSN */
    uint64_t *epoch; /* per node: its configuration epoch then */
    struct set_slots *slots;
    size_t slots_count;
};

/* Slots that were given up before the one LSNs are at rest from the others on; both per flow of the set, those of one node after the other's. */
struct set_mark {
    uint64_t *given_up;
    uint64_t *at_rest;
};

struct set_settled {
    bool kept;           /* the capture writes marks; else nothing is known */
    uint32_t flow_count; /* 0: there are no LSNs yet */
    uint64_t *
        since; /* of what was given up before these LSNs nothing is known; NULL: marks tell of all */
    struct set_mark *marks; /* in order of time */
    size_t mark_count;
};

/* set_moment_copy, set_moment_release - with all that it points to, of so many nodes. */
int set_moment_copy(struct set_moment *ret, const struct set_moment *from, uint32_t node_count,
                    struct ft_err *err);
void set_moment_release(struct set_moment *s);
/* set_lsns_copy - NULL stays NULL. set_slots_copy - of none, too. */
int set_lsns_copy(uint64_t **ret, const uint64_t *lsn, uint32_t count, struct ft_err *err);
int set_slots_copy(struct set_slots **ret, const struct set_slots *slots, size_t count,
                   struct ft_err *err);
json_t *set_lsns_json(const uint64_t *lsn, uint32_t count);

/* set_settled_add - one more mark, copied. If none were kept before, they tell of what is given up from here on. Returns 1:
 * it is the last one already. */
int set_settled_add(struct set_settled *s, uint32_t flow_count, const uint64_t *given_up,
                    const uint64_t *at_rest, struct ft_err *err);
/* set_settled_before - per flow: what was given up before these LSNs is at rest where the flows stop, or nothing is known of it. */
void set_settled_before(const struct set_settled *s, const uint64_t *stop_lsn, uint64_t *ret,
                        uint32_t flow_count);
json_t *set_settled_json(const struct set_settled *s);
/* set_settled_read - j: NULL: none were kept. FT_ERR_CORRUPT. */
int set_settled_read(struct set_settled *s, const json_t *j, struct ft_err *err);
void set_settled_release(struct set_settled *s);

#endif
