/*
 * serve_options.h - how an input is served, and what has become of it.
 *
 * Threads  Options are constant; on_note may be called from any thread. Numbers are atomic.
 */
#ifndef FLOWTAPE_SERVE_SERVE_OPTIONS_H
#define FLOWTAPE_SERVE_SERVE_OPTIONS_H

#include <stdatomic.h>

#include "command/suspect.h"
#include "input/journal_pass.h"
#include "input/source.h"
#include "item/loss.h"
#include "serve/dragonfly_options.h"
#include "serve/stream_log.h"
#include "wire/uri.h"

struct serve_live;

#define SERVE_REPLICAS_DEFAULT 16u
#define SERVE_REPLICAS_MAX     1000u
#define SERVE_PORT_DEFAULT     7000u

/* What replicas are told to attach to. */
struct serve_place {
    const char *replication_id;
    const char *address; /* where it listens, with the port that it really has */
    uint16_t port;
};

enum serve_as {
    SERVE_AS_REDIS,
    SERVE_AS_DRAGONFLY,
};

struct serve_options {
    enum serve_as as;
    const char *input;
    uint32_t generation; /* 0: the newest complete one */
    const struct target *target;
    enum json_as json_as;
    bool fail_on_loss;
    /* what the caller has found in all that is there now; NULL: it has not looked */
    const struct loss_report *known;
    uint64_t keys;            /* about so many the state has; 0: not known */
    uint32_t databases;       /* that replicas have */
    const char *redis_server; /* program that makes states of captures */
    bool state_at_end; /* a full sync is the state where the stream is, not that of the snapshot */
    bool follow;
    /* the capture is being made in this process, and somebody is going to cut over; NULL: neither. Implies follow */
    struct serve_live *live;
    const char *dir; /* where the stream is kept; NULL: in a capture; of other inputs: not at all */
    struct uri listen;
    uint32_t replicas_max;
    const char *password; /* NULL: none is asked for */
    int cancel_fd;
    struct dragonfly_options
        dragonfly; /* as a Dragonfly; the version and what is lost are for Redis */

    void (*on_note)(void *context, const char *text);
    /* replicas may attach, to each generation that is served; may be NULL */
    void (*on_ready)(void *context, const struct serve_place *place);
    void *context;
    void *ready_context; /* of on_ready */
};

/* Numbers that may be read while it runs. */
struct serve_progress {
    atomic_uint_fast64_t offset; /* of the end of the stream */
    atomic_uint_fast64_t
        complete; /* the offset that has all of the input; 0: there is more to come */
    atomic_uint_fast64_t records;     /* of journals, in the stream */
    atomic_uint_fast64_t sent;        /* bytes of states and of the stream, to all replicas */
    atomic_uint_fast64_t asked;       /* replicas that have asked for data, by PSYNC or SYNC */
    atomic_uint_fast64_t replicas;    /* that get the stream now */
    atomic_uint_fast64_t syncing;     /* that get a state now */
    atomic_uint_fast64_t lag;         /* of the slowest, in bytes of the stream */
    atomic_uint_fast64_t lag_records; /* likewise, see stream_log_lag */
    atomic_uint_fast64_t lag_ms;
    /* of all flows, that the stream is made of, in all runs; STREAM_UNCOUNTED as lag_records */
    atomic_uint_fast64_t stream_records;
    atomic_uint_fast64_t full_syncs; /* states that were sent, as far as their end */
    atomic_uint_fast64_t resumed;    /* replicas that were given the rest only */
    atomic_uint_fast64_t refused;    /* offsets or ids that were not those of the stream */
    atomic_uint_fast64_t violations; /* of the protocol, as a Dragonfly */
};

/* A replica when the run ended. */
struct serve_replica {
    char name[URI_ADDRESS_SIZE];
    const char *state; /* as in INFO */
    uint64_t offset;   /* acknowledged */
    struct stream_lag lag;
};

/* What was done; losses and suspects are those of this run. */
struct serve_result {
    uint32_t generation;
    char replication_id[41];
    bool taken_over; /* as a Dragonfly: by a replica, which has everything */
    uint64_t offset;
    struct journal_pass_counts journal;
    uint64_t state_keys;             /* of the last state that was sent */
    struct loss_report state_losses; /* likewise */
    struct loss_report losses;       /* of the journal */
    struct suspect_report suspects;
    struct serve_replica *replicas; /* replica_count of them */
    size_t replica_count;
};

/* serve_note - a line for the user, if anybody listens. */
void serve_note(const struct serve_options *options, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
