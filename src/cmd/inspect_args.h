/* inspect_args.h - the command line of flowtape inspect. */
#ifndef FLOWTAPE_CMD_INSPECT_ARGS_H
#define FLOWTAPE_CMD_INSPECT_ARGS_H

#include "audit/forecast.h"
#include "cmd/common_args.h"

/* What is shown. */
enum inspect_view {
    INSPECT_OVERVIEW,
    INSPECT_RECORDS,
    INSPECT_HISTORY,
    INSPECT_KEYS,
    INSPECT_FORECAST,
    INSPECT_RAW,
};

struct inspect_args {
    const char *input;
    enum inspect_view view; /* what the options below come to */
    struct input_args which;
    struct output_args output;
    bool no_census;
    bool segments;
    bool records;
    bool raw;
    bool keys;
    char *key; /* of --key, as it was written */
    struct filter filter;
    bool has_flow;
    uint32_t flow;
    const char *from;
    const char *to;
    uint64_t limit;              /* 0: none */
    struct version_args version; /* target NULL: no forecast is wanted */
    struct forecast_options forecast;
};

/* inspect_args_parse - FT_ERR_USAGE. Release in any case; the arguments of argv are borrowed. */
int inspect_args_parse(struct inspect_args *ret, int argc, char **argv, struct ft_err *err);
int inspect_args_help(struct arg_view *view);
void inspect_args_release(struct inspect_args *a);

#endif
