/*
 * forms.h - the forms of output.
 *
 * RDB          The state at a cut, as a file that Redis loads.
 * RESP         One file for `redis-cli --pipe`: entries as commands, flow after flow, with the journal
 *              records inside the full sync at their places; then the journals (journal_pass.h).
 * AOF          A directory for `redis-server --appendonly yes --dir OUTPUT`: a base, which is an RDB, and
 *              increments.
 * JSON         One object a line: entries and records as they are, nothing is translated or dropped.
 */
#ifndef FLOWTAPE_OUTPUT_FORMS_H
#define FLOWTAPE_OUTPUT_FORMS_H

#include "output/convert.h"

/* output_forms - all of them; *ret_count of them. */
const struct output_form *const *output_forms(size_t *ret_count);
/* output_form_find - by its name; NULL: there is none. */
const struct output_form *output_form_find(const char *name);

#endif
