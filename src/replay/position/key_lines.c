#include "replay/position/key_lines.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json_text.h"
#include "base/json_tree.h"

struct lines {
    const char *path;
    FILE *file;
    char *text;
    size_t capacity;
    uint64_t number;
    struct buf key;
};

static int bad_line(const struct lines *l, const char *what, struct ft_err *err)
{
    return err_set(err, FT_ERR_CORRUPT,
                   "\"%s\", line %" PRIu64 ": %s; a line is {\"db\": 0, \"key\": \"...\"}", l->path,
                   l->number, what);
}

static int take_key(struct lines *l, const json_t *key, struct ft_err *err)
{
    const json_t *packed = json_object_get(key, "base64");
    bool ok = true;

    buf_clear(&l->key);
    if (json_is_string(key))
        return buf_append(&l->key, json_string_value(key), json_string_length(key), err);
    if (!json_is_string(packed))
        return bad_line(l, "\"key\" is not a string or {\"base64\": ...}", err);
    if (base64_take(&l->key, json_string_value(packed), &ok, err) != 0)
        return -1;
    return ok ? 0 : bad_line(l, "\"key\" is not base64", err);
}

static int take_line(struct lines *l, size_t n, key_line_fn *take, void *context,
                     struct ft_err *err)
{
    struct ft_err cause = FT_ERR_INIT;
    const json_t *db;
    json_t *json;
    int rc;

    if (json_tree_load(&json, bytes_of(l->text, n), JSON_ALLOW_NUL, &cause) != 0) {
        if (cause.kind != FT_ERR_NOMEM)
            return bad_line(l, "this is not a JSON object", err);
        *err = cause;
        return -1;
    }
    db = json_object_get(json, "db");
    if (!json_is_integer(db) || json_integer_value(db) < 0 || json_integer_value(db) > UINT32_MAX)
        rc = bad_line(l, "\"db\" is not the number of a database", err);
    else
        rc = take_key(l, json_object_get(json, "key"), err);
    if (rc == 0 && take != NULL)
        rc = take(context, (uint32_t)json_integer_value(db), buf_bytes(&l->key), err);
    json_decref(json);
    return rc;
}

int key_lines_each(const char *path, key_line_fn *take, void *context, struct ft_err *err)
{
    struct lines l = {.path = path, .file = fopen(path, "re")};
    ssize_t n;
    int rc = 0;

    if (l.file == NULL)
        return err_errno(err, errno, "could not open \"%s\"", path);
    while (rc == 0 && (n = getline(&l.text, &l.capacity, l.file)) > 0) {
        l.number++;
        rc = take_line(&l, (size_t)n, take, context, err);
    }
    if (rc == 0 && ferror(l.file) != 0)
        rc = err_errno(err, errno, "could not read \"%s\"", path);
    (void)fclose(l.file); /* opened to read */
    free(l.text);
    buf_release(&l.key);
    return rc;
}
