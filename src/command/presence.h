/*
 * presence.h - which keys there are at the source, as far as a flow tells.
 *
 * What it is   Entries and records, in stream order, make keys and end them. Of many records that is plain
 *              (SET, DEL, RENAME); a pop may have taken the last element, and no DEL follows then: after it
 *              nobody knows, until another record says so again.
 * What for     MOVE is journalled also where it did nothing, as its destination existed. Where a filter
 *              hides the destination from the target, only this tells whether it had an effect.
 * Memory       24 to 48 bytes for a key that ever was; much of it is in a file (base/table_memory.h).
 * Threads      None of its own.
 */
#ifndef FLOWTAPE_COMMAND_PRESENCE_H
#define FLOWTAPE_COMMAND_PRESENCE_H

#include "base/table_memory.h"
#include "command/translation.h"
#include "item/item.h"

enum presence_state {
    PRESENCE_ABSENT,
    PRESENCE_PRESENT,
    PRESENCE_UNKNOWN,
};

struct presence_slot;

/* Zeroed: no key is there. */
struct presence {
    struct presence_slot *slots;
    size_t capacity;
    size_t count;
    struct table_memory memory;
};

/* What a record whose effect depends on whether its destination is there did at the source. */
enum record_effect {
    RECORD_HAD_EFFECT,
    RECORD_HAD_NONE,
    RECORD_EFFECT_UNKNOWN,
};

/* record_is_conditional - MOVE, RENAMENX, COPY without REPLACE: they do nothing if the second key is there. Not
 * those of a Redis, which propagates what did something. */
bool record_is_conditional(const struct journal_record *record, const struct translation *t);
/* record_effect_of - of such a record, by the states of its two keys. */
enum record_effect record_effect_of(enum presence_state src, enum presence_state dst);

enum presence_state presence_of(const struct presence *p, uint32_t db, struct bytes key);
int presence_entry(struct presence *p, const struct rdb_entry *entry, struct ft_err *err);
/* presence_record - t: under the source's names. */
int presence_record(struct presence *p, const struct journal_record *record,
                    const struct translation *t, struct ft_err *err);
/* presence_flush - db: of the record. */
void presence_flush(struct presence *p, const struct translation_flush *flush, uint32_t db);
void presence_release(struct presence *p);

#endif
