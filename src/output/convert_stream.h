/*
 * convert_stream.h - an INPUT, snapshot and journal, as a sequence: RESP, an AOF directory, JSON.
 *
 * RESP         One file for `redis-cli --pipe`: entries as commands, flow after flow, with the journal
 *              records inside the full sync at their places; then the journals (journal_pass.h).
 * AOF          A directory for `redis-server --appendonly yes --dir OUTPUT`. From Redis 7.0 on
 *              appendonlydir/ with base RDB, increments and manifest; before that one appendonly.aof
 *              whose head is the RDB. The base is the state at the end of the full sync, records inside
 *              it applied, so that increments begin with the journal: nothing is applied twice.
 * JSON         One object a line: entries and records as they are, nothing is translated or dropped.
 * Threads      All run in the caller's thread (the base RDB has threads of its own, convert.h).
 * Arguments    As for convert_to_rdb, but that suspects must not be NULL.
 * Losses       As convert_to_rdb: with fail_on_loss nothing appears under OUTPUT, the report is complete.
 *              What went to standard output already (OUTPUT "-"; RESP and JSON) stays.
 */
#ifndef FLOWTAPE_OUTPUT_CONVERT_STREAM_H
#define FLOWTAPE_OUTPUT_CONVERT_STREAM_H

#include "output/convert.h"

#define AOF_PART_DEFAULT_BYTES (UINT64_C(256) << 20)

struct stream_options {
    const struct convert_options *common;
    bool restore;        /* RESP: every entry by RESTORE */
    uint64_t part_bytes; /* AOF: an increment ends behind the command that reaches this size */
};

struct stream_result {
    /* also bytes in and out, and `written`; journal.foreign and .repeated count records inside the
     * full sync too */
    struct convert_result entries;
    uint64_t in_sync;          /* records inside the full sync; AOF: not counted */
    uint64_t commands;         /* written, SELECT not counted; AOF: of the increments */
    uint64_t records_filtered; /* left out by filters */
    uint64_t parts;            /* AOF: increments */
};

int convert_to_resp(const struct source *source, const char *output,
                    const struct stream_options *options, struct convert_progress *progress,
                    struct loss_report *losses, struct suspect_report *suspects,
                    struct stream_result *ret, struct ft_err *err);
/* convert_to_aof - OUTPUT must not exist, or be an empty directory. */
int convert_to_aof(const struct source *source, const char *output,
                   const struct stream_options *options, struct convert_progress *progress,
                   struct loss_report *losses, struct suspect_report *suspects,
                   struct stream_result *ret, struct ft_err *err);
int convert_to_json(const struct source *source, const char *output,
                    const struct stream_options *options, struct convert_progress *progress,
                    struct loss_report *losses, struct suspect_report *suspects,
                    struct stream_result *ret, struct ft_err *err);

#endif
