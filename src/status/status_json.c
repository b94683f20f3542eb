#include "status/status_json.h"

#include "base/bytes.h"
#include "base/parse.h"
#include "config.h"

static json_t *number(uint64_t n)
{
    return n == STATUS_NONE ? json_null() : json_integer((json_int_t)n);
}

static json_t *text_or_null(const char *text)
{
    char escaped[2 * PATH_MAX];

    if (text == NULL || text[0] == '\0')
        return json_null();
    if (bytes_is_utf8(bytes_str(text)))
        return json_string(text);
    return json_string(bytes_escape(bytes_str(text), escaped, sizeof(escaped)));
}

static json_t *time_of(uint64_t time_us)
{
    char text[FORMAT_TIME];

    return json_string(format_time_us(time_us, text));
}

static json_t *flows_to_json(const struct status *s)
{
    json_t *flows = json_array();

    for (uint32_t i = 0; i < s->flow_count; i++) {
        const struct status_flow *f = &s->flows[i];

        json_array_append_new(
            flows, json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "flow", (json_int_t)i,
                             "received", number(f->received), "durable", number(f->durable),
                             "applied", number(f->applied), "lag_records", number(f->lag_records),
                             "lag_bytes", number(f->lag_bytes), "lag_ms", number(f->lag_ms)));
    }
    return flows;
}

static json_t *lines_to_json(const struct status *s, bool notes)
{
    json_t *lines = json_array();

    for (size_t i = 0; i < s->line_count; i++) {
        const struct status_line *l = &s->lines[i];

        if (l->is_note == notes)
            json_array_append_new(lines, json_pack("{s:s, s:o, s:s, s:I}", "reason", l->reason,
                                                   "what", text_or_null(l->what), "text", l->text,
                                                   "count", (json_int_t)l->count));
    }
    return lines;
}

static json_t *notes_to_json(const struct status *s)
{
    json_t *notes = json_array();

    for (size_t i = 0; i < s->note_count; i++)
        json_array_append_new(notes, json_pack("{s:o, s:o}", "time", time_of(s->notes[i].time_us),
                                               "text", text_or_null(s->notes[i].text)));
    return notes;
}

static json_t *phases_to_json(const struct status *s)
{
    json_t *phases = json_array();

    for (size_t i = 0; i < s->phase_count; i++)
        json_array_append_new(phases, json_string(s->phases[i]));
    return phases;
}

static json_t *work_to_json(const struct status *s)
{
    if (s->work == NULL)
        return json_null();
    return json_pack("{s:s, s:I, s:o, s:b}", "name", s->work, "done", (json_int_t)s->work_done,
                     "total", number(s->work_total == 0 ? STATUS_NONE : s->work_total), "estimated",
                     (int)s->work_estimated);
}

static json_t *numbers_to_json(const struct status *s)
{
    json_t *json = json_object();
    size_t count;
    const struct status_number *numbers = status_numbers(&count);

    for (size_t i = 0; i < count; i++) {
        uint64_t n = status_number_of(s, &numbers[i]);

        if (n != STATUS_NONE)
            json_object_set_new(json, numbers[i].name, number(n));
    }
    return json;
}

static json_t *cutover_to_json(const struct status *s)
{
    if (s->cutover == NULL)
        return json_null();
    return json_pack("{s:s, s:b, s:b}", "state", s->cutover, "may_begin", (int)s->may_begin,
                     "may_confirm", (int)s->may_confirm);
}

json_t *status_to_json(const struct status *s)
{
    bool has_phase = s->phase < s->phase_count;

    return json_pack("{s:s, s:s, s:I, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o, "
                     "s:o, s:o, s:o, s:o, s:o, s:o}",
                     "command", s->command, "version", PACKAGE_VERSION, "pid", (json_int_t)s->pid,
                     "running", (int)(s->ended == NULL), "ended", text_or_null(s->ended), "error",
                     text_or_null(s->error), "began", time_of(s->began_us), "now",
                     time_of(s->now_us), "source", text_or_null(s->source), "target",
                     text_or_null(s->target), "directory", text_or_null(s->directory), "generation",
                     s->generation == 0 ? json_null() : number(s->generation), "phase",
                     has_phase ? s->phases[s->phase] : "", "phases", phases_to_json(s), "work",
                     work_to_json(s), "numbers", numbers_to_json(s), "flows", flows_to_json(s),
                     "losses", lines_to_json(s, false), "loss_notes", lines_to_json(s, true), "log",
                     notes_to_json(s), "cutover", cutover_to_json(s));
}
