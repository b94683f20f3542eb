/*
 * psync_master.h - the replica's side of the conversation with a Redis, Valkey or KeyDB master.
 *
 * What it is   A control connection (struct psync_master), on which the master says who it is and how far, and the
 *              opening of the one connection that carries the stream (struct master_flow), up to where the RDB or the
 *              commands begin. What follows is not looked at here.
 * Stream       A full sync (an RDB with its length in front, or a mark after it) and commands, or, where the master
 *              resumes, commands at once. All on one connection: capa eof and psync2 are offered, the transfer over two
 *              (dual-channel) is not.
 * Offsets      An LSN is the replication offset of a record's last byte; the next LSN is what PSYNC asks for.
 * Errors       As master_login.h.
 * Threads      The control connection belongs to one thread. psync_flow_open only reads what psync_master_open has set.
 * Source       redis src/replication.c (2.8 to 8.2), valkey (7.2 to 9.1).
 */
#ifndef FLOWTAPE_WIRE_PSYNC_MASTER_H
#define FLOWTAPE_WIRE_PSYNC_MASTER_H

#include "wire/master_login.h"

#define PSYNC_VERSION_SIZE 64

struct psync_master {
    const struct uri *uri; /* borrowed */
    struct resp_client control;
    int cancel_fd;
    uint64_t timeout_ms; /* for an answer */
    uint64_t loading_ms;
    char replication_id[MASTER_ID_SIZE]; /* "": it may not be asked */
    char former_id[MASTER_ID_SIZE];      /* of the master whose stream it continues; "": none */
    char version
        [PSYNC_VERSION_SIZE]; /* "redis-7.2.6", "valkey-8.1.1", "keydb-6.3.4"; "": as above */
    bool cluster;
    bool replica;
    bool is_active_replica; /* of KeyDB, which propagates nothing of what expires or is evicted */
};

/* psync_master_open - as dfly_master_open. FT_ERR_PROTOCOL also when it is a Dragonfly. */
int psync_master_open(struct psync_master *m, const struct uri *uri, int cancel_fd,
                      uint64_t timeout_ms, master_note_fn *note, void *context, struct ft_err *err);
/* psync_master_offset - the next LSN at this moment. Connects again where the master has closed an idle connection. */
int psync_master_offset(struct psync_master *m, uint64_t *ret_lsn, struct ft_err *err);
/* psync_master_watch - to be called when the idle control connection is readable: it closes it, as the master has,
 * which says nothing about the stream. */
int psync_master_watch(struct psync_master *m, struct ft_err *err);
void psync_master_close(struct psync_master *m);

/*
 * psync_flow_open - replication_id and lsn: resume from there if the master can; NULL and 0: a full sync. Returns
 * once the RDB begins, which takes as long as the master needs to prepare it.
 */
int psync_flow_open(struct master_flow *f, const struct psync_master *m, const char *replication_id,
                    uint64_t lsn, int cancel_fd, struct ft_err *err);

/* psync_offset_of - the LSN after the last byte that a master has written, out of its answer to INFO replication, or to
 * ROLE. */
bool psync_offset_of(const redisReply *reply, uint64_t *ret_lsn);

#endif
