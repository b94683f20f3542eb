/*
 * dragonfly_master.h - what the connections of a served capture share: its sessions, and the master's time.
 *
 * Sessions     One replica has one: a control connection, which begins it with REPLCONF capa dragonfly, and a connection
 *              for each flow. Losing one of them ends it. The numbers of SYNC SYNC... count sessions.
 * Takeover     A PING record ends each flow then. When it fails, these records stay: after the end of a finished capture
 *              as a part of the journal; elsewhere they would give every later record another LSN, so the master gets another
 *              replication id, under which nothing of the former can be resumed.
 * Violations   What a replica does against the protocol is noted, and counted.
 * Threads      Whatever is not constant after dragonfly_master_init is guarded by mu. The functions take it themselves
 *              unless they say that it is held.
 */
#ifndef FLOWTAPE_SERVE_DRAGONFLY_MASTER_H
#define FLOWTAPE_SERVE_DRAGONFLY_MASTER_H

#include <pthread.h>
#include <stdatomic.h>

#include "item/flow_grammar.h"
#include "serve/dragonfly_clock.h"
#include "serve/serve_options.h"
#include "wire/dfly_master.h"

#define DRAGONFLY_NAME_MAX 64

struct dragonfly_session;

struct dragonfly_flow {
    struct dragonfly_session *session;
    uint32_t index;
    int wake_fd; /* readable when something of the session has changed; -1: not connected */
    bool connected;
    bool partial;
    uint64_t asked_lsn;  /* of a partial one */
    uint64_t sent_bytes; /* in this session */
    bool stable;         /* the RDB stream was sent whole, or there is none */
    uint64_t first_lsn;  /* then: of the journal that is sent here */
    uint64_t sent_lsn;   /* then: the next one after the records that were sent */
    uint64_t begun_lsn;  /* likewise, after one of which a part was sent */
    bool pinged;         /* by a takeover that has not failed */
    uint32_t tail;       /* PING records of failed ones that it has */
    uint64_t ack;        /* 0: none yet */
};

struct dragonfly_session {
    struct dragonfly_session *next;
    struct dragonfly_master *master;
    uint32_t number;
    unsigned users; /* connections that still look at it */
    char id[24];
    char replication_id[REPLICATION_ID_MAX];
    char peer[URI_ADDRESS_SIZE]; /* of its control connection */
    char host[URI_HOST_SIZE];
    uint16_t port;                      /* as it said; 0: it did not */
    char client_id[DRAGONFLY_NAME_MAX]; /* likewise; "" */
    int control_fd;
    bool synced; /* DFLY SYNC was executed */
    uint64_t synced_us;
    bool stable; /* DFLY STARTSTABLE was */
    bool dead;
    atomic_bool takeover; /* by itself: a source of items may ask, too */
    struct dragonfly_flow *flows;
};

struct dragonfly_master {
    const struct serve_options *o;
    struct serve_progress *progress;
    const struct capture *capture;
    const struct generation *generation;
    unsigned release; /* as in input/source.h */
    enum dfly_resume resume;
    char (*tokens)[FLOW_TOKEN_SIZE + 1]; /* per flow: that ends its RDB stream */
    uint64_t stream_time_us;             /* when the first byte of the full sync was received */
    uint64_t ready_ms;                   /* LOADING is answered until then */
    uint16_t port;
    int stop_fd; /* readable: everything ends */

    pthread_mutex_t mu;
    pthread_cond_t changed; /* an acknowledgement came, or a session has ended */
    struct dragonfly_clock clock;
    char replication_id[REPLICATION_ID_MAX];
    struct dragonfly_session *sessions;
    uint32_t session_count; /* that have begun */
    uint32_t *pings;        /* per flow: records of failed takeovers, after the end */
    atomic_bool taken_over; /* whoever has ended a connection looks at it */
};

int dragonfly_master_init(struct dragonfly_master *m, struct ft_err *err);
void dragonfly_master_release(struct dragonfly_master *m);
/* dragonfly_violation - mu is held or not. */
void dragonfly_violation(struct dragonfly_master *m, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* dragonfly_session_begin - *ret is NULL: there are as many as there may be. fd: of the control connection, peer: its name. */
int dragonfly_session_begin(struct dragonfly_master *m, const char *peer, int fd,
                            struct dragonfly_session **ret, struct ft_err *err);
/* dragonfly_session_find - with mu held; NULL: there is none that lives. */
struct dragonfly_session *dragonfly_session_find(struct dragonfly_master *m, struct bytes id);
/* dragonfly_session_wake - with mu held: whoever waits for a change of it looks again. */
void dragonfly_session_wake(struct dragonfly_session *s);
void dragonfly_session_kill(struct dragonfly_session *s);
/* dragonfly_session_leave - a connection has ended, that of a flow or (NULL) the control connection; the session ends
 * too. */
void dragonfly_session_leave(struct dragonfly_session *s, struct dragonfly_flow *f);

/* dragonfly_session_drop - whoever has counted itself among its users looks at it no more. */
void dragonfly_session_drop(struct dragonfly_session *s);

/* dragonfly_master_lsn - with mu held: the next LSN of a flow now. */
int dragonfly_master_lsn(struct dragonfly_master *m, uint32_t flow, uint64_t *ret_lsn,
                         struct ft_err *err);
/* dragonfly_master_stop_time - with mu held: no record comes to be for so long. */
int dragonfly_master_stop_time(struct dragonfly_master *m, uint64_t ms, struct ft_err *err);
/* dragonfly_master_take_pings - with mu held: the PING records of a takeover that has failed. */
int dragonfly_master_take_pings(struct dragonfly_session *s, struct ft_err *err);
/* dragonfly_master_replace - with mu held: it becomes another server; all sessions end. */
int dragonfly_master_replace(struct dragonfly_master *m, struct ft_err *err);

#endif
