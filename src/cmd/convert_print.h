/* convert_print.h - what a conversion did, for people and as JSON. */
#ifndef FLOWTAPE_CMD_CONVERT_PRINT_H
#define FLOWTAPE_CMD_CONVERT_PRINT_H

#include <jansson.h>

#include "cmd/convert_args.h"

struct convert_outcome {
    const struct convert_args *args;
    const struct source *source;
    struct loss_report losses;
    struct suspect_report suspects;
    struct convert_result result;
};

void convert_print(const struct convert_outcome *o);
/* convert_to_report - NULL: out of memory. */
json_t *convert_to_report(const struct convert_outcome *o);

#endif
