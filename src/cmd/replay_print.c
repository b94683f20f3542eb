#include "cmd/replay_print.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
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

static void append(char *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void append(char *out, const char *fmt, ...)
{
    size_t n = strlen(out);
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(out + n, REPLAY_PROGRESS_SIZE - n, fmt, ap); /* a longer one is cut */
    va_end(ap);
}

static const char *number(const struct replay_counter *c, uint64_t count, char text[FORMAT_SIZE])
{
    if (c->unit[0] == '\0')
        return format_size(count, text);
    (void)snprintf(text, FORMAT_SIZE, "%" PRIu64, count); /* fits */
    return text;
}

void replay_progress_text(char out[REPLAY_PROGRESS_SIZE], const struct replay_progress *p,
                          struct replay_shown *last, bool lag)
{
    size_t count;
    const struct replay_counter *counters = replay_counters(&count);
    uint64_t now_ms = clock_mono_ms();
    uint64_t span_ms = now_ms > last->ms ? now_ms - last->ms : 1;
    const char *between = ": ";

    out[0] = '\0';
    append(out, "%s", atomic_load(&p->in_journal) ? "journal" : "snapshot");
    for (size_t i = 0; i < count; i++) {
        const struct replay_counter *c = &counters[i];
        uint64_t value = c->unit != NULL ? replay_counter_live(c, p) : 0;
        uint64_t rate = value > last->counts[i] ? (value - last->counts[i]) * 1000 / span_ms : 0;
        char text[FORMAT_SIZE];

        last->counts[i] = value;
        if (value == 0 || (c->kind == REPLAY_COUNTER_NOW && !lag))
            continue;
        append(out, "%s%s%s%s", between, number(c, value, text), c->unit[0] == '\0' ? "" : " ",
               c->unit);
        if (rate != 0 && c->kind == REPLAY_COUNTER_SUM)
            append(out, " (%s/s)", number(c, rate, text));
        between = ", ";
    }
    last->ms = now_ms;
}

void replay_print(const struct replay_result *r, const struct loss_report *losses)
{
    size_t count;
    const struct replay_counter *counters = replay_counters(&count);
    char time[FORMAT_SIZE];
    char bytes[FORMAT_SIZE];

    fprintf(stderr,
            "%s: %" PRIu64 " keys, %" PRIu64 " records, %s in %s (%" PRIu64 " a second)%s\n",
            r->complete ? "complete" : "not complete", r->keys, r->records,
            format_size(r->bytes, bytes), format_duration_ms(r->elapsed_ms, time),
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
