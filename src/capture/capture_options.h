/*
 * capture_options.h - what a capture is asked for, and how far it is.
 *
 * Threads      Options are constant while it runs. Callbacks come from its thread (capture_run.h), and progress is
 *              lent to them.
 */
#ifndef FLOWTAPE_CAPTURE_CAPTURE_OPTIONS_H
#define FLOWTAPE_CAPTURE_CAPTURE_OPTIONS_H

#include <stdatomic.h>

#include "capture/recorder.h"
#include "store/live_flows.h"
#include "wire/uri.h"

enum capture_phase {
    CAPTURE_CONNECTING,
    CAPTURE_FULL_SYNC,
    CAPTURE_CHANGE_OVER, /* all snapshots are complete, not all flows are stable yet */
    CAPTURE_STABLE,
    CAPTURE_WAITING, /* connection lost: until the next attempt */
};

/* Where it stands; counts are of the whole run. */
struct capture_progress {
    enum capture_phase phase;
    uint32_t flow_count;
    uint64_t bytes;         /* of the streams */
    uint64_t keys;          /* of the newest snapshot */
    uint64_t keys_expected; /* likewise, about, from its beginning on; 0: not known */
    uint64_t records;
    uint64_t imports;  /* records of which nothing but slots that move is the cause */
    uint32_t sessions; /* begun so far */
    uint64_t ack_lag;  /* LSNs received but not acknowledged, of the flow that is furthest behind */
    bool by_offset;    /* these are bytes: of a Redis */
};

struct capture_run_options {
    const struct uri *source;
    const char *directory;
    const char *
        whole_directory; /* of the set that it is a part of: limits are of that; NULL: of directory */
    bool snapshot_only;
    bool until_caught_up;
    bool afresh;          /* begin with a full sync, whatever could be resumed */
    uint64_t duration_ms; /* 0: no end */
    uint64_t give_up_after_ms;
    uint64_t max_dir_bytes; /* end when a limit is reached (dir_limits.h); 0: none */
    uint64_t min_free_bytes;
    struct recorder_options recorder; /* but for event_fd */
    /*
     * Where the source is now, if that is not always at `source`: asked before each session. ret is released by who asked; *ret_moves
     * is a number that becomes another one when the source has moved. Returns 1: nowhere, for now. NULL: at `source`.
     */
    int (*locate)(void *context, struct uri *ret, unsigned *ret_moves, struct ft_err *err);
    unsigned (*moves)(void *context); /* the number alone: another one ends a session */
    struct live_flows *live;          /* told how far it is; NULL: nobody follows */
    const atomic_bool *hold;          /* while true no new session is begun; NULL: it never is */
    int cancel_fd;                    /* readable: stop; -1: never */
    /* May be NULL. A note is a line for the user; progress comes about five times a second. */
    void (*on_note)(void *context, const char *text);
    void (*on_progress)(void *context, const struct capture_progress *progress);
    /* a session is in stable sync, and its id can be given to DFLY TAKEOVER; "": it is not any more. May be NULL. */
    void (*on_session)(void *context, const char *sync_id);
    void *context;
};

#endif
