/* convert_args.h - the command line of flowtape convert. */
#ifndef FLOWTAPE_CMD_CONVERT_ARGS_H
#define FLOWTAPE_CMD_CONVERT_ARGS_H

#include "cmd/common_args.h"
#include "output/forms.h"

struct convert_args {
    const char *input;
    const char *output;
    const struct output_form *to;
    struct input_args from;
    struct version_args version;
    struct loss_args loss;
    struct output_args print;
    struct convert_options convert; /* cut is not set */
};

/* convert_args_parse - FT_ERR_USAGE. Defaults are filled in. convert_args_release also afterwards. */
int convert_args_parse(struct convert_args *ret, int argc, char **argv, struct ft_err *err);
int convert_args_help(struct arg_view *view);
void convert_args_release(struct convert_args *a);

#endif
