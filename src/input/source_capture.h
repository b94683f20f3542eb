/*
 * source_capture.h - a capture directory (store/capture.h) as an INPUT: one of its generations, a stream
 * for each flow.
 */
#ifndef FLOWTAPE_INPUT_SOURCE_CAPTURE_H
#define FLOWTAPE_INPUT_SOURCE_CAPTURE_H

#include "input/source_kind.h"
#include "item/flow_grammar.h"

struct source_capture {
    struct source base; /* must be first */
    struct capture *capture;
    const struct generation *generation;
};

extern const struct source_kind source_capture_kind;

/* Of every kind whose struct this is, however its capture is stored. source_capture_begin takes `capture`, also on
 * failure: the last part of source_kind.open. */
int source_capture_begin(struct source *s, struct capture *capture, uint32_t generation,
                         struct ft_err *err);
void source_capture_release(struct source *s);
int source_capture_identify(const struct source *s, int cancel_fd, uint8_t ret[SOURCE_ID_SIZE],
                            struct ft_err *err);
int source_capture_resolve_cut(const struct source *s, const char *at, struct cut *ret,
                               struct ft_err *err);
int source_capture_parse_time(const struct source *s, const char *text, uint64_t *ret_time_us,
                              struct ft_err *err);
uint64_t source_capture_snapshot_bytes(const struct source *s, uint32_t index);
uint64_t source_capture_journal_bytes(const struct source *s, uint32_t index);
uint64_t source_capture_seek_time(const struct source *s, uint32_t index, uint64_t time_us);
extern const struct source_feed source_capture_feed;

/* source_capture_directory - for showing its structure, as it was when the source was opened; NULL: the
 * input is not one. */
const struct capture *source_capture_directory(const struct source *s);
/* source_flow_part - what a segment of this kind holds. */
enum flow_part source_flow_part(enum segment_kind kind);

#endif
