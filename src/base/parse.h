/*
 * parse.h - texts of the command line and of the environment into numbers. Strict: the whole text
 * must be understood. All return 0, or -1 with FT_ERR_USAGE that shows the text and an example.
 */
#ifndef FLOWTAPE_BASE_PARSE_H
#define FLOWTAPE_BASE_PARSE_H

#include <stdint.h>

#include "base/err.h"

int parse_u64(const char *text, uint64_t *ret_value, struct ft_err *err);
/* parse_size - bytes: "65536", "64KiB", "64K", "1.5GiB", "2MB" (decimal for KB, MB, GB). */
int parse_size(const char *text, uint64_t *ret_bytes, struct ft_err *err);
/* parse_duration - milliseconds: "500ms", "30s", "30", "5m", "2h", "1d"; a bare number is seconds. */
int parse_duration(const char *text, uint64_t *ret_ms, struct ft_err *err);

/* plural - what "key" ends with after this number: "s", or "". */
const char *plural(uint64_t n);
/* format_size - "64.0 MiB"; format_duration_ms - "1m 03s". Both NUL-terminate and return out. */
#define FORMAT_SIZE 24
char *format_size(uint64_t bytes, char out[FORMAT_SIZE]);
char *format_duration_ms(uint64_t ms, char out[FORMAT_SIZE]);
/* format_count - "1,234,567". */
#define FORMAT_COUNT 28
char *format_count(uint64_t count, char out[FORMAT_COUNT]);
/* format_time_us - RFC 3339 with milliseconds in UTC: "2026-08-20T12:34:56.789Z". */
#define FORMAT_TIME 32
char *format_time_us(uint64_t time_us, char out[FORMAT_TIME]);
/* parse_time_us - the inverse, fraction optional, "Z" or an offset such as "+02:00". */
int parse_time_us(const char *text, uint64_t *ret_time_us, struct ft_err *err);

#endif
