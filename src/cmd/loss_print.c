#include "cmd/loss_print.h"

#include <inttypes.h>

#include "base/json_text.h"

#define KEYS_PRINTED 3

static void print_keys(FILE *out, const struct loss_line *line)
{
    size_t shown = line->key_count < KEYS_PRINTED ? line->key_count : KEYS_PRINTED;

    for (size_t i = 0; i < shown; i++) {
        char key[60];

        if (line->keys[i].n == 0)
            continue;
        fprintf(out, "%s%" PRIu32 "/%s", i == 0 ? ": " : ", ", line->dbs[i],
                bytes_escape(line->keys[i], key, sizeof(key)));
    }
    if (line->count > shown && shown > 0 && line->keys[0].n != 0)
        fputs(", ...", out);
}

static void print_lines(FILE *out, const struct loss_report *r, bool notes)
{
    for (size_t i = 0; i < r->line_count; i++) {
        const struct loss_line *line = &r->lines[i];

        if (loss_is_note(line->reason) != notes)
            continue;
        fprintf(out, "  %-5s %8" PRIu64 "  %-18s %s", notes ? "note" : "lost", line->count,
                line->class_name, loss_reason_text(line->reason));
        print_keys(out, line);
        fputc('\n', out);
    }
}

void loss_print(FILE *out, const struct loss_report *r)
{
    print_lines(out, r, false);
    print_lines(out, r, true);
}

json_t *json_from_bytes(struct bytes b)
{
    struct ft_err err = FT_ERR_INIT;
    struct buf text = {0};
    json_t *value = NULL;

    if (bytes_is_utf8(b))
        return json_stringn((const char *)b.p, b.n);
    if (base64_put(&text, b, &err) == 0)
        value = json_pack("{s:s%}", "base64", (const char *)text.p, text.n);
    buf_release(&text);
    return value;
}

static json_t *line_to_json(const struct loss_line *line)
{
    json_t *keys = json_array();

    for (size_t i = 0; i < line->key_count; i++) {
        if (line->keys[i].n == 0)
            continue;
        if (json_array_append_new(keys, json_pack("{s:I, s:o}", "db", (json_int_t)line->dbs[i],
                                                  "key", json_from_bytes(line->keys[i]))) != 0) {
            json_decref(keys);
            return NULL;
        }
    }
    return json_pack("{s:s, s:s, s:s, s:b, s:I, s:o}", "type", line->class_name, "reason",
                     loss_reason_name(line->reason), "text", loss_reason_text(line->reason), "note",
                     loss_is_note(line->reason), "count", (json_int_t)line->count, "first_keys",
                     keys);
}

json_t *loss_to_json(const struct loss_report *r)
{
    json_t *lines = json_array();

    for (size_t i = 0; i < r->line_count; i++) {
        if (json_array_append_new(lines, line_to_json(&r->lines[i])) != 0) {
            json_decref(lines);
            return NULL;
        }
    }
    return json_pack("{s:I, s:I, s:o}", "losses", (json_int_t)r->losses, "notes",
                     (json_int_t)r->notes, "lines", lines);
}
