#include "output/chunk_tracks.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/processors.h"

/* One that is filled, one that is written, and one between them. */
#define CHUNKS_OF_TRACK 3u

struct track {
    struct chunk chunks[CHUNKS_OF_TRACK];
    pthread_cond_t changed; /* for its lane */
    /* guarded by mu */
    struct chunk *full; /* oldest first */
    struct chunk **full_end;
    struct chunk *empty;
    uint32_t lanes_left;
    bool holds;
};

struct chunk_tracks {
    /* constant */
    uint32_t lanes;
    bool has_fold;
    uint32_t stream_tracks; /* the fold's is the one after them */
    struct track *tracks;
    bool lanes_first; /* on one processor: the writer is woken when a lane cannot go on */

    pthread_mutex_t mu;
    pthread_cond_t filled; /* for the writer */
    /* guarded by mu */
    uint32_t turn;
    bool aborted;
};

static uint32_t track_count(const struct chunk_tracks *t)
{
    return t->stream_tracks + (t->has_fold ? 1 : 0);
}

static struct track *track_of(struct chunk_tracks *t, uint32_t lane)
{
    if (t->has_fold && lane == t->lanes - 1)
        return &t->tracks[t->stream_tracks];
    return &t->tracks[lane % t->stream_tracks];
}

static void chunk_clear(struct chunk *chunk)
{
    buf_clear(&chunk->buf);
    buf_trim(&chunk->buf, 2 * CHUNK_BYTES);
    chunk->lent = bytes_of(NULL, 0);
    chunk->lent_done = NULL;
    chunk->plain = false;
    chunk->is_library = false;
    chunk->keys = 0;
    chunk->expires = 0;
}

static void track_init(struct track *track, uint32_t index)
{
    track->full_end = &track->full;
    (void)pthread_cond_init(&track->changed, NULL); /* default attributes: cannot fail on Linux */
    for (uint32_t i = 0; i < CHUNKS_OF_TRACK; i++) {
        track->chunks[i].track = index;
        track->chunks[i].next = track->empty;
        track->empty = &track->chunks[i];
    }
}

int chunk_tracks_new(struct chunk_tracks **ret, uint32_t lanes, bool has_fold, struct ft_err *err)
{
    uint32_t streams = lanes - (has_fold ? 1 : 0);
    struct chunk_tracks *t = calloc(1, sizeof(*t));

    if (t == NULL)
        return err_nomem(err, "chunks");
    t->lanes_first = processors_usable() == 1;
    t->lanes = lanes;
    t->has_fold = has_fold;
    t->stream_tracks = streams < CHUNK_TRACKS_MAX ? streams : CHUNK_TRACKS_MAX;
    if (t->stream_tracks == 0)
        t->stream_tracks = 1;
    t->tracks = calloc(track_count(t), sizeof(*t->tracks));
    if (t->tracks == NULL) {
        free(t);
        return err_nomem(err, "chunks");
    }
    (void)pthread_mutex_init(&t->mu, NULL); /* likewise */
    (void)pthread_cond_init(&t->filled, NULL);
    for (uint32_t i = 0; i < track_count(t); i++)
        track_init(&t->tracks[i], i);
    for (uint32_t i = 0; i < lanes; i++)
        track_of(t, i)->lanes_left++;
    *ret = t;
    return 0;
}

/* With mu held, by a lane. */
static void wait_for_writer(struct chunk_tracks *t, struct track *track)
{
    if (t->lanes_first)
        pthread_cond_signal(&t->filled); /* it may not have been told of what is full */
    pthread_cond_wait(&track->changed, &t->mu);
}

struct chunk *chunk_tracks_empty(struct chunk_tracks *t, uint32_t lane)
{
    struct track *track = track_of(t, lane);
    struct chunk *chunk = NULL;

    pthread_mutex_lock(&t->mu);
    while (!t->aborted && track->empty == NULL)
        wait_for_writer(t, track);
    if (!t->aborted) {
        chunk = track->empty;
        track->empty = chunk->next;
    }
    pthread_mutex_unlock(&t->mu);
    return chunk;
}

bool chunk_tracks_put(struct chunk_tracks *t, struct chunk *chunk)
{
    struct track *track = &t->tracks[chunk->track];
    bool put;
    bool wake;

    pthread_mutex_lock(&t->mu);
    put = !t->aborted;
    chunk->stays = track->holds;
    chunk->next = NULL;
    *track->full_end = chunk;
    track->full_end = &chunk->next;
    wake = !t->lanes_first || track->empty == NULL || chunk->lent_done != NULL;
    pthread_mutex_unlock(&t->mu);
    if (wake)
        pthread_cond_signal(&t->filled); /* who is woken does not have to wait for mu */
    return put;
}

void chunk_tracks_hold(struct chunk_tracks *t, uint32_t lane, bool holds)
{
    struct track *track = track_of(t, lane);

    pthread_mutex_lock(&t->mu);
    while (holds && !t->aborted && (&t->tracks[t->turn] != track || track->full != NULL))
        wait_for_writer(t, track);
    track->holds = holds;
    pthread_mutex_unlock(&t->mu);
}

void chunk_tracks_end(struct chunk_tracks *t, uint32_t lane)
{
    pthread_mutex_lock(&t->mu);
    track_of(t, lane)->lanes_left--;
    pthread_cond_signal(&t->filled);
    pthread_mutex_unlock(&t->mu);
}

static bool has_ended(const struct track *track)
{
    return track->full == NULL && track->lanes_left == 0;
}

/* With mu held: the next track that has something or will have. false: there is none. */
static bool pass_turn(struct chunk_tracks *t)
{
    uint32_t next = t->turn;

    for (uint32_t i = 0; i < t->stream_tracks; i++) {
        next = (next + 1) % t->stream_tracks;
        if (!has_ended(&t->tracks[next])) {
            t->turn = next;
            return true;
        }
    }
    t->turn = t->has_fold ? t->stream_tracks : 0;
    return !has_ended(&t->tracks[t->turn]);
}

struct chunk *chunk_tracks_next(struct chunk_tracks *t)
{
    struct chunk *chunk = NULL;
    struct track *track;

    pthread_mutex_lock(&t->mu);
    while (!t->aborted) {
        track = &t->tracks[t->turn];
        if (track->full != NULL) {
            chunk = track->full;
            track->full = chunk->next;
            if (track->full == NULL)
                track->full_end = &track->full;
            if (!chunk->stays)
                (void)pass_turn(t); /* nothing left: found out by the next call */
            break;
        }
        if (track->lanes_left == 0) {
            if (!pass_turn(t))
                break;
            continue;
        }
        pthread_cond_signal(&track->changed); /* it may have waited for its turn */
        pthread_cond_wait(&t->filled, &t->mu);
    }
    pthread_mutex_unlock(&t->mu);
    return chunk;
}

void chunk_tracks_written(struct chunk_tracks *t, struct chunk *chunk)
{
    struct track *track = &t->tracks[chunk->track];

    chunk_clear(chunk);
    pthread_mutex_lock(&t->mu);
    chunk->next = track->empty;
    track->empty = chunk;
    pthread_mutex_unlock(&t->mu);
    pthread_cond_signal(&track->changed);
}

void chunk_tracks_abort(struct chunk_tracks *t)
{
    pthread_mutex_lock(&t->mu);
    t->aborted = true;
    pthread_cond_signal(&t->filled);
    for (uint32_t i = 0; i < track_count(t); i++)
        pthread_cond_signal(&t->tracks[i].changed);
    pthread_mutex_unlock(&t->mu);
}

bool chunk_tracks_aborted(struct chunk_tracks *t)
{
    bool aborted;

    pthread_mutex_lock(&t->mu);
    aborted = t->aborted;
    pthread_mutex_unlock(&t->mu);
    return aborted;
}

void chunk_tracks_free(struct chunk_tracks *t)
{
    if (t == NULL)
        return;
    for (uint32_t i = 0; i < track_count(t); i++) {
        (void)pthread_cond_destroy(&t->tracks[i].changed); /* nobody waits any more */
        for (uint32_t k = 0; k < CHUNKS_OF_TRACK; k++)
            buf_release(&t->tracks[i].chunks[k].buf);
    }
    (void)pthread_cond_destroy(&t->filled);
    (void)pthread_mutex_destroy(&t->mu);
    free(t->tracks);
    free(t);
}
