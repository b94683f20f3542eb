/*
 * redis_info.h - the text that INFO and CLUSTER INFO answer: lines "name:value".
 *
 * Threads      Nothing shared.
 */
#ifndef FLOWTAPE_WIRE_REDIS_INFO_H
#define FLOWTAPE_WIRE_REDIS_INFO_H

#include <stddef.h>
#include <stdint.h>

/* redis_info_value - where the value of a line begins, which goes to the end of it; NULL: there is no such line.
 * Upper and lower case of the name count alike. */
const char *redis_info_value(const char *info, const char *name);
/* redis_info_copy - the value, cut to the room; "" if there is none. */
void redis_info_copy(const char *info, const char *name, char *out, size_t size);
/* redis_info_number - 0 if there is none. */
uint64_t redis_info_number(const char *info, const char *name);
/* redis_info_calls - INFO commandstats: how often this command was called. */
uint64_t redis_info_calls(const char *info, const char *command);

#endif
