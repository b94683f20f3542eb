/*
 * command_keys.h - key finders of the command table, where a first, last and step do not do.
 *
 * All push the keys that are there and return whether the arguments are a whole command; a slice (only
 * the keys of one shard) gives its arguments as keys, and false.
 */
#ifndef FLOWTAPE_COMMAND_COMMAND_KEYS_H
#define FLOWTAPE_COMMAND_COMMAND_KEYS_H

#include "command/command_row.h"
#include "command/key_list.h"

/* keys_by_range - the general one: key_first, key_last and key_step of a row. */
bool keys_by_range(const struct command_row *row, const struct bytes *args, size_t count,
                   struct key_list *ret);

bool keys_copy(const struct bytes *args, size_t count, struct key_list *ret);
bool keys_move(const struct bytes *args, size_t count, struct key_list *ret);
/* SORT key [options] [STORE dst] */
bool keys_sort(const struct bytes *args, size_t count, struct key_list *ret);
/* GEORADIUS key lon lat radius unit [options] [STORE|STOREDIST dst] */
bool keys_georadius(const struct bytes *args, size_t count, struct key_list *ret);
bool keys_georadiusbymember(const struct bytes *args, size_t count, struct key_list *ret);
/* LMPOP numkeys key... */
bool keys_numkeys(const struct bytes *args, size_t count, struct key_list *ret);
/* EVAL script numkeys key... arg... */
bool keys_eval(const struct bytes *args, size_t count, struct key_list *ret);
/* MSETEX numkeys key value ... */
bool keys_msetex(const struct bytes *args, size_t count, struct key_list *ret);
/* XREADGROUP GROUP group consumer ... STREAMS key id, of one stream */
bool keys_xreadgroup(const struct bytes *args, size_t count, struct key_list *ret);
/* ZUNIONSTORE dst numkeys key... */
bool keys_zstore(const struct bytes *args, size_t count, struct key_list *ret);
/* SUNIONSTORE dst key... */
bool keys_setstore(const struct bytes *args, size_t count, struct key_list *ret);
/* ZRANGESTORE dst src min max ... */
bool keys_zrangestore(const struct bytes *args, size_t count, struct key_list *ret);

/* keys_find_store - the argument after STORE or STOREDIST, looked for from `from` on; 0: none. */
size_t keys_find_store(const struct bytes *args, size_t count, size_t from);

#endif
