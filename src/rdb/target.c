#include "rdb/target.h"

#include <stdio.h>
#include <string.h>

#define REDIS  .family = RDB_FAMILY_REDIS
#define VALKEY .family = RDB_FAMILY_VALKEY

/* Each family in ascending order. */
static const struct target targets[] = {
    {"5.0", "5.0.14", REDIS, 500, 9, RDB_TYPE_STREAM_LISTPACKS, .lua_aux = true},
    {"6.0", "6.0.16", REDIS, 600, 9, RDB_TYPE_STREAM_LISTPACKS, .lua_aux = true},
    {"6.2", "6.2.14", REDIS, 602, 9, RDB_TYPE_STREAM_LISTPACKS, .lua_aux = true},
    {"7.0", "7.0.15", REDIS, 700, 10, RDB_TYPE_STREAM_LISTPACKS_2, .functions = true},
    {"7.2", "7.2.5", REDIS, 702, 11, RDB_TYPE_STREAM_LISTPACKS_3, .functions = true},
    {"7.4", "7.4.0", REDIS, 704, 12, RDB_TYPE_HASH_LISTPACK_EX, .member_ttl = true,
     .functions = true},
    {"8.0", "8.0.0", REDIS, 800, 12, RDB_TYPE_HASH_LISTPACK_EX, .member_ttl = true,
     .functions = true, .modules = TARGET_MODULES},
    {"8.2", "8.2.0", REDIS, 802, 12, RDB_TYPE_HASH_LISTPACK_EX, .member_ttl = true,
     .functions = true, .modules = TARGET_MODULES},
    {"8.4", "8.4.0", REDIS, 804, 12, RDB_TYPE_HASH_LISTPACK_EX, .member_ttl = true,
     .functions = true, .modules = TARGET_MODULES},
    {"8.6", "8.6.0", REDIS, 806, 13, RDB_TYPE_STREAM_LISTPACKS_4, .member_ttl = true,
     .functions = true, .modules = TARGET_MODULES},
    {"8.8", "8.8.0", REDIS, 808, 14, RDB_TYPE_STREAM_LISTPACKS_5, .member_ttl = true,
     .functions = true, .modules = TARGET_MODULES},
    {"8.10", "8.10.0", REDIS, 810, 15, RDB_TYPE_STREAM_LISTPACKS_5, .member_ttl = true,
     .functions = true, .modules = TARGET_MODULES},
    {"valkey-7.2", "7.2.4", VALKEY, 702, 11, RDB_TYPE_STREAM_LISTPACKS_3, .functions = true},
    {"valkey-8.0", "7.2.4", VALKEY, 702, 11, RDB_TYPE_STREAM_LISTPACKS_3, .functions = true},
    {"valkey-8.1", "7.2.4", VALKEY, 702, 11, RDB_TYPE_STREAM_LISTPACKS_3, .functions = true},
    {"valkey-9.0", "9.0.0", VALKEY, 702, 80, RDB_TYPE_STREAM_LISTPACKS_3, .member_ttl = true,
     .functions = true},
    {"valkey-9.1", "9.1.0", VALKEY, 702, 80, RDB_TYPE_STREAM_LISTPACKS_3, .member_ttl = true,
     .functions = true},
};
#define TARGET_COUNT   (sizeof(targets) / sizeof(targets[0]))
#define TARGET_DEFAULT 3
/* The first version of Valkey whose files have its own magic. */
#define VALKEY_MAGIC_VERSION 80

static const char valkey_prefix[] = "valkey-";

const char *target_names(void)
{
    return "5.0, 6.0, 6.2, 7.0, 7.2, 7.4, 8.0, 8.2, 8.4, 8.6, 8.8, 8.10, valkey-7.2, valkey-8.0, "
           "valkey-8.1, valkey-9.0, valkey-9.1";
}

/* "8.10", "7.0.15": major * 100 + minor; 0: not a version. */
static unsigned version_of(const char *text)
{
    unsigned major;
    unsigned minor;
    unsigned patch;
    int n = 0;

    if (text[0] < '0' || text[0] > '9' || sscanf(text, "%3u.%2u%n", &major, &minor, &n) != 2)
        return 0;
    if (text[n] == '.') {
        text += n;
        n = 0;
        if (text[1] < '0' || text[1] > '9' || sscanf(text, ".%5u%n", &patch, &n) != 1)
            return 0;
    }
    return text[n] == '\0' ? major * 100 + minor : 0;
}

static unsigned own_version(const struct target *t)
{
    return version_of(t->family == RDB_FAMILY_VALKEY ? t->name + sizeof(valkey_prefix) - 1
                                                     : t->name);
}

/* The newest of the family that is not above the version; NULL: all are. */
static const struct target *newest_up_to(enum rdb_family family, unsigned version)
{
    const struct target *best = NULL;

    for (size_t i = 0; i < TARGET_COUNT; i++) {
        if (targets[i].family == family && own_version(&targets[i]) <= version)
            best = &targets[i];
    }
    return best;
}

int target_parse(const char *text, const struct target **ret, struct ft_err *err)
{
    bool valkey = strncmp(text, valkey_prefix, sizeof(valkey_prefix) - 1) == 0;
    const char *version = valkey ? text + sizeof(valkey_prefix) - 1 : text;
    const struct target *found = NULL;

    if (strncmp(text, "redis-", 6) == 0)
        version = text + 6;
    if (version_of(version) != 0)
        found = newest_up_to(valkey ? RDB_FAMILY_VALKEY : RDB_FAMILY_REDIS, version_of(version));
    if (found == NULL)
        return err_set(err, FT_ERR_USAGE, "unknown target version \"%.40s\", choose one of %s",
                       text, target_names());
    *ret = found;
    return 0;
}

bool target_is_named(const struct target *t, const char *text)
{
    return strcmp(t->name, text) == 0;
}

char *target_title(const char *name, char out[TARGET_TITLE_SIZE])
{
    static const char valkey[] = "valkey-";
    size_t skip = strncmp(name, valkey, sizeof(valkey) - 1) == 0 ? sizeof(valkey) - 1 : 0;

    (void)snprintf(out, TARGET_TITLE_SIZE, "%s %s", skip != 0 ? "Valkey" : "Redis",
                   name + skip); /* names are short */
    return out;
}

const struct target *target_default(void)
{
    return &targets[TARGET_DEFAULT];
}

struct target target_of_server(unsigned version, unsigned valkey_version, const char *modules)
{
    static const struct {
        const char *name; /* as the server lists it */
        enum target_module module;
    } known[] = {
        {" ReJSON ", TARGET_JSON},
        {" bf ", TARGET_BLOOM},
        {" timeseries ", TARGET_TIME_SERIES},
        {" vectorset ", TARGET_VECTOR_SET},
        {" search ", TARGET_SEARCH},
    };
    const struct target *found = valkey_version != 0
                                     ? newest_up_to(RDB_FAMILY_VALKEY, valkey_version)
                                     : newest_up_to(RDB_FAMILY_REDIS, version);
    struct target t = found != NULL ? *found : targets[0];

    t.modules = 0;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strstr(modules, known[i].name) != NULL)
            t.modules |= (unsigned)known[i].module;
    }
    return t;
}

struct rdb_header target_header(const struct target *t)
{
    bool own_magic = t->family == RDB_FAMILY_VALKEY && t->rdb_version >= VALKEY_MAGIC_VERSION;

    return (struct rdb_header){own_magic ? RDB_FAMILY_VALKEY : RDB_FAMILY_REDIS, t->rdb_version};
}

bool target_reads(const struct target *t, unsigned type)
{
    if (type == RDB_TYPE_VALKEY_HASH)
        return t->family == RDB_FAMILY_VALKEY && t->member_ttl;
    return type <= t->highest_type && type != RDB_TYPE_MODULE_PRE_GA && type != 8;
}
