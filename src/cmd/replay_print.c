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

void replay_progress_add(struct progress *p, const struct replay_progress *now, bool lag)
{
    bool in_journal = atomic_load(&now->in_journal);
    size_t count;
    const struct replay_counter *counters = replay_counters(&count);

    if (in_journal)
        progress_add_rate(p, PROGRESS_RECORDS, atomic_load(&now->records), "records");
    else
        progress_add_rate(p, PROGRESS_KEYS, atomic_load(&now->keys), "keys");
    if (lag && atomic_load(&now->lag_is_bytes))
        progress_add_size(p, atomic_load(&now->lag), "to apply");
    else if (lag)
        progress_add_count(p, atomic_load(&now->lag), "records to apply");
    for (size_t i = 0; i < count; i++) {
        const struct replay_counter *c = &counters[i];

        if (c->unit == NULL || c->kind == REPLAY_COUNTER_NOW)
            continue;
        if (c->unit[0] == '\0')
            progress_add_size(p, replay_counter_live(c, now), "sent");
        else
            progress_add_count(p, replay_counter_live(c, now), c->unit);
    }
}

void replay_print(const struct replay_result *r, const struct loss_report *losses)
{
    size_t count;
    const struct replay_counter *counters = replay_counters(&count);
    char time[FORMAT_SIZE];
    char bytes[FORMAT_SIZE];

    fprintf(
        stderr, "%s: %" PRIu64 " key%s, %" PRIu64 " record%s, %s in %s (%" PRIu64 " a second)%s\n",
        r->complete ? "complete" : "not complete", r->keys, plural(r->keys), r->records,
        plural(r->records), format_size(r->bytes, bytes), format_duration_ms(r->elapsed_ms, time),
        per_second(r->keys + r->records, r->elapsed_ms),
        r->resumed ? ", after an earlier run" : "");
    for (size_t i = 0; i < count; i++) {
        if (counters[i].text != NULL)
            print_if(replay_counter_get(&counters[i], r), counters[i].text);
    }
    if (r->guard_off)
        fputs("  the source's sharding rule is unknown: copies of PFMERGE for keys of other flows "
              "could not be told apart\n",
              stderr);
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
    size_t count;
    const struct replay_counter *counters = replay_counters(&count);
    json_t *json =
        json_pack("{s:b, s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o}", "owner_guard",
                  !r->guard_off, "complete", r->complete, "resumed", r->resumed, "generation",
                  (json_int_t)r->generation, "target_version", (json_int_t)r->target_version,
                  "keys_per_second", (json_int_t)per_second(r->keys, r->elapsed_ms),
                  "records_per_second", (json_int_t)per_second(r->records, r->elapsed_ms),
                  "bytes_per_second", (json_int_t)per_second(r->bytes, r->elapsed_ms), "flows",
                  flows_to_json(r), "nodes", nodes_to_json(r), "suspects",
                  json_from_suspects(&r->suspects), "losses", loss_to_json(losses));

    for (size_t i = 0; json != NULL && i < count; i++) {
        if (counters[i].kind != REPLAY_COUNTER_NOW)
            json_object_set_new(json, counters[i].name,
                                json_integer((json_int_t)replay_counter_get(&counters[i], r)));
    }
    return json;
}
