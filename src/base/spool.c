#include "base/spool.h"

#include <assert.h>
#include <unistd.h>

#include "base/fsutil.h"

#define SHOWN_NAME "a temporary file"

static int move_to_file(struct spool *s, struct ft_err *err)
{
    const char *dir;

    if (!s->has_file) {
        s->fd = fs_open_unnamed(&dir, err);
        if (s->fd < 0)
            return -1;
        s->has_file = true;
    }
    if (fs_write_all(s->fd, s->tail.p, s->tail.n, SHOWN_NAME, err) != 0)
        return -1;
    s->in_file += s->tail.n;
    buf_clear(&s->tail);
    return 0;
}

int spool_append(struct spool *s, const void *p, size_t n, struct ft_err *err)
{
    if (s->tail.n != 0 && n > SPOOL_MEMORY_BYTES - s->tail.n && move_to_file(s, err) != 0)
        return -1;
    if (buf_append(&s->tail, p, n, err) != 0)
        return -1;
    return s->tail.n > SPOOL_MEMORY_BYTES ? move_to_file(s, err) : 0;
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
            return -1;
        p = (uint8_t *)p + part;
        offset += part;
        n -= part;
    }
    if (n != 0)
        memcpy(p, s->tail.p + (offset - s->in_file), n);
    return 0;
}

void spool_release(struct spool *s)
{
    if (s->has_file)
        (void)close(s->fd); /* nothing in it is wanted any more */
    buf_release(&s->tail);
    *s = (struct spool){0};
}
