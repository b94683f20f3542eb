/*
 * sync_source.h - what a cut-over asks of the source, over a connection of its own.
 *
 * Errors       FT_ERR_NET and FT_ERR_TIMEOUT; FT_ERR_PROTOCOL when the source refuses. After any of
 *              them the next call connects anew.
 * Threads      One.
 */
#ifndef FLOWTAPE_PIPE_SYNC_SOURCE_H
#define FLOWTAPE_PIPE_SYNC_SOURCE_H

#include "wire/redis_pipe.h"

struct sync_source {
    const struct uri *uri;
    int cancel_fd;
    struct redis_pipe *pipe; /* NULL: not connected */
};

/* sync_source_offsets - the next LSN of each flow. */
int sync_source_offsets(struct sync_source *s, uint64_t *ret_lsn, uint32_t flow_count,
                        struct ft_err *err);
/* sync_source_pause - writes wait, for so long at most. */
int sync_source_pause(struct sync_source *s, uint64_t ms, struct ft_err *err);
int sync_source_unpause(struct sync_source *s, struct ft_err *err);
/* sync_source_takeover - the source stops for good once this session's flows have acknowledged all. */
int sync_source_takeover(struct sync_source *s, const char *sync_id, unsigned timeout_s,
                         struct ft_err *err);
void sync_source_close(struct sync_source *s);

#endif
