/*
 * sync_source.h - what a cut-over asks of the source, over a connection of its own.
 *
 * Errors       FT_ERR_NET and FT_ERR_TIMEOUT; FT_ERR_PROTOCOL when the source refuses;
 *              FT_ERR_CANCELLED. After any of them the next call connects again.
 * Cancelling   What must not be left undone, sync_source_unpause and _takeover, cannot be cancelled.
 * Threads      One.
 */
#ifndef FLOWTAPE_SYNC_SYNC_SOURCE_H
#define FLOWTAPE_SYNC_SYNC_SOURCE_H

#include "wire/redis_pipe.h"

#define SYNC_WHY_SIZE 200

/* A key as the source has it. */
struct sync_value {
    bool refused;       /* it cannot be read: why */
    bool gone;          /* there is no such key */
    struct buf payload; /* as DUMP gives it */
    int64_t expire_ms;  /* -1: none */
    bool expire_exact;  /* else from what was left of its time */
    char why[SYNC_WHY_SIZE];
};

struct sync_nodes;

struct sync_source {
    const struct uri *uri;
    uint64_t
        give_up_ms; /* it may be silent for so long; what cannot be cancelled waits as any connection does */
    struct sync_nodes *several; /* sync_source_nodes.h; NULL: it is one server */
    int cancel_fd;
    bool redis; /* it is a Redis, with one flow */
    /* A Redis before 6.2 lets nobody in while it is paused, and cannot be told to end it: then it is paused once, for so
     * long, and what it said in the moment before holds until that time. */
    uint64_t blind_pause_ms;
    uint64_t blind_until_ms; /* 0: it is not paused so */
    uint64_t blind_lsn;
    bool blind_settled; /* blind_lsn is where something ends in the stream, as the owner has seen */
    struct redis_pipe *pipe;  /* NULL: not connected */
    bool surely;              /* pipe was opened for what cannot be cancelled */
    bool no_expiretime;       /* an older release: PTTL only */
    bool asked, no_info;      /* whether INFO is allowed; ROLE is asked for instead */
    struct sync_value *value; /* being read */
    uint64_t *lsn;
    uint32_t flow_count;
};

/* sync_source_ask_offsets - the next LSN of each flow, of which there may be up to `room`. Of one server. */
int sync_source_ask_offsets(struct sync_source *s, uint64_t *ret_lsn, uint32_t room,
                            uint32_t *ret_count, struct ft_err *err);
/* sync_source_offsets - the next LSN of each flow. */
int sync_source_offsets(struct sync_source *s, uint64_t *ret_lsn, uint32_t flow_count,
                        struct ft_err *err);
/* sync_source_read - a key, and after it the offsets: when these are what they were before, the value
 * is that of this position. *ret is reused from call to call, and its payload the caller's to release;
 * a refusal is no error. */
int sync_source_read(struct sync_source *s, uint32_t db, struct bytes key, struct sync_value *ret,
                     uint64_t *ret_lsn, uint32_t flow_count, struct ft_err *err);
/* sync_source_pops - (of a Redis: never) how often LMPOP and BLMPOP were called since it was started (INFO commandstats). */
int sync_source_pops(struct sync_source *s, uint64_t *ret_calls, struct ft_err *err);
/* sync_source_clock - how far the source's clock is ahead of this machine's; false: it does not tell. */
bool sync_source_clock(struct sync_source *s, int64_t *ret_ahead_ms);
/* sync_source_pause - writes wait, for so long at most. */
int sync_source_pause(struct sync_source *s, uint64_t ms, struct ft_err *err);
int sync_source_unpause(struct sync_source *s, struct ft_err *err);
/* sync_source_blind_ms - what is left of a pause that can be neither prolonged nor ended; 0: it is not one. */
uint64_t sync_source_blind_ms(struct sync_source *s);
/* sync_source_takeover - (not of a Redis) the source stops for good once this session's flows have acknowledged all.
 * It may answer once or, with several shards, once more: the first answer counts. After an error
 * *ret_unanswered says that it was asked and the connection ended before it answered. */
int sync_source_takeover(struct sync_source *s, const char *sync_id, unsigned timeout_s,
                         bool *ret_unanswered, struct ft_err *err);
/* sync_source_is_there - something answers at its address, whatever it says. */
bool sync_source_is_there(struct sync_source *s);
void sync_source_close(struct sync_source *s);

#endif
