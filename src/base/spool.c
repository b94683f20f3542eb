#include "base/spool.h"

#include <assert.h>
#include <unistd.h>

#include "base/fsutil.h"
#include "base/large_memory.h"
#include "base/passed_memory.h"

#define COPY_BYTES (32u << 10)
#define SHOWN_NAME "a temporary file"

static int put_in_file(struct spool *s, struct bytes bytes, struct ft_err *err)
{
    const char *dir;

    if (!s->has_file) {
        s->fd = fs_open_unnamed(&dir, err);
        if (s->fd < 0)
            return -1;
        s->has_file = true;
    }
    if (fs_write_all(s->fd, bytes.p, bytes.n, SHOWN_NAME, err) != 0)
        return fs_unnamed_failed(err);
    s->in_file += bytes.n;
    return 0;
}

int spool_flush(struct spool *s, struct ft_err *err)
{
    if (s->tail.n == 0)
        return 0;
    if (put_in_file(s, buf_bytes(&s->tail), err) != 0)
        return -1;
    buf_clear(&s->tail);
    buf_trim(&s->tail, SPOOL_MEMORY_BYTES);
    return 0;
}

int spool_append(struct spool *s, const void *p, size_t n, struct ft_err *err)
{
    size_t most = s->memory_bytes != 0 ? s->memory_bytes : SPOOL_MEMORY_BYTES;

    if (n > most || s->tail.n > most - n) {
        if (spool_flush(s, err) != 0)
            return -1;
        if (n > most)
            return put_in_file(s, bytes_of(p, n), err);
    }
    s->tail.limit_bytes = most; /* else it grows beyond what spool_flush lets it keep */
    return buf_append(&s->tail, p, n, err);
}

int spool_copy(struct spool *s, const struct spool *from, struct ft_err *err)
{
    const uint64_t size = spool_size(from);
    uint8_t piece[COPY_BYTES];

    for (uint64_t at = 0; at < size;) {
        size_t n = size - at < sizeof(piece) ? (size_t)(size - at) : sizeof(piece);

        if (spool_read(from, at, piece, n, err) != 0 || spool_append(s, piece, n, err) != 0)
            return -1;
        at += n;
    }
    return 0;
}

int spool_view(struct spool *s, struct bytes *ret, struct ft_err *err)
{
    if (!s->has_file) {
        *ret = buf_bytes(&s->tail);
        return 0;
    }
    if (s->map == NULL) {
        if (spool_flush(s, err) != 0)
            return -1;
        s->map = large_memory_view(s->fd, (size_t)s->in_file, SHOWN_NAME, err);
        if (s->map == NULL)
            return -1;
    }
    *ret = bytes_of(s->map, (size_t)s->in_file);
    return 0;
}

void spool_passed(const struct spool *s, size_t offset)
{
    if (s->map != NULL)
        memory_passed(s->map, offset);
}

uint64_t spool_size(const struct spool *s)
{
    return s->in_file + s->tail.n;
}

int spool_read(const struct spool *s, uint64_t offset, void *p, size_t n, struct ft_err *err)
{
    assert(offset <= spool_size(s) && n <= spool_size(s) - offset);
    if (offset < s->in_file) {
        uint64_t left = s->in_file - offset;
        size_t part = n < left ? n : (size_t)left;

        if (fs_pread_all(s->fd, p, part, offset, SHOWN_NAME, err) != 0)
            return fs_unnamed_failed(err);
        p = (uint8_t *)p + part;
        offset += part;
        n -= part;
    }
    if (n != 0)
        memcpy(p, s->tail.p + (offset - s->in_file), n);
    return 0;
}

int spool_overwrite(struct spool *s, uint64_t offset, const void *p, size_t n, struct ft_err *err)
{
    assert(offset <= spool_size(s) && n <= spool_size(s) - offset);
    if (offset < s->in_file) {
        uint64_t left = s->in_file - offset;
        size_t part = n < left ? n : (size_t)left;

        if (fs_pwrite_all(s->fd, p, part, offset, SHOWN_NAME, err) != 0)
            return fs_unnamed_failed(err);
        p = (const uint8_t *)p + part;
        offset += part;
        n -= part;
    }
    if (n != 0)
        memcpy(s->tail.p + (offset - s->in_file), p, n);
    return 0;
}

void spool_release(struct spool *s)
{
    if (s->map != NULL)
        large_memory_free(s->map);
    if (s->has_file)
        (void)close(s->fd); /* nothing in it is wanted any more */
    buf_release(&s->tail);
    *s = (struct spool){0};
}
