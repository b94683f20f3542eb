/*
 * repeated_keys.h - the names of keys that an input's snapshot has more than once: redis-server aborts
 * when it loads such a file, and nobody can say which of the values is the right one.
 */
#ifndef FLOWTAPE_INPUT_REPEATED_KEYS_H
#define FLOWTAPE_INPUT_REPEATED_KEYS_H

#include "input/source.h"
#include "item/key_log.h"

/* So many are looked for. */
#define REPEATED_KEYS_MAX 1000u

/* Takes one, as FT_ERR_CORRUPT that names the key, and the stream in which it comes again. */
typedef int repeated_key_fn(void *context, uint32_t stream, struct ft_err *what,
                            struct ft_err *err);

/*
 * repeated_keys_find - for all keys of the log it reads the source once more if hashes are in it twice,
 * and calls `found` for each key that really comes again.
 */
int repeated_keys_find(const struct source *s, struct hash_log *log, repeated_key_fn *found,
                       void *context, struct ft_err *err);
/* repeated_keys_refuse - the same as an error that also names the file, if there is one. */
int repeated_keys_refuse(const struct source *s, struct hash_log *log, struct ft_err *err);

#endif
