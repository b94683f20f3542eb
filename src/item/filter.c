#include "item/filter.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/glob.h"
#include "base/parse.h"

static int append_pattern(char ***list, size_t *count, const char *pattern, struct ft_err *err)
{
    if (ARRAY_ADD_ROOM(list, *count, "a filter", err) != 0)
        return -1;
    (*list)[*count] = strdup(pattern);
    if ((*list)[*count] == NULL)
        return err_nomem(err, "a filter");
    (*count)++;
    return 0;
}

int filter_add_key(struct filter *f, const char *pattern, struct ft_err *err)
{
    return append_pattern(&f->keys, &f->key_count, pattern, err);
}

int filter_add_no_key(struct filter *f, const char *pattern, struct ft_err *err)
{
    return append_pattern(&f->no_keys, &f->no_key_count, pattern, err);
}

static int add_one_db(struct filter *f, const char *arg, struct ft_err *err)
{
    uint64_t db;

    if (parse_u64(arg, &db, err) != 0)
        return -1;
    if (db > UINT32_MAX)
        return err_set(err, FT_ERR_USAGE, "there is no database %s", arg);
    if (ARRAY_ADD_ROOM(&f->dbs, f->db_count, "a filter", err) != 0)
        return -1;
    f->dbs[f->db_count++] = (uint32_t)db;
    return 0;
}

static int add_one_type(struct filter *f, const char *arg, struct ft_err *err)
{
    for (unsigned c = 0; c < VALUE_CLASS_COUNT; c++) {
        if (strcasecmp(arg, value_class_name((enum value_class)c)) == 0) {
            f->classes |= 1u << c;
            return 0;
        }
    }
    return err_set(err, FT_ERR_USAGE,
                   "\"%s\" is not a type (string, list, set, zset, hash, stream, json, module, "
                   "probabilistic)",
                   arg);
}

static int each_arg(struct filter *f, const char *text,
                    int (*add)(struct filter *f, const char *arg, struct ft_err *err),
                    struct ft_err *err)
{
    char *copy = strdup(text);
    char *rest = copy;
    char *arg;
    int rc = 0;

    if (copy == NULL)
        return err_nomem(err, "a filter");
    while (rc == 0 && (arg = strsep(&rest, ",")) != NULL)
        rc = add(f, arg, err);
    free(copy);
    return rc;
}

int filter_add_db(struct filter *f, const char *text, struct ft_err *err)
{
    return each_arg(f, text, add_one_db, err);
}

int filter_add_type(struct filter *f, const char *text, struct ft_err *err)
{
    return each_arg(f, text, add_one_type, err);
}

bool filter_db(const struct filter *f, uint32_t db)
{
    for (size_t i = 0; i < f->db_count; i++) {
        if (f->dbs[i] == db)
            return true;
    }
    return f->db_count == 0;
}

static bool any_fits(char *const *patterns, size_t count, struct bytes key)
{
    for (size_t i = 0; i < count; i++) {
        if (glob_match(bytes_str(patterns[i]), key))
            return true;
    }
    return false;
}

bool filter_key(const struct filter *f, struct bytes key)
{
    return (f->key_count == 0 || any_fits(f->keys, f->key_count, key)) &&
           !any_fits(f->no_keys, f->no_key_count, key);
}

bool filter_class(const struct filter *f, enum value_class c)
{
    return f->classes == 0 || (f->classes & 1u << c) != 0;
}

static void free_patterns(char **patterns, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(patterns[i]);
    free(patterns);
}

void filter_release(struct filter *f)
{
    free_patterns(f->keys, f->key_count);
    free_patterns(f->no_keys, f->no_key_count);
    free(f->dbs);
    *f = (struct filter){0};
}
