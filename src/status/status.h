/*
 * status.h - where a run is: one snapshot of everything that can be seen of it.
 *
 * What it is   A capture, replay, sync or serve fills in what it has; numbers that do not apply are STATUS_NONE.
 *              Everything that shows them (JSON, Prometheus, the page, events) is made from this struct, and from
 *              the table of its numbers.
 * Secrets      There are none in it: addresses are without user and password.
 * Threads      A value.
 */
#ifndef FLOWTAPE_STATUS_STATUS_H
#define FLOWTAPE_STATUS_STATUS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/uri.h"

#define STATUS_NONE UINT64_MAX

#define STATUS_PHASES_MAX 8
#define STATUS_LINES_MAX  32
#define STATUS_NOTES_MAX  50
#define STATUS_NOTE_SIZE  300

/* A flow; next LSNs, 0 before its journal has begun. */
struct status_flow {
    uint64_t received;
    uint64_t durable;
    uint64_t applied; /* STATUS_NONE: nothing is applied by this run */
    /* of the last stage that this run has, after `received`; STATUS_NONE: counted by the other one (live_flows.h) */
    uint64_t lag_records;
    uint64_t lag_bytes;
    uint64_t lag_ms;
};

/* A loss or note, by its kind. */
struct status_line {
    const char *reason;
    const char *text;
    char what[48]; /* ends with NUL: a type of values, or a command */
    uint64_t count;
    bool is_note;
};

struct status_note {
    uint64_t time_us;
    char text[STATUS_NOTE_SIZE];
};

struct status {
    const char *command;
    uint64_t pid;
    uint64_t began_us;
    uint64_t now_us;
    const char *ended; /* NULL: it is running */
    char error[700];   /* with `ended`; "": none */
    char source[URI_ADDRESS_SIZE];
    char target[URI_ADDRESS_SIZE];
    char directory[PATH_MAX];
    uint32_t generation; /* 0: none yet */
    bool in_directory;   /* the directory is there, and may be written to */

    const char *phases[STATUS_PHASES_MAX]; /* in their order */
    size_t phase_count;
    size_t phase; /* the one that it is in */

    /* of the phase, as far as it is known */
    const char *work; /* NULL: nothing with a size */
    uint64_t work_done;
    uint64_t work_total; /* 0: not known */
    bool work_estimated; /* the total is */

    /* numbers, see status_numbers */
    uint64_t received_bytes;
    uint64_t received_keys;
    uint64_t received_records;
    uint64_t sessions;
    uint64_t sent_bytes;
    uint64_t applied_keys;
    uint64_t applied_records;
    uint64_t retries;
    uint64_t suspects;
    uint64_t losses;
    uint64_t notes_of_losses;
    uint64_t lag_records; /* of all flows; one of the two, as in status_flow */
    uint64_t lag_bytes;
    uint64_t lag_ms; /* of the flow that lags most */
    uint64_t replicas;
    uint64_t replicas_syncing;
    uint64_t full_syncs;
    uint64_t stream_offset;
    uint64_t dir_bytes;
    uint64_t disk_free_bytes;
    uint64_t disk_total_bytes;

    struct status_line lines[STATUS_LINES_MAX];
    size_t line_count;

    /* of a sync */
    const char *cutover; /* its state; NULL: there is none */
    bool may_begin;      /* a cut-over may be begun now */
    bool may_confirm;    /* it waits to be confirmed */

    /* owned */
    struct status_flow *flows;
    uint32_t flow_count;
    struct status_note *notes; /* the newest, the oldest of them first */
    size_t note_count;
};

/* status_init - no numbers yet. */
void status_init(struct status *s, const char *command);
/* status_release - what it owns. */
void status_release(struct status *s);
/* status_flows - room for so many, zeroed; what was there is gone. false: no memory, and no flows. */
bool status_flows(struct status *s, uint32_t count);
/* status_sum_lags - the run's lag of those of its flows. */
void status_sum_lags(struct status *s);
/* status_disk - how much the directory holds, and the file system of it. */
void status_disk(struct status *s);

enum status_kind {
    STATUS_COUNTER, /* only grows, over the run */
    STATUS_GAUGE,
};

/* A number that everybody shows. */
struct status_number {
    const char *name;   /* in JSON */
    const char *metric; /* of Prometheus, without flowtape_, in base units */
    const char *help;
    enum status_kind kind;
    bool is_ms; /* milliseconds: seconds in Prometheus */
    size_t offset;
};
const struct status_number *status_numbers(size_t *ret_count);
uint64_t status_number_of(const struct status *s, const struct status_number *n);

#endif
