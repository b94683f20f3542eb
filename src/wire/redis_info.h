/*
 * redis_info.h - the text that INFO and CLUSTER INFO answer: lines "name:value".
 *
 * Threads      Nothing shared.
 */
#ifndef FLOWTAPE_WIRE_REDIS_INFO_H
#define FLOWTAPE_WIRE_REDIS_INFO_H

#include "base/bytes.h"

/* redis_info_value - where the value of a line begins, which goes to the end of it; NULL: there is no such line.
 * Upper and lower case of the name count alike. */
const char *redis_info_value(const char *info, const char *name);
/* redis_info_copy - the value, cut to the room; "" if there is none. */
void redis_info_copy(const char *info, const char *name, char *out, size_t size);
/* redis_info_number - 0 if there is none. */
uint64_t redis_info_number(const char *info, const char *name);
/* redis_info_next - lines "slave0:...": the next one of a kind, with its number and its value, without the end of the
 * line. *at: the text to begin with, then what redis_info_next made of it. */
bool redis_info_next(const char **at, const char *kind, uint32_t *ret_number,
                     struct bytes *ret_value);
/* redis_info_next_db - INFO keyspace: the next database that holds keys, and how many. */
bool redis_info_next_db(const char **at, uint32_t *ret_db, uint64_t *ret_keys);
/* redis_info_calls - INFO commandstats: how often this command was called. */
uint64_t redis_info_calls(const char *info, const char *command);

#endif
