#include "wire/redis_info.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *redis_info_value(const char *info, const char *name)
{
    const size_t n = strlen(name);

    for (const char *line = info; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncasecmp(line, name, n) == 0 && line[n] == ':')
            return line + n + 1;
    }
    return NULL;
}

void redis_info_copy(const char *info, const char *name, char *out, size_t size)
{
    const char *value = redis_info_value(info, name);

    out[0] = '\0';
    if (value != NULL)
        (void)snprintf(out, size, "%.*s", (int)strcspn(value, "\r\n"), value); /* cut is meant */
}

uint64_t redis_info_number(const char *info, const char *name)
{
    const char *value = redis_info_value(info, name);

    return value == NULL ? 0 : strtoull(value, NULL, 10);
}

/* "cmdstat_NAME:calls=N,..." */
uint64_t redis_info_calls(const char *info, const char *command)
{
    static const char calls[] = "calls=";
    char name[64];
    const char *value;

    (void)snprintf(name, sizeof(name), "cmdstat_%s", command); /* fits */
    value = redis_info_value(info, name);
    if (value == NULL || strncmp(value, calls, sizeof(calls) - 1) != 0)
        return 0;
    return strtoull(value + sizeof(calls) - 1, NULL, 10);
}

bool redis_info_next(const char **at, const char *kind, uint32_t *ret_number,
                     struct bytes *ret_value)
{
    const size_t n = strlen(kind);

    while (**at != '\0') {
        const char *line = *at;
        const size_t length = strcspn(line, "\r\n");
        const char *colon = memchr(line, ':', length);
        uint64_t number;

        *at = line + length + strspn(line + length, "\r\n");
        if (colon == NULL || strncmp(line, kind, n) != 0 ||
            !bytes_to_u64(bytes_of(line + n, (size_t)(colon - line) - n), &number) ||
            number > UINT32_MAX)
            continue;
        *ret_number = (uint32_t)number;
        *ret_value = bytes_of(colon + 1, length - (size_t)(colon + 1 - line));
        return true;
    }
    return false;
}

/* "dbN:keys=12,..." */
bool redis_info_next_db(const char **at, uint32_t *ret_db, uint64_t *ret_keys)
{
    static const char keys[] = "keys=";
    struct bytes value;

    if (!redis_info_next(at, "db", ret_db, &value))
        return false;
    *ret_keys = value.n > sizeof(keys) - 1 && memcmp(value.p, keys, sizeof(keys) - 1) == 0
                    ? strtoull((const char *)value.p + sizeof(keys) - 1, NULL, 10)
                    : 0;
    return true;
}
