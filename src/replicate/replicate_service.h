/*
 * replicate_service.h - an input that is served in a thread of its own.
 *
 * Threads  Everything from one, but for on_ready and on_note, which come from the service's.
 */
#ifndef FLOWTAPE_REPLICATE_REPLICATE_SERVICE_H
#define FLOWTAPE_REPLICATE_REPLICATE_SERVICE_H

#include "replicate/replicate_target.h"
#include "serve/serve.h"

struct replicate_service {
    struct serve_options options;
    struct serve_progress progress;
    struct serve_result result; /* when it has ended */
    int stop_fd;
    pthread_t thread;
    bool started;
    int rc; /* likewise */
    struct ft_err err;
    pthread_mutex_t mu;
    pthread_cond_t changed;
    /* guarded by mu */
    bool ready;
    bool ended;
    char id[REPLICATE_ID_SIZE];
    uint16_t port;
};

/* replicate_service_start - *options is copied, but for on_ready, context and cancel_fd. Returns when replicas may attach. */
int replicate_service_start(struct replicate_service *s, const struct serve_options *options,
                            struct ft_err *err);
/* replicate_service_check - an error if it has ended by itself: of what it has ended. */
int replicate_service_check(struct replicate_service *s, struct ft_err *err);
/* replicate_service_id - of the stream: that of the newest generation. out: REPLICATE_ID_SIZE bytes. */
void replicate_service_id(struct replicate_service *s, char *out);
/* replicate_service_stop - result and err are valid then; also if it was never started. */
void replicate_service_stop(struct replicate_service *s);
/* replicate_service_release - after it was stopped. */
void replicate_service_release(struct replicate_service *s);

#endif
