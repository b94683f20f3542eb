#include "wire/pipe_depth.h"

static size_t least(const struct pipe_depth *d)
{
    return d->most_bytes < PIPE_DEPTH_LEAST_BYTES ? d->most_bytes : PIPE_DEPTH_LEAST_BYTES;
}

static void keep_within(struct pipe_depth *d)
{
    if (d->limit_bytes > d->most_bytes)
        d->limit_bytes = d->most_bytes;
    if (d->limit_bytes < least(d))
        d->limit_bytes = least(d);
}

void pipe_depth_fix(struct pipe_depth *d, size_t bytes)
{
    d->most_bytes = bytes;
    d->limit_bytes = bytes;
    d->fixed = true;
}

void pipe_depth_set(struct pipe_depth *d, size_t most_bytes)
{
    d->most_bytes = most_bytes;
    d->limit_bytes = most_bytes / 4;
    d->fixed = false;
    keep_within(d);
}

void pipe_depth_put(struct pipe_depth *d, size_t in_flight, uint64_t now_us)
{
    if (!pipe_depth_wants(d))
        return;
    d->before = in_flight;
    d->put_us = now_us;
}

void pipe_depth_answered(struct pipe_depth *d, uint64_t now_us)
{
    uint64_t took_us = now_us - d->put_us;

    if (d->before == 0 || --d->before != 0)
        return;
    if (d->best_us == 0 || took_us < d->best_us)
        d->best_us = took_us;
    if (took_us - d->best_us > PIPE_DEPTH_QUEUE_US)
        d->limit_bytes /= 2;
    else
        d->limit_bytes += d->limit_bytes / 8;
    keep_within(d);
}
