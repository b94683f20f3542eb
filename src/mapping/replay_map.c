#include "mapping/replay_map.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/glob.h"
#include "base/parse.h"

#define DB_TEXT_MAX 16

static int parse_db(const char *text, size_t n, uint32_t *ret, struct ft_err *err)
{
    uint64_t value;

    if (!bytes_to_u64(bytes_of(text, n), &value) || value > INT32_MAX) {
        return err_set(err, FT_ERR_USAGE, "--db-map: \"%.*s\" is not a database number",
                       (int)(n < DB_TEXT_MAX ? n : DB_TEXT_MAX), text);
    }
    *ret = (uint32_t)value;
    return 0;
}

/* "%d" may stand in a prefix once; any other "%" would only look like one. */
static int check_prefix(const char *prefix, struct ft_err *err)
{
    const char *at = strchr(prefix, '%');

    if (at == NULL)
        return 0;
    if (at[1] != 'd' || strchr(at + 1, '%') != NULL) {
        return err_set(
            err, FT_ERR_USAGE,
            "--db-map: \"%s\": %%d stands for the database, once; no other %% is allowed", prefix);
    }
    return 0;
}

static int parse_fate(struct replay_db_rule *rule, const char *text, size_t n, struct ft_err *err)
{
    static const char prefix[] = "prefix=";

    if (bytes_eq_str(bytes_of(text, n), "drop")) {
        rule->fate = REPLAY_DB_DROP;
        return 0;
    }
    if (n <= strlen(prefix) || strncmp(text, prefix, strlen(prefix)) != 0) {
        rule->fate = REPLAY_DB_TO;
        return parse_db(text, n, &rule->to, err);
    }
    rule->fate = REPLAY_DB_PREFIX;
    rule->prefix = strndup(text + strlen(prefix), n - strlen(prefix));
    if (rule->prefix == NULL)
        return err_nomem(err, "a rule");
    return check_prefix(rule->prefix, err);
}

static int add_db_rule(struct replay_map *m, const char *text, size_t n, struct ft_err *err)
{
    const char *colon = memchr(text, ':', n);
    struct replay_db_rule *rule;
    size_t head;

    if (colon == NULL) {
        return err_set(err, FT_ERR_USAGE,
                       "--db-map takes DB:DB, DB:drop or DB:prefix=TEXT, not \"%.*s\"", (int)n,
                       text);
    }
    if (ARRAY_ADD_ROOM(&m->dbs, m->db_count, "a rule", err) != 0)
        return -1;
    head = (size_t)(colon - text);
    rule = &m->dbs[m->db_count++];
    *rule = (struct replay_db_rule){.any = bytes_eq_str(bytes_of(text, head), "*")};
    if (!rule->any && parse_db(text, head, &rule->db, err) != 0)
        return -1;
    return parse_fate(rule, colon + 1, n - head - 1, err);
}

int replay_map_add_dbs(struct replay_map *m, const char *text, struct ft_err *err)
{
    for (;;) {
        size_t n = strcspn(text, ",");

        if (add_db_rule(m, text, n, err) != 0)
            return -1;
        if (text[n] == '\0')
            return 0;
        text += n + 1;
    }
}

static const char *find_action(const char *text, bool *ret_strip, const char **ret_text)
{
    const char *add = strstr(text, "=prefix:");
    const char *strip = strstr(text, "=strip:");

    if (add == NULL && strip == NULL)
        return NULL;
    *ret_strip = add == NULL || (strip != NULL && strip < add);
    *ret_text = *ret_strip ? strip + strlen("=strip:") : add + strlen("=prefix:");
    return *ret_strip ? strip : add;
}

int replay_map_add_rename(struct replay_map *m, const char *text, struct ft_err *err)
{
    struct replay_name_rule *rule;
    const char *name;
    const char *end;
    bool strip;

    end = find_action(text, &strip, &name);
    if (end == NULL || end == text || *name == '\0') {
        return err_set(err, FT_ERR_USAGE,
                       "--rename takes GLOB=prefix:TEXT or GLOB=strip:TEXT, not \"%s\"", text);
    }
    if (ARRAY_ADD_ROOM(&m->names, m->name_count, "a rule", err) != 0)
        return -1;
    rule = &m->names[m->name_count++];
    *rule = (struct replay_name_rule){
        .glob = strndup(text, (size_t)(end - text)), .strip = strip, .text = strdup(name)};
    if (rule->glob == NULL || rule->text == NULL)
        return err_nomem(err, "a rule");
    return 0;
}

const struct replay_db_rule *replay_map_db_rule(const struct replay_map *m, uint32_t db)
{
    const struct replay_db_rule *found = NULL;

    for (size_t i = 0; i < m->db_count; i++) {
        if (!m->dbs[i].any && m->dbs[i].db == db)
            return &m->dbs[i];
        if (m->dbs[i].any && found == NULL)
            found = &m->dbs[i];
    }
    return found;
}

bool replay_map_db(const struct replay_map *m, uint32_t db, uint32_t *ret_db)
{
    const struct replay_db_rule *rule = replay_map_db_rule(m, db);

    if (rule == NULL) {
        *ret_db = db;
        return true;
    }
    *ret_db = rule->fate == REPLAY_DB_TO ? rule->to : 0;
    return rule->fate != REPLAY_DB_DROP;
}

int replay_map_put_prefix(struct buf *out, const struct replay_db_rule *rule, uint32_t db,
                          struct ft_err *err)
{
    const char *prefix = rule->prefix;
    const char *at = strstr(prefix, "%d");

    if (at == NULL)
        return buf_append_str(out, prefix, err);
    return buf_printf(out, err, "%.*s%u%s", (int)(at - prefix), prefix, db, at + 2);
}

static bool begins_with(struct bytes key, const char *text)
{
    size_t n = strlen(text);

    return key.n >= n && memcmp(key.p, text, n) == 0;
}

/* The rule that fits, if it changes anything. */
static const struct replay_name_rule *find_name(const struct replay_map *m, struct bytes key)
{
    for (size_t i = 0; i < m->name_count; i++) {
        const struct replay_name_rule *rule = &m->names[i];

        if (glob_match(bytes_str(rule->glob), key))
            return rule->strip && !begins_with(key, rule->text) ? NULL : rule;
    }
    return NULL;
}

int replay_map_key(const struct replay_map *m, uint32_t db, struct bytes key, struct buf *scratch,
                   struct bytes *ret, struct ft_err *err)
{
    const struct replay_db_rule *rule = replay_map_db_rule(m, db);
    const struct replay_name_rule *name = find_name(m, key);
    bool prefixed = rule != NULL && rule->fate == REPLAY_DB_PREFIX;

    if (!prefixed && name == NULL) {
        *ret = key;
        return 0;
    }
    buf_clear(scratch);
    if (prefixed && replay_map_put_prefix(scratch, rule, db, err) != 0)
        return -1;
    if (name != NULL && !name->strip && buf_append_str(scratch, name->text, err) != 0)
        return -1;
    if (name != NULL && name->strip) {
        size_t n = strlen(name->text);

        key = bytes_of(key.p + n, key.n - n);
    }
    if (buf_append(scratch, key.p, key.n, err) != 0)
        return -1;
    *ret = buf_bytes(scratch);
    return 0;
}

void replay_map_release(struct replay_map *m)
{
    for (size_t i = 0; i < m->db_count; i++)
        free(m->dbs[i].prefix);
    for (size_t i = 0; i < m->name_count; i++) {
        free(m->names[i].glob);
        free(m->names[i].text);
    }
    free(m->dbs);
    free(m->names);
    key_claim_release(&m->claim);
    *m = (struct replay_map){0};
}
