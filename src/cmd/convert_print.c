#include "cmd/convert_print.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/parse.h"
#include "cmd/json_value.h"
#include "cmd/loss_print.h"
#include "output/databases.h"

#define SUSPECTS_PRINTED 3

/* Does it matter that the rule by which the source spreads keys is not known? */
static bool guard_is_missing(const struct convert_outcome *o)
{
    return !o->args->to->as_is && owner_guard_is_off(&o->source->guard) &&
           o->result.journal.records + o->result.in_sync > 0;
}

static void print_written(const struct convert_outcome *o)
{
    const struct convert_result *r = &o->result;
    char in[FORMAT_SIZE];
    char out[FORMAT_SIZE];

    if (!r->written)
        return;
    fprintf(stderr, "%s: %" PRIu64 " key%s (%" PRIu64 " with a time to live), %s from %s\n",
            o->args->output, r->keys, plural(r->keys), r->expires, format_size(r->bytes_out, out),
            format_size(r->bytes_in, in));
    if (o->args->to->as_is && o->result.commands != 0)
        fprintf(stderr, "  journal records: %" PRIu64 "\n", o->result.commands);
    else if (o->result.commands != 0)
        fprintf(stderr, "  commands: %" PRIu64 "\n", o->result.commands);
}

static void print_journal(const struct convert_outcome *o)
{
    const struct journal_pass_counts *j = &o->result.journal;

    if (o->args->to->as_is)
        return;
    if (j->records != 0) {
        fprintf(stderr, "  journal: %" PRIu64 " record%s, %" PRIu64 " flush%s", j->records,
                plural(j->records), j->flushes, j->flushes == 1 ? "" : "es");
        if (o->result.folded != 0)
            fprintf(stderr, ", %" PRIu64 " key%s touched", o->result.folded,
                    plural(o->result.folded));
        fputc('\n', stderr);
    }
    if (j->foreign != 0)
        fprintf(stderr, "  dropped: %" PRIu64 " record%s for keys of other flows\n", j->foreign,
                plural(j->foreign));
    if (j->repeated != 0)
        fprintf(stderr, "  dropped: %" PRIu64 " record%s once per flow\n", j->repeated,
                j->repeated == 1 ? " that comes" : "s that come");
    if (j->partial_flush_flows != 0) {
        fprintf(stderr,
                "  not applied: %" PRIu64 " record%s of %" PRIu32
                " flow%s, from a flush on that not all flows have yet\n",
                j->after_partial_flush, plural(j->after_partial_flush), j->partial_flush_flows,
                plural(j->partial_flush_flows));
    }
    if (j->foreign_slot_flows != 0) {
        fprintf(stderr,
                "  not applied: %" PRIu64 " record%s of %" PRIu32
                " flow%s, from one on for a slot that another node has not given up yet\n",
                j->after_foreign_slot, plural(j->after_foreign_slot), j->foreign_slot_flows,
                plural(j->foreign_slot_flows));
    }
    if (guard_is_missing(o)) {
        fputs("  the source's sharding rule is unknown: copies of PFMERGE for keys of other flows "
              "could not be told apart\n",
              stderr);
    }
}

static void print_suspects(const struct suspect_report *r)
{
    size_t shown = r->first_count < SUSPECTS_PRINTED ? r->first_count : SUSPECTS_PRINTED;

    if (r->count == 0)
        return;
    fprintf(stderr, "  suspect %6" PRIu64 "  keys whose state does not follow from the journal",
            r->count);
    for (size_t i = 0; i < shown; i++) {
        const struct suspect *s = &r->first[i];
        char key[60];

        fprintf(stderr, "%s%" PRIu32 "/%s (%s, flow %" PRIu32 ", LSN %" PRIu64 ")",
                i == 0 ? ": " : ", ", s->db, bytes_escape(s->key, key, sizeof(key)), s->command,
                s->flow, s->lsn);
    }
    fputs(r->count > shown ? ", ...\n" : "\n", stderr);
}

void convert_print(const struct convert_outcome *o)
{
    const struct convert_result *r = &o->result;
    uint64_t filtered = r->filtered + o->result.records_filtered;

    print_written(o);
    print_journal(o);
    if (filtered != 0)
        fprintf(stderr, "  left out by filters: %" PRIu64 "\n", filtered);
    if (r->dropped_expired != 0)
        fprintf(stderr, "  left out, expired: %" PRIu64 "\n", r->dropped_expired);
    if (r->databases > DATABASES_DEFAULT)
        fprintf(stderr,
                "  databases: the server that loads this has to have %" PRIu32
                " (\"databases\" in its configuration)\n",
                r->databases);
    print_suspects(&o->suspects);
    loss_print(stderr, &o->losses);
}

static json_t *journal_to_json(const struct convert_outcome *o)
{
    const struct journal_pass_counts *j = &o->result.journal;

    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "records",
                     (json_int_t)j->records, "in_full_sync", (json_int_t)o->result.in_sync,
                     "flushes", (json_int_t)j->flushes, "foreign", (json_int_t)j->foreign,
                     "repeated", (json_int_t)j->repeated, "filtered",
                     (json_int_t)o->result.records_filtered, "not_applied",
                     (json_int_t)j->after_partial_flush, "partial_flush_flows",
                     (json_int_t)j->partial_flush_flows, "awaiting_slot",
                     (json_int_t)j->after_foreign_slot, "awaiting_slot_flows",
                     (json_int_t)j->foreign_slot_flows, "owner_guard", !guard_is_missing(o));
}

json_t *convert_to_report(const struct convert_outcome *o)
{
    const struct convert_args *a = o->args;
    const struct convert_result *r = &o->result;

    return json_pack("{s:o, s:o, s:s, s:s, s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
                     "s:I, s:I, s:o, s:o, s:o}",
                     "input", json_from_text(o->source->path), "output", json_from_text(a->output),
                     "to", a->to->name, "at", a->from.at, "redis", a->convert.target->name,
                     "written", r->written, "keys", (json_int_t)r->keys, "keys_with_ttl",
                     (json_int_t)r->expires, "filtered", (json_int_t)r->filtered, "dropped_expired",
                     (json_int_t)r->dropped_expired, "emptied", (json_int_t)r->emptied, "bytes_in",
                     (json_int_t)r->bytes_in, "bytes_out", (json_int_t)r->bytes_out, "keys_touched",
                     (json_int_t)r->folded, "commands", (json_int_t)o->result.commands, "databases",
                     (json_int_t)r->databases, "increments", (json_int_t)o->result.parts, "journal",
                     journal_to_json(o), "suspects", json_from_suspects(&o->suspects), "loss",
                     loss_to_json(&o->losses));
}
