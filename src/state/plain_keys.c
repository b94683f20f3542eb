#include "state/plain_keys.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/spool.h"
#include "base/table_memory.h"
#include "item/key_set.h"
#include "rdb/rdb_string.h"
#include "rdb/rdb_writer.h"

#define PARTS          16u
#define FIRST_CAPACITY 1024u
#define TAIL_BYTES     (256u << 10)
#define PASSED_BYTES   (4u << 20)
/* More than a number, which an RDB has in another form. */
#define PUT_TOGETHER_MAX 64u

#define NO_VALUE   UINT64_MAX       /* places of keys without one */
#define GIVEN_AWAY (UINT64_MAX - 1) /* whatever it has is not here */

#define HASH_KEPT 12

struct slot {
    uint8_t hash[HASH_KEPT]; /* the end of it; first byte 0: free */
    uint32_t db;
    uint64_t place; /* in the log */
    int64_t expire_ms;
};

/* In the log before a key and its value. */
struct log_head {
    uint64_t value_bytes;
    int64_t time_ms;
    uint32_t key_bytes;
    uint32_t db;
    uint32_t mc_flags;
    uint8_t type;
    bool dragonfly, has_mc_flags, sticky, has_key_meta;
};

/* The keys whose hashes begin alike. */
struct part {
    pthread_mutex_t mu; /* guards all of it */
    struct slot *slots; /* open addressing */
    size_t capacity;    /* a power of two, or 0 */
    size_t count;
    struct table_memory memory; /* of the slots */
    struct spool log;
    struct buf value; /* of SET, as an RDB has it; one that is given away */
};

struct plain_keys {
    struct part parts[PARTS];
};

/*
 * Commands
 */

static struct plain_command unknown(void)
{
    return (struct plain_command){.kind = PLAIN_UNKNOWN};
}

/* SET key value [PXAT ms | KEEPTTL] */
static struct plain_command set_of(const struct bytes *args, size_t count)
{
    struct plain_command c = {.kind = PLAIN_SET,
                              .args = args,
                              .first = 1,
                              .step = 2,
                              .count = 1,
                              .expire_ms = RDB_NO_EXPIRY};

    if (count == 3)
        return c;
    c.keeps_time = count == 4 && bytes_is_word(args[3], "KEEPTTL");
    if (c.keeps_time || (count == 5 && bytes_is_word(args[3], "PXAT") &&
                         bytes_to_i64(args[4], &c.expire_ms) && c.expire_ms > 0))
        return c;
    return unknown();
}

static struct plain_command expire_of(const struct bytes *args, int64_t expire_ms)
{
    return (struct plain_command){.kind = PLAIN_EXPIRE,
                                  .args = args,
                                  .first = 1,
                                  .step = 1,
                                  .count = 1,
                                  .expire_ms = expire_ms};
}

struct plain_command plain_command_of(const struct translation_command *c)
{
    const struct bytes *args = c->args;
    struct bytes name = args[0];
    int64_t expire_ms;

    if (c->script || c->count < 2)
        return unknown();
    if (bytes_is_word(name, "SET") && c->count >= 3)
        return set_of(args, c->count);
    if (bytes_is_word(name, "DEL") || bytes_is_word(name, "UNLINK"))
        return (struct plain_command){
            .kind = PLAIN_DELETE, .args = args, .first = 1, .step = 1, .count = c->count - 1};
    if (bytes_is_word(name, "MSET") && c->count % 2 == 1)
        return (struct plain_command){.kind = PLAIN_SET,
                                      .args = args,
                                      .first = 1,
                                      .step = 2,
                                      .count = c->count / 2,
                                      .expire_ms = RDB_NO_EXPIRY};
    if (bytes_is_word(name, "PEXPIREAT") && c->count == 3 && bytes_to_i64(args[2], &expire_ms) &&
        expire_ms > 0)
        return expire_of(args, expire_ms);
    if (bytes_is_word(name, "PERSIST") && c->count == 2)
        return expire_of(args, RDB_NO_EXPIRY);
    return unknown();
}

/*
 * The table
 */

/* A key's part, and what the part keeps of its hash. */
struct name {
    size_t part;
    uint8_t hash[HASH_KEPT];
};

static struct name name_of(uint32_t db, struct bytes key)
{
    uint8_t hash[KEY_SET_HASH_SIZE];
    struct name name;

    key_set_hash(db, key, hash);
    name.part = hash[1] % PARTS;
    memcpy(name.hash, hash + KEY_SET_HASH_SIZE - HASH_KEPT, HASH_KEPT);
    name.hash[0] |= 1;
    return name;
}

/* Where the hash is, or the free place for it. There is always a free one. */
static struct slot *find(const struct part *p, const uint8_t hash[HASH_KEPT])
{
    uint64_t start;
    size_t i;

    memcpy(&start, hash + HASH_KEPT - sizeof(start), sizeof(start));
    i = (size_t)start & (p->capacity - 1);
    while (p->slots[i].hash[0] != 0 && memcmp(p->slots[i].hash, hash, HASH_KEPT) != 0)
        i = (i + 1) & (p->capacity - 1);
    return &p->slots[i];
}

static int grow(struct part *p, struct ft_err *err)
{
    struct part wider = {.capacity = p->capacity == 0 ? FIRST_CAPACITY : 2 * p->capacity};

    if (table_memory_init(&wider.memory, wider.capacity * sizeof(struct slot), "touched keys",
                          err) != 0)
        return -1;
    wider.slots = wider.memory.p;
    for (size_t i = 0; i < p->capacity; i++) {
        if (p->slots[i].hash[0] != 0)
            *find(&wider, p->slots[i].hash) = p->slots[i];
    }
    table_memory_release(&p->memory);
    p->slots = wider.slots;
    p->capacity = wider.capacity;
    p->memory = wider.memory;
    return 0;
}

/* The key's slot, made if it has none. */
static struct slot *slot_for(struct part *p, const struct name *name, uint32_t db,
                             struct ft_err *err)
{
    struct slot *slot;

    if (2 * p->count >= p->capacity && grow(p, err) != 0)
        return NULL;
    slot = find(p, name->hash);
    if (slot->hash[0] == 0) {
        *slot = (struct slot){.place = NO_VALUE, .expire_ms = RDB_NO_EXPIRY, .db = db};
        memcpy(slot->hash, name->hash, HASH_KEPT);
        p->count++;
    }
    return slot;
}

int plain_keys_new(struct plain_keys **ret, struct ft_err *err)
{
    struct plain_keys *k = calloc(1, sizeof(*k));

    if (k == NULL)
        return err_nomem(err, "touched keys");
    for (size_t i = 0; i < PARTS; i++) {
        (void)pthread_mutex_init(&k->parts[i].mu, NULL); /* default attributes: cannot fail */
        k->parts[i].log.memory_bytes = TAIL_BYTES;
    }
    *ret = k;
    return 0;
}

/*
 * Changes
 */

/* rest: of the value, for one that is large and has not been put together. */
static int log_value(struct part *p, struct slot *slot, const struct rdb_entry *entry,
                     struct bytes rest, int64_t time_ms, struct ft_err *err)
{
    struct log_head head = {.value_bytes = entry->value.n + rest.n,
                            .time_ms = time_ms,
                            .key_bytes = (uint32_t)entry->key.n,
                            .db = entry->db,
                            .mc_flags = entry->mc_flags,
                            .type = entry->type,
                            .dragonfly = entry->dragonfly,
                            .has_mc_flags = entry->has_mc_flags,
                            .sticky = entry->sticky,
                            .has_key_meta = entry->has_key_meta};
    uint64_t place = spool_size(&p->log);

    if (spool_append(&p->log, &head, sizeof(head), err) != 0 ||
        spool_append(&p->log, entry->key.p, entry->key.n, err) != 0 ||
        spool_append(&p->log, entry->value.p, entry->value.n, err) != 0 ||
        spool_append(&p->log, rest.p, rest.n, err) != 0)
        return -1;
    slot->place = place;
    slot->expire_ms = entry->expire_ms;
    return 0;
}

int plain_keys_put(struct plain_keys *k, const struct rdb_entry *entry, int64_t time_ms,
                   bool *ret_done, struct ft_err *err)
{
    struct name name = name_of(entry->db, entry->key);
    struct part *p = &k->parts[name.part];
    struct slot *slot;
    int rc = -1;

    pthread_mutex_lock(&p->mu);
    slot = slot_for(p, &name, entry->db, err);
    if (slot != NULL) {
        *ret_done = slot->place != GIVEN_AWAY;
        rc = *ret_done ? log_value(p, slot, entry, bytes_of(NULL, 0), time_ms, err) : 0;
    }
    pthread_mutex_unlock(&p->mu);
    return rc;
}

static int set_value(struct part *p, struct slot *slot, const struct plain_command *c, size_t i,
                     int64_t time_ms, struct ft_err *err)
{
    struct rdb_entry entry = {
        .db = slot->db, .type = RDB_TYPE_STRING, .key = c->args[i], .expire_ms = c->expire_ms};
    struct bytes value = c->args[i + 1];

    if (c->keeps_time && slot->place != NO_VALUE)
        entry.expire_ms = slot->expire_ms;
    buf_clear(&p->value);
    if (value.n <= PUT_TOGETHER_MAX) {
        if (rdb_string_put(&p->value, value, err) != 0)
            return -1;
        value.n = 0;
    } else if (rdb_put_len(&p->value, value.n, err) != 0) {
        return -1;
    }
    entry.value = buf_bytes(&p->value);
    return log_value(p, slot, &entry, value, time_ms, err);
}

static int change(struct part *p, struct slot *slot, const struct plain_command *c, size_t i,
                  int64_t time_ms, struct ft_err *err)
{
    switch (c->kind) {
    case PLAIN_SET:
        return set_value(p, slot, c, i, time_ms, err);
    case PLAIN_DELETE:
        slot->place = NO_VALUE;
        return 0;
    case PLAIN_EXPIRE:
        if (slot->place != NO_VALUE)
            slot->expire_ms = c->expire_ms;
        return 0;
    case PLAIN_UNKNOWN:
        break;
    }
    return err_set(err, FT_ERR_BUG, "a command that is not plain");
}

static bool is_given_away(struct plain_keys *k, uint32_t db, struct bytes key)
{
    struct name name = name_of(db, key);
    struct part *p = &k->parts[name.part];
    bool given;

    pthread_mutex_lock(&p->mu);
    given = p->count != 0 && find(p, name.hash)->place == GIVEN_AWAY;
    pthread_mutex_unlock(&p->mu);
    return given;
}

static int apply_to(struct plain_keys *k, uint32_t db, const struct plain_command *c, size_t i,
                    int64_t time_ms, bool *ret_done, struct ft_err *err)
{
    struct name name = name_of(db, c->args[i]);
    struct part *p = &k->parts[name.part];
    struct slot *slot;
    int rc = -1;

    pthread_mutex_lock(&p->mu);
    slot = slot_for(p, &name, db, err);
    if (slot != NULL) {
        *ret_done = slot->place != GIVEN_AWAY;
        rc = *ret_done ? change(p, slot, c, i, time_ms, err) : 0;
    }
    pthread_mutex_unlock(&p->mu);
    return rc;
}

/* Of several keys all or none: nobody else changes them meanwhile. */
int plain_keys_apply(struct plain_keys *k, uint32_t db, const struct plain_command *c,
                     int64_t time_ms, bool *ret_done, struct ft_err *err)
{
    int rc = 0;

    *ret_done = true;
    for (size_t n = 0; c->count > 1 && n < c->count; n++) {
        if (is_given_away(k, db, c->args[c->first + n * c->step])) {
            *ret_done = false;
            return 0;
        }
    }
    for (size_t n = 0; rc == 0 && n < c->count; n++)
        rc = apply_to(k, db, c, c->first + n * c->step, time_ms, ret_done, err);
    return rc;
}

static bool in_slots(const struct translation_flush *flush, uint16_t slot)
{
    for (size_t i = 0; i < flush->range_count; i++) {
        if (slot >= flush->ranges[i].first && slot <= flush->ranges[i].last)
            return true;
    }
    return false;
}

/* The key is in the log only. */
static int is_in_slots(struct part *p, const struct slot *slot,
                       const struct translation_flush *flush, bool *ret, struct ft_err *err)
{
    struct log_head head;

    *ret = false;
    if (slot->db != 0)
        return 0;
    if (spool_read(&p->log, slot->place, &head, sizeof(head), err) != 0)
        return -1;
    buf_clear(&p->value);
    if (buf_reserve(&p->value, head.key_bytes, err) != 0 ||
        spool_read(&p->log, slot->place + sizeof(head), p->value.p, head.key_bytes, err) != 0)
        return -1;
    *ret = in_slots(flush, slot_of(bytes_of(p->value.p, head.key_bytes)));
    return 0;
}

static int flush_part(struct part *p, uint32_t db, const struct translation_flush *flush,
                      struct ft_err *err)
{
    for (size_t i = 0; i < p->capacity; i++) {
        struct slot *slot = &p->slots[i];
        bool flushed = flush->kind == FLUSH_ALL || slot->db == db;

        if (slot->hash[0] == 0 || slot->place == GIVEN_AWAY || slot->place == NO_VALUE)
            continue;
        if (flush->kind == FLUSH_SLOTS && is_in_slots(p, slot, flush, &flushed, err) != 0)
            return -1;
        if (flushed)
            slot->place = NO_VALUE;
    }
    return 0;
}

int plain_keys_flush(struct plain_keys *k, uint32_t db, const struct translation_flush *flush,
                     struct ft_err *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < PARTS; i++) {
        pthread_mutex_lock(&k->parts[i].mu);
        rc = flush_part(&k->parts[i], db, flush, err);
        pthread_mutex_unlock(&k->parts[i].mu);
    }
    return rc;
}

/*
 * Reading
 */

static struct rdb_entry entry_of(const struct log_head *head, struct bytes key, struct bytes value,
                                 int64_t expire_ms)
{
    return (struct rdb_entry){.db = head->db,
                              .type = head->type,
                              .key = key,
                              .value = value,
                              .value_bytes = value.n,
                              .expire_ms = expire_ms,
                              .dragonfly = head->dragonfly,
                              .has_mc_flags = head->has_mc_flags,
                              .sticky = head->sticky,
                              .has_key_meta = head->has_key_meta,
                              .mc_flags = head->mc_flags};
}

static int take_logged(struct part *p, const struct slot *slot, struct bytes key,
                       plain_key_fn *take, void *context, struct ft_err *err)
{
    struct log_head head;
    struct rdb_entry entry;

    if (spool_read(&p->log, slot->place, &head, sizeof(head), err) != 0)
        return -1;
    buf_clear(&p->value);
    if (buf_reserve(&p->value, head.value_bytes, err) != 0 ||
        spool_read(&p->log, slot->place + sizeof(head) + head.key_bytes, p->value.p,
                   head.value_bytes, err) != 0)
        return -1;
    p->value.n = head.value_bytes;
    entry = entry_of(&head, key, buf_bytes(&p->value), slot->expire_ms);
    return take(context, &entry, head.time_ms, err);
}

int plain_keys_give_away(struct plain_keys *k, uint32_t db, struct bytes key, plain_key_fn *take,
                         void *context, struct ft_err *err)
{
    struct name name = name_of(db, key);
    struct part *p = &k->parts[name.part];
    struct slot *slot;
    int rc = -1;

    pthread_mutex_lock(&p->mu);
    slot = slot_for(p, &name, db, err);
    if (slot != NULL)
        rc = slot->place == NO_VALUE || slot->place == GIVEN_AWAY
                 ? 0
                 : take_logged(p, slot, key, take, context, err);
    if (rc == 0)
        slot->place = GIVEN_AWAY;
    pthread_mutex_unlock(&p->mu);
    return rc;
}

/* In the order of the log, so that a file is read in sequence; what was replaced is passed over. */
static int read_part(struct part *p, plain_key_fn *take, void *context, struct ft_err *err)
{
    struct bytes log;
    int rc = spool_view(&p->log, &log, err);
    size_t passed = 0;

    for (size_t at = 0; rc == 0 && at < log.n;) {
        const struct slot *slot;
        struct log_head head;
        struct rdb_entry entry;
        struct bytes key;
        struct name name;

        memcpy(&head, log.p + at, sizeof(head));
        key = bytes_of(log.p + at + sizeof(head), head.key_bytes);
        name = name_of(head.db, key);
        slot = find(p, name.hash);
        if (slot->place == at) {
            entry =
                entry_of(&head, key, bytes_of(key.p + key.n, head.value_bytes), slot->expire_ms);
            rc = take(context, &entry, head.time_ms, err);
        }
        at += sizeof(head) + head.key_bytes + head.value_bytes;
        if (at - passed >= PASSED_BYTES) {
            spool_passed(&p->log, at);
            passed = at;
        }
    }
    return rc;
}

int plain_keys_read(struct plain_keys *k, plain_key_fn *take, void *context, struct ft_err *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < PARTS; i++)
        rc = read_part(&k->parts[i], take, context, err);
    return rc;
}

void plain_keys_free(struct plain_keys *k)
{
    if (k == NULL)
        return;
    for (size_t i = 0; i < PARTS; i++) {
        table_memory_release(&k->parts[i].memory);
        spool_release(&k->parts[i].log);
        buf_release(&k->parts[i].value);
        (void)pthread_mutex_destroy(&k->parts[i].mu); /* nobody holds it any more */
    }
    free(k);
}
