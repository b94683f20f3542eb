/*
 * source_packed.h - a packed capture (archive/pack.h) as an INPUT: read where it lies, without a directory.
 */
#ifndef FLOWTAPE_INPUT_SOURCE_PACKED_H
#define FLOWTAPE_INPUT_SOURCE_PACKED_H

#include "input/source_kind.h"

extern const struct source_kind source_packed_kind;

#endif
