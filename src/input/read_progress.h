/*
 * read_progress.h - how far the reading of an input is, for who shows it.
 *
 * What it is   An input is read once or several times: each pass is a phase with a name and, where the input
 *              knows it beforehand, a size. Whoever makes a pass begins the phase; the streams of the
 *              source count (source_stream.c).
 * Threads      One pass at a time begins a phase; everything else from any thread. What is seen between two phases
 *              may be a mixture of both.
 */
#ifndef FLOWTAPE_INPUT_READ_PROGRESS_H
#define FLOWTAPE_INPUT_READ_PROGRESS_H

#include <stdatomic.h>
#include <stdint.h>

struct read_progress {
    _Atomic(const char *) phase; /* constant text; NULL: nothing has been read yet */
    atomic_uint_fast64_t total;  /* bytes, as source_stream_bytes counts them; 0: not known */
    atomic_uint_fast64_t done;
};

/* read_progress_begin - p may be NULL: nobody looks. */
void read_progress_begin(struct read_progress *p, const char *phase, uint64_t total);
void read_progress_add(struct read_progress *p, uint64_t bytes);

#endif
