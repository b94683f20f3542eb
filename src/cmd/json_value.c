#include "cmd/json_value.h"

#include "base/json_text.h"
#include "base/json_tree.h"

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

json_t *json_from_text(const char *text)
{
    return text == NULL ? json_null() : json_from_bytes(bytes_str(text));
}

json_t *json_from_message(const char *text)
{
    char escaped[2 * sizeof(((struct ft_err *)0)->msg)];

    if (text == NULL || bytes_is_utf8(bytes_str(text)))
        return json_from_text(text);
    return json_string(bytes_escape(bytes_str(text), escaped, sizeof(escaped)));
}

json_t *json_from_suspect(const struct suspect *s)
{
    return json_pack("{s:I, s:o, s:o, s:I, s:I}", "db", (json_int_t)s->db, "key",
                     json_from_bytes(s->key), "command",
                     json_from_text(s->command[0] == '\0' ? NULL : s->command), "flow",
                     (json_int_t)s->flow, "lsn", (json_int_t)s->lsn);
}

json_t *json_from_suspects(const struct suspect_report *r)
{
    json_t *first = json_array();

    for (size_t i = 0; i < r->first_count; i++) {
        if (json_array_append_new(first, json_from_suspect(&r->first[i])) != 0) {
            json_decref(first);
            return NULL;
        }
    }
    return json_pack("{s:I, s:o}", "count", (json_int_t)r->count, "keys", first);
}

int json_print(json_t *json, struct ft_err *err)
{
    int rc = 0;

    if (json == NULL)
        return err_nomem(err, "the report");
    if (json_tree_is_whole(err) != 0)
        rc = -1;
    else if (json_dumpf(json, stdout, JSON_INDENT(2) | JSON_SORT_KEYS) != 0 || putchar('\n') == EOF)
        rc = json_tree_is_whole(err) != 0
                 ? -1
                 : err_set(err, FT_ERR_IO, "could not write the report to standard output");
    json_decref(json);
    return rc;
}
