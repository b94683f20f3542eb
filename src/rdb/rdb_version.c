#include "rdb/rdb_version.h"

#include <string.h>

#include "base/bytes.h"
#include "rdb/rdb_types.h"

/* A family, what of it is read, and who writes the rest. */
struct family {
    const char *magic;
    unsigned min, max;   /* versions that are read; 0: none */
    unsigned newest;     /* the highest version that is known to be written */
    const char *writer;  /* who writes the versions from max + 1 to newest */
    const char *instead; /* what can be read */
};

static const struct family families[] = {
    [RDB_FAMILY_REDIS] = {"REDIS", 1, RDB_VERSION_MAX, 13, "Redis 8.6 and later",
                          "those of Redis up to 8.0 and Valkey up to 8.1 can be read"},
    [RDB_FAMILY_VALKEY] = {"VALKEY", 0, 0, 80, "Valkey 9.0 and later",
                           "files of Valkey up to 8.1 can be read"},
};
#define FAMILY_COUNT (sizeof(families) / sizeof(families[0]))

/* Bytes that are somebody's, in files whose version is read. */
static const struct {
    unsigned byte;
    const char *name;
} unread[] = {
    {RDB_TYPE_STREAM_LISTPACKS_4, "a stream of Redis 8.6 and later"},
    {RDB_TYPE_KEYDB_CRON, "a cron job of KeyDB, which no other server has"},
    {RDB_OP_KEY_META, "metadata of a key as Redis 8.6 and later writes it"},
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

static enum step refuse(const struct family *f, unsigned version, struct ft_err *err)
{
    if (version > f->newest)
        (void)err_set(err, FT_ERR_UNSUPPORTED,
                      "version %u of the RDB format \"%s\" is newer than all that are known (%s: "
                      "%u); %s",
                      version, f->magic, f->writer, f->newest, f->instead);
    else if (version > f->max)
        (void)err_set(err, FT_ERR_UNSUPPORTED,
                      "version %u of the RDB format \"%s\", which %s write, cannot be read yet; %s",
                      version, f->magic, f->writer, f->instead);
    else
        (void)err_set(err, FT_ERR_UNSUPPORTED, "the RDB format \"%s\" has no version %u", f->magic,
                      version);
    return STEP_ERROR;
}

enum step rdb_header_get(const uint8_t *p, size_t n, uint64_t offset, struct rdb_header *ret,
                         struct ft_err *err)
{
    const struct family *f;
    unsigned version = 0;
    char seen[32];

    if (n == 0)
        return STEP_MORE;
    f = family_of(p, n);
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
        return refuse(f, version, err);
    ret->family = (enum rdb_family)(f - families);
    ret->version = version;
    return STEP_ITEM;
}

const char *rdb_unread_name(unsigned byte)
{
    for (size_t i = 0; i < sizeof(unread) / sizeof(unread[0]); i++) {
        if (unread[i].byte == byte)
            return unread[i].name;
    }
    return NULL;
}
