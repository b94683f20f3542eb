#include "cmd/replay_print.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/parse.h"
#include "cmd/json_value.h"
#include "cmd/loss_print.h"

static void print_if(uint64_t count, const char *what)
{
    if (count != 0)
        fprintf(stderr, "  %s: %" PRIu64 "\n", what, count);
}

static uint64_t per_second(uint64_t count, uint64_t elapsed_ms)
{
    return elapsed_ms == 0 ? 0 : (uint64_t)((double)count * 1000 / (double)elapsed_ms);
}

void replay_print(const struct replay_result *r, const struct loss_report *losses)
{
    char time[FORMAT_SIZE];
    char bytes[FORMAT_SIZE];

    fprintf(stderr,
            "%s: %" PRIu64 " keys, %" PRIu64 " records, %s in %s (%" PRIu64 " a second)%s\n",
            r->complete ? "complete" : "not complete", r->keys, r->records,
            format_size(r->bytes, bytes), format_duration_ms(r->elapsed_ms, time),
            per_second(r->keys + r->records, r->elapsed_ms),
            r->resumed ? ", after an earlier run" : "");
    print_if(r->keys_not_done, "keys of snapshots that are not complete, sent");
    print_if(r->in_sync, "records inside the full sync");
    print_if(r->filtered, "left out by filters");
    print_if(r->conflicts, "left out for keys that were there before");
    print_if(r->journal.foreign, "records for keys of other flows");
    if (r->guard_off)
        fputs("  the source's sharding rule is unknown: copies of PFMERGE for keys of other flows "
              "could not be told apart\n",
              stderr);
    print_if(r->journal.repeated, "records that come once per flow");
    print_if(r->journal.after_partial_flush, "not applied, behind a flush that not all flows have");
    print_if(r->expected_errors, "refused as they will have been at the source");
    print_if(r->doubtful_errors, "refused for keys that are suspect or were left out");
    print_if(r->failed, "refused");
    print_if(r->deleted, "keys deleted before the snapshot");
    print_if(r->overdue, "keys deleted whose time to live was over");
    print_if(r->retries, "new attempts");
    print_if(r->redirects, "of these as slots had moved");
    print_if(r->resent, "commands sent again, as slots were moving or a node was busy");
    print_if(r->suspects.count, "keys whose state the journal does not tell for sure");
    loss_print(stderr, losses);
}

static json_t *flows_to_json(const struct replay_result *r)
{
    json_t *flows = json_array();

    for (uint32_t i = 0; r->flows != NULL && i < r->flow_count; i++) {
        json_array_append_new(flows,
                              json_pack("{s:I, s:I, s:I}", "keys", (json_int_t)r->flows[i].keys,
                                        "records", (json_int_t)r->flows[i].records, "next_lsn",
                                        (json_int_t)r->flows[i].next_lsn));
    }
    return flows;
}

static json_t *nodes_to_json(const struct replay_result *r)
{
    json_t *nodes = json_array();

    for (size_t i = 0; i < r->node_count; i++) {
        json_array_append_new(nodes, json_pack("{s:s, s:I, s:I, s:I}", "address", r->nodes[i].name,
                                               "batches", (json_int_t)r->nodes[i].batches,
                                               "commands", (json_int_t)r->nodes[i].commands,
                                               "bytes", (json_int_t)r->nodes[i].bytes));
    }
    return nodes;
}

json_t *replay_to_json(const struct replay_result *r, const struct loss_report *losses)
{
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {
        {"generation", r->generation},
        {"target_version", r->target_version},
        {"keys", r->keys},
        {"keys_not_done", r->keys_not_done},
        {"records", r->records},
        {"in_full_sync", r->in_sync},
        {"filtered", r->filtered},
        {"kept", r->kept},
        {"conflicts", r->conflicts},
        {"expected_errors", r->expected_errors},
        {"doubtful_errors", r->doubtful_errors},
        {"refused", r->failed},
        {"retries", r->retries},
        {"redirects", r->redirects},
        {"resent", r->resent},
        {"deleted", r->deleted},
        {"overdue", r->overdue},
        {"bytes", r->bytes},
        {"elapsed_ms", r->elapsed_ms},
        {"keys_per_second", per_second(r->keys, r->elapsed_ms)},
        {"records_per_second", per_second(r->records, r->elapsed_ms)},
        {"bytes_per_second", per_second(r->bytes, r->elapsed_ms)},
        {"foreign", r->journal.foreign},
        {"repeated", r->journal.repeated},
        {"flushes", r->journal.flushes},
        {"not_applied", r->journal.after_partial_flush},
    };
    json_t *json = json_pack("{s:b, s:b, s:b, s:o, s:o, s:o, s:o}", "owner_guard", !r->guard_off,
                             "complete", r->complete, "resumed", r->resumed, "flows",
                             flows_to_json(r), "nodes", nodes_to_json(r), "suspects",
                             json_from_suspects(&r->suspects), "losses", loss_to_json(losses));

    for (size_t i = 0; json != NULL && i < sizeof(numbers) / sizeof(numbers[0]); i++)
        json_object_set_new(json, numbers[i].name, json_integer((json_int_t)numbers[i].value));
    return json;
}
