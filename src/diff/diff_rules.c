#include "diff/diff_rules.h"

#include "mapping/replay_own_key.h"

/* A database that has no rule of its own may have been any of these. */
#define USUAL_DATABASES 16u

/* What B has for a replay itself, or for those that it shares B with. */
static bool is_left_out(const struct diff_rules *r, struct bytes name)
{
    return replay_is_own_key(name) ||
           (!key_claim_is_empty(&r->map->claim) && !key_claim_has(&r->map->claim, name));
}

int diff_rules_name(const struct diff_rules *r, uint32_t db, struct bytes name, struct buf *scratch,
                    struct diff_key *ret, struct ft_err *err)
{
    *ret = (struct diff_key){.db = {db, db}, .name = {name, name}};
    if (!filter_db(r->filter, db) || !filter_key(r->filter, name))
        return 0;
    if (!replay_map_is_identity(r->map)) {
        if (!replay_map_db(r->map, db, &ret->db[DIFF_B]))
            return 0;
        if (replay_map_key(r->map, db, name, scratch, &ret->name[DIFF_B], err) != 0)
            return -1;
    }
    return is_left_out(r, ret->name[DIFF_B]) ? 0 : 1;
}

/*
 * The other way: names that may have become this one are tried.
 */

struct inverse {
    const struct diff_rules *rules;
    uint32_t db; /* of B */
    struct bytes name;
    struct buf mapped;
    struct buf tried;
};

/* Does this key of A pass, and become B's? */
static int try_key(struct inverse *v, uint32_t db, struct bytes name, struct ft_err *err)
{
    struct diff_key key;
    int rc = diff_rules_name(v->rules, db, name, &v->mapped, &key, err);

    if (rc <= 0)
        return rc;
    return key.db[DIFF_B] == v->db && bytes_eq(key.name[DIFF_B], v->name);
}

static bool begins_with(struct bytes name, const char *prefix)
{
    size_t n = strlen(prefix);

    return name.n >= n && memcmp(name.p, prefix, n) == 0;
}

/* A name as it is, and as what each rename rule may have made this of. */
static int try_renamed(struct inverse *v, uint32_t db, struct bytes name, struct ft_err *err)
{
    const struct replay_map *map = v->rules->map;
    int found = try_key(v, db, name, err);

    for (size_t i = 0; found == 0 && i < map->name_count; i++) {
        const struct replay_name_rule *rule = &map->names[i];
        size_t n = strlen(rule->text);

        if (rule->strip) {
            buf_clear(&v->tried);
            if (buf_append_str(&v->tried, rule->text, err) != 0 ||
                buf_append(&v->tried, name.p, name.n, err) != 0)
                return -1;
            found = try_key(v, db, buf_bytes(&v->tried), err);
        } else if (begins_with(name, rule->text)) {
            found = try_key(v, db, bytes_of(name.p + n, name.n - n), err);
        }
    }
    return found;
}

/* Without the prefix that the rule of this database adds. */
static int try_database(struct inverse *v, uint32_t db, struct ft_err *err)
{
    const struct replay_db_rule *rule = replay_map_db_rule(v->rules->map, db);
    struct buf prefix = {0};
    int found = 0;

    if (rule == NULL || rule->fate == REPLAY_DB_TO)
        return try_renamed(v, db, v->name, err);
    if (rule->fate == REPLAY_DB_DROP)
        return 0;
    if (replay_map_put_prefix(&prefix, rule, db, err) != 0) {
        found = -1;
    } else if (v->name.n >= prefix.n && memcmp(v->name.p, prefix.p, prefix.n) == 0) {
        found = try_renamed(v, db, bytes_of(v->name.p + prefix.n, v->name.n - prefix.n), err);
    }
    buf_release(&prefix);
    return found;
}

static int has_origin(struct inverse *v, struct ft_err *err)
{
    const struct replay_map *map = v->rules->map;
    const struct filter *filter = v->rules->filter;
    int found = try_database(v, v->db, err);

    for (uint32_t db = 0; found == 0 && db < USUAL_DATABASES; db++)
        found = try_database(v, db, err);
    for (size_t i = 0; found == 0 && i < map->db_count; i++)
        found = map->dbs[i].any ? 0 : try_database(v, map->dbs[i].db, err);
    for (size_t i = 0; found == 0 && i < filter->db_count; i++)
        found = try_database(v, filter->dbs[i], err);
    return found;
}

int diff_rules_takes_b(const struct diff_rules *r, uint32_t db, struct bytes name,
                       struct diff_key *ret, struct ft_err *err)
{
    struct inverse v = {.rules = r, .db = db, .name = name};
    int found;

    *ret = (struct diff_key){.db = {db, db}, .name = {name, name}};
    if (is_left_out(r, name))
        return 0;
    if (replay_map_is_identity(r->map))
        return filter_db(r->filter, db) && filter_key(r->filter, name);
    if (r->filter->db_count + r->filter->key_count + r->filter->no_key_count == 0)
        return 1;
    found = has_origin(&v, err);
    buf_release(&v.mapped);
    buf_release(&v.tried);
    return found;
}

int64_t diff_rules_expiry(const struct diff_rules *r, int64_t expire_ms)
{
    if (expire_ms == RDB_NO_EXPIRY || r->ttl == REPLAY_TTL_DROP)
        return RDB_NO_EXPIRY;
    return r->ttl == REPLAY_TTL_SHIFT ? expire_ms + r->shift_ms : expire_ms;
}

bool diff_rules_type(const struct diff_rules *r, int class_a, int class_b)
{
    return (class_a >= 0 && filter_class(r->filter, (enum value_class)class_a)) ||
           (class_b >= 0 && filter_class(r->filter, (enum value_class)class_b));
}
