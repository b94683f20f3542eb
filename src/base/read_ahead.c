#include "base/read_ahead.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/processors.h"

/* One that the caller looks at, one that is ready, one that is being read. */
#define PIECES 3u

struct piece {
    uint8_t *p; /* after READ_AHEAD_ROOM bytes */
    size_t n;
    int error; /* errno of read; 0: none */
};

struct read_ahead {
    int fd;
    size_t first_bytes; /* of the first piece */
    off_t at;           /* of the next piece; READ_AHEAD_FROM_HERE: the descriptor knows */
    /* of the caller */
    bool tried; /* to start the thread */
    bool runs;
    pthread_t thread;

    pthread_mutex_t mu;
    pthread_cond_t changed;
    /* guarded by mu */
    struct piece pieces[PIECES]; /* those from first on, up to count, are the caller's */
    unsigned first;
    unsigned count;
    bool lent;  /* pieces[first] is being looked at */
    bool stops; /* the thread is to end */
};

static bool piece_init(struct piece *piece)
{
    uint8_t *memory = malloc(READ_AHEAD_ROOM + READ_AHEAD_BYTES);

    if (memory != NULL)
        piece->p = memory + READ_AHEAD_ROOM;
    return memory != NULL;
}

static void piece_release(struct piece *piece)
{
    if (piece->p != NULL)
        free(piece->p - READ_AHEAD_ROOM);
}

static void fill(struct read_ahead *r, struct piece *piece, size_t bytes)
{
    ssize_t n;

    do
        n = r->at < 0 ? read(r->fd, piece->p, bytes) : pread(r->fd, piece->p, bytes, r->at);
    while (n < 0 && errno == EINTR);
    piece->n = n < 0 ? 0 : (size_t)n;
    piece->error = n < 0 ? errno : 0;
    if (r->at >= 0)
        r->at += (off_t)piece->n;
}

static void *read_main(void *context)
{
    struct read_ahead *r = context;
    bool more = true;

    pthread_mutex_lock(&r->mu);
    while (more) {
        struct piece *piece;

        while (!r->stops && r->count == PIECES)
            pthread_cond_wait(&r->changed, &r->mu);
        if (r->stops)
            break;
        piece = &r->pieces[(r->first + r->count) % PIECES];
        pthread_mutex_unlock(&r->mu);
        fill(r, piece, READ_AHEAD_BYTES); /* nobody else looks at it until it is counted */
        more = piece->n != 0;
        pthread_mutex_lock(&r->mu);
        r->count++;
        pthread_cond_signal(&r->changed);
    }
    pthread_mutex_unlock(&r->mu);
    return NULL;
}

int read_ahead_new(struct read_ahead **ret, int fd, off_t from, struct ft_err *err)
{
    struct read_ahead *r = calloc(1, sizeof(*r));
    off_t at;

    if (r == NULL)
        return err_nomem(err, "a read buffer");
    r->fd = fd;
    r->at = from;
    /* what has no place is read from its beginning */
    at = from < 0 ? lseek(fd, 0, SEEK_CUR) : from;
    r->first_bytes = READ_AHEAD_BYTES - (at < 0 ? 0 : (size_t)(at % READ_AHEAD_BYTES));
    (void)pthread_mutex_init(&r->mu, NULL); /* default attributes: cannot fail on Linux */
    (void)pthread_cond_init(&r->changed, NULL);
    if (!piece_init(&r->pieces[0])) {
        read_ahead_free(r);
        return err_nomem(err, "a read buffer");
    }
    *ret = r;
    return 0;
}

/* Without room or a thread the caller reads as before. A thread that waits for a pipe could not be ended. */
static void start(struct read_ahead *r)
{
    struct stat status;

    r->tried = true;
    if (processors_usable() < 2 || fstat(r->fd, &status) != 0 || !S_ISREG(status.st_mode))
        return;
    for (unsigned i = 1; i < PIECES; i++) {
        if (!piece_init(&r->pieces[i]))
            return;
    }
    r->runs = pthread_create(&r->thread, NULL, read_main, r) == 0;
}

static void wait_for_piece(struct read_ahead *r)
{
    pthread_mutex_lock(&r->mu);
    if (r->lent) {
        r->first = (r->first + 1) % PIECES;
        r->count--;
        pthread_cond_signal(&r->changed);
    }
    while (r->count == 0)
        pthread_cond_wait(&r->changed, &r->mu);
    r->lent = r->pieces[r->first].n != 0; /* whoever asks again gets the end, or the error, again */
    pthread_mutex_unlock(&r->mu);
}

int read_ahead_next(struct read_ahead *r, struct window_piece *ret)
{
    const struct piece *piece;

    if (!r->tried && r->pieces[0].n != 0)
        start(r);
    if (r->runs)
        wait_for_piece(r);
    else
        fill(r, &r->pieces[0], r->tried ? READ_AHEAD_BYTES : r->first_bytes);
    piece = &r->pieces[r->runs ? r->first : 0];
    *ret = (struct window_piece){.p = piece->p, .n = piece->n, .room = READ_AHEAD_ROOM};
    return piece->error;
}

void read_ahead_free(struct read_ahead *r)
{
    if (r == NULL)
        return;
    if (r->runs) {
        pthread_mutex_lock(&r->mu);
        r->stops = true;
        pthread_cond_signal(&r->changed);
        pthread_mutex_unlock(&r->mu);
        (void)pthread_join(r->thread, NULL); /* joined only here */
    }
    (void)pthread_cond_destroy(&r->changed);
    (void)pthread_mutex_destroy(&r->mu);
    for (unsigned i = 0; i < PIECES; i++)
        piece_release(&r->pieces[i]);
    free(r);
}
