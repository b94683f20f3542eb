#include "base/parse.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/bytes.h"

struct unit {
    const char *name;
    double factor;
};

int parse_u64(const char *text, uint64_t *ret_value, struct ft_err *err)
{
    if (!bytes_to_u64(bytes_str(text), ret_value))
        return err_set(err, FT_ERR_USAGE, "\"%s\" is not a whole number below 2^64", text);
    return 0;
}

/* A non-negative decimal number followed by one of the units; the first unit is the empty one. */
static int parse_unit(const char *text, const struct unit *units, const char *what,
                      const char *example, uint64_t *ret, struct ft_err *err)
{
    char *end;
    double value;

    if (!isdigit((unsigned char)text[0]))
        goto bad;
    value = strtod(text, &end);
    while (*end == ' ')
        end++;
    for (; units->name != NULL; units++) {
        if (strcasecmp(end, units->name) == 0) {
            value *= units->factor;
            if (!(value < 9e18))
                goto bad;
            *ret = (uint64_t)llround(value);
            return 0;
        }
    }
bad:
    return err_set(err, FT_ERR_USAGE, "\"%s\" is not a %s (example: %s)", text, what, example);
}

int parse_size(const char *text, uint64_t *ret_bytes, struct ft_err *err)
{
    static const struct unit units[] = {
        {"", 1},          {"b", 1},          {"k", 1024},         {"kib", 1024}, {"m", 1048576},
        {"mib", 1048576}, {"g", 1073741824}, {"gib", 1073741824}, {"t", 0x1p40}, {"tib", 0x1p40},
        {"kb", 1e3},      {"mb", 1e6},       {"gb", 1e9},         {"tb", 1e12},  {NULL, 0},
    };

    return parse_unit(text, units, "size", "64MiB", ret_bytes, err);
}

int parse_duration(const char *text, uint64_t *ret_ms, struct ft_err *err)
{
    static const struct unit units[] = {
        {"", 1000},     {"ms", 1},      {"s", 1000},     {"m", 60000},
        {"min", 60000}, {"h", 3600000}, {"d", 86400000}, {NULL, 0},
    };

    return parse_unit(text, units, "duration", "30s", ret_ms, err);
}

const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

char *format_size(uint64_t bytes, char out[FORMAT_SIZE])
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB"};
    double value = (double)bytes / 1024;
    size_t i = 0;

    if (bytes < 1024) {
        (void)snprintf(out, FORMAT_SIZE, "%u B", (unsigned)bytes); /* fits */
        return out;
    }
    while (value >= 1023.95 && i < 4) {
        value /= 1024;
        i++;
    }
    (void)snprintf(out, FORMAT_SIZE, "%.1f %s", value, units[i]); /* fits */
    return out;
}

char *format_duration_ms(uint64_t ms, char out[FORMAT_SIZE])
{
    uint64_t s = ms / 1000;

    if (ms < 1000)
        (void)snprintf(out, FORMAT_SIZE, "%u ms", (unsigned)ms); /* all of them fit */
    else if (s < 60)
        (void)snprintf(out, FORMAT_SIZE, "%.1f s", (double)ms / 1000);
    else if (s < 3600)
        (void)snprintf(out, FORMAT_SIZE, "%um %02us", (unsigned)(s / 60), (unsigned)(s % 60));
    else
        (void)snprintf(out, FORMAT_SIZE, "%lluh %02um", (unsigned long long)(s / 3600),
                       (unsigned)(s / 60 % 60));
    return out;
}

char *format_count(uint64_t count, char out[FORMAT_COUNT])
{
    char digits[FORMAT_COUNT];
    int n = snprintf(digits, sizeof(digits), "%" PRIu64, count); /* fits: at most 20 */
    char *to = out;

    for (int i = 0; i < n; i++) {
        if (i != 0 && (n - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return out;
}

char *format_time_us(uint64_t time_us, char out[FORMAT_TIME])
{
    time_t s = (time_t)(time_us / 1000000);
    struct tm tm;
    size_t n;

    if (gmtime_r(&s, &tm) == NULL || (n = strftime(out, FORMAT_TIME, "%FT%T", &tm)) == 0) {
        (void)snprintf(out, FORMAT_TIME, "?"); /* a year beyond what the C library knows */
        return out;
    }
    (void)snprintf(out + n, FORMAT_TIME - n, ".%03uZ", (unsigned)(time_us / 1000 % 1000));
    return out;
}

/* "Z", "+02:00" or "-02:00": seconds east of UTC. */
static bool parse_zone(const char *text, long *ret_s)
{
    int hours;
    int minutes;
    int used = 0;

    if ((text[0] == 'Z' || text[0] == 'z') && text[1] == '\0') {
        *ret_s = 0;
        return true;
    }
    if (text[0] != '+' && text[0] != '-')
        return false;
    if (sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &used) != 2 || text[1 + used] != '\0')
        return false;
    *ret_s = (hours * 3600L + minutes * 60L) * (text[0] == '-' ? -1 : 1);
    return true;
}

int parse_time_us(const char *text, uint64_t *ret_time_us, struct ft_err *err)
{
    struct tm tm = {0};
    const char *p = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    uint64_t fraction_us = 0;
    long zone_s;
    time_t s;

    if (p == NULL)
        goto bad;
    if (*p == '.') {
        uint64_t unit = 100000;

        for (p++; isdigit((unsigned char)*p); p++) {
            fraction_us += (uint64_t)(*p - '0') * unit;
            unit /= 10;
        }
    }
    if (!parse_zone(p, &zone_s))
        goto bad;
    s = timegm(&tm);
    if (s < 0 || s - zone_s < 0)
        goto bad;
    *ret_time_us = (uint64_t)(s - zone_s) * 1000000 + fraction_us;
    return 0;
bad:
    return err_set(err, FT_ERR_USAGE, "\"%s\" is not a time (example: 2026-08-20T12:34:56Z)", text);
}
