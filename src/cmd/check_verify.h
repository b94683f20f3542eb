/* check_verify.h - `flowtape verify --report FILE INPUT`: is what a check has written down what the input says? */
#ifndef FLOWTAPE_CMD_CHECK_VERIFY_H
#define FLOWTAPE_CMD_CHECK_VERIFY_H

#include "cmd/common_args.h"

/* check_verify - name: of the input, as it was given. */
enum exit_status check_verify(const char *command, const char *report, const char *name,
                              const char *input, const struct output_args *output);

#endif
