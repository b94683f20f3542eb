/*
 * each_stream.h - something done with every stream of a source, several at a time.
 *
 * Threads  As many as there are processors, but no more than streams. `run` is called once per
 *          stream, in any thread; what it shares with other streams it must guard itself.
 */
#ifndef FLOWTAPE_INPUT_EACH_STREAM_H
#define FLOWTAPE_INPUT_EACH_STREAM_H

#include "input/source.h"

typedef int each_stream_fn(void *context, const struct source *source, uint32_t index,
                           struct ft_err *err);

/* each_stream - all streams are run in any case; the error is that of the first that has one. */
int each_stream(const struct source *source, each_stream_fn *run, void *context,
                struct ft_err *err);
/* each_stream_few - with no more than `most` threads. */
int each_stream_few(const struct source *source, uint32_t most, each_stream_fn *run, void *context,
                    struct ft_err *err);
/* each_stream_threads - how many there will be. */
uint32_t each_stream_threads(const struct source *source, uint32_t most);

#endif
