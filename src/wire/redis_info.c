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
