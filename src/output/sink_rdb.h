/*
 * sink_rdb.h - the state of an INPUT as a file that Redis loads.
 *
 * How it works  The lanes of a state (state/state_run.h) re-encode entries into chunks; the calling thread appends
 *               them to the file as they come. Chunks circulate, so memory does not depend on the data set; a
 *               value larger than a chunk is lent to the writing thread instead of being copied.
 */
#ifndef FLOWTAPE_OUTPUT_SINK_RDB_H
#define FLOWTAPE_OUTPUT_SINK_RDB_H

#include "output/convert.h"

extern const struct output_form sink_rdb;

#endif
