/*
 * effects.h - did a MOVE, RENAMENX or COPY do something at the source?
 *
 * What it is   Asked when one of its keys is not on the target, so that the target cannot tell
 *              (command/presence.h). With the first question about a flow the flow is read again from its
 *              beginning up to that record; from then on what is applied is taken along. A record inside the
 *              full sync is decided by all that the flow's snapshot has of its keys.
 * Order        effects_of before effects_pass of the same record; records of a flow in their order, none
 *              that is not applied.
 * Threads      Not shared.
 */
#ifndef FLOWTAPE_INPUT_EFFECTS_H
#define FLOWTAPE_INPUT_EFFECTS_H

#include "command/presence.h"
#include "input/source.h"

struct effects;

/* effects_new - nothing is read yet. */
int effects_new(struct effects **ret, const struct source *source, struct ft_err *err);
/* effects_of - t: of a record that is conditional, under the source's names. */
int effects_of(struct effects *e, const struct item *item, const struct translation *t,
               enum record_effect *ret, struct ft_err *err);
/* effects_pass - a record of the journal is applied, whatever is left of it. */
int effects_pass(struct effects *e, const struct item *item, const struct translation *t,
                 struct ft_err *err);
/* effects_flush - every flow has come to it. */
void effects_flush(struct effects *e, const struct translation_flush *flush, uint32_t db);
void effects_free(struct effects *e);

#endif
