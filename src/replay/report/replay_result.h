/* replay_result.h - what a replay has done: told while it runs, and at its end. */
#ifndef FLOWTAPE_REPLAY_REPORT_REPLAY_RESULT_H
#define FLOWTAPE_REPLAY_REPORT_REPLAY_RESULT_H

#include <stdatomic.h>

#include "command/suspect.h"
#include "input/journal_pass.h"
#include "input/read_progress.h"
#include "wire/uri.h"

struct replay_progress {
    atomic_uint_fast64_t keys; /* entries sent */
    atomic_uint_fast64_t records;
    atomic_uint_fast64_t bytes; /* sent to the target */
    atomic_uint_fast64_t lag;   /* records of the journal not yet applied, or bytes of it */
    atomic_bool lag_is_bytes;
    atomic_uint_fast64_t retries;
    atomic_uint_fast64_t suspects; /* keys that the target lists as suspect */
    atomic_bool in_journal;
    struct read_progress read; /* of the input */
};

struct replay_flow_count {
    uint64_t keys;
    uint64_t records;  /* applied, by this run */
    uint64_t next_lsn; /* where it stands; 0: no journal */
};

struct replay_node_count {
    char name[URI_ADDRESS_SIZE];
    uint64_t batches;
    uint64_t commands;
    uint64_t bytes;
};

struct replay_result {
    bool resumed; /* an earlier run had begun */
    bool complete;
    bool cluster;
    bool guard_off;          /* records were applied without knowing which flow owns their keys */
    unsigned target_version; /* major * 100 + minor */
    uint32_t generation;
    uint64_t keys;          /* of streams that are done */
    uint64_t keys_not_done; /* sent, of streams that are not: they are sent again */
    uint64_t records;
    uint64_t in_sync; /* records inside the full sync */
    uint64_t filtered;
    uint64_t kept;      /* keys of the target that --on-conflict skip left alone */
    uint64_t conflicts; /* entries and records left out for them */
    uint64_t expected_errors;
    uint64_t doubtful_errors; /* on keys that are suspect or lost */
    uint64_t failed;          /* refused commands, dead letters */
    uint64_t retries;
    uint64_t redirects; /* of these: because slots had moved */
    uint64_t resent;    /* commands of the snapshot: slots were moving, or a node was busy */
    uint64_t unconfirmed_replicas; /* at the end: of the target, which may not have all of it */
    uint64_t overdue;              /* keys deleted at the end, as they had expired */
    uint64_t deleted; /* keys deleted before the snapshot: of the journal, of an older generation */
    uint64_t bytes;
    uint64_t elapsed_ms;
    struct journal_pass_counts journal;
    struct replay_flow_count *flows; /* flow_count of them */
    uint32_t flow_count;
    struct replay_node_count *nodes;
    size_t node_count;
    struct suspect_report suspects;
};

void replay_result_release(struct replay_result *r);

#endif
