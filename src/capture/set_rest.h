/*
 * set_rest.h - when is it settled whose a slot is? From looks at a cluster to what a set writes down of it.
 *
 * What it is   A slot that moves is written by two nodes, whose journals do not say in which order. But a node says whose the
 *              slot is together with its offset: what the old owner has written is before that offset, and nothing
 *              of what it may write later. So when a slot has come to rest, the offsets of all nodes at that look tell
 *              which records come first. This here finds such slots (struct set_moment), and waits until the journals
 *              are durable up to there.
 * Beginning    A generation of the set begins when each slot has been at rest once since the nodes' full syncs.
 * Calm         Nothing moves, and everything is written down.
 * Crossing     Between two calm looks slots may have gone from A to B and others from B to A: then either node's flow would have to wait
 *              for the other's. That cannot be brought into an order, so the set begins again from what is on disk
 *              (SET_REST_AGAIN): what a slot's last owner has of it is enough.
 * Threads      One.
 */
#ifndef FLOWTAPE_CAPTURE_SET_REST_H
#define FLOWTAPE_CAPTURE_SET_REST_H

#include "capture/cluster_watch.h"
#include "store/capture_set.h"

struct set_rest;

int set_rest_new(struct set_rest **ret, uint32_t node_count, struct ft_err *err);
void set_rest_free(struct set_rest *s);

/*
 * set_rest_begin - the beginning of a generation is looked for. since: the number of a look after which the newest full sync
 * began; if no slot has moved after that, the moments before the beginning are whole too.
 */
void set_rest_begin(struct set_rest *s, uint64_t since);
/* set_rest_resume - where the set's generation was left. */
int set_rest_resume(struct set_rest *s, const struct set_generation *g, struct ft_err *err);
/* set_rest_has_begun - there is a generation of the set, and it is written down. */
bool set_rest_has_begun(const struct set_rest *s);
/* set_rest_list - what has been settled since set_rest_begin, of a generation that has just begun. */
const struct set_moment *set_rest_list(const struct set_rest *s, size_t *ret_count);

/*
 * set_rest_look - a look that is whole. imported: something came in a journal since the last look that comes of moving slots
 * only. FT_ERR_NOMEM. set_rest_see - one that is from before the newest full sync, or while there is no generation yet.
 */
void set_rest_see(struct set_rest *s, const struct cluster_look *look, bool imported);
int set_rest_look(struct set_rest *s, const struct cluster_look *look, bool imported,
                  struct ft_err *err);

enum set_rest_step {
    SET_REST_ERROR = -1,
    SET_REST_NOTHING,
    SET_REST_WRITE, /* *ret, to be written down; lent until the next call */
    SET_REST_BEGUN, /* the generation may begin, with set_rest_list */
    SET_REST_AGAIN, /* the generation is over, and set_rest_begin has been called */
};
/* set_rest_next - durable: of each node, its next LSN of which all before is durable; moves as in a look, of now. */
enum set_rest_step set_rest_next(struct set_rest *s, const uint64_t *durable, const unsigned *moves,
                                 const struct set_moment **ret, struct ft_err *err);
/* set_rest_owners - as far as it is settled. */
const uint16_t *set_rest_owners(const struct set_rest *s);
/* set_rest_last_calm - of each node, the LSN before which nothing was on its way at the newest look at which all was calm; NULL: there was
 * none, or there is no generation yet. */
const uint64_t *set_rest_last_calm(const struct set_rest *s);
/* set_rest_calm - the newest looks at which all was calm, and was not; 0: none. */
struct cluster_calm set_rest_calm(const struct set_rest *s);

#endif
