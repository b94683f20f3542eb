/*
 * redis_service.h - one generation of an input, served as a Redis master.
 *
 * How it works  The caller's thread takes connections, each of which gets a thread; one more writes the stream
 *               (stream_maker.h). All of them end together: when the user stops, when a newer generation is
 *               there, or with the first error that is not a connection's.
 * Threads       redis_service_run in one thread.
 */
#ifndef FLOWTAPE_SERVE_REDIS_SERVICE_H
#define FLOWTAPE_SERVE_REDIS_SERVICE_H

#include "serve/listener.h"
#include "serve/serve_options.h"

/* redis_service_run - *ret_turned_over: to be served again, with the newest generation. FT_ERR_CANCELLED: stopped. */
int redis_service_run(const struct serve_options *options, const struct source *source,
                      const struct listener *listener, struct serve_progress *progress,
                      struct serve_result *result, bool *ret_turned_over, struct ft_err *err);

#endif
