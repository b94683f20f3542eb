#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xxhash.h>

#include "base/crc32c.h"
#include "base/endian.h"
#include "base/fsutil.h"
#include "store/segment_private.h"

/* One read asks for so much beyond what is needed at once. */
#define READ_AHEAD_BYTES (256u * 1024)
#define INPUT_MAX_BYTES  (BLOCK_HEADER_BYTES + SEGMENT_BLOCK_MAX + 2 * READ_AHEAD_BYTES)
/* A walk through headers skips larger payloads instead of reading them. */
#define WALK_SKIP_BYTES (16u * 1024)

struct segment_reader {
    int fd;
    bool sealed;
    char name[PARTIAL_NAME_MAX]; /* as it was opened, for messages */
    struct segment_id id;
    uint32_t header_bytes;
    struct segment_tally tally; /* tally.file_offset is where the next block lies */
    bool from_start;            /* the tally has seen all blocks, not only those behind a seek */
    uint64_t file_bytes;        /* when last looked at */
    /* sealed: blocks lie before limit, the index behind it; open: whole items lie before it */
    uint64_t limit;
    struct segment_trailer trailer;
    struct buf index;
    size_t index_next;  /* the next entry that the walk has to meet */
    struct buf in;      /* bytes of the file */
    uint64_t in_offset; /* where in the file they lie */
    struct buf raw;     /* the decompressed payload */
};

/* Say in which file and where. */
static int fail_at(const struct segment_reader *r, uint64_t offset, struct ft_err *err)
{
    err_wrap(err, "segment \"%s\" at offset %" PRIu64, r->name, offset);
    err->offset = offset;
    return -1;
}

static int corrupt_at(const struct segment_reader *r, uint64_t offset, const char *what,
                      struct ft_err *err)
{
    err_set(err, FT_ERR_CORRUPT, "%s", what);
    return fail_at(r, offset, err);
}

static int look_at_size(struct segment_reader *r, struct ft_err *err)
{
    struct stat st;

    if (fstat(r->fd, &st) != 0)
        return err_errno(err, errno, "could not look at \"%s\"", r->name);
    if (!S_ISREG(st.st_mode))
        return err_set(err, FT_ERR_IO, "\"%s\" is not a regular file", r->name);
    r->file_bytes = (uint64_t)st.st_size;
    return 0;
}

/* pread_some - up to n bytes; fewer only at the end of the file. */
static ssize_t pread_some(const struct segment_reader *r, uint8_t *p, size_t n, uint64_t offset,
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

/*
 * view - the n bytes at offset, through the read-ahead buffer. The result is shorter than n only
 * where the file ends; p is NULL after an error.
 */
static struct bytes view(struct segment_reader *r, uint64_t offset, size_t n, struct ft_err *err)
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
    got = pread_some(r, r->in.p + have, n - have + READ_AHEAD_BYTES, offset + have, err);
    if (got < 0)
        return bytes_of(NULL, 0);
    r->in.n += (size_t)got;
    return r->in.n == 0 ? bytes_of(nothing, 0) : bytes_of(r->in.p, r->in.n < n ? r->in.n : n);
}

/*
 * Opening
 */

static int read_header(struct segment_reader *r, struct ft_err *err)
{
    struct bytes b = view(r, 0, SEGMENT_HEADER_BYTES, err);

    if (b.p == NULL)
        return -1;
    if (b.n < SEGMENT_HEADER_BYTES)
        return err_set(err, FT_ERR_CORRUPT, "wanted a header of %u bytes, the file has %zu",
                       SEGMENT_HEADER_BYTES, b.n);
    if (segment_header_size(b.p, &r->header_bytes, err) != 0)
        return -1;
    b = view(r, 0, r->header_bytes, err);
    if (b.p == NULL)
        return -1;
    if (b.n < r->header_bytes)
        return err_set(err, FT_ERR_CORRUPT,
                       "wanted a header of %" PRIu32 " bytes, the file has %zu", r->header_bytes,
                       b.n);
    return segment_header_decode(b.p, r->header_bytes, &r->id, err);
}

static int read_trailer(struct segment_reader *r, struct segment_trailer *ret, struct ft_err *err)
{
    uint64_t ends_bytes = INDEX_HEAD_BYTES + INDEX_CRC_BYTES + TRAILER_BYTES;
    uint64_t at = r->file_bytes - TRAILER_BYTES;
    uint8_t p[TRAILER_BYTES];

    if (r->file_bytes < r->header_bytes + ends_bytes) {
        err_set(err, FT_ERR_CORRUPT, "too short for the end of a sealed segment");
        return fail_at(r, r->file_bytes, err);
    }
    if (fs_pread_all(r->fd, p, sizeof(p), at, r->name, err) != 0)
        return -1;
    if (segment_trailer_decode(p, ret, err) != 0)
        return fail_at(r, at, err);
    if (ret->index_offset < r->header_bytes || ret->index_offset > r->file_bytes - ends_bytes ||
        ret->raw_bytes > SEGMENT_NUMBER_MAX - r->id.start_offset)
        return corrupt_at(r, at, "trailer: index offset or size is out of range", err);
    return 0;
}

static size_t index_count(const struct segment_reader *r)
{
    return r->index.n / INDEX_ENTRY_BYTES;
}

static struct index_entry index_at(const struct segment_reader *r, size_t i)
{
    return index_entry_decode(r->index.p + i * INDEX_ENTRY_BYTES);
}

/* Entries ascend and lie within the blocks; the blocks are compared when a walk meets them. */
static int check_index(const struct segment_reader *r, uint64_t index_offset, uint64_t block_count,
                       struct ft_err *err)
{
    uint64_t least = r->header_bytes;

    if ((index_count(r) == 0) != (block_count == 0))
        return corrupt_at(r, index_offset, "index: no entry for the first block", err);
    for (size_t i = 0; i < index_count(r); i++) {
        uint64_t at = index_at(r, i).file_offset;

        if (at < least || at >= index_offset || (i == 0 && at != least))
            return corrupt_at(r, index_offset, "index: file offsets are not in order", err);
        least = at + INDEX_SPACING_BYTES;
    }
    return 0;
}

static int read_index(struct segment_reader *r, const struct segment_trailer *t, struct ft_err *err)
{
    uint64_t at = t->index_offset;
    uint64_t n = r->file_bytes - TRAILER_BYTES - at;
    uint64_t entries = (n - INDEX_HEAD_BYTES - INDEX_CRC_BYTES) / INDEX_ENTRY_BYTES;

    /* The spacing bounds the allocation by what the blocks take. */
    if (entries > (at - r->header_bytes) / INDEX_SPACING_BYTES + 1)
        return corrupt_at(r, at, "index: more entries than the blocks can have", err);
    buf_clear(&r->index);
    if (buf_reserve(&r->index, (size_t)n, err) != 0 ||
        fs_pread_all(r->fd, r->index.p, (size_t)n, at, r->name, err) != 0)
        return -1;
    if (memcmp(r->index.p, segment_index_magic, 4) != 0 ||
        n != INDEX_HEAD_BYTES + entries * INDEX_ENTRY_BYTES + INDEX_CRC_BYTES ||
        load_le32(r->index.p + 4) != entries ||
        load_le32(r->index.p + n - 4) != crc32c(0, r->index.p, (size_t)n - 4))
        return corrupt_at(r, at, "index: magic, length or CRC-32C is wrong", err);
    r->index.n = (size_t)n - INDEX_CRC_BYTES;
    buf_consume(&r->index, INDEX_HEAD_BYTES);
    return check_index(r, at, t->block_count, err);
}

/* Everything behind the blocks of a sealed segment. Nothing is changed on failure but buffers. */
static int read_end(struct segment_reader *r, struct ft_err *err)
{
    struct segment_trailer t;

    if (read_trailer(r, &t, err) != 0 || read_index(r, &t, err) != 0)
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
    if (look_at_size(r, err) != 0)
        goto fail;
    if (read_header(r, err) != 0) {
        fail_at(r, 0, err);
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
        return corrupt_at(r, 16, "belongs to another capture", err);
    if (seen->generation == want->generation && seen->flow == want->flow &&
        seen->ordinal == want->ordinal && seen->kind == want->kind)
        return 0;
    err_set(err, FT_ERR_CORRUPT,
            "is %s segment %" PRIu32 " of flow %" PRIu32 " and generation %" PRIu32
            ", wanted %s segment %" PRIu32 " of flow %" PRIu32 " and generation %" PRIu32,
            segment_kind_name(seen->kind), seen->ordinal, seen->flow, seen->generation,
            segment_kind_name(want->kind), want->ordinal, want->flow, want->generation);
    return fail_at(r, 32, err);
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

/*
 * Walking headers
 */

/* The header of the block at t->file_offset, which must lie whole before `end` and follow t. */
static int peek_block(struct segment_reader *r, const struct segment_tally *t, uint64_t end,
                      bool far, struct block_header *ret, struct ft_err *err)
{
    struct segment_tally next = *t;
    uint8_t own[BLOCK_HEADER_BYTES];
    const uint8_t *p = own;

    if (end - t->file_offset < BLOCK_HEADER_BYTES) {
        return err_set(err, FT_ERR_CORRUPT, "wanted a block header, %" PRIu64 " bytes are left",
                       end - t->file_offset);
    }
    if (far) {
        if (fs_pread_all(r->fd, own, sizeof(own), t->file_offset, r->name, err) != 0)
            return -1;
    } else {
        struct bytes b = view(r, t->file_offset, BLOCK_HEADER_BYTES, err);

        if (b.p == NULL)
            return -1;
        if (b.n < BLOCK_HEADER_BYTES)
            return err_set(err, FT_ERR_CORRUPT, "the file ends within a block header");
        p = b.p;
    }
    if (block_header_decode(p, ret, err) != 0 ||
        segment_tally_add(&next, &r->id, &ret->block, err) != 0)
        return -1;
    if (next.file_offset > end) {
        return err_set(err, FT_ERR_CORRUPT, "wanted %zu bytes of payload, %" PRIu64 " are left",
                       ret->block.payload.n, end - t->file_offset - BLOCK_HEADER_BYTES);
    }
    ret->block.file_offset = t->file_offset;
    return 0;
}

/* walk_step - peek and count. Headers that lie far apart are read one by one. */
static int walk_step(struct segment_reader *r, struct segment_tally *t, uint64_t end, bool *far,
                     struct block_header *ret, struct ft_err *err)
{
    if (peek_block(r, t, end, *far, ret, err) != 0)
        return -1;
    *far = ret->block.payload.n > WALK_SKIP_BYTES;
    return segment_tally_add(t, &r->id, &ret->block, err);
}

/* Damage is where an open segment ends for now; other errors are errors. */
static bool is_torn(struct ft_err *err)
{
    if (err->kind != FT_ERR_CORRUPT)
        return false;
    err_clear(err);
    return true;
}

/*
 * Open segments: an item is handed out when its last block is there, because a writer that dies or
 * stops before that leaves blocks which are cut off.
 * Returns 1: moved the limit behind another item; 0: there is none yet.
 */
static int walk_item(struct segment_reader *r, struct ft_err *err)
{
    struct segment_tally t = r->tally;
    struct block_header h;
    bool far = false;

    if (r->file_bytes < t.file_offset)
        return 0;
    do {
        if (walk_step(r, &t, r->file_bytes, &far, &h, err) != 0)
            return is_torn(err) ? 0 : -1;
    } while (t.continued);
    r->limit = t.file_offset;
    return 1;
}

static int find_whole_item(struct segment_reader *r, struct ft_err *err)
{
    int found = walk_item(r, err);

    if (found != 0)
        return found;
    if (look_at_size(r, err) != 0)
        return -1;
    return walk_item(r, err);
}

/* Has the segment been sealed since? Only if all blocks before its index have been read. */
static int look_for_seal(struct segment_reader *r, struct ft_err *err)
{
    struct segment_trailer t;

    if (look_at_size(r, err) != 0)
        return -1;
    if (read_trailer(r, &t, err) != 0)
        return is_torn(err) ? 0 : -1;
    if (t.index_offset != r->tally.file_offset)
        return 0;
    if (read_index(r, &t, err) != 0) {
        buf_clear(&r->index);
        return is_torn(err) ? 0 : -1;
    }
    r->trailer = t;
    r->limit = t.index_offset;
    r->sealed = true;
    r->index_next = index_count(r);
    return 1;
}

/*
 * Reading
 */

static int check_index_entry(struct segment_reader *r, const struct segment_block *b,
                             struct ft_err *err)
{
    struct index_entry e;

    if (r->index_next == index_count(r))
        return 0;
    e = index_at(r, r->index_next);
    if (e.file_offset > b->file_offset)
        return 0;
    if (e.file_offset != b->file_offset || e.stream_offset != b->stream_offset ||
        e.first_lsn != b->first_lsn || e.time_us != b->time_us || r->tally.continued)
        return err_set(err, FT_ERR_CORRUPT, "the index does not agree with the block");
    r->index_next++;
    return 0;
}

static int take_block(struct segment_reader *r, struct segment_block *ret, struct ft_err *err)
{
    struct block_header h;
    struct bytes b;
    uint32_t crc;

    if (peek_block(r, &r->tally, r->limit, false, &h, err) != 0)
        return -1;
    b = view(r, r->tally.file_offset, BLOCK_HEADER_BYTES + h.block.payload.n, err);
    if (b.p == NULL)
        return -1;
    if (b.n < BLOCK_HEADER_BYTES + h.block.payload.n)
        return err_set(err, FT_ERR_CORRUPT, "the file ends within a block");
    h.block.payload.p = b.p + BLOCK_HEADER_BYTES;
    crc = crc32c(0, h.block.payload.p, h.block.payload.n);
    if (crc != h.payload_crc) {
        return err_set(err, FT_ERR_CORRUPT,
                       "block payload: CRC-32C is %08" PRIx32 ", wanted %08" PRIx32, crc,
                       h.payload_crc);
    }
    if ((r->sealed && check_index_entry(r, &h.block, err) != 0) ||
        segment_tally_add(&r->tally, &r->id, &h.block, err) != 0)
        return -1;
    *ret = h.block;
    return 0;
}

static enum step next_sealed(struct segment_reader *r, struct segment_block *ret,
                             struct ft_err *err)
{
    const struct segment_trailer *t = &r->trailer;
    uint64_t at = r->tally.file_offset;

    if (at < r->limit) {
        if (take_block(r, ret, err) == 0)
            return STEP_ITEM;
        return (enum step)fail_at(r, at, err);
    }
    if (r->tally.continued || r->tally.ended != t->ended || r->index_next != index_count(r) ||
        r->tally.stream_offset != r->id.start_offset + t->raw_bytes ||
        r->tally.next_lsn != t->next_lsn || r->tally.last_time_us != t->last_time_us ||
        (r->from_start &&
         (r->tally.block_count != t->block_count || r->tally.first_time_us != t->first_time_us)))
        return (enum step)corrupt_at(r, at, "the trailer does not agree with the blocks", err);
    return STEP_END;
}

static int torn_bytes(struct segment_reader *r, uint64_t *ret, struct ft_err *err)
{
    uint64_t at = r->tally.file_offset;
    uint8_t p[4] = {0};

    if (ret == NULL)
        return 0;
    if (pread_some(r, p, sizeof(p), at, err) < 0)
        return -1;
    *ret = r->file_bytes <= at || memcmp(p, segment_index_magic, sizeof(p)) == 0
               ? 0
               : r->file_bytes - at;
    return 0;
}

/* One look at what follows in an open segment. STEP_END: it is sealed now, go on as such. */
static enum step next_open(struct segment_reader *r, struct segment_block *ret,
                           uint64_t *ret_torn_bytes, struct ft_err *err)
{
    int found = r->tally.file_offset < r->limit ? 1 : find_whole_item(r, err);

    if (found > 0) {
        if (take_block(r, ret, err) == 0)
            return STEP_ITEM;
        if (!is_torn(err))
            found = -1;
    }
    if (found < 0)
        return (enum step)fail_at(r, r->tally.file_offset, err);
    /* What was read behind the last whole item may be other bytes the next time. */
    buf_clear(&r->in);
    r->limit = r->tally.file_offset;
    found = look_for_seal(r, err);
    if (found != 0)
        return found > 0 ? STEP_END : STEP_ERROR;
    return torn_bytes(r, ret_torn_bytes, err) == 0 ? STEP_MORE : STEP_ERROR;
}

enum step segment_reader_next_stored(struct segment_reader *r, struct segment_block *ret,
                                     uint64_t *ret_torn_bytes, struct ft_err *err)
{
    if (!r->sealed) {
        enum step step = next_open(r, ret, ret_torn_bytes, err);

        if (step != STEP_END)
            return step;
    }
    return next_sealed(r, ret, err);
}

enum step segment_reader_next(struct segment_reader *r, struct segment_block *ret,
                              uint64_t *ret_torn_bytes, struct ft_err *err)
{
    struct segment_block b;
    enum step step = segment_reader_next_stored(r, &b, ret_torn_bytes, err);

    if (step != STEP_ITEM)
        return step;
    if (b.codec != CODEC_NONE) {
        buf_clear(&r->raw);
        if (buf_reserve(&r->raw, b.raw_bytes, err) != 0 ||
            codec_block_decompress(b.codec, b.payload, r->raw.p, b.raw_bytes, err) != 0)
            return (enum step)fail_at(r, b.file_offset, err);
        b.payload = bytes_of(r->raw.p, b.raw_bytes);
    }
    *ret = b;
    return STEP_ITEM;
}

/*
 * Seeking and summing up
 */

/* The last index entry that is not behind value, as the place to walk from. */
static void start_from_index(const struct segment_reader *r, bool by_lsn, uint64_t value,
                             struct segment_tally *t)
{
    for (size_t i = 1; i < index_count(r); i++) {
        struct index_entry e = index_at(r, i);

        if ((by_lsn ? e.first_lsn : e.time_us) > value)
            break;
        t->file_offset = e.file_offset;
        t->stream_offset = e.stream_offset;
        t->next_lsn = e.first_lsn;
    }
}

static void go_to(struct segment_reader *r, const struct segment_tally *t)
{
    r->tally = *t;
    r->from_start = t->file_offset == r->header_bytes;
    r->index_next = 0;
    while (r->index_next < index_count(r) &&
           index_at(r, r->index_next).file_offset < t->file_offset)
        r->index_next++;
    if (!r->sealed)
        r->limit = t->file_offset;
}

int segment_reader_seek(struct segment_reader *r, bool by_lsn, uint64_t value, struct ft_err *err)
{
    struct segment_tally t;
    struct segment_tally best;
    struct block_header h;
    uint64_t end;
    bool far = false;

    if (!r->sealed && look_at_size(r, err) != 0)
        return -1;
    end = r->sealed ? r->limit : r->file_bytes;
    segment_tally_start(&t, &r->id, r->header_bytes);
    if (r->sealed)
        start_from_index(r, by_lsn, value, &t);
    best = t;
    while (t.file_offset < end) {
        struct segment_tally before = t;

        if (walk_step(r, &t, end, &far, &h, err) != 0) {
            if (!r->sealed && is_torn(err))
                break;
            return fail_at(r, before.file_offset, err);
        }
        if (before.continued)
            continue;
        if ((by_lsn ? h.block.first_lsn : h.block.time_us) > value)
            break;
        best = before;
    }
    go_to(r, &best);
    return 0;
}

static int sum_up_open(struct segment_reader *r, struct segment_tally *ret, struct ft_err *err)
{
    struct segment_tally t;
    struct block_header h;
    bool far = false;

    if (look_at_size(r, err) != 0)
        return -1;
    segment_tally_start(&t, &r->id, r->header_bytes);
    *ret = t;
    while (t.file_offset < r->file_bytes) {
        uint64_t at = t.file_offset;

        if (walk_step(r, &t, r->file_bytes, &far, &h, err) != 0)
            return is_torn(err) ? 0 : fail_at(r, at, err);
        if (!t.continued)
            *ret = t;
    }
    return 0;
}

static void plain_name(const struct segment_reader *r, char name[SEGMENT_NAME_MAX])
{
    size_t n = strlen(r->name);
    size_t suffix = strlen(SEGMENT_PARTIAL_SUFFIX);

    if (n > suffix && strcmp(r->name + n - suffix, SEGMENT_PARTIAL_SUFFIX) == 0)
        n -= suffix;
    if (n >= SEGMENT_NAME_MAX)
        n = SEGMENT_NAME_MAX - 1;
    memcpy(name, r->name, n);
    name[n] = '\0';
}

int segment_reader_info(struct segment_reader *r, struct segment_info *ret, struct ft_err *err)
{
    const struct segment_trailer *t = &r->trailer;
    struct segment_info info = {0};
    struct segment_tally sums;

    if (!r->sealed) {
        if (sum_up_open(r, &sums, err) != 0)
            return -1;
        segment_tally_info(&sums, &r->id, &info);
    } else {
        sums = (struct segment_tally){
            .file_offset = r->file_bytes,
            .stream_offset = r->id.start_offset + t->raw_bytes,
            .next_lsn = t->next_lsn,
            .block_count = t->block_count,
            .first_time_us = t->first_time_us,
            .last_time_us = t->last_time_us,
            .ended = t->ended,
        };
        segment_tally_info(&sums, &r->id, &info);
        info.sealed = true;
        info.digest = t->digest;
    }
    plain_name(r, info.name);
    *ret = info;
    return 0;
}

int segment_reader_check_digest(struct segment_reader *r, struct ft_err *err)
{
    XXH3_state_t *hash;
    uint64_t at = 0;
    uint64_t seen;

    if (!r->sealed)
        return err_set(err, FT_ERR_USAGE, "segment \"%s\" is not sealed", r->name);
    hash = XXH3_createState();
    if (hash == NULL)
        return err_nomem(err, "a digest");
    (void)XXH3_64bits_reset(hash);
    while (at < r->trailer.index_offset) {
        uint64_t left = r->trailer.index_offset - at;
        struct bytes b =
            view(r, at, left < READ_AHEAD_BYTES ? (size_t)left : READ_AHEAD_BYTES, err);

        if (b.p == NULL || b.n == 0)
            break;
        (void)XXH3_64bits_update(hash, b.p, b.n);
        at += b.n;
    }
    seen = XXH3_64bits_digest(hash);
    (void)XXH3_freeState(hash);
    if (err->kind != FT_ERR_NONE)
        return -1;
    if (at == r->trailer.index_offset && seen == r->trailer.digest)
        return 0;
    err_set(err, FT_ERR_CORRUPT, "digest is %016" PRIx64 ", wanted %016" PRIx64, seen,
            r->trailer.digest);
    return fail_at(r, r->trailer.index_offset, err);
}
