#include "cmd/report.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json_tree.h"
#include "base/output_file.h"
#include "cmd/json_value.h"
#include "cmd/ui.h"
#include "input/left_out.h"

#define DUMP_FLAGS (JSON_INDENT(2) | JSON_SORT_KEYS)
/* A line of its own: no text of peers is an element of an array of these reports, and a string holds no
 * line break. */
#define PLACE      "the suspect keys"
#define PLACE_LINE "\"" PLACE "\""

struct report_sink {
    struct output_file *file; /* NULL: none */
    bool to_stdout;
};

static int put(struct report_sink *out, const char *text, size_t n, struct ft_err *err)
{
    if (out->to_stdout)
        (void)fwrite(text, 1, n, stdout); /* ui_flush looks at the outcome */
    return out->file != NULL ? output_file_write(out->file, bytes_of(text, n), err) : 0;
}

/* The array of suspects' names; NULL: json has none. */
static json_t *find_names(json_t *json)
{
    json_t *names = json_object_get(json_object_get(json, "suspects"), "keys");

    if (names != NULL)
        return names;
    return json_object_get(json_object_get(json_object_get(json, "replay"), "suspects"), "keys");
}

static int put_suspects(struct report_sink *out, const struct suspect_report *suspects,
                        struct ft_err *err)
{
    struct buf key = {0};
    struct suspect s;
    uint64_t at = 0;
    bool first = true;
    int rc;

    while ((rc = suspect_next(suspects, &at, &key, &s, err)) > 0) {
        json_t *json = json_from_suspect(&s);
        char *text = json == NULL ? NULL : json_dumps(json, JSON_SORT_KEYS);

        json_decref(json);
        rc = text == NULL ? err_nomem(err, "the report") : 0;
        if (rc == 0 && !first)
            rc = put(out, ",\n      ", 8, err);
        if (rc == 0)
            rc = put(out, text, strlen(text), err);
        free(text);
        first = false;
        if (rc != 0)
            break;
    }
    buf_release(&key);
    return rc;
}

static int put_text(struct report_sink *out, const char *text,
                    const struct suspect_report *suspects, struct ft_err *err)
{
    const char *place = strstr(text, PLACE_LINE "\n");

    if (suspects != NULL && place != NULL) {
        if (put(out, text, (size_t)(place - text), err) != 0 ||
            put_suspects(out, suspects, err) != 0)
            return -1;
        text = place + strlen(PLACE_LINE);
    }
    if (put(out, text, strlen(text), err) != 0)
        return -1;
    return put(out, "\n", 1, err);
}

static int write_all(char *text, const struct suspect_report *suspects, const char *path,
                     bool to_stdout, struct ft_err *err)
{
    struct output_file file = {0};
    struct report_sink out = {.file = path != NULL ? &file : NULL, .to_stdout = to_stdout};
    int rc = 0;

    if (path != NULL && output_file_open(&file, path, err) != 0)
        rc = -1;
    if (rc == 0)
        rc = put_text(&out, text, suspects, err);
    if (rc == 0 && path != NULL)
        rc = output_file_finish(&file, err);
    output_file_release(&file);
    return rc;
}

static json_t *left_out_to_json(void)
{
    json_t *list = json_array();

    for (size_t i = 0; left_out_get(i) != NULL; i++)
        json_array_append_new(list, json_from_message(left_out_get(i)));
    return list;
}

static int report(json_t *json, const struct suspect_report *suspects, const char *file,
                  bool to_stdout, struct ft_err *err)
{
    bool more = json != NULL && suspects != NULL && suspects->count > suspects->first_count;
    json_t *names = more ? find_names(json) : NULL;
    char *text = NULL;
    int rc;

    if (json != NULL && left_out_get(0) != NULL)
        json_object_set_new(json, "left_out", left_out_to_json());
    if (names != NULL) {
        json_array_clear(names);
        json_array_append_new(names, json_string(PLACE));
    }
    if (json != NULL)
        text = json_dumps(json, DUMP_FLAGS);
    json_decref(json);
    if (text == NULL)
        return err_nomem(err, "the report");
    rc = json_tree_is_whole(err);
    if (rc == 0)
        rc = write_all(text, names != NULL ? suspects : NULL, file, to_stdout, err);
    free(text);
    return rc;
}

enum exit_status report_write(const char *command, json_t *json,
                              const struct suspect_report *suspects, const char *file,
                              bool to_stdout, enum exit_status status)
{
    struct ft_err err = FT_ERR_INIT;

    return report(json, suspects, file, to_stdout, &err) == 0 ? status : ui_fail(command, &err);
}

int report_print(json_t *json, const struct suspect_report *suspects, struct ft_err *err)
{
    return report(json, suspects, NULL, true, err);
}
