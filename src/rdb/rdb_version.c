#include "rdb/rdb_version.h"

#include <string.h>

#include "base/bytes.h"
#include "rdb/rdb_types.h"
#include "rdb/value_walk.h"

/* A family, what of it is read, and who writes the rest. */
struct family {
    const char *magic;
    unsigned min, max;   /* versions that are read */
    unsigned newest;     /* the highest version that is known to be written */
    const char *writer;  /* who writes the versions from max + 1 to newest */
    const char *known;   /* the newest program whose opcodes and types are known */
    const char *instead; /* what can be read */
};

static const struct family families[] = {
    [RDB_FAMILY_REDIS] = {"REDIS", 1, 15, 15, "Redis after 8.10", "Redis 8.10",
                          "those of Redis up to 8.10 and Valkey up to 9.1 can be read"},
    [RDB_FAMILY_VALKEY] = {"VALKEY", 80, 80, 81, "Valkey 9.2", "Valkey 9.2",
                           "files of Valkey up to 9.1 can be read"},
};
#define FAMILY_COUNT (sizeof(families) / sizeof(families[0]))

/* The first versions that have what the ones before have not. */
#define REDIS_8_6 13
#define REDIS_8_8 14
/* Types of Valkey beside RDB_BYTE_VALKEY_HASH end here: it left the common numbering after 7.2. */
#define VALKEY_TYPE_MAX RDB_TYPE_STREAM_LISTPACKS_3

/* Bytes that are somebody's, in files whose version is read. */
static const struct {
    enum rdb_family family;
    unsigned version; /* from this one on */
    unsigned byte;
    const char *name;
} unread[] = {
    {RDB_FAMILY_REDIS, REDIS_8_8, 28, "an array of Redis 8.8 and later"},
    {RDB_FAMILY_REDIS, REDIS_8_8, 29, "a hash made from a template of Redis 8.10 and later"},
    {RDB_FAMILY_REDIS, REDIS_8_8, 30, "a hash made from a template of Redis 8.10 and later"},
    {RDB_FAMILY_REDIS, REDIS_8_8, 31, "a hash made from a template of Redis 8.10 and later"},
    {RDB_FAMILY_REDIS, REDIS_8_8, 32, "a hash made from a template of Redis 8.10 and later"},
    {RDB_FAMILY_REDIS, REDIS_8_8, 33, "a rate limiter of Redis 8.8 and later"},
    {RDB_FAMILY_REDIS, REDIS_8_8, 242, "a template of hashes of Redis 8.10 and later"},
    {RDB_FAMILY_REDIS, 1, RDB_TYPE_STREAM_LISTPACKS_4, "a stream of Redis 8.6 and later"},
    {RDB_FAMILY_REDIS, 1, RDB_TYPE_STREAM_LISTPACKS_5, "a stream of Redis 8.8 and later"},
    {RDB_FAMILY_REDIS, 1, RDB_OP_KEY_META, "metadata of a key as Redis 8.6 and later writes it"},
    {RDB_FAMILY_REDIS, 1, RDB_TYPE_MODULE_PRE_GA,
     "a module's value as release candidates of Redis 4.0 wrote it"},
    {RDB_FAMILY_VALKEY, 80, RDB_TYPE_MODULE_PRE_GA,
     "a module's value as release candidates of Redis 4.0 wrote it"},
    {RDB_FAMILY_VALKEY, 80, 23, "a hash of Valkey 9.2 and later"},
    {RDB_FAMILY_VALKEY, 80, RDB_TYPE_HASH_METADATA, "a hash of Redis 7.4 and later"},
    {RDB_FAMILY_VALKEY, 80, RDB_TYPE_HASH_LISTPACK_EX, "a hash of Redis 7.4 and later"},
    {RDB_FAMILY_VALKEY, 80, RDB_TYPE_STREAM_LISTPACKS_4, "a stream of Redis 8.6 and later"},
    {RDB_FAMILY_VALKEY, 80, RDB_TYPE_STREAM_LISTPACKS_5, "a stream of Redis 8.8 and later"},
    {RDB_FAMILY_VALKEY, 80, 242, "data of Valkey 9.2 and later"},
};

static const struct family *family_of(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < FAMILY_COUNT; i++) {
        size_t magic = strlen(families[i].magic);

        if (memcmp(p, families[i].magic, n < magic ? n : magic) == 0)
            return &families[i];
    }
    return NULL;
}

bool rdb_header_begins(const uint8_t *p, size_t n)
{
    return n > 0 && family_of(p, n) != NULL;
}

static enum step refuse(const struct family *f, unsigned version, uint64_t offset,
                        struct ft_err *err)
{
    if (version > f->newest)
        (void)err_at(err, FT_ERR_UNSUPPORTED, offset,
                     "unsupported: version %u of the RDB format \"%s\" is newer than all that are "
                     "known (up to %u): whatever comes after %s may write it; %s,",
                     version, f->magic, f->newest, f->known, f->instead);
    else if (version > f->max)
        (void)err_at(err, FT_ERR_UNSUPPORTED, offset,
                     "unsupported: version %u of the RDB format \"%s\", which %s writes, cannot be "
                     "read yet; %s,",
                     version, f->magic, f->writer, f->instead);
    else
        (void)err_at(err, FT_ERR_UNSUPPORTED, offset,
                     "unsupported: the RDB format \"%s\" has no version %u: nothing that is known "
                     "writes it; its versions begin with %u,",
                     f->magic, version, f->min);
    return STEP_ERROR;
}

/* "VKCS": around the RDB of a Valkey 9.2 that compresses it as a whole. STEP_ITEM: it is not. */
static enum step refuse_envelope(const uint8_t *p, size_t n, uint64_t offset, struct ft_err *err)
{
    static const char magic[] = "VKCS";
    size_t size = sizeof(magic) - 1;

    if (memcmp(p, magic, n < size ? n : size) != 0)
        return STEP_ITEM;
    if (n < size)
        return STEP_MORE;
    (void)err_at(
        err, FT_ERR_UNSUPPORTED, offset,
        "unsupported: this is an RDB in the compressed envelope (\"%s\") of Valkey 9.2 and later, which "
        "cannot be read yet, it begins",
        magic);
    return STEP_ERROR;
}

enum step rdb_header_get(const uint8_t *p, size_t n, uint64_t offset, struct rdb_header *ret,
                         struct ft_err *err)
{
    const struct family *f;
    unsigned version = 0;
    enum step step;
    char seen[32];

    if (n == 0)
        return STEP_MORE;
    f = family_of(p, n);
    if (f == NULL && (step = refuse_envelope(p, n, offset, err)) != STEP_ITEM)
        return step;
    if (f == NULL) {
        (void)err_at(err, FT_ERR_CORRUPT, offset,
                     "this is not an RDB stream: it begins with \"%s\", not \"REDIS\",",
                     bytes_escape(bytes_of(p, n < 5 ? n : 5), seen, sizeof(seen)));
        return STEP_ERROR;
    }
    if (n < RDB_HEADER_SIZE)
        return STEP_MORE;
    for (size_t i = strlen(f->magic); i < RDB_HEADER_SIZE; i++) {
        if (p[i] < '0' || p[i] > '9') {
            (void)err_at(err, FT_ERR_CORRUPT, offset, "the RDB version is not a number");
            return STEP_ERROR;
        }
        version = version * 10 + (p[i] - '0');
    }
    if (version < f->min || version > f->max)
        return refuse(f, version, offset, err);
    ret->family = (enum rdb_family)(f - families);
    ret->version = version;
    return STEP_ITEM;
}

struct rdb_header rdb_header_of_dump(unsigned version)
{
    bool valkey = version >= families[RDB_FAMILY_VALKEY].min;

    return (struct rdb_header){valkey ? RDB_FAMILY_VALKEY : RDB_FAMILY_REDIS, version};
}

void rdb_magic(struct rdb_header header, char ret[RDB_HEADER_SIZE + 1])
{
    const char *magic = families[header.family].magic;
    unsigned rest = header.version;
    size_t n = strlen(magic);

    memcpy(ret, magic, n);
    for (size_t i = RDB_HEADER_SIZE; i-- > n; rest /= 10)
        ret[i] = (char)('0' + rest % 10);
    ret[RDB_HEADER_SIZE] = '\0';
}

/* Valkey 9 kept what it had in common with Redis 7.2. */
static int valkey_type(unsigned byte)
{
    if (byte == RDB_BYTE_VALKEY_HASH)
        return RDB_TYPE_VALKEY_HASH;
    return byte <= VALKEY_TYPE_MAX && value_walk_known(byte) ? (int)byte : -1;
}

int rdb_type_of_late_byte(struct rdb_header header, bool dragonfly, unsigned byte)
{
    if (header.family == RDB_FAMILY_VALKEY)
        return valkey_type(byte);
    if (byte == RDB_BYTE_KEYDB_CRON)
        return RDB_TYPE_KEYDB_CRON;
    /* Dragonfly always says version 9, in which Redis has no type 20. */
    if (byte == RDB_TYPE_DF_JSON_OLD && dragonfly && header.version <= RDB_VERSION_DRAGONFLY)
        return RDB_TYPE_DF_JSON;
    if ((byte == RDB_TYPE_STREAM_LISTPACKS_4 && header.version < REDIS_8_6) ||
        (byte == RDB_TYPE_STREAM_LISTPACKS_5 && header.version < REDIS_8_8) ||
        (byte >= RDB_TYPE_DF_JSON && !dragonfly) || byte > RDB_TYPE_DF_CUCKOO)
        return -1;
    return value_walk_known(byte) ? (int)byte : -1;
}

const char *rdb_newest_known(struct rdb_header header)
{
    return families[header.family].known;
}

const char *rdb_unread_name(struct rdb_header header, unsigned byte)
{
    for (size_t i = 0; i < sizeof(unread) / sizeof(unread[0]); i++) {
        if (unread[i].family == header.family && header.version >= unread[i].version &&
            unread[i].byte == byte)
            return unread[i].name;
    }
    return NULL;
}
