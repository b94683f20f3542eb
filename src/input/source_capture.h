/*
 * source_capture.h - a capture directory (store/capture.h) as an INPUT: one of its generations, a stream
 * for each flow.
 */
#ifndef FLOWTAPE_INPUT_SOURCE_CAPTURE_H
#define FLOWTAPE_INPUT_SOURCE_CAPTURE_H

#include "input/source_kind.h"
#include "item/flow_grammar.h"

extern const struct source_kind source_capture_kind;

/* source_capture_directory - for showing its structure, as it was when the source was opened; NULL: the
 * input is not one. */
const struct capture *source_capture_directory(const struct source *s);
/* source_flow_part - what a segment of this kind holds. */
enum flow_part source_flow_part(enum segment_kind kind);

#endif
