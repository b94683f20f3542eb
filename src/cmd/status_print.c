#include "cmd/status_print.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/fsutil.h"
#include "base/parse.h"
#include "cmd/json_value.h"
#include "cmd/sync_print.h"
#include "status/status.h"

#define TEXT_SIZE 1024

/* A text of the status, or "" where there is none; what another program may have written is made printable. */
static const char *text_of(const json_t *json, const char *name, char out[TEXT_SIZE])
{
    const char *text = json_string_value(json_object_get(json, name));

    (void)snprintf(out, TEXT_SIZE, "%s", text == NULL ? "" : text); /* a longer one is cut */
    text_make_printable(out, TEXT_SIZE);
    return out;
}

static uint64_t number_of(const json_t *json, const char *name)
{
    return (uint64_t)json_integer_value(json_object_get(json, name));
}

static void print_head(const json_t *s)
{
    bool running = json_is_true(json_object_get(s, "running"));
    char command[TEXT_SIZE];
    char began[TEXT_SIZE];
    char state[TEXT_SIZE];
    char why[TEXT_SIZE];

    printf("%s, process %" PRIu64 ", since %s: %s", text_of(s, "command", command),
           number_of(s, "pid"), text_of(s, "began", began),
           running ? text_of(s, "phase", state) : "");
    if (!running)
        printf("ended at %s: %s", text_of(s, "now", began), text_of(s, "ended", state));
    printf("%s%s\n", text_of(s, "error", why)[0] == '\0' ? "" : ": ", why);
}

static void print_place(const json_t *s)
{
    char text[TEXT_SIZE];

    if (text_of(s, "source", text)[0] != '\0')
        printf("  source %s", text);
    if (text_of(s, "target", text)[0] != '\0')
        printf(", target %s", text);
    if (number_of(s, "generation") != 0)
        printf(", generation %" PRIu64, number_of(s, "generation"));
    printf("\n");
}

static void print_work(const json_t *s)
{
    const json_t *work = json_object_get(s, "work");
    uint64_t total = number_of(work, "total");
    uint64_t done = number_of(work, "done");
    char name[TEXT_SIZE];

    if (total == 0)
        return;
    printf("  %s: %s%.0f %%\n", text_of(work, "name", name),
           json_is_true(json_object_get(work, "estimated")) ? "about " : "",
           done < total ? 100.0 * (double)done / (double)total : 100.0);
}

/* "lag_records 4, received_bytes 1.2 MiB": those that there are, by their names in JSON. */
static void print_numbers(const json_t *s)
{
    const json_t *json = json_object_get(s, "numbers");
    size_t count;
    const struct status_number *numbers = status_numbers(&count);
    const char *between = "  ";

    for (size_t i = 0; i < count; i++) {
        uint64_t n = number_of(json, numbers[i].name);
        bool is_bytes = strstr(numbers[i].name, "bytes") != NULL;
        char text[FORMAT_COUNT];
        char label[32];

        if (n == 0)
            continue;
        (void)snprintf(label, sizeof(label), "%s", numbers[i].name); /* fits */
        if (is_bytes || numbers[i].is_ms)
            *strrchr(label, '_') = '\0';
        for (char *p = label; *p != '\0'; p++)
            *p = *p == '_' ? ' ' : *p;
        if (numbers[i].is_ms)
            (void)format_duration_ms(n, text);
        else if (is_bytes)
            (void)format_size(n, text);
        else
            (void)format_count(n, text);
        printf("%s%s %s", between, label, text);
        between = ", ";
    }
    if (between[0] == ',')
        printf("\n");
}

static void print_lsn(const json_t *flow, const char *name)
{
    if (json_is_integer(json_object_get(flow, name)))
        printf(" %s %" PRIu64 ",", name, number_of(flow, name));
}

static void print_flows(const json_t *s)
{
    const json_t *flows = json_object_get(s, "flows");
    char lag[SYNC_LAG_TEXT];
    char age[FORMAT_SIZE];

    for (size_t i = 0; i < json_array_size(flows); i++) {
        const json_t *f = json_array_get(flows, i);
        bool by_offset = json_is_integer(json_object_get(f, "lag_bytes"));

        printf("  flow %zu:", i);
        print_lsn(f, "received");
        print_lsn(f, "durable");
        print_lsn(f, "applied");
        printf(" lag %s, %s\n",
               sync_lag_text(number_of(f, by_offset ? "lag_bytes" : "lag_records"), by_offset, lag),
               format_duration_ms(number_of(f, "lag_ms"), age));
    }
}

static void print_lines(const json_t *s, const char *name, const char *what)
{
    const json_t *lines = json_object_get(s, name);
    char text[TEXT_SIZE];
    char of[TEXT_SIZE];

    for (size_t i = 0; i < json_array_size(lines); i++) {
        const json_t *l = json_array_get(lines, i);

        printf("  %s: %" PRIu64 " x %s: %s\n", what, number_of(l, "count"), text_of(l, "what", of),
               text_of(l, "text", text));
    }
}

void status_print(const json_t *s)
{
    const json_t *cutover = json_object_get(s, "cutover");
    char state[TEXT_SIZE];

    print_head(s);
    print_place(s);
    print_work(s);
    print_numbers(s);
    print_flows(s);
    if (json_is_object(cutover) && json_is_true(json_object_get(s, "running")))
        printf("  cut-over: %s\n", text_of(cutover, "state", state));
    print_lines(s, "losses", "loss");
    print_lines(s, "loss_notes", "note");
}

void status_print_capture(const struct capture *c)
{
    const struct generation *g = capture_newest(c);

    if (g == NULL) {
        printf("a capture of %s, with no generation yet; nothing is at work in it\n",
               c->source_address);
        return;
    }
    printf("a capture of %s, generation %" PRIu32 ": %s%s%s; nothing is at work in it\n",
           c->source_address, g->id, generation_state_name(g->state),
           g->ended_by[0] == '\0' ? "" : ", ended by ", g->ended_by);
    for (uint32_t i = 0; i < g->flow_count; i++)
        printf("  flow %" PRIu32 ": durable %" PRIu64 "\n", i, g->flows[i].next_lsn);
}

json_t *status_capture_to_json(const struct capture *c)
{
    const struct generation *g = capture_newest(c);
    json_t *flows = json_array();

    for (uint32_t i = 0; g != NULL && i < g->flow_count; i++)
        json_array_append_new(flows, json_pack("{s:I, s:I}", "flow", (json_int_t)i, "durable",
                                               (json_int_t)g->flows[i].next_lsn));
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "source", json_from_text(c->source_address),
                     "generation", g == NULL ? json_null() : json_integer(g->id), "state",
                     g == NULL ? json_null() : json_string(generation_state_name(g->state)),
                     "ended_by", g == NULL ? json_null() : json_from_text(g->ended_by), "flows",
                     flows);
}
