/*
 * replay_map.h - under which name and in which database the target has a key.
 *
 * What it is   The rules of --db-map and --rename. A key first gets the prefix of the first rename
 *              rule whose pattern fits, or loses it; then the rule of its database says where it
 *              goes: to another database, nowhere, or to database 0 under a prefix.
 * Texts        --db-map  DB:DB | DB:drop | DB:prefix=TEXT, separated by commas; DB may be * (all that
 *              are not named), "%d" in TEXT is the number of the database.
 *              --rename  GLOB=prefix:TEXT | GLOB=strip:TEXT; patterns as base/glob.h has them.
 * Shared       Of a target that several replays share, `claim` says which names this one has. It changes no name.
 * Threads      Constant once filled.
 */
#ifndef FLOWTAPE_MAPPING_REPLAY_MAP_H
#define FLOWTAPE_MAPPING_REPLAY_MAP_H

#include "base/buf.h"
#include "item/key_claim.h"

enum replay_db_fate {
    REPLAY_DB_TO,
    REPLAY_DB_DROP,
    REPLAY_DB_PREFIX,
};

struct replay_db_rule {
    bool any;
    uint32_t db;
    enum replay_db_fate fate;
    uint32_t to;
    char *prefix; /* owned, with its %d */
};

struct replay_name_rule {
    char *glob; /* owned */
    bool strip;
    char *text; /* owned */
};

struct replay_map {
    struct replay_db_rule *dbs;
    size_t db_count;
    struct replay_name_rule *names;
    size_t name_count;
    struct key_claim claim;
};

/* The setters take one command-line argument each. FT_ERR_USAGE. */
int replay_map_add_dbs(struct replay_map *m, const char *text, struct ft_err *err);
int replay_map_add_rename(struct replay_map *m, const char *text, struct ft_err *err);
/* replay_map_is_identity - every key keeps its name and database. */
static inline bool replay_map_is_identity(const struct replay_map *m)
{
    return m->db_count == 0 && m->name_count == 0;
}
/* replay_map_db - the target's database; false: dropped. */
bool replay_map_db(const struct replay_map *m, uint32_t db, uint32_t *ret_db);
/* replay_map_db_rule - the rule that is about this database; NULL: none. */
const struct replay_db_rule *replay_map_db_rule(const struct replay_map *m, uint32_t db);
/* replay_map_put_prefix - append what a rule of REPLAY_DB_PREFIX puts before the keys of this database. */
int replay_map_put_prefix(struct buf *out, const struct replay_db_rule *rule, uint32_t db,
                          struct ft_err *err);
/*
 * replay_map_key - the target's name of a key. *ret is `key` itself, or points into scratch, whose
 * former content is overwritten.
 */
int replay_map_key(const struct replay_map *m, uint32_t db, struct bytes key, struct buf *scratch,
                   struct bytes *ret, struct ft_err *err);
void replay_map_release(struct replay_map *m);

#endif
