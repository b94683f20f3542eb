/*
 * dfly_master.h - the replica's side of the conversation with a Dragonfly master.
 *
 * What it is   The control connection (struct dfly_master) and the opening of a flow's connection
 *              (struct master_flow) up to the reply that says FULL or PARTIAL. What a flow then
 *              carries is not looked at here.
 * Order        dfly_master_open; one dfly_flow_open per flow, in any thread; if all are FULL
 *              dfly_master_sync; once every flow had its FULLSYNC_END dfly_master_start_stable.
 *              After an all-PARTIAL answer dfly_master_resume_form says what the release wants.
 * Errors       FT_ERR_NET and FT_ERR_TIMEOUT: trying again may help. FT_ERR_PROTOCOL: the peer
 *              refused, or is no Dragonfly master; the sentence says what to do. None of them, and
 *              nothing else here, contains the password.
 * Threads      The control connection belongs to one thread. dfly_flow_open only reads what
 *              dfly_master_open has set.
 * Source       dragonfly src/server/replica.cc, protocol_client.cc, server_family.cc, dflycmd.cc
 *              (1.4 to main of August 2026).
 */
#ifndef FLOWTAPE_WIRE_DFLY_MASTER_H
#define FLOWTAPE_WIRE_DFLY_MASTER_H

#include "wire/master_login.h"

#define DFLY_FLOWS_MAX       1024
#define DFLY_ID_SIZE         MASTER_ID_SIZE
#define DFLY_SYNC_ID_SIZE    32
#define DFLY_RELEASE_SIZE    64
#define DFLY_CONNECT_MS      10000u
#define DFLY_REPLY_MS        60000u
#define DFLY_PROTOCOL_NEWEST 5 /* as sent by 1.37 and later */
#define DFLY_CLIENT_VERSION  4 /* avoids opcodes 222 and 223, gets LSN marks from everybody */

/* What follows when all flows were answered PARTIAL. */
enum dfly_resume {
    DFLY_RESUME_NEVER,     /* the release has none, or it is not known well enough */
    DFLY_RESUME_RAW,       /* from 1.35: STARTSTABLE at once, then the raw journal */
    DFLY_RESUME_INCREMENT, /* 1.11-1.20, 1.31-1.34: SYNC, an RDB stream with journal blobs */
};

struct dfly_master {
    const struct uri *uri; /* borrowed */
    struct resp_client control;
    uint64_t timeout_ms; /* for an answer */
    uint64_t loading_ms;
    char replication_id[DFLY_ID_SIZE];
    char sync_id[DFLY_SYNC_ID_SIZE];
    uint32_t flow_count;
    int protocol;                    /* integer of the reply; 0: none */
    char release[DFLY_RELEASE_SIZE]; /* "df-v1.40.0"; "" when it does not say */
};

/*
 * dfly_master_open - connect, authenticate, wait until the master has loaded its data, and begin a
 * session. `note` may be NULL. timeout_ms: how long it may be silent, here and in all that follows
 * (no longer than DFLY_CONNECT_MS and DFLY_REPLY_MS), and how long it may go on loading.
 */
int dfly_master_open(struct dfly_master *m, const struct uri *uri, int cancel_fd,
                     uint64_t timeout_ms, master_note_fn *note, void *context, struct ft_err *err);
enum dfly_resume dfly_master_resume_form(int protocol, const char *release);
int dfly_master_sync(struct dfly_master *m, struct ft_err *err);
int dfly_master_start_stable(struct dfly_master *m, struct ft_err *err);
/* dfly_master_offsets - DFLY REPLICAOFFSET: the next LSN of each of flow_count flows. */
int dfly_master_offsets(struct dfly_master *m, uint64_t *ret_lsns, struct ft_err *err);
/* dfly_master_watch - to be called when the idle control connection is readable: FT_ERR_NET once
 * the master has closed it. */
int dfly_master_watch(struct dfly_master *m, struct ft_err *err);
void dfly_master_close(struct dfly_master *m);

/* dfly_flow_open - lsn 0: full sync; else ask for the journal from this LSN on. */
int dfly_flow_open(struct master_flow *f, const struct dfly_master *m, uint32_t index, uint64_t lsn,
                   int cancel_fd, struct ft_err *err);
void dfly_flow_close(struct master_flow *f);

#endif
