/* forecast_print.h - a loss forecast for people, or as JSON, on stdout. */
#ifndef FLOWTAPE_CMD_FORECAST_PRINT_H
#define FLOWTAPE_CMD_FORECAST_PRINT_H

#include "pipe/forecast.h"

void forecast_print(const struct forecast *f, const struct source *source,
                    const struct forecast_options *options, bool json);

#endif
