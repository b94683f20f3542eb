/*
 * item_limit.h - the largest item, a key with its value or a journal record, that is taken.
 *
 * What it is   A number of the process, as its memory is: who holds an item as a whole holds no larger
 *              one. It bounds what a file or a peer can make us allocate, not how many there are.
 * Threads      Set before there are any, then only read.
 */
#ifndef FLOWTAPE_BASE_ITEM_LIMIT_H
#define FLOWTAPE_BASE_ITEM_LIMIT_H

#include <stddef.h>

#define ITEM_LIMIT_DEFAULT ((size_t)1 << 30)

size_t item_limit(void);
void item_limit_set(size_t bytes);
/* item_limit_args - how many arguments a command of at most so many bytes may have: their table must not take much more
 * than the command itself, so one for 256 of them, but no fewer than 65,536. */
size_t item_limit_args(size_t item_bytes);

#endif
