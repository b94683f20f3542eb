#include "command/presence.h"

#include "item/key_set.h"
#include "item/slot.h"
#include "rdb/value_walk.h"

#define FIRST_CAPACITY 1024u

struct presence_slot {
    uint8_t hash[KEY_SET_HASH_SIZE]; /* all zero: free */
    uint32_t db;
    uint16_t slot;
    uint8_t state;
};

/* What a command leaves of the key it changes. */
enum life {
    LIFE_MAKES,   /* it is there then */
    LIFE_ENDS,    /* it is gone */
    LIFE_DRAINS,  /* it may be gone; it is not made */
    LIFE_KEEPS,   /* neither made nor ended */
    LIFE_UNKNOWN, /* any other command */
};

/* By name; those of two keys are in two_keys. */
static const struct {
    const char *name;
    enum life life;
} lives[] = {
    {"APPEND", LIFE_MAKES},
    {"DECR", LIFE_MAKES},
    {"DECRBY", LIFE_MAKES},
    {"DEL", LIFE_ENDS},
    {"EXPIRE", LIFE_KEEPS},
    {"EXPIREAT", LIFE_KEEPS},
    {"EXPIREMEMBER", LIFE_KEEPS},
    {"EXPIREMEMBERAT", LIFE_KEEPS},
    {"GETDEL", LIFE_ENDS},
    {"GETEX", LIFE_KEEPS},
    {"GETSET", LIFE_MAKES},
    {"HDEL", LIFE_DRAINS},
    {"HINCRBY", LIFE_MAKES},
    {"HINCRBYFLOAT", LIFE_MAKES},
    {"HMSET", LIFE_MAKES},
    {"HSET", LIFE_MAKES},
    {"HSETNX", LIFE_MAKES},
    {"INCR", LIFE_MAKES},
    {"INCRBY", LIFE_MAKES},
    {"INCRBYFLOAT", LIFE_MAKES},
    {"LINSERT", LIFE_KEEPS},
    {"LMPOP", LIFE_DRAINS},
    {"LPOP", LIFE_DRAINS},
    {"LPUSH", LIFE_MAKES},
    {"LPUSHX", LIFE_KEEPS},
    {"LREM", LIFE_DRAINS},
    {"LSET", LIFE_KEEPS},
    {"LTRIM", LIFE_DRAINS},
    {"MSET", LIFE_MAKES},
    {"MSETNX", LIFE_MAKES},
    {"PERSIST", LIFE_KEEPS},
    {"PEXPIRE", LIFE_KEEPS},
    {"PEXPIREAT", LIFE_KEEPS},
    {"PEXPIREMEMBERAT", LIFE_KEEPS},
    {"PFADD", LIFE_MAKES},
    {"PFMERGE", LIFE_MAKES},
    {"PSETEX", LIFE_MAKES},
    {"RESTORE", LIFE_MAKES},
    {"RPOP", LIFE_DRAINS},
    {"RPUSH", LIFE_MAKES},
    {"RPUSHX", LIFE_KEEPS},
    {"SADD", LIFE_MAKES},
    {"SET", LIFE_MAKES},
    {"SETBIT", LIFE_MAKES},
    {"SETEX", LIFE_MAKES},
    {"SETNX", LIFE_MAKES},
    {"SHRINK", LIFE_KEEPS},
    {"SREM", LIFE_DRAINS},
    {"STICK", LIFE_KEEPS},
    {"UNLINK", LIFE_ENDS},
    {"XACK", LIFE_KEEPS},
    {"XAUTOCLAIM", LIFE_KEEPS},
    {"XCLAIM", LIFE_KEEPS},
    {"XDEL", LIFE_KEEPS},
    {"XREADGROUP", LIFE_KEEPS},
    {"XSETID", LIFE_KEEPS},
    {"XTRIM", LIFE_KEEPS},
    {"ZINCRBY", LIFE_MAKES},
    {"ZMPOP", LIFE_DRAINS},
    {"ZPOPMAX", LIFE_DRAINS},
    {"ZPOPMIN", LIFE_DRAINS},
    {"ZREM", LIFE_DRAINS},
    {"ZREMRANGEBYLEX", LIFE_DRAINS},
    {"ZREMRANGEBYRANK", LIFE_DRAINS},
    {"ZREMRANGEBYSCORE", LIFE_DRAINS},
};

static bool is_absent(const struct journal_record *record, size_t from, const char *arg)
{
    for (size_t i = from; i < record->arg_count; i++) {
        if (bytes_is_word(record->args[i], arg))
            return false;
    }
    return true;
}

/* ZADD, GEOADD, XADD make a key unless an option says not to: a value that looks like one is not looked at
 * more closely, it only costs knowledge. */
static enum life life_of_add(const struct journal_record *record)
{
    return is_absent(record, 2, "XX") && is_absent(record, 2, "NOMKSTREAM") &&
                   is_absent(record, 2, "GT") && is_absent(record, 2, "LT")
               ? LIFE_MAKES
               : LIFE_UNKNOWN;
}

static enum life life_of(const struct journal_record *record, const struct translation *t)
{
    const char *name;

    if (t->row == NULL)
        return LIFE_UNKNOWN;
    name = t->row->name;
    for (size_t i = 0; i < sizeof(lives) / sizeof(lives[0]); i++) {
        if (strcmp(lives[i].name, name) == 0)
            return lives[i].life;
    }
    if (strcmp(name, "ZADD") == 0 || strcmp(name, "GEOADD") == 0 || strcmp(name, "XADD") == 0)
        return life_of_add(record);
    if (strcmp(name, "DELEX") == 0 && record->arg_count == 2)
        return LIFE_ENDS;
    return LIFE_UNKNOWN;
}

/*
 * The table
 */

static size_t find(const struct presence *p, const uint8_t hash[KEY_SET_HASH_SIZE])
{
    uint64_t start;
    size_t i;

    memcpy(&start, hash + 8, sizeof(start));
    i = (size_t)start & (p->capacity - 1);
    while (p->slots[i].hash[0] != 0 && memcmp(p->slots[i].hash, hash, KEY_SET_HASH_SIZE) != 0)
        i = (i + 1) & (p->capacity - 1);
    return i;
}

static int grow(struct presence *p, struct ft_err *err)
{
    struct presence wider = {.capacity = p->capacity == 0 ? FIRST_CAPACITY : 2 * p->capacity};

    if (table_memory_init(&wider.memory, wider.capacity * sizeof(*wider.slots), "a set of keys",
                          err) != 0)
        return -1;
    wider.slots = wider.memory.p;
    for (size_t i = 0; i < p->capacity; i++) {
        if (p->slots[i].hash[0] != 0)
            wider.slots[find(&wider, p->slots[i].hash)] = p->slots[i];
    }
    wider.count = p->count;
    table_memory_release(&p->memory);
    *p = wider;
    return 0;
}

static int set_state(struct presence *p, uint32_t db, struct bytes key, enum presence_state state,
                     struct ft_err *err)
{
    uint8_t hash[KEY_SET_HASH_SIZE];
    struct presence_slot *slot;

    if (2 * p->count >= p->capacity && grow(p, err) != 0)
        return -1;
    key_set_hash(db, key, hash); /* its first byte is never 0 */
    slot = &p->slots[find(p, hash)];
    if (slot->hash[0] == 0) {
        if (state == PRESENCE_ABSENT)
            return 0;
        memcpy(slot->hash, hash, sizeof(hash));
        slot->db = db;
        slot->slot = slot_of(key);
        p->count++;
    }
    slot->state = (uint8_t)state;
    return 0;
}

enum presence_state presence_of(const struct presence *p, uint32_t db, struct bytes key)
{
    uint8_t hash[KEY_SET_HASH_SIZE];
    const struct presence_slot *slot;

    if (p->count == 0)
        return PRESENCE_ABSENT;
    key_set_hash(db, key, hash);
    slot = &p->slots[find(p, hash)];
    return slot->hash[0] == 0 ? PRESENCE_ABSENT : (enum presence_state)slot->state;
}

void presence_release(struct presence *p)
{
    table_memory_release(&p->memory);
    *p = (struct presence){0};
}

/*
 * What happens to keys
 */

/* Members with times end by themselves, and the key with the last of them. */
static bool has_member_times(uint8_t type)
{
    return type == RDB_TYPE_DF_HASH_WITH_EXPIRY || type == RDB_TYPE_DF_SET_WITH_EXPIRY;
}

int presence_entry(struct presence *p, const struct rdb_entry *entry, struct ft_err *err)
{
    return set_state(p, entry->db, entry->key,
                     has_member_times(entry->type) ? PRESENCE_UNKNOWN : PRESENCE_PRESENT, err);
}

bool record_is_conditional(const struct journal_record *record, const struct translation *t)
{
    if (t->row == NULL || t->key_count != 2 || t->was_effective)
        return false;
    return t->row->plan == PLAN_MOVE || strcmp(t->row->name, "RENAMENX") == 0 ||
           (t->row->plan == PLAN_COPY && is_absent(record, 3, "REPLACE"));
}

enum record_effect record_effect_of(enum presence_state src, enum presence_state dst)
{
    if (src == PRESENCE_ABSENT || dst == PRESENCE_PRESENT)
        return RECORD_HAD_NONE;
    return src == PRESENCE_PRESENT && dst == PRESENCE_ABSENT ? RECORD_HAD_EFFECT
                                                             : RECORD_EFFECT_UNKNOWN;
}

static int set_key(struct presence *p, const struct translation_key *k, enum presence_state state,
                   struct ft_err *err)
{
    return set_state(p, k->db, k->key, state, err);
}

/* A key that may be gone: if it was there. */
static int drain(struct presence *p, const struct translation_key *k, struct ft_err *err)
{
    if (presence_of(p, k->db, k->key) == PRESENCE_ABSENT)
        return 0;
    return set_key(p, k, PRESENCE_UNKNOWN, err);
}

/* The first key becomes the second, or a second one. */
static int transfer(struct presence *p, const struct journal_record *record,
                    const struct translation *t, struct ft_err *err)
{
    const struct translation_key *src = &t->keys[0], *dst = &t->keys[1];
    enum presence_state source = presence_of(p, src->db, src->key);
    enum presence_state old = presence_of(p, dst->db, dst->key);
    enum record_effect effect = RECORD_HAD_EFFECT; /* a failed RENAME is not journalled */
    enum presence_state now = PRESENCE_PRESENT;    /* made, or there before */

    if (record_is_conditional(record, t)) {
        effect = record_effect_of(source, old);
        if (source == PRESENCE_UNKNOWN)
            now = PRESENCE_UNKNOWN;
    }
    if (effect == RECORD_HAD_NONE)
        return 0;
    if (set_key(p, dst, now, err) != 0)
        return -1;
    if (t->row->plan == PLAN_COPY)
        return 0;
    return effect == RECORD_HAD_EFFECT ? set_key(p, src, PRESENCE_ABSENT, err) : drain(p, src, err);
}

/* An element goes from one key to the other. */
static int hand_over(struct presence *p, const struct translation *t, struct ft_err *err)
{
    const struct translation_key *dst = &t->keys[1];

    if (presence_of(p, dst->db, dst->key) != PRESENCE_PRESENT &&
        set_key(p, dst, PRESENCE_UNKNOWN, err) != 0)
        return -1;
    return drain(p, &t->keys[0], err);
}

static int change_key(struct presence *p, const struct translation_key *k, enum life life,
                      struct ft_err *err)
{
    switch (life) {
    case LIFE_MAKES:
        return set_key(p, k, PRESENCE_PRESENT, err);
    case LIFE_ENDS:
        return set_key(p, k, PRESENCE_ABSENT, err);
    case LIFE_DRAINS:
        return drain(p, k, err);
    case LIFE_KEEPS:
        return 0;
    case LIFE_UNKNOWN:
        break;
    }
    return set_key(p, k, PRESENCE_UNKNOWN, err);
}

int presence_record(struct presence *p, const struct journal_record *record,
                    const struct translation *t, struct ft_err *err)
{
    enum plan_kind plan = t->row == NULL ? PLAN_NONE : t->row->plan;
    enum life life;

    if (translation_moves(t))
        return transfer(p, record, t, err);
    if (t->key_count == 2 && (plan == PLAN_SMOVE || plan == PLAN_LMOVE))
        return hand_over(p, t, err);
    if (t->row != NULL && (t->row->flags & COMMAND_READ_ONLY) != 0)
        return 0;
    life = life_of(record, t);
    for (size_t i = 0; i < t->key_count; i++) {
        if (translation_changes(t, i) && change_key(p, &t->keys[i], life, err) != 0)
            return -1;
    }
    return 0;
}

static bool is_flushed(const struct presence_slot *slot, const struct translation_flush *flush,
                       uint32_t db)
{
    if (flush->kind == FLUSH_ALL)
        return true;
    if (flush->kind == FLUSH_DB)
        return slot->db == db;
    for (size_t i = 0; slot->db == 0 && i < flush->range_count; i++) {
        if (slot->slot >= flush->ranges[i].first && slot->slot <= flush->ranges[i].last)
            return true;
    }
    return false;
}

void presence_flush(struct presence *p, const struct translation_flush *flush, uint32_t db)
{
    for (size_t i = 0; i < p->capacity; i++) {
        if (p->slots[i].hash[0] != 0 && is_flushed(&p->slots[i], flush, db))
            p->slots[i].state = PRESENCE_ABSENT;
    }
}
