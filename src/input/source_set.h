/*
 * source_set.h - a set of captures (store/capture_set.h) as an INPUT: one of its generations, the streams of
 * one node after those of the other.
 */
#ifndef FLOWTAPE_INPUT_SOURCE_SET_H
#define FLOWTAPE_INPUT_SOURCE_SET_H

#include "input/source_kind.h"

extern const struct source_kind source_set_kind;

#endif
