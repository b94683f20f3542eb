/*
 * flow_session.h - one flow of one session: its connection, its thread, its blocks.
 *
 * What it is   A thread that connects, asks for the flow, waits for flow_session_go, and then
 *              receives straight into blocks, frames them, hands them to the recorder and
 *              acknowledges what has become durable.
 * Phases       go up only. After FLOW_ENDED `end` says why; an error belongs to FLOW_END_LOST,
 *              FLOW_END_REFUSED and FLOW_END_FAILED.
 * Acks         REPLCONF ACK with the durable next LSN: at the start of stable sync, when 1024
 *              records or a second have passed, and at once when the source's PING record is
 *              durable. To a Redis with the durable offset: every second, and when it asks (GETACK).
 * Threads      One owner (capture_run) calls everything here; the counters are for any thread.
 */
#ifndef FLOWTAPE_CAPTURE_FLOW_SESSION_H
#define FLOWTAPE_CAPTURE_FLOW_SESSION_H

#include "capture/capture_master.h"
#include "capture/framer.h"
#include "capture/recorder.h"

enum flow_phase {
    FLOW_CONNECTING,
    FLOW_ANSWERED,  /* FULL or PARTIAL */
    FLOW_STREAMING, /* full sync or increment */
    FLOW_SYNCED,    /* FULLSYNC_END was seen, or there is no RDB stream */
    FLOW_STABLE,    /* journal */
    FLOW_ENDED,
};

enum flow_end {
    FLOW_END_STOPPED, /* as told */
    FLOW_END_LOST,    /* network: worth trying again */
    FLOW_END_REFUSED, /* the source does not want the flow this way */
    FLOW_END_FLUSH,   /* a flush inside the full sync */
    FLOW_END_GAP,     /* LSNs do not join */
    FLOW_END_FAILED,  /* corrupt stream, or the recorder has failed */
};

struct flow_counters {
    uint64_t bytes; /* of the stream, in this session */
    uint64_t keys;
    uint64_t records;
    uint64_t imports;
    uint64_t next_lsn; /* of the last complete record received */
    uint64_t acked_lsn;
};

struct flow_session;

/*
 * flow_session_start - begin to connect in a thread of its own. ask_lsn 0: full sync. event_fd is
 * written whenever the phase changes; while abort_fd is readable, connecting is given up.
 */
int flow_session_start(struct flow_session **ret, const struct capture_master *master,
                       uint32_t index, uint64_t ask_lsn, int event_fd, int abort_fd,
                       struct ft_err *err);
enum flow_phase flow_session_phase(const struct flow_session *f);
/* flow_session_partial - from FLOW_ANSWERED on. */
bool flow_session_partial(const struct flow_session *f);

/* flow_session_answer - from FLOW_ANSWERED on: how the stream begins. */
const struct master_flow *flow_session_answer(const struct flow_session *f);

struct flow_go {
    struct recorder *recorder;
    struct live_flows *live; /* told what is received; may be NULL */
    struct codec_spec codec;
    uint64_t start_offset; /* bytes of this flow that the generation has on disk */
    bool increment;        /* a PARTIAL flow begins with an RDB stream */
    uint32_t dbid;         /* of a Redis that resumes: the database in effect */
};

/* flow_session_go - begin to receive; once, in FLOW_ANSWERED. */
int flow_session_go(struct flow_session *f, const struct flow_go *go, struct ft_err *err);
/* flow_session_begin_stable - STARTSTABLE was granted: a flow resumed without an RDB stream, which
 * may stay silent, is in FLOW_STABLE from now on. */
void flow_session_begin_stable(struct flow_session *f);
/* flow_session_set_goal - write event_fd also when the next LSN has reached this. */
void flow_session_set_goal(struct flow_session *f, uint64_t lsn);
void flow_session_counters(const struct flow_session *f, struct flow_counters *ret);
/* flow_session_stop - end soon; complete items received so far are handed over. */
void flow_session_stop(struct flow_session *f);
/* flow_session_join - wait for the thread to end. */
void flow_session_join(struct flow_session *f);
/* After flow_session_join: */
enum flow_end flow_session_end(const struct flow_session *f, struct ft_err *ret_err);
const struct framer_state *flow_session_framer(const struct flow_session *f);
/* flow_session_ack_last - tell the source what recorder_finish has made durable; best effort. */
void flow_session_ack_last(struct flow_session *f);
/* flow_session_free - closes the connection. */
void flow_session_free(struct flow_session *f);

#endif
