/*
 * left_out.h - what records make of keys that a loss has left out (--on-loss skip).
 *
 * What it is   RENAME, COPY and MOVE of such a key: what it becomes is left out as well, counted as a loss and
 *              named; and what it replaced at the source is gone there. All else that a record changes by means of such
 *              a key, or in its place, is suspect (suspect.h).
 * Too many     A key that has got another value since still counts as left out, so what becomes of a key is
 *              decided by whether the target has it (lua/vanished.lua).
 * Threads      Any.
 */
#ifndef FLOWTAPE_COMMAND_LEFT_OUT_H
#define FLOWTAPE_COMMAND_LEFT_OUT_H

#include "command/translation.h"
#include "item/item.h"
#include "item/loss.h"

/* left_out_moves - does the record make a key of one that was left out? */
bool left_out_moves(struct loss_report *r, const struct translation *t);
/* left_out_spreads - does it change another key by means of one, or in its place? */
bool left_out_spreads(struct loss_report *r, const struct translation *t);
/* left_out_take - counts what becomes of such a key. *ret_vanishes: left_out_command goes in front of the record. */
int left_out_take(struct loss_report *r, const struct item *item, const struct translation *t,
                  bool *ret_vanishes, struct ft_err *err);

/* left_out_command - removes dst unless there is src. Its arguments are valid as long as both keys and *c. */
#define LEFT_OUT_ARGS 7
struct left_out_command {
    struct bytes args[LEFT_OUT_ARGS];
    char numbers[2][I64_TEXT_SIZE];
};
void left_out_command(struct left_out_command *c, const struct translation_key *src,
                      const struct translation_key *dst);
/* left_out_replaces - does what becomes of keys[0] replace keys[1], whatever that is? */
bool left_out_replaces(const struct journal_record *record, const struct translation *t);

#endif
