#include "input/dfs_shards.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/parse.h"
#include "item/owner.h"

#define SHARDS_MAX 1024u
#define KEYS_MAX   256u
#define BYTES_MAX  (16u << 20)
/* That keys lie where a rule says by chance has to be less probable than one in so many. */
#define CHANCE 1e12
/* A number of shards that nobody has: its remainder stands for the hash itself. */
#define HASH_MODULUS 4294967291u

typedef uint32_t owner_fn(struct bytes key, uint32_t flow_count);

static owner_fn *const rules[] = {owner_by_key, owner_by_tag, owner_by_slot};
#define RULE_COUNT (sizeof(rules) / sizeof(rules[0]))

/* What a file's keys leave of one rule. */
struct candidates {
    uint32_t hashes[KEYS_MAX]; /* of keys with the same tag, one */
    unsigned hash_count;
    uint32_t shards[SHARDS_MAX]; /* numbers that fit all of them, ascending */
    unsigned shard_count;
};

struct file_tally {
    struct candidates rules[RULE_COUNT];
};

static void begin(struct file_tally *t, uint32_t index)
{
    for (size_t r = 0; r < RULE_COUNT; r++) {
        t->rules[r].hash_count = 0;
        t->rules[r].shard_count = 0;
        for (uint32_t n = index + 1; n <= SHARDS_MAX; n++)
            t->rules[r].shards[t->rules[r].shard_count++] = n;
    }
}

static bool is_known(const struct candidates *c, uint32_t hash)
{
    for (unsigned i = 0; i < c->hash_count; i++) {
        if (c->hashes[i] == hash)
            return true;
    }
    return false;
}

static void take_key(struct file_tally *t, struct bytes key, uint32_t index)
{
    for (size_t r = 0; r < RULE_COUNT; r++) {
        struct candidates *c = &t->rules[r];
        uint32_t hash = rules[r](key, HASH_MODULUS);
        unsigned left = 0;

        if (c->hash_count == KEYS_MAX || is_known(c, hash))
            continue;
        c->hashes[c->hash_count++] = hash;
        for (unsigned i = 0; i < c->shard_count; i++) {
            if (rules[r](key, c->shards[i]) == index)
                c->shards[left++] = c->shards[i];
        }
        c->shard_count = left;
    }
}

/* The highest number that fits, unless it may be chance. */
static uint32_t number_of(const struct candidates *c)
{
    uint32_t n = c->shard_count == 0 ? 0 : c->shards[c->shard_count - 1];
    double odds = 1;

    for (unsigned i = 0; i < c->hash_count && odds <= CHANCE; i++)
        odds *= n;
    return odds > CHANCE ? n : 0;
}

static int read_keys(const struct source *s, uint32_t index, struct file_tally *t,
                     struct ft_err *err)
{
    const struct source_stream_options options = {.snapshot_only = true, .skip_values = true};
    struct source_stream *stream;
    enum step step = STEP_END;
    unsigned keys = 0;
    struct item item;

    if (source_stream_open(&stream, s, index, &options, err) != 0)
        return -1;
    while (keys < KEYS_MAX && source_stream_bytes(stream) < BYTES_MAX) {
        step = source_stream_next(stream, &item, err);
        if (step != STEP_ITEM)
            break;
        if (item_entry(&item) == NULL || item.rdb.entry.key.p == NULL)
            continue;
        take_key(t, item.rdb.entry.key, index);
        keys++;
    }
    source_stream_free(stream);
    return step == STEP_ERROR ? -1 : 0;
}

int dfs_shards_count(const struct source *s, uint32_t index, uint32_t *ret, struct ft_err *err)
{
    struct file_tally *t = malloc(sizeof(*t));
    uint32_t count = 0;
    int rc;

    if (t == NULL)
        return err_nomem(err, "a tally of keys");
    begin(t, index);
    rc = read_keys(s, index, t, err);
    for (size_t r = 0; rc == 0 && r < RULE_COUNT; r++) {
        uint32_t n = number_of(&t->rules[r]);

        count = n > count ? n : count;
    }
    free(t);
    if (rc == 0)
        *ret = count;
    return rc;
}

int dfs_shards_check(const struct source *s, struct ft_err *err)
{
    uint32_t told = 0; /* by the first file that tells a number */
    uint32_t teller = 0;

    for (uint32_t i = 0; i < s->stream_count; i++) {
        uint32_t count;

        if (dfs_shards_count(s, i, &count, err) != 0)
            return -1;
        if (count == 0)
            continue;
        if (told != 0 && count != told) {
            return err_set(err, FT_ERR_CORRUPT,
                           "\"%s\" belongs to another snapshot than \"%s\": its keys are those of "
                           "one of %" PRIu32 " shard%s, the other's of one of %" PRIu32,
                           source_stream_file(s, i), source_stream_file(s, teller), count,
                           plural(count), told);
        }
        if (told == 0)
            teller = i;
        told = count;
    }
    if (told == 0 || told == s->stream_count)
        return 0;
    if (told < s->stream_count) {
        return err_set(
            err, FT_ERR_CORRUPT,
            "\"%s\" belongs to another snapshot: by its keys \"%s\" is of one with %" PRIu32
            " shards",
            source_stream_file(s, told), source_stream_file(s, teller), told);
    }
    return err_set(err, FT_ERR_CORRUPT,
                   "by its keys \"%s\" is of a snapshot with %" PRIu32
                   " shard%s; files found: %" PRIu32,
                   source_stream_file(s, teller), told, plural(told), s->stream_count);
}
