#include "store/segment_reader_open.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/endian.h"
#include "base/fsutil.h"
#include "store/segment_reader_impl.h"

#define INPUT_MAX_BYTES (BLOCK_HEADER_BYTES + SEGMENT_BLOCK_MAX + 2 * READ_AHEAD_BYTES)

int reader_fail_at(const struct segment_reader *r, uint64_t offset, struct ft_err *err)
{
    err_wrap(err, "segment \"%s\" at offset %" PRIu64, r->name, offset);
    err->offset = offset;
    return -1;
}

int reader_corrupt_at(const struct segment_reader *r, uint64_t offset, const char *what,
                      struct ft_err *err)
{
    err_set(err, FT_ERR_CORRUPT, "%s", what);
    return reader_fail_at(r, offset, err);
}

int reader_look_at_size(struct segment_reader *r, struct ft_err *err)
{
    struct stat st;

    if (fstat(r->fd, &st) != 0)
        return err_errno(err, errno, "could not look at \"%s\"", r->name);
    if (!S_ISREG(st.st_mode))
        return err_set(err, FT_ERR_IO, "\"%s\" is not a regular file", r->name);
    r->file_bytes = (uint64_t)st.st_size;
    return 0;
}

ssize_t reader_pread_some(const struct segment_reader *r, uint8_t *p, size_t n, uint64_t offset,
                          struct ft_err *err)
{
    size_t done = 0;

    while (done < n) {
        ssize_t got = pread(r->fd, p + done, n - done, (off_t)(offset + done));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_errno(err, errno, "could not read \"%s\"", r->name);
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

struct bytes reader_view(struct segment_reader *r, uint64_t offset, size_t n, struct ft_err *err)
{
    static const uint8_t nothing[1];
    ssize_t got;
    size_t have;

    if (offset >= r->in_offset && offset - r->in_offset <= r->in.n) {
        size_t skip = (size_t)(offset - r->in_offset);

        if (r->in.n - skip >= n)
            return bytes_of(r->in.p + skip, n);
        buf_consume(&r->in, skip);
    } else {
        buf_clear(&r->in);
    }
    r->in_offset = offset;
    have = r->in.n;
    if (buf_reserve(&r->in, n - have + READ_AHEAD_BYTES, err) != 0)
        return bytes_of(NULL, 0);
    got = reader_pread_some(r, r->in.p + have, n - have + READ_AHEAD_BYTES, offset + have, err);
    if (got < 0)
        return bytes_of(NULL, 0);
    r->in.n += (size_t)got;
    return r->in.n == 0 ? bytes_of(nothing, 0) : bytes_of(r->in.p, r->in.n < n ? r->in.n : n);
}

static int read_header(struct segment_reader *r, struct ft_err *err)
{
    struct bytes b = reader_view(r, 0, SEGMENT_HEADER_BYTES, err);

    if (b.p == NULL)
        return -1;
    if (b.n < SEGMENT_HEADER_BYTES)
        return err_set(err, FT_ERR_CORRUPT, "wanted a header of %u bytes, the file has %zu",
                       SEGMENT_HEADER_BYTES, b.n);
    if (segment_header_size(b.p, &r->header_bytes, err) != 0)
        return -1;
    b = reader_view(r, 0, r->header_bytes, err);
    if (b.p == NULL)
        return -1;
    if (b.n < r->header_bytes)
        return err_set(err, FT_ERR_CORRUPT,
                       "wanted a header of %" PRIu32 " bytes, the file has %zu", r->header_bytes,
                       b.n);
    return segment_header_decode(b.p, r->header_bytes, &r->id, err);
}

int reader_read_trailer(struct segment_reader *r, struct segment_trailer *ret, struct ft_err *err)
{
    uint64_t ends_bytes = INDEX_HEAD_BYTES + INDEX_CRC_BYTES + TRAILER_BYTES;
    uint64_t at = r->file_bytes - TRAILER_BYTES;
    uint8_t p[TRAILER_BYTES];

    if (r->file_bytes < r->header_bytes + ends_bytes) {
        err_set(err, FT_ERR_CORRUPT, "too short for the end of a sealed segment");
        return reader_fail_at(r, r->file_bytes, err);
    }
    if (fs_pread_all(r->fd, p, sizeof(p), at, r->name, err) != 0)
        return -1;
    if (segment_trailer_decode(p, ret, err) != 0)
        return reader_fail_at(r, at, err);
    if (ret->index_offset < r->header_bytes || ret->index_offset > r->file_bytes - ends_bytes ||
        ret->raw_bytes > SEGMENT_NUMBER_MAX - r->id.start_offset)
        return reader_corrupt_at(r, at, "trailer: index offset or size is out of range", err);
    return 0;
}

/* Entries ascend and lie within the blocks; the blocks are compared when a walk meets them. */
static int check_index(const struct segment_reader *r, uint64_t index_offset, uint64_t block_count,
                       struct ft_err *err)
{
    uint64_t least = r->header_bytes;

    if ((reader_index_count(r) == 0) != (block_count == 0))
        return reader_corrupt_at(r, index_offset, "index: no entry for the first block", err);
    for (size_t i = 0; i < reader_index_count(r); i++) {
        uint64_t at = reader_index_at(r, i).file_offset;

        if (at < least || at >= index_offset || (i == 0 && at != least))
            return reader_corrupt_at(r, index_offset, "index: file offsets are not in order", err);
        least = at + INDEX_SPACING_BYTES;
    }
    return 0;
}

int reader_read_index(struct segment_reader *r, const struct segment_trailer *t, struct ft_err *err)
{
    uint64_t at = t->index_offset;
    uint64_t n = r->file_bytes - TRAILER_BYTES - at;
    uint64_t entries = (n - INDEX_HEAD_BYTES - INDEX_CRC_BYTES) / INDEX_ENTRY_BYTES;

    /* The spacing bounds the allocation by what the blocks take. */
    if (entries > (at - r->header_bytes) / INDEX_SPACING_BYTES + 1)
        return reader_corrupt_at(r, at, "index: more entries than the blocks can have", err);
    buf_clear(&r->index);
    if (buf_reserve(&r->index, (size_t)n, err) != 0 ||
        fs_pread_all(r->fd, r->index.p, (size_t)n, at, r->name, err) != 0)
        return -1;
    if (memcmp(r->index.p, segment_index_magic, 4) != 0 ||
        n != INDEX_HEAD_BYTES + entries * INDEX_ENTRY_BYTES + INDEX_CRC_BYTES ||
        load_le32(r->index.p + 4) != entries ||
        load_le32(r->index.p + n - 4) != crc32c(0, r->index.p, (size_t)n - 4))
        return reader_corrupt_at(r, at, "index: magic, length or CRC-32C is wrong", err);
    r->index.n = (size_t)n - INDEX_CRC_BYTES;
    buf_consume(&r->index, INDEX_HEAD_BYTES);
    return check_index(r, at, t->block_count, err);
}

/* Everything after the blocks of a sealed segment. Nothing is changed on failure but buffers. */
static int read_end(struct segment_reader *r, struct ft_err *err)
{
    struct segment_trailer t;

    if (reader_read_trailer(r, &t, err) != 0 || reader_read_index(r, &t, err) != 0)
        return -1;
    r->trailer = t;
    r->limit = t.index_offset;
    return 0;
}

static void go_to_start(struct segment_reader *r)
{
    segment_tally_start(&r->tally, &r->id, r->header_bytes);
    r->from_start = true;
    r->index_next = 0;
    if (!r->sealed)
        r->limit = r->header_bytes;
}

static struct segment_reader *reader_alloc(int fd, const char *name, struct ft_err *err)
{
    struct segment_reader *r = calloc(1, sizeof(*r));

    if (r == NULL) {
        (void)close(fd);
        err_nomem(err, "a segment reader");
        return NULL;
    }
    r->fd = fd;
    r->in.limit_bytes = INPUT_MAX_BYTES;
    (void)snprintf(r->name, sizeof(r->name), "%s", name); /* cut names are still names */
    return r;
}

static int reader_from_fd(struct segment_reader **ret, int fd, const char *name, bool sealed,
                          struct ft_err *err)
{
    struct segment_reader *r = reader_alloc(fd, name, err);

    if (r == NULL)
        return -1;
    if (reader_look_at_size(r, err) != 0)
        goto fail;
    if (read_header(r, err) != 0) {
        reader_fail_at(r, 0, err);
        goto fail;
    }
    r->sealed = sealed;
    if (sealed && read_end(r, err) != 0)
        goto fail;
    go_to_start(r);
    *ret = r;
    return 0;
fail:
    segment_reader_free(r);
    return -1;
}

int segment_reader_from_fd(struct segment_reader **ret, int fd, const char *name,
                           struct ft_err *err)
{
    return reader_from_fd(ret, fd, name, false, err);
}

/* Between the two looks a writer may seal the segment, so the first name is tried once more. */
static int open_either(int dirfd, const char *name, const char *partial, bool *ret_sealed)
{
    int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK; /* a fifo must not block */
    int fd = openat(dirfd, name, flags);

    *ret_sealed = true;
    if (fd >= 0 || errno != ENOENT)
        return fd;
    fd = openat(dirfd, partial, flags);
    *ret_sealed = fd < 0;
    if (fd >= 0 || errno != ENOENT)
        return fd;
    *ret_sealed = true;
    return openat(dirfd, name, flags);
}

static int check_expected(const struct segment_reader *r, const struct segment_id *want,
                          struct ft_err *err)
{
    const struct segment_id *seen = &r->id;

    if (memcmp(seen->capture_id, want->capture_id, CAPTURE_ID_SIZE) != 0)
        return reader_corrupt_at(r, 16, "belongs to another capture", err);
    if (seen->generation == want->generation && seen->flow == want->flow &&
        seen->ordinal == want->ordinal && seen->kind == want->kind)
        return 0;
    err_set(err, FT_ERR_CORRUPT,
            "is %s segment %" PRIu32 " of flow %" PRIu32 " and generation %" PRIu32
            ", wanted %s segment %" PRIu32 " of flow %" PRIu32 " and generation %" PRIu32,
            segment_kind_name(seen->kind), seen->ordinal, seen->flow, seen->generation,
            segment_kind_name(want->kind), want->ordinal, want->flow, want->generation);
    return reader_fail_at(r, 32, err);
}

int segment_reader_try_open(struct segment_reader **ret, int dirfd, const char *name,
                            const struct segment_id *expected, bool *ret_absent, struct ft_err *err)
{
    char partial[PARTIAL_NAME_MAX];
    struct segment_reader *r;
    bool sealed;
    int fd;

    (void)snprintf(partial, sizeof(partial), "%s" SEGMENT_PARTIAL_SUFFIX, name);
    fd = open_either(dirfd, name, partial, &sealed);
    *ret_absent = fd < 0 && errno == ENOENT;
    *ret = NULL;
    if (fd < 0)
        return *ret_absent ? 0 : err_errno(err, errno, "could not open \"%s\"", name);
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL); /* a hint */
    if (reader_from_fd(&r, fd, sealed ? name : partial, sealed, err) != 0) {
        *ret_absent = !sealed && err->kind == FT_ERR_CORRUPT;
        if (!*ret_absent)
            return -1;
        err_clear(err);
        return 0;
    }
    if (expected != NULL && check_expected(r, expected, err) != 0) {
        segment_reader_free(r);
        return -1;
    }
    *ret = r;
    return 0;
}

int segment_reader_open(struct segment_reader **ret, int dirfd, const char *name,
                        const struct segment_id *expected, struct ft_err *err)
{
    struct segment_reader *r;
    bool absent;

    if (segment_reader_try_open(&r, dirfd, name, expected, &absent, err) != 0)
        return -1;
    if (absent)
        return err_errno(err, ENOENT, "could not open segment \"%s\"", name);
    *ret = r;
    return 0;
}

const struct segment_id *segment_reader_id(const struct segment_reader *r)
{
    return &r->id;
}

bool segment_reader_sealed(const struct segment_reader *r)
{
    return r->sealed;
}

uint32_t segment_reader_header_bytes(const struct segment_reader *r)
{
    return r->header_bytes;
}

bool segment_reader_is_gone(const struct segment_reader *r)
{
    struct stat st;

    return fstat(r->fd, &st) == 0 && st.st_nlink == 0;
}

void segment_reader_free(struct segment_reader *r)
{
    if (r == NULL)
        return;
    (void)close(r->fd);
    buf_release(&r->index);
    buf_release(&r->in);
    buf_release(&r->raw);
    free(r);
}
