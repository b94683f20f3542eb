/*
 * master_int.h - what the files of the stand-in master share: master.c (connections, report),
 * master_control.c (the conversation), master_keys.c (reads), master_flow.c (sending, ACKs),
 * master_time.c (which records exist).
 *
 * Threads  Everything that is not constant after master_start is guarded by master.mu; `changed` is
 *          signalled at every change somebody may wait for.
 */
#ifndef FLOWTAPE_TESTS_LIB_MASTER_INT_H
#define FLOWTAPE_TESTS_LIB_MASTER_INT_H

#include <pthread.h>

#include "lib/master.h"
#include "lib/recording.h"

#define COMMAND_ARGS_MAX  16
#define COMMAND_BYTES_MAX 4096

enum gate {
    GATE_SYNC,
    GATE_STABLE,
};

/* Bytes to be sent one after the other; `offset` is their place in the recorded flow, UNKNOWN for
 * bytes that are not part of it. */
struct piece {
    enum gate gate;
    const uint8_t *p;
    size_t n;
    uint64_t offset;
};

#define PIECES_MAX 5

struct flow {
    struct session *session;
    uint32_t index;
    int fd;
    const struct recording_flow *tape;
    bool connected;
    bool partial;
    bool ping_sent;
    uint64_t stamped; /* records sent behind the recording */
    bool gap;         /* a record was left out: ACK values mean nothing */
    struct piece pieces[PIECES_MAX];
    size_t piece_count;
    struct buf made[2];     /* pieces that are not in the recording */
    uint64_t stable_offset; /* an ACK may come when this much was sent */
    uint64_t stable_lsn;    /* and is at least this */
    uint64_t sent_offset;   /* into the recorded flow; never behind what the peer can have */
    uint64_t sent_bytes;    /* over this session */
    uint64_t ack;           /* the last; 0: none */
    uint64_t ack_checked;
    uint64_t ack_checked_ms;
};

struct session {
    struct session *next;
    struct master *master;
    unsigned number;
    char id[24];
    char replication_id[41];
    int control_fd;
    bool first_of_server; /* nobody can know LSNs of this replication id yet */
    bool synced;
    bool stable;
    bool dead;
    bool flushed; /* a FLUSHALL is in its full sync */
    bool takeover;
    struct flow *flows;
};

struct event {
    struct master_event what;
    bool absolute; /* bytes are an offset into the recorded flow */
    bool used;
};

struct ack_totals {
    uint64_t count, last, max;
};

struct conn {
    struct conn *next;
    struct master *master;
    int fd;
    bool authenticated;
    struct session *session; /* of a control connection */
    unsigned db;
    char in[COMMAND_BYTES_MAX];
    size_t in_n;
    json_t *log;
};

struct command {
    char text[COMMAND_BYTES_MAX];
    char *args[COMMAND_ARGS_MAX];
    int count;
};

struct master {
    struct master_options options;
    struct recording *recording;
    struct event *events;
    size_t event_count;
    int listen_fd;
    uint16_t port;
    pthread_t listener;

    pthread_mutex_t mu;
    pthread_cond_t changed;
    unsigned stats_asked;
    bool stopping;
    bool gone;
    bool second_exists;     /* the second recording's records are there */
    unsigned mixed_session; /* number of the one with mixed answers; 0: none yet */
    bool gap_done;
    unsigned loading_left;
    unsigned session_count;
    char replication_id[41];
    unsigned connections, connections_ever;
    uint64_t idle_since_ms;
    struct conn *conns;
    struct session *sessions;
    uint64_t full, partial;
    uint64_t longest_send_ms;
    struct ack_totals *acks;
    json_t *state;            /* the values at the end of the recording; NULL: not known */
    uint64_t stable_began_us; /* 0: nobody was stable yet */
    uint64_t paused_us;       /* since then, of pauses that are over */
    uint64_t pause_began_us, pause_until_us; /* of the one that runs; 0: none */
    uint64_t *frozen_lsn;                    /* per flow: what the pause has caught */
    uint64_t pauses, unpauses, longest_pause_ms;
    json_t *log;
    json_t *violations;
    size_t violation_count;
};

/* master.c; the mutex is held */
void violation(struct master *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void session_kill(struct session *s);
/* The bytes and the LSN up to which the flow exists now. */
uint64_t flow_end_offset(const struct master *m, const struct recording_flow *f);
uint64_t flow_end_lsn(const struct master *m, const struct recording_flow *f);

/* master_time.c; the mutex is held. */
void time_begin(struct master *m);
void time_pause(struct master *m, uint64_t ms);
void time_unpause(struct master *m);
bool time_is_paused(struct master *m);
/* The LSN before which the flow's records exist now, and where these end in its bytes. */
uint64_t time_lsn(struct master *m, const struct recording_flow *f);
uint64_t time_offset(struct master *m, const struct recording_flow *f);

/* master.c; false: the peer is gone */
bool conn_command(struct conn *c, struct command *ret);
bool conn_send(struct conn *c, const void *p, size_t n);
bool conn_reply(struct conn *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* master_keys.c: a read of a key. False: it is no such command. */
bool keys_serve(struct conn *c, const struct command *a, bool *ret_alive);

/* master_control.c: serves until the peer is gone. */
void control_serve(struct conn *c);

/* master_flow.c: DFLY FLOW was accepted on this connection (mutex held: flow_plan). */
int flow_plan(struct flow *f, bool partial, uint64_t lsn, struct ft_err *err);
/* Packed numbers as in the journal and the RDB stream. */
int put_packed(struct buf *b, uint64_t v, struct ft_err *err);
/* All of it; false: the peer is gone. */
bool send_all(struct flow *f, const uint8_t *p, size_t n);
/* master_stamp.c: until the session ends, or a takeover. */
void send_stamps(struct flow *f);
/* Sends and reads ACKs until the peer or the session is gone. */
void flow_serve(struct flow *f, struct conn *c);
void flow_release(struct flow *f);

#endif
