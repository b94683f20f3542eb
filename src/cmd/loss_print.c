#include "cmd/loss_print.h"

#include <inttypes.h>

#include "cmd/json_value.h"

#define KEYS_PRINTED 3

static void print_line(FILE *out, const struct loss_line *line)
{
    size_t shown = line->key_count < KEYS_PRINTED ? line->key_count : KEYS_PRINTED;
    bool any = false;

    fprintf(out, "    %10" PRIu64 "  %-18s", line->count, line->class_name);
    for (size_t i = 0; i < shown; i++) {
        char key[60];

        if (line->keys[i].n == 0)
            continue;
        fprintf(out, "%s%" PRIu32 "/%s", any ? ", " : "  ", line->dbs[i],
                bytes_escape(line->keys[i], key, sizeof(key)));
        any = true;
    }
    fputs(any && line->count > shown ? ", ...\n" : "\n", out);
}

/* What is lost or noted for one reason: the sentence once, then a line for each class of value. */
static void print_reason(FILE *out, const struct loss_report *r, enum loss_reason reason)
{
    bool titled = false;

    for (size_t i = 0; i < r->line_count; i++) {
        if (r->lines[i].reason != reason)
            continue;
        if (!titled) {
            fprintf(out, "  %s: %s\n", loss_is_note(reason) ? "note" : "lost",
                    loss_reason_text(reason));
        }
        titled = true;
        print_line(out, &r->lines[i]);
    }
}

void loss_print(FILE *out, const struct loss_report *r)
{
    for (int reason = LOSS_NONE; reason < LOSS_REASON_COUNT; reason++)
        print_reason(out, r, (enum loss_reason)reason);
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
