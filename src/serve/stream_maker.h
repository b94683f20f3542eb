/*
 * stream_maker.h - writes the journal of an input into its replication stream, as commands.
 *
 * What it is   Takes up where the stream ends, translates what follows in the order of journal_pass.h, and commits
 *              whenever it has come to the end of what is there, and now and then between. A PING follows
 *              when nothing has been written for STREAM_PING_MS, so that replicas know that the link is alive; it is
 *              part of the stream like everything else.
 * Following    Of a capture that another process writes, it waits for more, until a newer generation is there. Of one that is made
 *              in this process (serve_live.h), it takes what is durable, up to the goal of the cut-over. When it stands there,
 *              replicas are asked what they have (REPLCONF GETACK).
 * Threads      Runs in the caller's. Counts may be read when it has returned.
 */
#ifndef FLOWTAPE_SERVE_STREAM_MAKER_H
#define FLOWTAPE_SERVE_STREAM_MAKER_H

#include "serve/serve_options.h"
#include "serve/stream_log.h"

/* A replica gives up a master that is silent for repl-timeout, 60 seconds unless configured otherwise. */
#define STREAM_PING_MS 10000u

struct stream_maker {
    const struct serve_options *o;
    const struct source *source;
    int stop_fd;         /* readable: the service ends */
    uint32_t flow_count; /* of its journal; 0: there is none */
    struct stream_log *log;
    struct serve_progress *progress;
    struct loss_report *losses;
    struct suspect_report
        *suspects; /* of a live one: since the list of serve_live was looked at last */
    struct journal_pass_counts counts;
    bool turned_over; /* a newer generation is there */
};

/* stream_maker_run - until stop_fd is readable (FT_ERR_CANCELLED), or, 0, turned_over. */
int stream_maker_run(struct stream_maker *m, struct ft_err *err);

#endif
