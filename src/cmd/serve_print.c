#include "cmd/serve_print.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/parse.h"
#include "cmd/json_value.h"
#include "cmd/loss_print.h"

void serve_progress_add(struct progress *p, enum serve_as as, struct serve_progress *now)
{
    char age[FORMAT_SIZE];

    uint64_t replicas = atomic_load(&now->replicas);

    progress_add(p, "%" PRIu64 " replica%s", replicas, plural(replicas));
    if (as == SERVE_AS_DRAGONFLY) {
        progress_add_count(p, atomic_load(&now->syncing), "getting a full sync");
        progress_add_size(p, atomic_load(&now->sent), "sent");
        return;
    }
    progress_add_count(p, atomic_load(&now->syncing), "getting a state");
    if (atomic_load(&now->lag) != 0) {
        progress_add(p, "lag %s", format_duration_ms(atomic_load(&now->lag_ms), age));
        if (atomic_load(&now->lag_records) != STREAM_UNCOUNTED)
            progress_add_count(p, atomic_load(&now->lag_records), "records");
        progress_add_size(p, atomic_load(&now->lag), "behind");
    }
    progress_add_rate(p, PROGRESS_RECORDS, atomic_load(&now->records), "records");
    progress_add_count(p, atomic_load(&now->records), "records");
    progress_add_size(p, atomic_load(&now->sent), "sent");
    progress_add(p, "offset %" PRIu64, (uint64_t)atomic_load(&now->offset));
}

static void print_dragonfly(const struct serve_result *r, const struct serve_progress *p)
{
    fprintf(stderr,
            "replication id %s; full syncs: %" PRIu64 ", resumed: %" PRIu64
            ", flows refused to resume: %" PRIu64 ", against the protocol: %" PRIu64 "%s\n",
            r->replication_id, (uint64_t)atomic_load(&p->full_syncs),
            (uint64_t)atomic_load(&p->resumed), (uint64_t)atomic_load(&p->refused),
            (uint64_t)atomic_load(&p->violations), r->taken_over ? "; taken over" : "");
}

void serve_print(const struct serve_options *o, const struct serve_result *r,
                 const struct serve_progress *p)
{
    if (o->as == SERVE_AS_DRAGONFLY) {
        print_dragonfly(r, p);
        return;
    }
    fprintf(stderr,
            "replication id %s, offset %" PRIu64 "; full syncs: %" PRIu64 ", resumed: %" PRIu64
            ", refused to resume: %" PRIu64 "\n",
            r->replication_id, r->offset, (uint64_t)atomic_load(&p->full_syncs),
            (uint64_t)atomic_load(&p->resumed), (uint64_t)atomic_load(&p->refused));
    for (size_t i = 0; i < r->replica_count; i++) {
        const struct serve_replica *replica = &r->replicas[i];
        char size[FORMAT_SIZE];
        char age[FORMAT_SIZE];

        fprintf(stderr, "  replica %s: %s, acknowledged offset %" PRIu64 ", lag %s, ",
                replica->name, replica->state, replica->offset,
                format_size(replica->lag.bytes, size));
        if (replica->lag.records != STREAM_UNCOUNTED)
            fprintf(stderr, "%" PRIu64 " record%s, ", replica->lag.records,
                    plural(replica->lag.records));
        fprintf(stderr, "%s\n", format_duration_ms(replica->lag.ms, age));
    }
    if (r->journal.records != 0)
        fprintf(stderr, "  journal: %" PRIu64 " record%s, %" PRIu64 " flush%s\n",
                r->journal.records, plural(r->journal.records), r->journal.flushes,
                r->journal.flushes == 1 ? "" : "es");
    if (r->journal.partial_flush_flows != 0) {
        fprintf(stderr,
                "  not in the stream: what follows a flush that only %" PRIu32 " flow%s yet\n",
                r->journal.partial_flush_flows,
                r->journal.partial_flush_flows == 1 ? " has" : "s have");
    }
    if (r->journal.foreign_slot_flows != 0) {
        fprintf(stderr,
                "  not in the stream: what follows a record of %" PRIu32
                " flow%s for a slot that another node has not given up yet\n",
                r->journal.foreign_slot_flows, plural(r->journal.foreign_slot_flows));
    }
    if (r->journal.given_up_nodes != 0)
        fprintf(stderr,
                "  not in the stream, perhaps: keys of slots that %" PRIu64
                " node%s given up, which may lie behind the end of what is there\n",
                r->journal.given_up_nodes, r->journal.given_up_nodes == 1 ? " has" : "s have");
    if (r->suspects.count != 0)
        fprintf(stderr,
                "  suspect: %" PRIu64 " key%s whose state does not follow from the journal\n",
                r->suspects.count, plural(r->suspects.count));
    if (r->state_losses.line_count != 0)
        fputs("In the state that was sent last:\n", stderr);
    loss_print(stderr, &r->state_losses);
    if (r->losses.line_count != 0)
        fputs("In the stream:\n", stderr);
    loss_print(stderr, &r->losses);
}

static json_t *journal_to_json(const struct journal_pass_counts *j)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "records", (json_int_t)j->records,
                     "flushes", (json_int_t)j->flushes, "foreign", (json_int_t)j->foreign,
                     "repeated", (json_int_t)j->repeated, "partial_flush_flows",
                     (json_int_t)j->partial_flush_flows, "awaiting_slot_flows",
                     (json_int_t)j->foreign_slot_flows, "given_up_nodes",
                     (json_int_t)j->given_up_nodes);
}

static json_t *replicas_to_json(const struct serve_result *r)
{
    json_t *list = json_array();

    for (size_t i = 0; i < r->replica_count; i++) {
        const struct serve_replica *replica = &r->replicas[i];
        json_t *records = replica->lag.records == STREAM_UNCOUNTED
                              ? json_null()
                              : json_integer((json_int_t)replica->lag.records);

        json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:I, s:o, s:I}", "address",
                                              replica->name, "state", replica->state, "offset",
                                              (json_int_t)replica->offset, "lag_bytes",
                                              (json_int_t)replica->lag.bytes, "lag_records",
                                              records, "lag_ms", (json_int_t)replica->lag.ms));
    }
    return list;
}

static json_t *dragonfly_to_json(const struct serve_options *o, const struct serve_result *r,
                                 const struct serve_progress *p)
{
    return json_pack(
        "{s:o, s:s, s:i, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "input",
        json_from_text(o->input), "as", "dragonfly", "generation", (int)r->generation,
        "replication_id", r->replication_id, "sessions", (json_int_t)atomic_load(&p->asked),
        "full_syncs", (json_int_t)atomic_load(&p->full_syncs), "resumed",
        (json_int_t)atomic_load(&p->resumed), "refused", (json_int_t)atomic_load(&p->refused),
        "sent", (json_int_t)atomic_load(&p->sent), "violations",
        (json_int_t)atomic_load(&p->violations), "taken_over", r->taken_over);
}

json_t *serve_to_json(const struct serve_options *o, const struct serve_result *r,
                      const struct serve_progress *p)
{
    if (o->as == SERVE_AS_DRAGONFLY)
        return dragonfly_to_json(o, r, p);
    return json_pack(
        "{s:o, s:s, s:s, s:i, s:s, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "input",
        json_from_text(o->input), "as", "redis", "redis", o->target->name, "generation",
        (int)r->generation, "replication_id", r->replication_id, "offset", (json_int_t)r->offset,
        "full_syncs", (json_int_t)atomic_load(&p->full_syncs), "resumed",
        (json_int_t)atomic_load(&p->resumed), "refused", (json_int_t)atomic_load(&p->refused),
        "replicas", replicas_to_json(r), "journal", journal_to_json(&r->journal), "suspects",
        json_from_suspects(&r->suspects), "state_loss", loss_to_json(&r->state_losses), "loss",
        loss_to_json(&r->losses));
}
