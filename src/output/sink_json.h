/*
 * sink_json.h - an INPUT as JSON, one object a line: entries and records as they are.
 */
#ifndef FLOWTAPE_OUTPUT_SINK_JSON_H
#define FLOWTAPE_OUTPUT_SINK_JSON_H

#include "output/convert.h"

extern const struct output_form sink_json;

#endif
