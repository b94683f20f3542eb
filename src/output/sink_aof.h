/*
 * sink_aof.h - an INPUT as a directory for `redis-server --appendonly yes --dir OUTPUT`.
 *
 * Layout        From Redis 7.0 on appendonlydir/ with base RDB, increments and manifest; before that one
 *               appendonly.aof whose head is the RDB. The base is the state at the end of the full sync, records
 *               inside it applied, so that increments begin with the journal: nothing is applied twice.
 * OUTPUT        Must not exist, or be an empty directory.
 */
#ifndef FLOWTAPE_OUTPUT_SINK_AOF_H
#define FLOWTAPE_OUTPUT_SINK_AOF_H

#include "output/convert.h"

extern const struct output_form sink_aof;

#endif
