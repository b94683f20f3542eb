#include "mapping/replay_saved.h"

#include "base/json_text.h"
#include "base/json_tree.h"

static const char *const ttl_args[] = {"keep", "shift", "drop"};
static const char *const json_args[] = {"default", "module", "string"};

static int put_arg(struct buf *out, const char *arg, struct ft_err *err)
{
    const char *before = out->n != 0 && out->p[out->n - 1] == '[' ? "" : ",";

    return buf_append_str(out, before, err) != 0 ? -1 : json_put_bytes(out, bytes_str(arg), err);
}

/* An option whose argument is made as printf does. */
static int put(struct buf *out, struct ft_err *err, const char *option, const struct buf *value)
{
    if (put_arg(out, option, err) != 0 || buf_append_str(out, ",", err) != 0)
        return -1;
    return json_put_bytes(out, buf_bytes(value), err);
}

static int put_text(struct buf *out, const char *option, const char *value, struct ft_err *err)
{
    return put_arg(out, option, err) != 0 ? -1 : put_arg(out, value, err);
}

static int put_db_rule(struct buf *out, const struct replay_db_rule *rule, struct ft_err *err)
{
    struct buf text = {0};
    int rc = rule->any ? buf_append_str(&text, "*:", err) : buf_printf(&text, err, "%u:", rule->db);

    if (rc == 0 && rule->fate == REPLAY_DB_TO)
        rc = buf_printf(&text, err, "%u", rule->to);
    else if (rc == 0 && rule->fate == REPLAY_DB_DROP)
        rc = buf_append_str(&text, "drop", err);
    else if (rc == 0)
        rc = buf_printf(&text, err, "prefix=%s", rule->prefix);
    if (rc == 0)
        rc = put(out, err, "db-map", &text);
    buf_release(&text);
    return rc;
}

static int put_name_rule(struct buf *out, const struct replay_name_rule *rule, struct ft_err *err)
{
    struct buf text = {0};
    int rc = buf_printf(&text, err, "%s=%s:%s", rule->glob, rule->strip ? "strip" : "prefix",
                        rule->text);

    if (rc == 0)
        rc = put(out, err, "rename", &text);
    buf_release(&text);
    return rc;
}

static int put_filter(struct buf *out, const struct filter *f, struct ft_err *err)
{
    char number[I64_TEXT_SIZE + 1];
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < f->db_count; i++) {
        number[i64_to_text(f->dbs[i], number)] = '\0';
        rc = put_text(out, "db", number, err);
    }
    for (size_t i = 0; rc == 0 && i < f->key_count; i++)
        rc = put_text(out, "key", f->keys[i], err);
    for (size_t i = 0; rc == 0 && i < f->no_key_count; i++)
        rc = put_text(out, "no-key", f->no_keys[i], err);
    for (unsigned c = 0; rc == 0 && c < VALUE_CLASS_COUNT; c++) {
        if ((f->classes & 1u << c) != 0)
            rc = put_text(out, "type", value_class_name((enum value_class)c), err);
    }
    return rc;
}

int replay_saved_put(struct buf *out, const struct replay_rules *rules, struct ft_err *err)
{
    int rc = buf_append_str(out, "[", err);

    if (rc == 0)
        rc = put_text(out, "ttl", ttl_args[rules->ttl], err);
    if (rc == 0)
        rc = put_text(out, "json-as", json_args[rules->json_as], err);
    for (size_t i = 0; rc == 0 && i < rules->map->db_count; i++)
        rc = put_db_rule(out, &rules->map->dbs[i], err);
    for (size_t i = 0; rc == 0 && i < rules->map->name_count; i++)
        rc = put_name_rule(out, &rules->map->names[i], err);
    for (size_t i = 0; rc == 0 && i < rules->map->claim.count; i++)
        rc = put_text(out, "shared-target", key_claim_part_text(&rules->map->claim, i), err);
    if (rc == 0)
        rc = put_filter(out, rules->filter, err);
    return rc == 0 ? buf_append_str(out, "]", err) : -1;
}

static int find_word(const char *const *args, size_t count, const char *arg, int *ret,
                     struct ft_err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(args[i], arg) == 0) {
            *ret = (int)i;
            return 0;
        }
    }
    return err_set(err, FT_ERR_UNSUPPORTED, "what the replay wrote down has \"%.40s\"", arg);
}

struct taken {
    struct filter *filter;
    struct replay_map *map;
    int ttl;
    int json_as;
};

static int take(struct taken *t, const char *option, const char *value, struct ft_err *err)
{
    if (strcmp(option, "ttl") == 0)
        return find_word(ttl_args, 3, value, &t->ttl, err);
    if (strcmp(option, "json-as") == 0)
        return find_word(json_args, 3, value, &t->json_as, err);
    if (strcmp(option, "db-map") == 0)
        return replay_map_add_dbs(t->map, value, err);
    if (strcmp(option, "rename") == 0)
        return replay_map_add_rename(t->map, value, err);
    if (strcmp(option, "shared-target") == 0)
        return key_claim_add(&t->map->claim, value, err);
    if (strcmp(option, "db") == 0)
        return filter_add_db(t->filter, value, err);
    if (strcmp(option, "key") == 0)
        return filter_add_key(t->filter, value, err);
    if (strcmp(option, "no-key") == 0)
        return filter_add_no_key(t->filter, value, err);
    if (strcmp(option, "type") == 0)
        return filter_add_type(t->filter, value, err);
    return err_set(err, FT_ERR_UNSUPPORTED, "what the replay wrote down has \"%.40s\"", option);
}

/* An argument that is not UTF-8 was kept as an object: it is of no pattern that could be typed again. */
int replay_saved_take(struct bytes text, struct filter *filter, struct replay_map *map,
                      enum replay_ttl *ret_ttl, enum json_as *ret_json_as, struct ft_err *err)
{
    struct taken t = {.filter = filter, .map = map};
    json_t *args;
    int rc = 0;

    if (json_tree_load(&args, text, 0, err) != 0)
        return err_wrap(err, "what the replay wrote down");
    for (size_t i = 0; rc == 0 && i < json_array_size(args); i += 2) {
        const char *option = json_string_value(json_array_get(args, i));
        const char *value = json_string_value(json_array_get(args, i + 1));

        if (option == NULL || value == NULL)
            rc = err_set(err, FT_ERR_UNSUPPORTED, "what the replay wrote down is not text");
        else
            rc = take(&t, option, value, err);
    }
    json_decref(args);
    if (rc != 0)
        return -1;
    *ret_ttl = (enum replay_ttl)t.ttl;
    *ret_json_as = (enum json_as)t.json_as;
    return 0;
}
