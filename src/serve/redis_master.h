/*
 * redis_master.h - what the connections of one served generation share.
 *
 * Threads  Constant while there are connections, but for what says otherwise.
 */
#ifndef FLOWTAPE_SERVE_REDIS_MASTER_H
#define FLOWTAPE_SERVE_REDIS_MASTER_H

#include "serve/replica_list.h"
#include "serve/serve_options.h"
#include "serve/stream_log.h"

struct redis_master {
    const struct serve_options *o;
    struct serve_progress *progress; /* atomic */
    const struct source *source;
    uint32_t flow_count;          /* of its journal; 0: there is none */
    struct stream_log *log;       /* any thread may read */
    struct replica_list replicas; /* locks */
    uint16_t port;
    int stop_fd;                      /* readable: connections end */
    pthread_mutex_t mu;               /* guards what follows */
    uint64_t *state_keys;             /* of the state that was sent last */
    struct loss_report *state_losses; /* likewise */
    struct loss_report *losses;       /* of the journal; locks */
    struct suspect_report *suspects;
};

#endif
