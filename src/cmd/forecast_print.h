/* forecast_print.h - a loss forecast for people on stdout, or as JSON. */
#ifndef FLOWTAPE_CMD_FORECAST_PRINT_H
#define FLOWTAPE_CMD_FORECAST_PRINT_H

#include <jansson.h>

#include "audit/forecast.h"

void forecast_print(const struct forecast *f, const struct source *source,
                    const struct forecast_options *options);
/* forecast_to_json - a new reference; NULL: out of memory. */
json_t *forecast_to_json(const struct forecast *f, const struct source *source,
                         const struct forecast_options *options);

#endif
