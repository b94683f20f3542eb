#include "state/plain_keys.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <xxhash.h>

#include "base/array.h"
#include "base/parted_log.h"
#include "base/spool.h"
#include "base/table_memory.h"
#include "base/task_pool.h"
#include "rdb/rdb_string.h"
#include "rdb/rdb_writer.h"

#define BLOCK_CHANGES  128
#define HASH_KEPT      12
#define FIRST_CAPACITY 1024u
#define LATEST_CHANGES 32u
#define PASSED_BYTES   (4u << 20)
/* A shorter value may be a number, which an RDB has in another form. */
#define PUT_TOGETHER_MAX 64u

/* What happened to a key, in the log of changes. */
struct change {
    uint8_t hash[HASH_KEPT]; /* the first byte says the part */
    uint32_t db;
    uint64_t place : 48; /* in the log of values, of PLAIN_SET */
    uint64_t slot : 16;
    int64_t expire_ms;
    uint64_t number : 56; /* all changes and flushes are counted */
    uint64_t kind : 7;
    uint64_t keeps_time : 1;
};

/* In the log of values before a key and its value. */
struct log_head {
    uint64_t number; /* of the change */
    uint64_t value_bytes;
    int64_t time_ms;
    int64_t expire_ms; /* in the end: what the key has then */
    uint32_t key_bytes;
    uint32_t db;
    uint32_t mc_flags;
    uint8_t type;
    bool dragonfly, has_mc_flags, sticky, has_key_meta;
};

/* What was flushed by all changes with a lower number. */
struct flush {
    uint64_t number;
    uint32_t db;
    enum flush_kind kind;
    struct slot_range *ranges;
    size_t range_count;
};

struct plain_keys {
    pthread_mutex_t mu; /* guards all of it while entries are put */
    uint64_t number;    /* of the next change */
    struct spool values;
    struct parted_log *entries; /* as changes, which come before all others */
    struct parted_log *changes;
    struct change latest[LATEST_CHANGES]; /* that are not in the log yet */
    size_t latest_count;
    struct flush *flushes;
    size_t flush_count;
    struct buf head; /* a value's beginning */

    /* in the end: a bit for each change that a key has its value from */
    struct table_memory last;
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

struct plain_command plain_command_of(const struct translation *t)
{
    const struct translation_command *c = t->commands;
    const struct bytes *args;
    struct bytes name;
    int64_t expire_ms;

    if (t->command_count != 1 || t->class_ == TRANSLATION_READ_WRITE ||
        t->class_ == TRANSLATION_FLUSH || c->script || c->count < 2)
        return unknown();
    args = c->args;
    name = args[0];
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
 * Changes
 */

static int log_new(struct parted_log **ret, struct ft_err *err)
{
    const struct parted_log_options options = {.record_bytes = sizeof(struct change),
                                               .part_byte = 0,
                                               .block_records = BLOCK_CHANGES,
                                               .what = "changes of touched keys"};

    return parted_log_new(ret, &options, err);
}

int plain_keys_new(struct plain_keys **ret, struct ft_err *err)
{
    struct plain_keys *k = calloc(1, sizeof(*k));

    if (k == NULL)
        return err_nomem(err, "touched keys");
    (void)pthread_mutex_init(&k->mu, NULL); /* default attributes: cannot fail on Linux */
    if (log_new(&k->entries, err) != 0 || log_new(&k->changes, err) != 0) {
        plain_keys_free(k);
        return -1;
    }
    *ret = k;
    return 0;
}

static void drop_logs(struct plain_keys *k)
{
    for (size_t i = 0; i < k->flush_count; i++)
        free(k->flushes[i].ranges);
    free(k->flushes);
    k->flushes = NULL;
    k->flush_count = 0;
    parted_log_free(k->entries);
    k->entries = NULL;
    parted_log_free(k->changes);
    k->changes = NULL;
    spool_release(&k->values);
    k->latest_count = 0;
    k->number = 0;
}

int plain_keys_restart(struct plain_keys *k, struct ft_err *err)
{
    drop_logs(k);
    return log_new(&k->entries, err) != 0 || log_new(&k->changes, err) != 0 ? -1 : 0;
}

static struct change change_of(uint32_t db, struct bytes key, enum plain_kind kind,
                               int64_t expire_ms)
{
    XXH128_hash_t hash = XXH3_128bits_withSeed(key.p, key.n, db);
    struct change c = {.db = db, .slot = slot_of(key), .expire_ms = expire_ms};

    c.kind = kind;
    memcpy(c.hash, &hash.low64, sizeof(hash.low64));
    memcpy(c.hash + sizeof(hash.low64), &hash.high64, HASH_KEPT - sizeof(hash.low64));
    return c;
}

/* Together: the places in memory that they go to are far apart, and are waited for at once then. */
static int add_latest(struct plain_keys *k, struct ft_err *err)
{
    size_t n = k->latest_count;

    k->latest_count = 0;
    return n == 0 ? 0 : parted_log_add(k->changes, k->latest, n, err);
}

static int add_change(struct plain_keys *k, struct change *c, struct ft_err *err)
{
    c->number = k->number++;
    k->latest[k->latest_count++] = *c;
    return k->latest_count < LATEST_CHANGES ? 0 : add_latest(k, err);
}

/* rest: of the value, where it has not been put together. */
static int add_value(struct plain_keys *k, struct change *c, const struct rdb_entry *entry,
                     struct bytes rest, int64_t time_ms, struct ft_err *err)
{
    const struct log_head head = {.number = k->number,
                                  .value_bytes = entry->value.n + rest.n,
                                  .time_ms = time_ms,
                                  .expire_ms = entry->expire_ms,
                                  .key_bytes = (uint32_t)entry->key.n,
                                  .db = entry->db,
                                  .mc_flags = entry->mc_flags,
                                  .type = entry->type,
                                  .dragonfly = entry->dragonfly,
                                  .has_mc_flags = entry->has_mc_flags,
                                  .sticky = entry->sticky,
                                  .has_key_meta = entry->has_key_meta};

    c->place = spool_size(&k->values);
    if (spool_append(&k->values, &head, sizeof(head), err) != 0 ||
        spool_append(&k->values, entry->key.p, entry->key.n, err) != 0 ||
        spool_append(&k->values, entry->value.p, entry->value.n, err) != 0)
        return -1;
    return spool_append(&k->values, rest.p, rest.n, err);
}

int plain_keys_put(struct plain_keys *k, const struct rdb_entry *entry, int64_t time_ms,
                   struct ft_err *err)
{
    struct change c = change_of(entry->db, entry->key, PLAIN_SET, entry->expire_ms);
    int rc;

    pthread_mutex_lock(&k->mu);
    rc = add_value(k, &c, entry, bytes_of(NULL, 0), time_ms, err);
    c.number = k->number++;
    if (rc == 0)
        rc = parted_log_add(k->entries, &c, 1, err);
    pthread_mutex_unlock(&k->mu);
    return rc;
}

static int add_set(struct plain_keys *k, struct change *c, struct bytes key, struct bytes value,
                   int64_t time_ms, struct ft_err *err)
{
    struct rdb_entry entry = {
        .db = c->db, .type = RDB_TYPE_STRING, .key = key, .expire_ms = c->expire_ms};

    buf_clear(&k->head);
    if (value.n <= PUT_TOGETHER_MAX) {
        if (rdb_string_put(&k->head, value, err) != 0)
            return -1;
        value.n = 0;
    } else if (rdb_put_len(&k->head, value.n, err) != 0) {
        return -1;
    }
    entry.value = buf_bytes(&k->head);
    return add_value(k, c, &entry, value, time_ms, err);
}

int plain_keys_change(struct plain_keys *k, uint32_t db, const struct plain_command *c,
                      size_t index, int64_t time_ms, struct ft_err *err)
{
    const struct bytes *key = &c->args[c->first + index * c->step];
    struct change change = change_of(db, *key, c->kind, c->expire_ms);

    change.keeps_time = c->keeps_time;
    if (c->kind == PLAIN_SET && add_set(k, &change, key[0], key[1], time_ms, err) != 0)
        return -1;
    return add_change(k, &change, err);
}

int plain_keys_flush(struct plain_keys *k, uint32_t db, const struct translation_flush *flush,
                     struct ft_err *err)
{
    struct flush f = {
        .number = k->number, .db = db, .kind = flush->kind, .range_count = flush->range_count};

    if (ARRAY_ADD_ROOM(&k->flushes, k->flush_count, "flushes", err) != 0)
        return -1;
    f.ranges = calloc(f.range_count + 1, sizeof(*f.ranges));
    if (f.ranges == NULL)
        return err_nomem(err, "flushes");
    if (f.range_count != 0)
        memcpy(f.ranges, flush->ranges, f.range_count * sizeof(*f.ranges));
    k->flushes[k->flush_count++] = f;
    return 0;
}

/*
 * What the keys of a part have in the end
 */

/* A key as the changes so far have left it. */
struct state {
    uint8_t hash[HASH_KEPT];
    uint32_t db;
    uint64_t place : 48;
    uint64_t slot : 16;
    int64_t expire_ms;
    uint64_t number : 56;
    uint64_t there : 1;
    uint64_t retimed : 1; /* expire_ms is not what the log of values has */
    uint64_t used : 1;
};

struct part {
    struct plain_keys *keys;
    struct state *states; /* open addressing */
    size_t capacity;      /* a power of two, or 0 */
    size_t count;
    struct table_memory memory; /* of the states */
    bool changes;               /* entries are through */
    size_t flushes;             /* that have been applied */
};

/* Where the hash is, or the free place for it. There is always a free one. */
static struct state *find(const struct part *p, const uint8_t hash[HASH_KEPT])
{
    uint64_t start;
    size_t i;

    memcpy(&start, hash + HASH_KEPT - sizeof(start), sizeof(start));
    i = (size_t)start & (p->capacity - 1);
    while (p->states[i].used && memcmp(p->states[i].hash, hash, HASH_KEPT) != 0)
        i = (i + 1) & (p->capacity - 1);
    return &p->states[i];
}

static int grow(struct part *p, struct ft_err *err)
{
    struct part wider = {.capacity = p->capacity == 0 ? FIRST_CAPACITY : 2 * p->capacity};

    if (table_memory_init(&wider.memory, wider.capacity * sizeof(struct state), "touched keys",
                          err) != 0)
        return -1;
    wider.states = wider.memory.p;
    for (size_t i = 0; i < p->capacity; i++) {
        if (p->states[i].used)
            *find(&wider, p->states[i].hash) = p->states[i];
    }
    table_memory_release(&p->memory);
    p->states = wider.states;
    p->capacity = wider.capacity;
    p->memory = wider.memory;
    return 0;
}

static bool is_flushed(const struct state *s, const struct flush *f)
{
    if (f->kind != FLUSH_SLOTS)
        return f->kind == FLUSH_ALL || s->db == f->db;
    for (size_t i = 0; s->db == 0 && i < f->range_count; i++) {
        if (s->slot >= f->ranges[i].first && s->slot <= f->ranges[i].last)
            return true;
    }
    return false;
}

/* Those that came before the change of this number. */
static void apply_flushes(struct part *p, uint64_t number)
{
    const struct plain_keys *k = p->keys;

    for (; p->flushes < k->flush_count && k->flushes[p->flushes].number <= number; p->flushes++) {
        for (size_t i = 0; i < p->capacity; i++) {
            if (is_flushed(&p->states[i], &k->flushes[p->flushes]))
                p->states[i].there = 0;
        }
    }
}

static void set_state(struct state *s, const struct change *c)
{
    s->retimed = c->keeps_time && s->there;
    if (!s->retimed)
        s->expire_ms = c->expire_ms;
    s->place = c->place;
    s->number = c->number;
    s->there = 1;
}

static void retime(struct state *s, int64_t expire_ms)
{
    s->expire_ms = expire_ms;
    s->retimed = 1;
}

static int apply(struct part *p, const struct change *c, struct ft_err *err)
{
    struct state *s;

    if (p->changes)
        apply_flushes(p, c->number);
    if (2 * p->count >= p->capacity && grow(p, err) != 0)
        return -1;
    s = find(p, c->hash);
    if (!s->used) {
        *s = (struct state){.db = c->db, .slot = c->slot, .used = 1};
        memcpy(s->hash, c->hash, HASH_KEPT);
        p->count++;
    }
    if (c->kind == PLAIN_SET)
        set_state(s, c);
    else if (c->kind == PLAIN_DELETE)
        s->there = 0;
    else if (s->there)
        retime(s, c->expire_ms);
    return 0;
}

static int take_changes(void *context, const void *records, size_t count, struct ft_err *err)
{
    const struct change *changes = records;

    for (size_t i = 0; i < count; i++) {
        if (apply(context, &changes[i], err) != 0)
            return -1;
    }
    return 0;
}

/* Into the log of values goes what is true of them in the end. */
static int note_last(const struct part *p, const struct state *s, struct ft_err *err)
{
    atomic_uchar *last = p->keys->last.p;
    int64_t expire_ms = s->expire_ms;

    atomic_fetch_or(&last[s->number / 8], (unsigned char)(1u << s->number % 8));
    if (!s->retimed)
        return 0;
    return spool_overwrite(&p->keys->values, s->place + offsetof(struct log_head, expire_ms),
                           &expire_ms, sizeof(expire_ms), err);
}

static int finish_part(void *context, uint32_t index, struct ft_err *err)
{
    struct part p = {.keys = context};
    int rc = parted_log_read(p.keys->entries, index, take_changes, &p, err);

    p.changes = true;
    if (rc == 0)
        rc = parted_log_read(p.keys->changes, index, take_changes, &p, err);
    if (rc == 0)
        apply_flushes(&p, p.keys->number);
    for (size_t i = 0; rc == 0 && i < p.capacity; i++) {
        if (p.states[i].there)
            rc = note_last(&p, &p.states[i], err);
    }
    table_memory_release(&p.memory);
    return rc;
}

/*
 * Reading
 */

static struct rdb_entry entry_of(const struct log_head *head, const uint8_t *key)
{
    return (struct rdb_entry){.db = head->db,
                              .type = head->type,
                              .key = bytes_of(key, head->key_bytes),
                              .value = bytes_of(key + head->key_bytes, head->value_bytes),
                              .value_bytes = head->value_bytes,
                              .expire_ms = head->expire_ms,
                              .dragonfly = head->dragonfly,
                              .has_mc_flags = head->has_mc_flags,
                              .sticky = head->sticky,
                              .has_key_meta = head->has_key_meta,
                              .mc_flags = head->mc_flags};
}

static int read_values(struct plain_keys *k, plain_key_fn *take, void *context, struct ft_err *err)
{
    const uint8_t *last = k->last.p;
    struct bytes log;
    int rc = spool_view(&k->values, &log, err);
    size_t passed = 0;

    for (size_t at = 0; rc == 0 && at < log.n;) {
        struct log_head head;

        memcpy(&head, log.p + at, sizeof(head));
        if ((last[head.number / 8] & 1u << head.number % 8) != 0) {
            struct rdb_entry entry = entry_of(&head, log.p + at + sizeof(head));

            rc = take(context, &entry, head.time_ms, err);
        }
        at += sizeof(head) + head.key_bytes + head.value_bytes;
        if (at - passed >= PASSED_BYTES) {
            spool_passed(&k->values, at);
            passed = at;
        }
    }
    return rc;
}

int plain_keys_read(struct plain_keys *k, plain_key_fn *take, void *context, struct ft_err *err)
{
    if (add_latest(k, err) != 0 ||
        table_memory_init(&k->last, k->number / 8 + 1, "changes of touched keys", err) != 0 ||
        task_pool_run(PARTED_LOG_PARTS, PARTED_LOG_PARTS, finish_part, k, err) != 0)
        return -1;
    return read_values(k, take, context, err);
}

void plain_keys_free(struct plain_keys *k)
{
    if (k == NULL)
        return;
    drop_logs(k);
    table_memory_release(&k->last);
    buf_release(&k->head);
    (void)pthread_mutex_destroy(&k->mu); /* nobody holds it any more */
    free(k);
}
