#include "rdb/target.h"

#include <string.h>

static const struct target targets[] = {
    {"5.0", "5.0.14", 500, 9, RDB_TYPE_STREAM_LISTPACKS, .lua_aux = true},
    {"6.2", "6.2.14", 602, 9, RDB_TYPE_STREAM_LISTPACKS, .lua_aux = true},
    {"7.0", "7.0.15", 700, 10, RDB_TYPE_STREAM_LISTPACKS_2, .functions = true},
    {"7.2", "7.2.5", 702, 11, RDB_TYPE_STREAM_LISTPACKS_3, .functions = true},
    {"7.4", "7.4.0", 704, 12, RDB_TYPE_HASH_LISTPACK_EX, .member_ttl = true, .functions = true},
    {"8.0", "8.0.0", 800, 12, RDB_TYPE_HASH_LISTPACK_EX, .member_ttl = true, .functions = true,
     .modules = TARGET_MODULES},
    {"valkey-7.2", "7.2.4", 702, 11, RDB_TYPE_STREAM_LISTPACKS_3, .functions = true},
    {"valkey-8.0", "7.2.4", 702, 11, RDB_TYPE_STREAM_LISTPACKS_3, .functions = true},
};
#define TARGET_COUNT   (sizeof(targets) / sizeof(targets[0]))
#define TARGET_DEFAULT 2
#define REDIS_COUNT    6 /* the first ones, in ascending order */

const char *target_names(void)
{
    return "5.0, 6.2, 7.0, 7.2, 7.4, 8.0, valkey-7.2, valkey-8.0";
}

int target_parse(const char *text, const struct target **ret, struct ft_err *err)
{
    for (size_t i = 0; i < TARGET_COUNT; i++) {
        if (strcmp(text, targets[i].name) == 0) {
            *ret = &targets[i];
            return 0;
        }
    }
    return err_set(err, FT_ERR_USAGE, "unknown target version \"%.40s\", choose one of %s", text,
                   target_names());
}

const struct target *target_default(void)
{
    return &targets[TARGET_DEFAULT];
}

const struct target *target_of_version(unsigned version)
{
    const struct target *best = &targets[0];

    for (size_t i = 1; i < REDIS_COUNT; i++) {
        if (targets[i].version <= version)
            best = &targets[i];
    }
    return best;
}

struct target target_of_server(unsigned version, const char *modules)
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
    struct target t = *target_of_version(version);

    t.modules = 0;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strstr(modules, known[i].name) != NULL)
            t.modules |= (unsigned)known[i].module;
    }
    return t;
}

bool target_reads(const struct target *t, unsigned type)
{
    return type <= t->highest_type && type != RDB_TYPE_MODULE_PRE_GA && type != 8;
}
