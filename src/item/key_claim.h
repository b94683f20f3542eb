/*
 * key_claim.h - which keys of a target one of several replays into it may write.
 *
 * What it is   Parts, of which a key has to fit one: "PREFIX*", a name that is written out, or "slots:0-5460,5465". After
 *              a backslash any character stands for itself. A claim is about names, in every database.
 * Overlap      Two claims overlap unless it is certain that no key fits both. The slots of a prefix are known only if it
 *              holds a whole hash tag.
 * Text         Of a claim as a whole: its parts, sorted, a line each.
 */
#ifndef FLOWTAPE_ITEM_KEY_CLAIM_H
#define FLOWTAPE_ITEM_KEY_CLAIM_H

#include "base/buf.h"

struct key_claim_part;

struct key_claim {
    struct key_claim_part *parts; /* sorted by their text */
    size_t count;
};

/* key_claim_add - one part. FT_ERR_USAGE. */
int key_claim_add(struct key_claim *c, const char *text, struct ft_err *err);
/* key_claim_parse - a text as a whole. */
int key_claim_parse(struct key_claim *ret, struct bytes text, struct ft_err *err);
/* key_claim_put - that text; separator: "\n", or what is easier to read. */
int key_claim_put(struct buf *out, const struct key_claim *c, const char *separator,
                  struct ft_err *err);
/* key_claim_part_text - one part, as key_claim_add takes it. */
const char *key_claim_part_text(const struct key_claim *c, size_t part);
/* key_claim_is_empty - nothing was claimed: the target is one replay's alone. */
static inline bool key_claim_is_empty(const struct key_claim *c)
{
    return c->count == 0;
}
bool key_claim_has(const struct key_claim *c, struct bytes key);
bool key_claim_overlaps(const struct key_claim *a, const struct key_claim *b);
void key_claim_release(struct key_claim *c);

#endif
