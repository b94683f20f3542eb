/*
 * command_table.h - every command that Dragonfly can journal, and those that a Redis propagates, one row each.
 *
 * What it is   The one place that knows what a journalled command is: its form, where its keys are,
 *              since which Redis it exists in that form, what becomes of it (a function, or as it
 *              is), and which error replies the source will have had too.
 * Sources      dragonfly, the CO::JOURNALED registrations in src/server/..._family.cc (main of
 *              August 2026) and, for older releases, those with CO::WRITE (v1.4 to v1.37); redis
 *              src/commands (5.0 to 8.0) for the versions.
 */
#ifndef FLOWTAPE_COMMAND_COMMAND_TABLE_H
#define FLOWTAPE_COMMAND_COMMAND_TABLE_H

#include "command/command_row.h"

/* command_find - by name, letter case ignored; NULL: not known. */
const struct command_row *command_find(struct bytes name);
/* command_rows - the whole table, for tests and listings. */
const struct command_row *command_rows(size_t *ret_count);
/* command_arity_ok - arg_count includes the name. */
bool command_arity_ok(const struct command_row *row, size_t arg_count);
/*
 * command_error_expected - will the source have had this error too? error is the text
 * of the reply, with or without "-". A NULL row: no.
 */
bool command_error_expected(const struct command_row *row, const char *error);

#endif
