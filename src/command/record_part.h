/*
 * record_part.h - what is left of a record of which only some keys are taken.
 *
 * What it is   A filter lets one of several keys through, or the target keeps another one as its own.
 *              Where keys are independent (DEL, MSET) the others are dropped. What takes something away from
 *              a key that is taken becomes just that (RENAME: DEL, LMOVE: a pop, SMOVE: SREM). What changes a
 *              key by means of one that is not there is left out, and the key is unknown from then on.
 *              The one place for this: a replay and the files that are made of records cannot differ.
 * Effect       MOVE, RENAMENX and COPY may have done nothing (presence.h). If nobody knows, a key that is
 *              taken stays as it is, unknown.
 * Threads      A struct belongs to one thread.
 */
#ifndef FLOWTAPE_COMMAND_RECORD_PART_H
#define FLOWTAPE_COMMAND_RECORD_PART_H

#include "command/presence.h"

/* A key of the record, in the order of its translation. */
struct part_key {
    bool taken;
    bool unknown; /* set by record_part_make, after RECORD_LEFT_UNKNOWN */
    uint32_t db;  /* as the target has it, if it is taken */
    struct bytes name;
};

enum record_left {
    RECORD_LEFT_ERROR = -1,
    RECORD_LEFT_NOTHING,
    RECORD_LEFT_ARGS,
    RECORD_LEFT_UNKNOWN, /* nothing, and some keys are unknown */
};

/* Zeroed at first. The arguments are a record for the translation, valid until the next call. */
struct record_part {
    struct bytes *args; /* owned */
    size_t capacity;
    size_t count;
    uint32_t db;
};

/* record_part_make - t: under the source's names; some of its keys are taken. effect counts only where
 * record_is_conditional. */
enum record_left record_part_make(struct record_part *p, const struct journal_record *record,
                                  const struct translation *t, enum record_effect effect,
                                  struct part_key *keys, struct ft_err *err);
void record_part_release(struct record_part *p);

#endif
