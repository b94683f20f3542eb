/*
 * script_texts.h - the scripts that a journal has brought, by their digests.
 *
 * What it is   A Redis up to 6.2 propagates a script with its text once (EVAL, SCRIPT LOAD), and by its digest from then on
 *              (EVALSHA). The target of a replay does not keep it, so that each call needs the text again.
 * Memory       SCRIPT_TEXTS_MAX bytes of them; what comes after that is not known.
 * Source       redis 6.2 "EVALSHA": the SHA-1 of the text, in hexadecimal digits.
 * Threads      Belongs to one thread.
 */
#ifndef FLOWTAPE_INPUT_SCRIPT_TEXTS_H
#define FLOWTAPE_INPUT_SCRIPT_TEXTS_H

#include "base/err.h"
#include "item/item.h"

#define SCRIPT_TEXTS_MAX (16u << 20)

struct script_texts;

int script_texts_new(struct script_texts **ret, struct ft_err *err);
void script_texts_free(struct script_texts *t);
/* script_texts_see - a record, which may bring a text. */
int script_texts_see(struct script_texts *t, const struct journal_record *record,
                     struct ft_err *err);
/* script_texts_find - what EVALSHA means by its first argument; false: it did not come. Valid until _free. */
bool script_texts_find(const struct script_texts *t, struct bytes digest, struct bytes *ret);

#endif
