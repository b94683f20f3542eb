/*
 * standin.h - what the files of the stand-in master share: the product's Dragonfly master (src/serve/dragonfly_*), which
 * serves a recording that was made a capture, with mishaps that only tests want.
 *
 * Files     standin_master.c (options, report), standin_commands.c (who is let in, INFO), standin_keys.c (reads of keys),
 *           standin_flow.c (what a flow is sent, and when; acknowledgements), standin_stamp.c.
 * Rules     Breaking one is a violation, which the report names: those that the product knows, and more.
 * Threads   What is not constant after the start is guarded by mu, which is taken after the master's.
 */
#ifndef FLOWTAPE_TESTS_LIB_STANDIN_H
#define FLOWTAPE_TESTS_LIB_STANDIN_H

#include <jansson.h>
#include <pthread.h>

#include "lib/recording.h"
#include "lib/t_capture.h"
#include "serve/dragonfly_hooks.h"
#include "serve/dragonfly_peer.h"
#include "serve/serve.h"

#define STANDIN_EVENTS_MAX 64

enum standin_partial {
    STANDIN_PARTIAL_ANY,  /* from any LSN of the recording */
    STANDIN_PARTIAL_NONE, /* always FULL */
    STANDIN_PARTIAL_END,  /* only from the LSN behind the first recording, or behind the last */
};

/* Something that happens once, when a flow has been sent so many bytes. */
struct standin_event {
    uint32_t flow;
    uint64_t bytes;    /* sent to this flow, over its session */
    uint32_t pause_ms; /* 0: the session is cut instead */
    bool absolute;     /* bytes are an offset into the recorded flow */
    bool used;
};

struct standin_options {
    const char *recording;
    const char *
        resume; /* continues it; exists once a session that had been sent all of the first has ended */
    const char *host;
    uint16_t port;
    size_t chunk; /* the most one send takes; 0: large */
    bool chunk_random;
    uint64_t chunk_seed;
    uint64_t rate;          /* bytes a second and flow; 0: no limit */
    uint64_t write_rate;    /* records a second and flow that come to be; 0: all at once */
    const char *taken_over; /* see dragonfly_hooks.h */
    struct standin_event events[STANDIN_EVENTS_MAX];
    size_t event_count;
    unsigned drops; /* cuts at this many random offsets of each flow, each once */
    uint64_t drop_seed;
    const char *password;
    const char *user;
    unsigned loading; /* this many commands are answered with LOADING */
    bool plain_redis;
    bool restricted;
    bool noperm;
    bool replica;
    bool no_pause;           /* CLIENT PAUSE is not allowed */
    unsigned late_stable_ms; /* DFLY STARTSTABLE is executed so much later */
    enum standin_partial partial;
    bool mixed;                /* the first that asks for LSNs: flow 0 PARTIAL, the others FULL */
    unsigned new_replid_after; /* sessions; then the server is a new one. 0: never */
    bool framed_partial; /* the RDB stream of a PARTIAL, where the release has one, holds records */
    bool lsn_gap;        /* the first PARTIAL leaves out a record */
    bool flush_in_sync;  /* FLUSHALL inside the first full sync */
    int protocol;        /* 0: the recording's */
    int capa_elements;   /* 3: without a protocol */
    const char *check_dir; /* compare ACKs with what this capture holds */
    const char *absent;    /* "db/key": the source has no such key, whatever its journal said */
    const char *no_dump;   /* "db/key": DUMP of it is refused */
    const char *
        cluster_slots; /* a file with the answer to CLUSTER SLOTS, read each time; NULL: no cluster */
    unsigned keyspace; /* INFO KEYSPACE: so many keys; 0: it says nothing of them */
    unsigned pops;     /* INFO COMMANDSTATS: so many of LMPOP, but for the first that asks none */
    unsigned stamps;   /* behind the recording: this many stamps (stamp.h) a second and flow */
};

/* A flow of one session, whose thread alone uses it but for `stamps`. */
struct standin_flow {
    struct standin_flow *next; /* of an earlier session */
    uint32_t session;
    bool counted;
    struct dragonfly_tape *tape; /* instead of the master's own; NULL: none */
    struct buf made;             /* the piece that is sent */
    struct dragonfly_record *records;
    uint64_t random;
    uint64_t rate_due_us;
    uint64_t stamps, stamps_began_us;
    struct dragonfly_record stamp_record;
};

struct ack_totals {
    uint64_t count, last, max;
};

struct standin {
    struct standin_options options;
    struct recording *recording;
    struct t_capture_form form;
    struct capture *writer; /* of the capture that is served */
    json_t *state;          /* the values at the end of the recording; NULL: not known */
    struct standin_event *events;
    size_t event_count;

    pthread_mutex_t mu;
    struct standin_flow **flows; /* per flow, the newest first */
    unsigned stats_asked;
    bool second_exists;
    uint32_t mixed_session;   /* number of the one with mixed answers; 0: none yet */
    uint32_t first_of_server; /* the first session of another server; 0: none yet */
    bool gap_done;
    unsigned loading_left;
    uint64_t full, partial;
    uint64_t longest_send_ms;
    struct ack_totals *acks;
    pthread_mutex_t violations_mu; /* of what follows; taken last */
    json_t *violations;
    size_t violation_count;
};

/* standin_master.c */
void standin_violation(struct standin *m, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* standin_commands.c; see dragonfly_hooks.h */
int standin_command(void *context, struct dragonfly_peer *peer, struct ft_err *err);
/* standin_lsn - with the master's mu held: the next LSN of a flow, stamps included. */
uint64_t standin_lsn(struct standin *m, struct dragonfly_master *master, uint32_t flow);

/* standin_keys.c: 1: it was a read of a key. */
int standin_read_key(struct standin *m, struct dragonfly_peer *peer, struct ft_err *err);

/* standin_flow.c; see dragonfly_hooks.h */
bool standin_grants(void *context, const struct dragonfly_flow *f, uint64_t lsn);
enum step standin_next(void *context, struct dragonfly_flow *f, struct dragonfly_tape *tape,
                       struct dragonfly_piece *ret, struct ft_err *err);
void standin_send(void *context, const struct dragonfly_flow *f, uint64_t offset,
                  struct dragonfly_send *send);
void standin_sent(void *context, const struct dragonfly_flow *f, uint64_t took_ms);
void standin_ack(void *context, const struct dragonfly_flow *f, uint64_t lsn);
void standin_ended(void *context, const struct dragonfly_session *s);
/* standin_stamps - with m->mu held: the most that a session was sent of a flow. */
uint64_t standin_stamps(const struct standin *m, uint32_t flow);
/* standin_flows_free - all of them. */
void standin_flows_free(struct standin *m);

/* standin_stamp.c: the next stamp, or STEP_END: it is not time for it. */
enum step standin_next_stamp(struct standin *m, struct standin_flow *own,
                             const struct dragonfly_flow *f, struct dragonfly_piece *ret,
                             struct ft_err *err);

#endif
