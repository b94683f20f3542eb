/*
 * sink_resp.h - an INPUT as commands for `redis-cli --pipe`.
 *
 * Order         Entries flow after flow, with the records inside the full sync at their places, of which an entry
 *               may come later: it replaces its key. Then the journals. All in the caller's thread.
 */
#ifndef FLOWTAPE_OUTPUT_SINK_RESP_H
#define FLOWTAPE_OUTPUT_SINK_RESP_H

#include "output/convert.h"

extern const struct output_form sink_resp;

#endif
