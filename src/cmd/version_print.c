#include "cmd/version_print.h"

#include <hiredis/hiredis.h>
#include <isa-l.h>
#include <jansson.h>
#include <lua.h>
#include <lz4.h>
#include <openssl/crypto.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>
#include <zstd.h>

#include "archive/libarchive.h"
#include "cmd/json_value.h"
#include "cmd/ui.h"
#include "config.h"
#include "status/libmicrohttpd.h"

#define VERSION_SIZE  48
#define LIBRARIES_MAX 16
#define NOT_INSTALLED "not installed"

struct library {
    const char *name;
    char version[VERSION_SIZE];
};

bool version_is_asked(const char *word)
{
    return strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0;
}

static void set(struct library *l, const char *name, const char *version)
{
    l->name = name;
    (void)snprintf(l->version, sizeof(l->version), "%s", version); /* fits */
}

static void set_numbers(struct library *l, const char *name, unsigned a, unsigned b, unsigned c)
{
    char text[VERSION_SIZE];

    (void)snprintf(text, sizeof(text), "%u.%u.%u", a, b, c); /* fits */
    set(l, name, text);
}

static const char *libarchive_version(void)
{
    struct ft_err none = FT_ERR_INIT;

    return libarchive_load(&none) == 0 ? libarchive.archive_version_string() + strlen("libarchive ")
                                       : NOT_INSTALLED;
}

static const char *libmicrohttpd_version(void)
{
    struct ft_err none = FT_ERR_INIT;

    return libmicrohttpd_load(&none) == 0 ? libmicrohttpd.MHD_get_version() : NOT_INSTALLED;
}

/* What was loaded, where a library says it; else what the program was built with. */
static size_t list_libraries(struct library list[LIBRARIES_MAX])
{
    unsigned xxhash = XXH_versionNumber();
    size_t n = 0;

    set(&list[n++], "lz4", LZ4_versionString());
    set(&list[n++], "zstd", ZSTD_versionString());
    set_numbers(&list[n++], "hiredis", HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH);
    set(&list[n++], "jansson", jansson_version_str());
    set_numbers(&list[n++], "xxhash", xxhash / 10000, xxhash / 100 % 100, xxhash % 100);
    set_numbers(&list[n++], "isa-l", ISAL_MAJOR_VERSION, ISAL_MINOR_VERSION, ISAL_PATCH_VERSION);
    set(&list[n++], "libarchive", libarchive_version());
    set(&list[n++], "libsodium", sodium_version_string());
    set(&list[n++], "libmicrohttpd", libmicrohttpd_version());
    set(&list[n++], "lua", LUA_RELEASE + strlen("Lua "));
    set(&list[n++], "openssl", OpenSSL_version(OPENSSL_VERSION_STRING));
    return n;
}

static json_t *to_json(const struct library *list, size_t n)
{
    json_t *libraries = json_object();

    for (size_t i = 0; i < n; i++)
        json_object_set_new(libraries, list[i].name, json_string(list[i].version));
    return json_pack("{s:s, s:s, s:o, s:s, s:s, s:s, s:s}", "name", PACKAGE_NAME, "version",
                     PACKAGE_VERSION, "libraries", libraries, "compiler", "C " __VERSION__, "flags",
                     BUILD_FLAGS, "sanitizers", BUILD_SANITIZERS, "configured_with",
                     BUILD_CONFIGURED);
}

enum exit_status version_print(bool as_json)
{
    struct library list[LIBRARIES_MAX];
    size_t n = list_libraries(list);
    struct ft_err err = FT_ERR_INIT;

    if (as_json) {
        if (json_print(to_json(list, n), &err) != 0)
            return ui_fail("--version", &err);
        return ui_flush("--version", EXIT_DONE);
    }
    printf("%s\nlibraries:", PACKAGE_STRING);
    for (size_t i = 0; i < n; i++)
        printf("%s %s %s", i == 0 ? "" : ",", list[i].name, list[i].version);
    printf("\nbuilt with: C %s, %s\nsanitizers: %s\nconfigured with:%s%s\n", __VERSION__,
           BUILD_FLAGS, BUILD_SANITIZERS, BUILD_CONFIGURED[0] == '\0' ? " no options" : " ",
           BUILD_CONFIGURED);
    return ui_flush("--version", EXIT_DONE);
}
