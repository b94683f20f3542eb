#include "audit/compare_json.h"

#include <stdlib.h>

#include "base/json_tree.h"

/* A tree takes many times the memory of its text. */
#define TREE_TEXT_MAX ((size_t)1 << 20)

static bool is_container(const json_t *j)
{
    return json_is_object(j) || json_is_array(j);
}

/* Numbers are equal as numbers. */
static bool same(json_t *a, json_t *b)
{
    if (json_is_number(a) && json_is_number(b) && json_is_integer(a) != json_is_integer(b))
        return json_number_value(a) == json_number_value(b);
    return json_equal(a, b) != 0;
}

struct walk {
    json_t *a; /* borrowed; NULL: missing */
    json_t *b;
    struct buf path;
};

/* Down to the first member that differs, in the order of a, then of b. 0: there is none that can be told. */
static int into_object(struct walk *w, struct ft_err *err)
{
    const char *found = NULL;
    const char *name;
    json_t *value;

    json_object_foreach(w->a, name, value)
    {
        json_t *other = json_object_get(w->b, name);

        if (found == NULL && (other == NULL || !same(value, other)))
            found = name;
    }
    json_object_foreach(w->b, name, value)
    {
        if (found == NULL && json_object_get(w->a, name) == NULL)
            found = name;
    }
    if (found == NULL)
        return 0;
    if (buf_printf(&w->path, err, ".%s", found) != 0)
        return -1;
    value = json_object_get(w->a, found);
    w->b = json_object_get(w->b, found);
    w->a = value;
    return 1;
}

static int into_array(struct walk *w, struct ft_err *err)
{
    size_t n = json_array_size(w->a) > json_array_size(w->b) ? json_array_size(w->a)
                                                             : json_array_size(w->b);

    for (size_t i = 0; i < n; i++) {
        json_t *a = json_array_get(w->a, i);
        json_t *b = json_array_get(w->b, i);

        if (a != NULL && b != NULL && same(a, b))
            continue;
        if (buf_printf(&w->path, err, "[%zu]", i) != 0)
            return -1;
        w->a = a;
        w->b = b;
        return 1;
    }
    return 0;
}

static void show(char out[COMPARISON_TEXT_SIZE], const json_t *j)
{
    char *text = j == NULL ? NULL : json_dumps(j, JSON_ENCODE_ANY | JSON_COMPACT);

    if (j == NULL)
        comparison_text(out, COMPARISON_MISSING);
    else if (text != NULL)
        (void)bytes_escape(bytes_str(text), out, COMPARISON_TEXT_SIZE);
    free(text);
}

static int walk_down(struct walk *w, struct ft_err *err)
{
    int rc = buf_append_str(&w->path, "$", err) == 0 ? 1 : -1;

    while (rc > 0 && w->a != NULL && w->b != NULL && json_typeof(w->a) == json_typeof(w->b) &&
           is_container(w->a))
        rc = json_is_object(w->a) ? into_object(w, err) : into_array(w, err);
    return rc < 0 ? -1 : 0;
}

static void set_whole(struct bytes a, struct bytes b, struct comparison *ret)
{
    comparison_set(ret, DIFFERENCE_VALUE, "JSON");
    comparison_bytes(ret->a, a);
    comparison_bytes(ret->b, b);
}

int compare_json(struct bytes a, struct bytes b, struct comparison *ret, struct ft_err *err)
{
    const size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL;
    struct ft_err ignored = FT_ERR_INIT;
    char path[COMPARISON_PLACE_SIZE];
    json_t *ta = NULL;
    json_t *tb = NULL;
    int rc = 0;

    set_whole(a, b, ret);
    if (a.n <= TREE_TEXT_MAX && b.n <= TREE_TEXT_MAX &&
        json_tree_load(&ta, a, flags, &ignored) == 0 &&
        json_tree_load(&tb, b, flags, &ignored) == 0) {
        struct walk w = {.a = ta, .b = tb};

        rc = walk_down(&w, err);
        if (rc == 0) {
            comparison_set(ret, DIFFERENCE_VALUE, "JSON at %s",
                           bytes_escape(buf_bytes(&w.path), path, sizeof(path)));
            show(ret->a, w.a);
            show(ret->b, w.b);
        }
        buf_release(&w.path);
    }
    json_decref(ta);
    json_decref(tb);
    return rc;
}
