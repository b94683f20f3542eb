#include "input/source_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/array.h"
#include "base/read_ahead.h"
#include "input/source_aux.h"
#include "input/source_digest.h"

struct file_feed {
    int fd; /* -1: of a stretch whose entries are in memory */
    struct read_ahead *reader;
    uint64_t saved_us;
    uint64_t at; /* how far the file was read */
};

struct source_files *source_files_of(struct source *s)
{
    return (struct source_files *)s;
}

const struct source_files *source_files_in(const struct source *s)
{
    return (const struct source_files *)s;
}

int source_files_add(struct source_files *f, size_t *count, char *file, struct ft_err *err)
{
    if (file == NULL)
        return err_nomem(err, "a file name");
    if (ARRAY_ADD_ROOM(&f->files, *count + 1, "a file name", err) != 0) { /* a NULL ends the list */
        free(file);
        return -1;
    }
    f->files[(*count)++] = file;
    f->files[*count] = NULL;
    return 0;
}

void source_files_release(struct source *s)
{
    struct source_files *f = source_files_of(s);

    for (size_t i = 0; f->files != NULL && f->files[i] != NULL; i++)
        free(f->files[i]);
    free(f->files);
}

const char *source_files_name(const struct source *s, uint32_t index)
{
    return source_files_in(s)->files[index];
}

uint64_t source_files_bytes(const struct source *s, uint32_t index)
{
    struct stat status;

    return stat(source_files_name(s, index), &status) == 0 ? (uint64_t)status.st_size : 0;
}

int source_files_identify(const struct source *s, int cancel_fd, uint8_t ret[SOURCE_ID_SIZE],
                          struct ft_err *err)
{
    return source_digest(source_files_in(s)->files, s->stream_count, cancel_fd, ret, err);
}

bool source_files_same(const char *a, const char *b)
{
    struct stat status_a;
    struct stat status_b;

    return stat(a, &status_a) == 0 && stat(b, &status_b) == 0 &&
           status_a.st_dev == status_b.st_dev && status_a.st_ino == status_b.st_ino;
}

bool source_files_have(const struct source *s, const char *path)
{
    const struct source_files *f = source_files_in(s);

    for (size_t i = 0; f->files[i] != NULL; i++) {
        if (source_files_same(f->files[i], path))
            return true;
    }
    return false;
}

int source_files_open_one(struct source *s, uint32_t generation, struct ft_err *err)
{
    struct source_aux aux;
    size_t count = 0;

    (void)generation; /* has none */
    if (source_files_add(source_files_of(s), &count, strdup(s->path), err) != 0)
        return -1;
    s->stream_count = 1;
    if (source_read_aux(s, 0, &aux, err) != 0)
        return -1;
    s->info = aux.info;
    s->began_us = s->info.ctime_s * 1000000;
    return 0;
}

bool source_files_contain(const struct source *s, const char *path, const char *directory)
{
    (void)directory;
    return source_files_have(s, path);
}

/*
 * The feed
 */

static void feed_free(void *feed)
{
    struct file_feed *f = feed;

    if (f == NULL)
        return;
    read_ahead_free(f->reader);
    if (f->fd >= 0)
        (void)close(f->fd); /* opened to read */
    free(f);
}

/* What the input says counts for more than the file's time. */
uint64_t source_files_saved_us(const struct source *s, uint32_t index)
{
    struct stat status;

    if (s->info.ctime_s != 0)
        return s->info.ctime_s * 1000000;
    return stat(source_files_name(s, index), &status) == 0
               ? (uint64_t)status.st_mtim.tv_sec * 1000000
               : 0;
}

static int feed_open(struct source_stream *st, struct flow_decoder_options *decoder,
                     struct ft_err *err)
{
    const struct source_stretch *stretch = st->options.stretch;
    const char *file = source_files_name(st->source, st->index);
    struct file_feed *f = calloc(1, sizeof(*f));

    if (f == NULL)
        return err_nomem(err, "a source");
    st->feed = f;
    f->fd = -1;
    f->saved_us = source_files_saved_us(st->source, st->index);
    decoder->file = true;
    if (stretch != NULL && stretch->entries.n != 0)
        return 0;
    f->fd =
        stretch == NULL ? open(file, O_RDONLY | O_CLOEXEC) : fcntl(stretch->fd, F_DUPFD_CLOEXEC, 0);
    if (f->fd < 0)
        return err_errno(err, errno, "could not open \"%s\"", file);
    (void)posix_fadvise(f->fd, 0, 0, POSIX_FADV_SEQUENTIAL); /* only advice */
    if (stretch == NULL)
        return read_ahead_new(&f->reader, f->fd, READ_AHEAD_FROM_HERE, err);
    f->at = stretch->place.offset;
    return read_ahead_new(&f->reader, f->fd, (off_t)f->at, err);
}

static int feed_stretch(struct source_stream *st, struct file_feed *f, struct ft_err *err)
{
    const struct source_stretch *stretch = st->options.stretch;

    f->at = stretch->end;
    st->bytes = stretch->bytes;
    if (flow_decoder_push(st->decoder, FLOW_PART_SNAPSHOT, stretch->entries, f->saved_us, err) != 0)
        return -1;
    return 1;
}

/* Of a piece up to `at` what belongs to the stretch, and what counts as read by now. */
static struct window_piece clip(struct source_stream *st, struct window_piece piece, uint64_t at)
{
    const struct source_stretch *stretch = st->options.stretch;

    if (stretch == NULL) {
        st->bytes = at;
        return piece;
    }
    if (stretch->end != 0 && at >= stretch->end) {
        st->bytes = stretch->bytes;
        piece.n -= (size_t)(at - stretch->end);
        return piece;
    }
    st->bytes = at > stretch->counted ? at - stretch->counted : 0;
    return piece;
}

static int feed_next(struct source_stream *st, struct ft_err *err)
{
    const struct source_stretch *stretch = st->options.stretch;
    struct file_feed *f = st->feed;
    struct window_piece piece;
    int error;

    if (stretch != NULL && stretch->end != 0 && f->at >= stretch->end)
        return 0;
    if (f->fd < 0)
        return feed_stretch(st, f, err);
    error = read_ahead_next(f->reader, &piece);
    if (error != 0)
        return err_errno(err, error, "could not read \"%s\"",
                         source_files_name(st->source, st->index));
    if (piece.n == 0) {
        flow_decoder_close(st->decoder);
        return 1;
    }
    f->at += piece.n;
    if (flow_decoder_push_behind(st->decoder, FLOW_PART_SNAPSHOT, clip(st, piece, f->at),
                                 f->saved_us, err) != 0)
        return -1;
    return 1;
}

void source_files_place(const struct source_stream *st, bool reading, struct ft_err *err)
{
    const char *file = source_files_name(st->source, st->index);

    if (!reading || strstr(err->msg, file) == NULL)
        err_wrap(err, "\"%s\"", file);
}

const struct source_feed source_files_feed = {
    .open = feed_open,
    .next = feed_next,
    .place = source_files_place,
    .free = feed_free,
};
