/*
 * dragonfly_service.h - one generation of a capture, served as a Dragonfly master.
 *
 * How it works  Each connection has a thread (session_pool.h), and each flow reads the capture for itself. They end
 *               together: when the user stops, when a newer generation is there, after a takeover, or with the first error
 *               that is not a connection's.
 * Threads       dragonfly_service_run in one thread.
 */
#ifndef FLOWTAPE_SERVE_DRAGONFLY_SERVICE_H
#define FLOWTAPE_SERVE_DRAGONFLY_SERVICE_H

#include "serve/listener.h"
#include "serve/serve_options.h"

/* dragonfly_service_run - *ret_turned_over: to be served again, with the newest generation. FT_ERR_CANCELLED: stopped. */
int dragonfly_service_run(const struct serve_options *options, const struct source *source,
                          const struct listener *listener, struct serve_progress *progress,
                          struct serve_result *result, bool *ret_turned_over, struct ft_err *err);

#endif
