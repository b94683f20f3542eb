/*
 * chunk_tracks.h - pieces of an output on their way from lanes to whoever writes it, in an order of their own.
 *
 * What it is   Lanes (state/state_run.h) fill chunks, several at a time; one thread takes them. Lanes are dealt to tracks,
 *              of which one chunk each is taken in turn, so that the order of all chunks follows from what is in the
 *              lanes alone: an output is the same, byte for byte, however fast each thread is. Lanes of one track follow
 *              each other. The lane of the fold comes after all others.
 * Memory       A track has CHUNKS_OF_TRACK chunks; its lane waits until one of them was written.
 * Large items  What a lane lends is written before its thread continues, so memory would grow with the tracks if each
 *              collected one. A lane collects a large item only while it is its track's turn, which stays with
 *              the track until the item has gone (chunk_tracks_hold). A lock that any lane may take would not
 *              do: the one whose turn it is might wait for it, and its owner for the writer.
 * Ending       chunk_tracks_abort: all that wait or would wait get nothing.
 * Threads      The thread of each lane, and the writer.
 */
#ifndef FLOWTAPE_OUTPUT_CHUNK_TRACKS_H
#define FLOWTAPE_OUTPUT_CHUNK_TRACKS_H

#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* With fewer there would be idle processors on larger machines, with more the writer would not keep up. */
#define CHUNK_TRACKS_MAX 8u
#define CHUNK_BYTES      (256u << 10)

/* Entries of one database, or something that belongs to none. */
struct chunk {
    struct chunk *next;
    struct buf buf;
    struct bytes lent; /* follows buf; the lender waits until it was written */
    sem_t *lent_done;
    bool plain;
    uint32_t db;
    uint64_t keys;
    uint64_t expires;
    bool is_library; /* of functions, and nothing else: hashes of its name and code */
    uint64_t library_name, library_code;
    /* of chunk_tracks */
    uint32_t track;
    bool stays; /* the turn stays with the track */
};

struct chunk_tracks;

/* chunk_tracks_new - for so many lanes, the last of which is the fold's if there is one. */
int chunk_tracks_new(struct chunk_tracks **ret, uint32_t lanes, bool has_fold, struct ft_err *err);
/* chunk_tracks_empty - a chunk to be filled by this lane; NULL: aborted. */
struct chunk *chunk_tracks_empty(struct chunk_tracks *t, uint32_t lane);
/* chunk_tracks_put - one that is full. It is not the lane's any more, whatever happens. false: aborted. */
bool chunk_tracks_put(struct chunk_tracks *t, struct chunk *chunk);
/* chunk_tracks_hold - the lane will hold a large item, or has let go of it. */
void chunk_tracks_hold(struct chunk_tracks *t, uint32_t lane, bool holds);
/* chunk_tracks_end - this lane has put all it had. */
void chunk_tracks_end(struct chunk_tracks *t, uint32_t lane);
/* chunk_tracks_next - for the writer; NULL: all lanes have ended, or aborted. */
struct chunk *chunk_tracks_next(struct chunk_tracks *t);
/* chunk_tracks_written - it is empty again. */
void chunk_tracks_written(struct chunk_tracks *t, struct chunk *chunk);
void chunk_tracks_abort(struct chunk_tracks *t);
bool chunk_tracks_aborted(struct chunk_tracks *t);
/* chunk_tracks_free - when no other thread uses it; lanes may still have chunks, which are freed too. */
void chunk_tracks_free(struct chunk_tracks *t);

#endif
