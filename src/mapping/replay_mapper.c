#include "mapping/replay_mapper.h"

#include <stdlib.h>

#include "base/array.h"
#include "command/command_lua.h"
#include "command/record_part.h"
#include "input/effects.h"
#include "item/times_shift.h"
#include "mapping/replay_own_key.h"

/* A key of the record being mapped, as the target has it: its name's place in names. */
struct mapped_key {
    enum replay_fate fate;
    size_t start, end;
};

struct replay_mapper {
    struct replay_rules rules;
    struct buf scratch; /* one name */
    struct buf names;   /* all names of a record */
    struct mapped_key *keys;
    size_t key_cap;
    struct part_key *parts; /* the same keys */
    size_t part_cap;
    struct record_part part;
    struct effects *effects; /* NULL: none was asked for */
    struct bytes *args;
    size_t arg_cap;
    struct times_shift shift;
    struct bytes *timed;
    size_t timed_cap;
    char number[I64_TEXT_SIZE];
};

int replay_mapper_new(struct replay_mapper **ret, const struct replay_rules *rules,
                      struct ft_err *err)
{
    struct replay_mapper *m = calloc(1, sizeof(*m));

    if (m == NULL)
        return err_nomem(err, "a mapper of keys");
    m->rules = *rules;
    m->shift.script = lua_hsetex;
    *ret = m;
    return 0;
}

void replay_mapper_free(struct replay_mapper *m)
{
    if (m == NULL)
        return;
    buf_release(&m->scratch);
    buf_release(&m->names);
    times_shift_release(&m->shift);
    free(m->keys);
    free(m->parts);
    record_part_release(&m->part);
    effects_free(m->effects);
    free(m->args);
    free(m->timed);
    free(m);
}

/* Who has it may be another replay. */
static int refuse_unclaimed(const struct replay_rules *rules, struct bytes key, struct ft_err *err)
{
    struct buf claim = {0};
    char shown[80];

    if (key_claim_put(&claim, &rules->map->claim, ", ", err) == 0)
        (void)err_set(err, FT_ERR_STATE,
                      "the input has a key that would be \"%s\" on the target, and --shared-target "
                      "claims %.*s alone: --key and --no-key say what is left out, --rename gives "
                      "other names",
                      bytes_escape(key, shown, sizeof(shown)), (int)claim.n, (const char *)claim.p);
    buf_release(&claim);
    return -1;
}

static enum replay_fate map_key(struct replay_mapper *m, uint32_t db, struct bytes key,
                                uint32_t *ret_db, struct bytes *ret_key, struct ft_err *err)
{
    const struct replay_rules *rules = &m->rules;

    if (!filter_db(rules->filter, db) || !filter_key(rules->filter, key) ||
        !replay_map_db(rules->map, db, ret_db))
        return REPLAY_FATE_FILTERED;
    if (rules->cluster && *ret_db != 0) {
        return (enum replay_fate)err_set(
            err, FT_ERR_USAGE,
            "database %u: a cluster has only database 0; --db-map says what becomes of others, for "
            "example --db-map '*:prefix=db%%d:'",
            db);
    }
    if (replay_map_key(rules->map, db, key, &m->scratch, ret_key, err) != 0)
        return REPLAY_FATE_ERROR;
    if (*ret_db == 0 && replay_is_own_key(*ret_key)) {
        rules->on_own_key(rules->context, *ret_key);
        return REPLAY_FATE_FILTERED;
    }
    if (!key_claim_is_empty(&rules->map->claim) && !key_claim_has(&rules->map->claim, *ret_key))
        return (enum replay_fate)refuse_unclaimed(rules, *ret_key, err);
    if (key_set_has(rules->kept, *ret_db, *ret_key))
        return REPLAY_FATE_KEPT;
    return *ret_db == db && ret_key->p == key.p ? REPLAY_FATE_SAME : REPLAY_FATE_CHANGED;
}

/* Most replays have no rules, and no key is the replay's own: this is what is asked for each of them. */
static inline bool has_no_rule(const struct replay_rules *rules, uint32_t db, struct bytes key)
{
    return filter_is_empty(rules->filter) && replay_map_is_identity(rules->map) &&
           key_claim_is_empty(&rules->map->claim) && rules->kept->count == 0 &&
           (db == 0 || !rules->cluster) && !replay_may_be_own_key(key);
}

enum replay_fate replay_mapper_key(struct replay_mapper *m, uint32_t db, struct bytes key,
                                   uint32_t *ret_db, struct bytes *ret_key, struct ft_err *err)
{
    if (!has_no_rule(&m->rules, db, key))
        return map_key(m, db, key, ret_db, ret_key, err);
    *ret_db = db;
    *ret_key = key;
    return REPLAY_FATE_SAME;
}

/* How many keys of the record have each fate. */
struct tally {
    size_t counts[REPLAY_FATE_UNKNOWN + 1];
};

static bool goes_through(enum replay_fate fate)
{
    return fate == REPLAY_FATE_SAME || fate == REPLAY_FATE_CHANGED;
}

static int map_keys(struct replay_mapper *m, const struct translation *t, struct tally *tally,
                    struct ft_err *err)
{
    buf_clear(&m->names);
    if (ARRAY_RESERVE(&m->keys, &m->key_cap, t->key_count, "the keys of a command", err) != 0 ||
        ARRAY_RESERVE(&m->parts, &m->part_cap, t->key_count, "the keys of a command", err) != 0)
        return -1;
    for (size_t i = 0; i < t->key_count; i++) {
        struct mapped_key *k = &m->keys[i];
        struct bytes name = bytes_of(NULL, 0);

        m->parts[i] = (struct part_key){0};
        k->fate = replay_mapper_key(m, t->keys[i].db, t->keys[i].key, &m->parts[i].db, &name, err);
        if (k->fate == REPLAY_FATE_ERROR)
            return -1;
        tally->counts[k->fate]++;
        k->start = m->names.n;
        if (k->fate != REPLAY_FATE_FILTERED && buf_append(&m->names, name.p, name.n, err) != 0)
            return -1;
        k->end = m->names.n;
    }
    for (size_t i = 0; i < t->key_count; i++) { /* names do not move any more */
        const struct mapped_key *k = &m->keys[i];

        m->parts[i].taken = goes_through(k->fate);
        m->parts[i].name = bytes_of(m->names.p + k->start, k->end - k->start);
    }
    return 0;
}

struct bytes replay_mapper_name(const struct replay_mapper *m, size_t key, uint32_t *ret_db)
{
    *ret_db = m->parts[key].db;
    return m->parts[key].name;
}

/* Does this record take a key from one database to another? */
static bool crosses_dbs(const struct journal_record *record, const struct translation *t)
{
    bool is_pair = t->row != NULL && t->key_count == 2 &&
                   (t->row->plan == PLAN_MOVE || t->row->plan == PLAN_COPY);

    return is_pair && (t->keys[0].db != record->dbid || t->keys[1].db != record->dbid);
}

static enum replay_fate make_transfer(const struct replay_mapper *m,
                                      const struct journal_record *record,
                                      const struct translation *t, struct replay_mapped *ret)
{
    bool move = t->row->plan == PLAN_MOVE;
    bool replace = false;

    for (size_t i = 3; !move && i < record->arg_count; i++)
        replace = replace || bytes_is_word(record->args[i], "REPLACE");
    ret->transfer = (struct replay_transfer){
        .src_db = m->parts[0].db,
        .dst_db = m->parts[1].db,
        .src = m->parts[0].name,
        .dst = m->parts[1].name,
        .replace = replace,
        .remove_src = move,
    };
    return REPLAY_FATE_TRANSFER;
}

/*
 * Records of several keys, of which some go through
 */

static int find_effect(struct replay_mapper *m, const struct item *item,
                       const struct translation *t, enum record_effect *ret, struct ft_err *err)
{
    *ret = RECORD_HAD_EFFECT;
    if (!record_is_conditional(&item->record, t))
        return 0;
    if (m->effects == NULL && effects_new(&m->effects, m->rules.source, err) != 0)
        return -1;
    return effects_of(m->effects, item, t, ret, err);
}

/* The others are not on the target, or are its own. */
static enum replay_fate map_some(struct replay_mapper *m, const struct item *item,
                                 const struct translation *t, bool kept, struct replay_mapped *ret,
                                 struct ft_err *err)
{
    enum record_effect effect;

    if (find_effect(m, item, t, &effect, err) != 0)
        return REPLAY_FATE_ERROR;
    switch (record_part_make(&m->part, &item->record, t, effect, m->parts, err)) {
    case RECORD_LEFT_ERROR:
        return REPLAY_FATE_ERROR;
    case RECORD_LEFT_ARGS:
        *ret =
            (struct replay_mapped){.args = m->part.args, .count = m->part.count, .db = m->part.db};
        return REPLAY_FATE_CHANGED;
    case RECORD_LEFT_UNKNOWN:
        return REPLAY_FATE_UNKNOWN;
    case RECORD_LEFT_NOTHING:
        break;
    }
    return kept ? REPLAY_FATE_KEPT : REPLAY_FATE_FILTERED;
}

bool replay_mapper_unknown(const struct replay_mapper *m, size_t key)
{
    return m->parts[key].unknown;
}

int replay_mapper_pass(struct replay_mapper *m, const struct item *item,
                       const struct translation *t, struct ft_err *err)
{
    return m->effects == NULL ? 0 : effects_pass(m->effects, item, t, err);
}

void replay_mapper_flush(struct replay_mapper *m, const struct translation_flush *flush,
                         uint32_t db)
{
    if (m->effects != NULL)
        effects_flush(m->effects, flush, db);
}

static enum replay_fate rename_args(struct replay_mapper *m, const struct journal_record *record,
                                    const struct translation *t, struct replay_mapped *ret,
                                    struct ft_err *err)
{
    if (ARRAY_RESERVE(&m->args, &m->arg_cap, record->arg_count, "a command", err) != 0)
        return REPLAY_FATE_ERROR;
    memcpy(m->args, record->args, record->arg_count * sizeof(*m->args));
    *ret = (struct replay_mapped){.args = m->args, .count = record->arg_count};
    for (size_t i = 0; i < t->key_count; i++) {
        ret->db = m->parts[i].db;
        m->args[t->keys[i].arg] = m->parts[i].name;
    }
    return REPLAY_FATE_CHANGED;
}

enum replay_fate replay_mapper_record(struct replay_mapper *m, const struct item *item,
                                      const struct translation *t, struct replay_mapped *ret,
                                      struct ft_err *err)
{
    const struct journal_record *record = &item->record;
    struct tally tally = {0};
    size_t passing;

    *ret = (struct replay_mapped){
        .args = record->args, .count = record->arg_count, .db = record->dbid};
    if (t->key_count == 0)
        return REPLAY_FATE_SAME;
    if (map_keys(m, t, &tally, err) != 0)
        return REPLAY_FATE_ERROR;
    passing = tally.counts[REPLAY_FATE_SAME] + tally.counts[REPLAY_FATE_CHANGED];
    if (passing == 0)
        return tally.counts[REPLAY_FATE_KEPT] != 0 ? REPLAY_FATE_KEPT : REPLAY_FATE_FILTERED;
    if (passing != t->key_count)
        return map_some(m, item, t, tally.counts[REPLAY_FATE_KEPT] != 0, ret, err);
    if (crosses_dbs(record, t) &&
        (!replay_map_is_identity(m->rules.map) || m->rules.cluster || t->command_count == 0))
        return make_transfer(m, record, t, ret);
    if (tally.counts[REPLAY_FATE_SAME] == t->key_count)
        return REPLAY_FATE_SAME;
    return rename_args(m, record, t, ret, err);
}

/*
 * Times
 */

static int drop_times(struct replay_mapper *m, const struct bytes *args, size_t count,
                      const struct bytes **ret_args, size_t *ret_count, struct ft_err *err)
{
    size_t n = 0;

    *ret_args = args;
    *ret_count = count;
    if (bytes_is_word(args[0], "PEXPIREAT") || bytes_is_word(args[0], "EXPIREAT")) {
        *ret_count = 0;
        return 0;
    }
    if (!bytes_is_word(args[0], "SET") && !bytes_is_word(args[0], "RESTORE"))
        return 0;
    if (ARRAY_RESERVE(&m->timed, &m->timed_cap, count, "the keys of a command", err) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (bytes_is_word(args[0], "SET") && i > 2 && bytes_is_word(args[i], "PXAT"))
            i++;
        else
            m->timed[n++] = args[i];
    }
    if (bytes_is_word(args[0], "RESTORE") && count > 2)
        m->timed[2] = bytes_str("0");
    *ret_args = m->timed;
    *ret_count = n;
    return 0;
}

/* EXPIREAT has seconds, which the mover of times does not know. */
static int shift_seconds(struct replay_mapper *m, const struct bytes *args, size_t count,
                         const struct bytes **ret_args, struct ft_err *err)
{
    int64_t s;

    if (!bytes_to_i64(args[2], &s) || s > INT64_MAX / 2000 || s < 0)
        return 0;
    if (ARRAY_RESERVE(&m->timed, &m->timed_cap, count, "the keys of a command", err) != 0)
        return -1;
    memcpy(m->timed, args, count * sizeof(*args));
    m->timed[0] = bytes_str("PEXPIREAT");
    m->timed[2] = bytes_of(m->number, i64_to_text(s * 1000 + m->rules.shift_ms, m->number));
    *ret_args = m->timed;
    return 0;
}

static int shift_times(struct replay_mapper *m, const struct bytes *args, size_t count,
                       const struct bytes **ret_args, struct ft_err *err)
{
    if (m->rules.ttl != REPLAY_TTL_SHIFT)
        return 0;
    if (count > 2 && bytes_is_word(args[0], "EXPIREAT"))
        return shift_seconds(m, args, count, ret_args, err);
    return times_shift_run(&m->shift, args, count, m->rules.shift_ms, ret_args, err);
}

int replay_mapper_times(struct replay_mapper *m, const struct bytes *args, size_t count,
                        const struct bytes **ret_args, size_t *ret_count, struct ft_err *err)
{
    *ret_args = args;
    *ret_count = count;
    if (m->rules.ttl == REPLAY_TTL_DROP)
        return drop_times(m, args, count, ret_args, ret_count, err);
    return shift_times(m, args, count, ret_args, err);
}
