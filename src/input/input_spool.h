/*
 * input_spool.h - an INPUT that can be read only once, kept so that it can be read as often as need be.
 *
 * What it is   Standard input ("-"), a pipe or a socket is copied, as it is, into a file without a name in $TMPDIR
 *              (/tmp), which ends with the process however that ends. Everything else stays what it is.
 */
#ifndef FLOWTAPE_INPUT_INPUT_SPOOL_H
#define FLOWTAPE_INPUT_INPUT_SPOOL_H

#include "base/err.h"

/* input_spool - the path to open instead, to be freed. It is valid as long as the process. */
int input_spool(const char *path, char **ret, struct ft_err *err);

#endif
