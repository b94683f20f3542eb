/* check_verify.h - `flowtape verify --report FILE INPUT`: is what a check has written down what the input says? */
#ifndef FLOWTAPE_CMD_CHECK_VERIFY_H
#define FLOWTAPE_CMD_CHECK_VERIFY_H

#include "cmd/common_args.h"

struct check_verify_args {
    const char *report;
    const char *redis_server; /* the program that applies the journal */
    const char *name;         /* of the input, as it was given */
    const char *input;
    const struct output_args *output;
};

enum exit_status check_verify(const char *command, const struct check_verify_args *a);

#endif
