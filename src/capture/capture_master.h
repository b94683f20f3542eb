/*
 * capture_master.h - the master that is captured, whatever it speaks: wire/dfly_master.h, or wire/psync_master.h with one
 * flow.
 *
 * Threads      As those: the control connection belongs to one thread, capture_master_open_flow only reads.
 */
#ifndef FLOWTAPE_CAPTURE_CAPTURE_MASTER_H
#define FLOWTAPE_CAPTURE_CAPTURE_MASTER_H

#include "wire/dfly_master.h"
#include "wire/psync_master.h"

struct capture_master {
    bool redis;         /* which of the two it is */
    struct uri located; /* of a Redis: the server that the address means now */
    struct dfly_master dfly;
    struct psync_master psync;
    uint32_t flow_count;
    int protocol;               /* of a Dragonfly */
    const char *replication_id; /* "": it does not say yet */
    const char *version;        /* "df-v1.40.0", "redis-7.2.6", or "" */
    char resume_id
        [MASTER_ID_SIZE]; /* of a Redis: under which its stream is asked for; "": not at all */
};

/* capture_master_init - with this source; connects to nobody. */
void capture_master_init(struct capture_master *m, const struct uri *uri);
/* capture_master_open - as dfly_master_open. */
int capture_master_open(struct capture_master *m, const struct uri *uri, int cancel_fd,
                        uint64_t timeout_ms, master_note_fn *note, void *context,
                        struct ft_err *err);
/* capture_master_control - the control connection; its descriptor may be -1. */
const struct conn *capture_master_control(const struct capture_master *m);
/* capture_master_open_flow - lsn 0: full sync; else ask for what comes from this LSN on. */
int capture_master_open_flow(struct master_flow *f, const struct capture_master *m, uint32_t index,
                             uint64_t lsn, int cancel_fd, struct ft_err *err);
/* capture_master_count_keys - about so many keys it has; 0: it does not say. */
int capture_master_count_keys(struct capture_master *m, uint64_t *ret_keys, struct ft_err *err);
int capture_master_sync(struct capture_master *m, struct ft_err *err);
int capture_master_start_stable(struct capture_master *m, struct ft_err *err);
/* capture_master_offsets - the next LSN of each flow at this moment. */
int capture_master_offsets(struct capture_master *m, uint64_t *ret_lsns, struct ft_err *err);
/* capture_master_watch - to be called when the idle control connection is readable. */
int capture_master_watch(struct capture_master *m, struct ft_err *err);
void capture_master_close(struct capture_master *m);

#endif
