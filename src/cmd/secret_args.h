/*
 * secret_args.h - passwords among the arguments and in the environment.
 *
 * What it is   Everybody can read the arguments of a process, its children inherit the environment,
 *              and messages repeat what was typed. So passwords are taken out of both before anything
 *              else is done: words of the command line that look like addresses, mistyped ones too,
 *              are kept aside and overwritten with stars, the variables removed. Who may have the
 *              password asks for the word as it was typed.
 * Threads      secret_args_hide before there are any; the rest only reads.
 */
#ifndef FLOWTAPE_CMD_SECRET_ARGS_H
#define FLOWTAPE_CMD_SECRET_ARGS_H

#include <stdbool.h>

#include "base/err.h"

/* secret_args_hide - once, by main. FT_ERR_NOMEM. */
int secret_args_hide(int argc, char **argv, struct ft_err *err);
/* secret_args_has_password - is it an address that holds one? */
bool secret_args_has_password(const char *word);
/* secret_args_typed - the word of argv as it was typed; `word` itself where nothing was hidden. */
const char *secret_args_typed(const char *word);
/* secret_args_variable - of the environment, as it was; NULL: not set. */
const char *secret_args_variable(const char *name);
/* secret_args_mask - overwrite in place what a text repeats of "user:password@host" without scheme,
 * which may be the name of a file too and so stays among the arguments. */
void secret_args_mask(char *text);
/* secret_args_keep_from_cores - this process has a secret: no core dump is made of it from here on. */
void secret_args_keep_from_cores(void);
/* secret_args_wipe - once nobody needs them any more. */
void secret_args_wipe(void);

#endif
