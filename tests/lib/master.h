/*
 * master.h - a stand-in Dragonfly master: plays a recording over loopback to anything that speaks
 * the replica's side, in chosen pieces and with chosen mishaps, and checks what it is sent.
 *
 * Conversation  PING, AUTH, INFO, REPLCONF, DFLY FLOW/SYNC/STARTSTABLE/REPLICAOFFSET/TAKEOVER,
 *               CLIENT PAUSE/UNPAUSE, reads of keys. The recorded bytes up to STARTSTABLE follow DFLY SYNC, the
 *               rest follows DFLY STARTSTABLE. A flow that asks for an LSN of the recording is
 *               answered PARTIAL (see enum master_partial) and gets the journal from there.
 * Time          The records of the journal exist from STARTSTABLE on, all at once or, with
 *               write_rate, one after the other; CLIENT PAUSE keeps the rest from coming to be.
 *               REPLICAOFFSET tells how many there are. Once all are there, keys have the values
 *               of state.json (DUMP, TYPE, PTTL, ...); before that they cannot be read.
 * Two recordings The second continues the first; its records exist once a session that had been sent
 *               all of the first has ended.
 * Rules         Breaking one is a violation, which the report names: commands out of order, an ACK
 *               that is early, falls, or is above what was sent or (check_dir) above what the
 *               capture directory holds, anything but an ACK on a flow.
 * Threads       One per connection and one more per flow; master_stop ends them all.
 */
#ifndef FLOWTAPE_TESTS_LIB_MASTER_H
#define FLOWTAPE_TESTS_LIB_MASTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/err.h"

#define MASTER_EVENTS_MAX 64

enum master_partial {
    MASTER_PARTIAL_ANY,  /* from any LSN of the recording */
    MASTER_PARTIAL_NONE, /* always FULL */
    MASTER_PARTIAL_END,  /* only from the LSN behind the first recording, or behind the last */
};

/* Something that happens once, when a flow has been sent so many bytes. */
struct master_event {
    uint32_t flow;
    uint64_t bytes;    /* sent to this flow, over its session */
    uint32_t pause_ms; /* 0: the session is cut instead */
};

/* How DFLY TAKEOVER is answered when it has been executed. */
enum master_takeover {
    MASTER_TAKEOVER_ONCE,
    MASTER_TAKEOVER_TWICE,  /* in one piece, as with several shards; the flows are closed before */
    MASTER_TAKEOVER_SILENT, /* not at all: the connection is closed */
};

struct master_options {
    const char *recording;
    const char *resume; /* the second recording, or NULL */
    const char *host;   /* an address to listen on; NULL: 127.0.0.1 */
    uint16_t port;      /* 0: any */
    size_t chunk;       /* the most one send takes; 0: large */
    bool chunk_random;
    uint64_t chunk_seed;
    uint64_t rate;       /* bytes a second and flow; 0: no limit */
    uint64_t write_rate; /* records a second and flow that come to be; 0: all at once */
    struct master_event events[MASTER_EVENTS_MAX];
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
    bool no_pause; /* CLIENT PAUSE is not allowed */
    enum master_takeover takeover;
    unsigned late_stable_ms; /* DFLY STARTSTABLE is executed so much later */
    enum master_partial partial;
    bool mixed;                /* the first that asks for LSNs: flow 0 PARTIAL, the others FULL */
    unsigned new_replid_after; /* sessions; then the server is a new one. 0: never */
    bool framed_partial;       /* PARTIAL as 1.11-1.20 and 1.31-1.34 do it */
    bool lsn_gap;              /* the first PARTIAL leaves out a record */
    bool flush_in_sync;        /* FLUSHALL inside the first full sync */
    int protocol;              /* 0: the recording's */
    int capa_elements;         /* 0: the recording's */
    const char *check_dir;
    const char *absent;  /* "db/key": the source has no such key, whatever its journal said */
    const char *no_dump; /* "db/key": DUMP of it is refused */
    const char *
        cluster_slots; /* a file with the answer to CLUSTER SLOTS, read each time; NULL: no cluster */
    unsigned keyspace; /* INFO KEYSPACE: so many keys; 0: it says nothing of them */
    unsigned pops;     /* INFO COMMANDSTATS: so many of LMPOP, but for the first that asks none */
    unsigned stamps;   /* behind the recording: this many stamps (stamp.h) a second and flow */
};

struct master;

int master_start(struct master **ret, const struct master_options *options, struct ft_err *err);
uint16_t master_port(const struct master *m);
/* master_idle_ms - for how long nobody has been connected; 0 while somebody is or nobody was. */
uint64_t master_idle_ms(struct master *m);
/* master_gone - a takeover has been executed: a real one would have exited. */
bool master_gone(struct master *m);
/* master_stop - cut all connections and listen no more. */
void master_stop(struct master *m);
/* master_report - after master_stop. A new reference. */
json_t *master_report(const struct master *m);
size_t master_violations(const struct master *m);
void master_free(struct master *m);

#endif
