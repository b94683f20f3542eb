/*
 * read_ahead.h - a file read from its beginning to its end, by a thread of its own while the caller is at work.
 *
 * What it is   Pieces that end at multiples of READ_AHEAD_BYTES, the last one where the file does. The thread is started
 *              with the second piece, so that a small file costs none; where none can be had, on one processor, and of
 *              what is not a file, the caller reads itself.
 * Errors       Of read(2) or pread(2), at the place where they occurred.
 * Threads      One caller at a time.
 */
#ifndef FLOWTAPE_BASE_READ_AHEAD_H
#define FLOWTAPE_BASE_READ_AHEAD_H

#include <sys/types.h>

#include "base/window.h"

#define READ_AHEAD_BYTES (256u << 10)
/* In front of each piece, for what the caller has left over of the one before. */
#define READ_AHEAD_ROOM (64u << 10)

struct read_ahead;

#define READ_AHEAD_FROM_HERE (-1)

/* read_ahead_new - of a file that is open; it stays the caller's. from: READ_AHEAD_FROM_HERE, where the descriptor stands,
 * which the caller then leaves alone; or an offset: then others may read by the same descriptor. */
int read_ahead_new(struct read_ahead **ret, int fd, off_t from, struct ft_err *err);
/* read_ahead_next - what follows; *ret is valid until the next call, and empty at the end of the file. 0, or the errno. */
int read_ahead_next(struct read_ahead *r, struct window_piece *ret);
void read_ahead_free(struct read_ahead *r);

#endif
