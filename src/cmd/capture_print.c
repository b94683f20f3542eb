#include "cmd/capture_print.h"

#include <inttypes.h>

#include "base/parse.h"
#include "cmd/json_value.h"

void capture_progress_add(struct progress *p, const struct capture_progress *now)
{
    if (now->phase == CAPTURE_FULL_SYNC)
        progress_add_share(p, capture_phase_name(now->phase), now->keys, now->keys_expected, true);
    else
        progress_add(p, "%s", capture_phase_name(now->phase));
    progress_add_rate(p, PROGRESS_BYTES, now->bytes, "");
    progress_add_count(p, now->keys, "keys");
    progress_add_count(p, now->records, "records");
    progress_add_rate(p, PROGRESS_RECORDS, now->records, "records");
    if (now->by_offset)
        progress_add_size(p, now->ack_lag, "not acknowledged");
    else
        progress_add_count(p, now->ack_lag, "records not acknowledged");
    progress_add_size(p, now->bytes, "received");
}

static const char *ended_text(enum capture_ended ended)
{
    switch (ended) {
    case CAPTURE_ENDED_SNAPSHOT:
        return "the snapshot is complete";
    case CAPTURE_ENDED_CAUGHT_UP:
        return "caught up with the source";
    case CAPTURE_ENDED_DURATION:
        return "the time limit was reached";
    case CAPTURE_ENDED_STOPPED:
        return "stopped";
    case CAPTURE_ENDED_FULL:
        return "a limit was reached";
    case CAPTURE_ENDED_GAVE_UP:
        return "gave up waiting for the source";
    case CAPTURE_ENDED_FAILED:
        break;
    }
    return "failed";
}

enum exit_status capture_status(enum capture_ended ended, bool valid, const struct ft_err *err)
{
    switch (ended) {
    case CAPTURE_ENDED_SNAPSHOT:
    case CAPTURE_ENDED_CAUGHT_UP:
    case CAPTURE_ENDED_STOPPED:
        return EXIT_DONE;
    case CAPTURE_ENDED_FULL:
        return EXIT_EARLY;
    case CAPTURE_ENDED_DURATION:
        return valid ? EXIT_DONE : EXIT_EARLY;
    case CAPTURE_ENDED_GAVE_UP:
        return EXIT_PEER;
    case CAPTURE_ENDED_FAILED:
        break;
    }
    return exit_status_of(err);
}

static uint64_t generation_bytes(const struct generation *g)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < g->flow_count; i++)
        n += g->flows[i].raw_bytes;
    return n;
}

void capture_print_archive(const char *path, const struct archiver_result *a)
{
    fprintf(stderr, "%s: %" PRIu64 " segment%s archived, %" PRIu64 " removed here\n", path,
            a->archived, a->archived == 1 ? " was" : "s were", a->removed);
    if (a->pending != 0) {
        fprintf(stderr,
                "%s: %" PRIu64
                " sealed segment%s NOT archived; the next run hands over what is left\n",
                path, a->pending, a->pending == 1 ? " is" : "s are");
    } else if (a->is_behind) {
        fprintf(stderr,
                "%s: what names the newest segments is NOT archived; the next run hands it over\n",
                path);
    }
}

void capture_print_text(const struct capture *c, const struct capture_run_result *result,
                        const struct archiver_result *archive)
{
    const struct generation *g = capture_newest(c);
    char bytes[FORMAT_SIZE];
    char took[FORMAT_SIZE];

    fprintf(stderr,
            "%s: %s: received %s, %" PRIu64 " key%s and %" PRIu64
            " journal record%s in %s (%" PRIu32 " session%s, %" PRIu32 " resumed)\n",
            c->path, ended_text(result->ended), format_size(result->last.bytes, bytes),
            result->last.keys, plural(result->last.keys), result->last.records,
            plural(result->last.records), format_duration_ms(result->elapsed_ms, took),
            result->sessions, plural(result->sessions), result->resumptions);
    if (g == NULL) {
        fprintf(stderr, "%s: nothing has been stored\n", c->path);
        return;
    }
    fprintf(stderr, "%s: generation %" PRIu32 " holds %" PRIu32 " flow%s, %s, its snapshot is %s\n",
            c->path, g->id, g->flow_count, plural(g->flow_count),
            format_size(generation_bytes(g), bytes),
            g->state == GENERATION_COMPLETE ? "complete" : "NOT complete");
    if (result->pruned.removed != 0)
        fprintf(stderr, "%s: %" PRIu32 " older generation%s removed, %s\n", c->path,
                result->pruned.removed, result->pruned.removed == 1 ? " was" : "s were",
                format_size(result->pruned.bytes, bytes));
    if (archive != NULL)
        capture_print_archive(c->path, archive);
}

static json_t *flow_to_json(const struct capture_flow *f, uint32_t index)
{
    return json_pack("{s:I, s:b, s:I, s:I, s:I, s:I}", "flow", (json_int_t)index,
                     "snapshot_complete", (int)f->snapshot_complete, "bytes",
                     (json_int_t)f->raw_bytes, "segments", (json_int_t)f->segment_count,
                     "stable_lsn", (json_int_t)f->stable_lsn, "next_lsn", (json_int_t)f->next_lsn);
}

static json_t *generation_to_json(const struct generation *g)
{
    json_t *flows = json_array();

    for (uint32_t i = 0; i < g->flow_count; i++) {
        if (json_array_append_new(flows, flow_to_json(&g->flows[i], i)) != 0) {
            json_decref(flows);
            return NULL;
        }
    }
    return json_pack("{s:I, s:s, s:s, s:s, s:i, s:s, s:I, s:s, s:o}", "id", (json_int_t)g->id,
                     "state", generation_state_name(g->state), "replication_id", g->replication_id,
                     "source_version", g->source_version, "protocol", g->protocol, "sharding",
                     sharding_rule_name(g->sharding), "resumptions", (json_int_t)g->resumptions,
                     "ended_by", g->ended_by, "flows", flows);
}

json_t *capture_archive_to_json(const struct archiver_result *a)
{
    if (a == NULL)
        return json_null();
    return json_pack("{s:I, s:I, s:I, s:I, s:b}", "archived", (json_int_t)a->archived, "removed",
                     (json_int_t)a->removed, "failures", (json_int_t)a->failures, "pending",
                     (json_int_t)a->pending, "behind", (int)a->is_behind);
}

json_t *capture_to_json(const struct capture *c, const struct capture_run_result *result,
                        const struct archiver_result *archive, const char *why)
{
    const struct generation *g = capture_newest(c);
    char id[2 * CAPTURE_ID_SIZE + 1];

    bytes_to_hex(bytes_of(c->id, CAPTURE_ID_SIZE), id);
    return json_pack(
        "{s:o, s:s, s:s, s:s, s:o, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}",
        "directory", json_from_text(c->path), "capture_id", id, "source", c->source_address,
        "ended", capture_ended_name(result->ended), "error", json_from_message(why), "valid",
        (int)result->valid, "sessions", (json_int_t)result->sessions, "resumptions",
        (json_int_t)result->resumptions, "duration_ms", (json_int_t)result->elapsed_ms,
        "bytes_received", (json_int_t)result->last.bytes, "keys", (json_int_t)result->last.keys,
        "journal_records", (json_int_t)result->last.records, "pruned",
        (json_int_t)result->pruned.removed, "pruned_bytes", (json_int_t)result->pruned.bytes,
        "generation", g != NULL ? generation_to_json(g) : json_null(), "archive",
        capture_archive_to_json(archive));
}
