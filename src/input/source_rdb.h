/*
 * source_rdb.h - an RDB file, of Redis or of Dragonfly, as an INPUT: one stream.
 */
#ifndef FLOWTAPE_INPUT_SOURCE_RDB_H
#define FLOWTAPE_INPUT_SOURCE_RDB_H

#include "input/source_kind.h"

extern const struct source_kind source_rdb_kind;

#endif
