#include "store/segment_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/endian.h"
#include "base/fsutil.h"
#include "base/xxh3.h"
#include "store/segment_format.h"
#include "store/segment_reader.h"
#include "store/segment_reader_open.h"

/* Blocks that go out in one writev: two vectors each, well below IOV_MAX. */
#define BATCH_BLOCKS 128u

struct segment_writer {
    int fd;
    int parent_fd;
    char name[SEGMENT_NAME_MAX];
    char partial[PARTIAL_NAME_MAX]; /* whole name, for messages */
    size_t base_at;                 /* where the name within the parent directory begins */
    bool dead;                      /* failed or sealed: only _free may follow */
    struct segment_id id;
    struct segment_info info;   /* of `whole` */
    struct segment_tally tally; /* all blocks */
    /* All blocks up to the last that ends between items: what recovery would keep. While the tally
     * is CONTINUED, hash and index of that point are kept for a seal that has to cut. */
    struct segment_tally whole;
    XXH3_state_t *hash;
    XXH3_state_t *whole_hash;
    struct buf index;
    size_t whole_index_bytes;
    uint64_t indexed_offset; /* of the last block in the index */
    uint8_t headers[BATCH_BLOCKS][BLOCK_HEADER_BYTES];
    struct iovec iov[2 * BATCH_BLOCKS];
};

static void update_info(struct segment_writer *w)
{
    segment_tally_info(&w->whole, &w->id, &w->info);
}

static int writer_alloc(struct segment_writer **ret, int dirfd, const char *name,
                        struct ft_err *err)
{
    struct segment_writer *w;
    const char *base;

    if (strlen(name) >= SEGMENT_NAME_MAX)
        return err_set(err, FT_ERR_BUG, "segment name \"%s\" is too long", name);
    w = calloc(1, sizeof(*w));
    if (w == NULL)
        return err_nomem(err, "a segment writer");
    w->fd = -1;
    w->parent_fd = -1;
    w->hash = XXH3_createState();
    w->whole_hash = XXH3_createState();
    if (w->hash == NULL || w->whole_hash == NULL) {
        err_nomem(err, "a segment writer");
        goto fail;
    }
    w->parent_fd = segment_parent_open(dirfd, name, &base, err);
    if (w->parent_fd < 0)
        goto fail;
    w->base_at = (size_t)(base - name);
    memcpy(w->name, name, strlen(name) + 1);
    memcpy(w->info.name, w->name, sizeof(w->name));
    (void)snprintf(w->partial, sizeof(w->partial), "%s" SEGMENT_PARTIAL_SUFFIX, name); /* fits */
    *ret = w;
    return 0;
fail:
    segment_writer_free(w);
    return -1;
}

static void writer_start(struct segment_writer *w, const struct segment_id *id,
                         const uint8_t *header, uint32_t header_bytes)
{
    w->id = *id;
    segment_tally_start(&w->tally, id, header_bytes);
    w->whole = w->tally;
    (void)XXH3_64bits_reset(w->hash);
    (void)XXH3_64bits_update(w->hash, header, header_bytes);
    update_info(w);
}

static int write_first_bytes(struct segment_writer *w, const struct segment_id *id,
                             struct ft_err *err)
{
    uint8_t header[SEGMENT_HEADER_BYTES];

    segment_header_encode(id, header);
    if (fs_write_all(w->fd, header, sizeof(header), w->partial, err) != 0 ||
        fs_sync_dir(w->parent_fd, ".", err) != 0)
        return -1;
    writer_start(w, id, header, sizeof(header));
    return 0;
}

int segment_writer_create(struct segment_writer **ret, int dirfd, const char *name,
                          const struct segment_id *id, struct ft_err *err)
{
    struct segment_writer *w;
    const char *base;

    if (writer_alloc(&w, dirfd, name, err) != 0)
        return -1;
    base = w->partial + w->base_at;
    w->fd = openat(w->parent_fd, base, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (w->fd < 0) {
        err_errno(err, errno, "could not create \"%s\"", w->partial);
    } else if (write_first_bytes(w, id, err) == 0) {
        *ret = w;
        return 0;
    } else {
        (void)unlinkat(w->parent_fd, base, 0); /* a leftover is removed by recovery */
    }
    segment_writer_free(w);
    return -1;
}

/* Room in the index is made before blocks are written: noting them cannot fail then. */
static bool wants_index_entry(const struct segment_writer *w)
{
    return !w->tally.continued &&
           (w->index.n == 0 || w->tally.file_offset - w->indexed_offset >= INDEX_SPACING_BYTES);
}

static void add_index_entry(struct segment_writer *w, const struct segment_block *b)
{
    struct index_entry e = {
        .file_offset = w->tally.file_offset,
        .stream_offset = b->stream_offset,
        .first_lsn = b->first_lsn,
        .time_us = b->time_us,
    };

    index_entry_encode(&e, w->index.p + w->index.n);
    w->index.n += INDEX_ENTRY_BYTES;
    w->indexed_offset = e.file_offset;
}

/* A block that lies in the file by now. Room in the index was made. */
static int note_block(struct segment_writer *w, const struct segment_block *b,
                      const uint8_t *header, struct ft_err *err)
{
    bool continued = (b->flags & SEGMENT_BLOCK_CONTINUED) != 0;

    if (continued && !w->tally.continued) {
        XXH3_copyState(w->whole_hash, w->hash);
        w->whole_index_bytes = w->index.n;
    }
    if (wants_index_entry(w))
        add_index_entry(w, b);
    if (segment_tally_add(&w->tally, &w->id, b, err) != 0)
        return -1;
    (void)XXH3_64bits_update(w->hash, header, BLOCK_HEADER_BYTES);
    (void)XXH3_64bits_update(w->hash, b->payload.p, b->payload.n);
    if (!continued)
        w->whole = w->tally;
    return 0;
}

/* A block that breaks the rules is a mistake of the caller, whatever the reader would call it. */
static int check_sequence(const struct segment_writer *w, const struct segment_block *blocks,
                          size_t n, struct ft_err *err)
{
    struct segment_tally t = w->tally;

    for (size_t i = 0; i < n; i++) {
        if (segment_tally_add(&t, &w->id, &blocks[i], err) != 0) {
            err->kind = FT_ERR_BUG;
            return err_wrap(err, "cannot write to \"%s\"", w->partial);
        }
    }
    return 0;
}

/* After a failed write: leave whole blocks only. Best effort, as recovery would do the same. */
static void cut_back(struct segment_writer *w, const struct segment_block *blocks, size_t n)
{
    uint64_t keep = w->tally.file_offset;
    struct stat st;

    if (fstat(w->fd, &st) != 0)
        return;
    for (size_t i = 0; i < n && keep + block_file_bytes(&blocks[i]) <= (uint64_t)st.st_size; i++)
        keep += block_file_bytes(&blocks[i]);
    if (ftruncate(w->fd, (off_t)keep) != 0)
        return;
}

static int write_batch(struct segment_writer *w, const struct segment_block *blocks, size_t n,
                       struct ft_err *err)
{
    if (buf_reserve(&w->index, n * INDEX_ENTRY_BYTES, err) != 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        block_header_encode(&blocks[i], w->headers[i]);
        w->iov[2 * i].iov_base = w->headers[i];
        w->iov[2 * i].iov_len = BLOCK_HEADER_BYTES;
        w->iov[2 * i + 1].iov_base = (void *)blocks[i].payload.p;
        w->iov[2 * i + 1].iov_len = blocks[i].payload.n;
    }
    if (fs_writev_all(w->fd, w->iov, 2 * n, w->partial, err) != 0) {
        cut_back(w, blocks, n);
        return -1;
    }
    for (size_t i = 0; i < n; i++) {
        if (note_block(w, &blocks[i], w->headers[i], err) != 0)
            return -1;
    }
    return 0;
}

int segment_writer_append(struct segment_writer *w, const struct segment_block *blocks,
                          size_t block_count, struct ft_err *err)
{
    if (w->dead)
        return err_set(err, FT_ERR_BUG, "\"%s\" takes no more blocks", w->partial);
    if (check_sequence(w, blocks, block_count, err) != 0)
        return -1;
    while (block_count > 0) {
        size_t n = block_count < BATCH_BLOCKS ? block_count : BATCH_BLOCKS;

        if (write_batch(w, blocks, n, err) != 0) {
            w->dead = true;
            return -1;
        }
        blocks += n;
        block_count -= n;
    }
    update_info(w);
    return 0;
}

int segment_writer_fd(const struct segment_writer *w)
{
    return w->fd;
}

/* Forget the blocks of an item that was never completed. */
static int drop_unfinished(struct segment_writer *w, struct ft_err *err)
{
    if (!w->tally.continued)
        return 0;
    if (ftruncate(w->fd, (off_t)w->whole.file_offset) != 0 ||
        lseek(w->fd, (off_t)w->whole.file_offset, SEEK_SET) < 0)
        return err_errno(err, errno, "could not cut \"%s\"", w->partial);
    w->tally = w->whole;
    w->index.n = w->whole_index_bytes;
    XXH3_copyState(w->hash, w->whole_hash);
    return 0;
}

static int remove_empty(struct segment_writer *w, struct ft_err *err)
{
    if (unlinkat(w->parent_fd, w->partial + w->base_at, 0) != 0)
        return err_errno(err, errno, "could not remove \"%s\"", w->partial);
    return fs_sync_dir(w->parent_fd, ".", err);
}

static int write_end(struct segment_writer *w, uint64_t digest, struct ft_err *err)
{
    uint8_t head[INDEX_HEAD_BYTES];
    uint8_t tail[INDEX_CRC_BYTES + TRAILER_BYTES];
    struct segment_trailer t = {
        .index_offset = w->tally.file_offset,
        .raw_bytes = w->info.raw_bytes,
        .block_count = w->tally.block_count,
        .next_lsn = w->tally.next_lsn,
        .first_time_us = w->tally.first_time_us,
        .last_time_us = w->tally.last_time_us,
        .digest = digest,
        .ended = w->tally.ended,
    };
    struct iovec iov[3] = {
        {head, sizeof(head)},
        {w->index.p, w->index.n},
        {tail, sizeof(tail)},
    };
    uint32_t crc;

    memcpy(head, segment_index_magic, 4);
    store_le32(head + 4, (uint32_t)(w->index.n / INDEX_ENTRY_BYTES));
    crc = crc32c(crc32c(0, head, sizeof(head)), w->index.p, w->index.n);
    store_le32(tail, crc);
    segment_trailer_encode(&t, tail + INDEX_CRC_BYTES);
    return fs_writev_all(w->fd, iov, 3, w->partial, err);
}

/* Order: data, sync, name, sync of the directory. */
static int write_and_rename(struct segment_writer *w, uint64_t digest, struct ft_err *err)
{
    if (write_end(w, digest, err) != 0) {
        if (ftruncate(w->fd, (off_t)w->tally.file_offset) != 0)
            return -1; /* recovery cuts it */
        return -1;
    }
    if (fs_sync(w->fd, w->partial, err) != 0)
        return -1;
    if (fs_rename_durable(w->parent_fd, w->partial + w->base_at, w->name + w->base_at, err) != 0)
        return err_wrap(err, "could not seal \"%s\"", w->partial);
    return 0;
}

int segment_writer_seal(struct segment_writer *w, struct segment_info *ret, struct ft_err *err)
{
    if (w->dead)
        return err_set(err, FT_ERR_BUG, "\"%s\" cannot be sealed", w->partial);
    w->dead = true;
    if (drop_unfinished(w, err) != 0)
        return -1;
    update_info(w);
    if (w->tally.block_count == 0) {
        if (remove_empty(w, err) != 0)
            return -1;
        *ret = w->info;
        return 0;
    }
    w->info.digest = XXH3_64bits_digest(w->hash);
    if (write_and_rename(w, w->info.digest, err) != 0)
        return -1;
    w->info.sealed = true;
    w->info.file_bytes += INDEX_HEAD_BYTES + w->index.n + INDEX_CRC_BYTES + TRAILER_BYTES;
    *ret = w->info;
    return 0;
}

void segment_writer_free(struct segment_writer *w)
{
    if (w == NULL)
        return;
    if (w->fd >= 0)
        (void)close(w->fd);
    if (w->parent_fd >= 0)
        (void)close(w->parent_fd);
    (void)XXH3_freeState(w->hash);
    (void)XXH3_freeState(w->whole_hash);
    buf_release(&w->index);
    free(w);
}

/*
 * Recovery: a writer is brought to where the dead one was by noting the blocks that are there, and
 * then seals as usual.
 */

/* A damaged header goes with the file, unless good blocks follow: then it was not a torn write. */
static int check_header_loss(int fd, const char *partial, struct ft_err *err)
{
    uint8_t p[SEGMENT_HEADER_BYTES + BLOCK_HEADER_BYTES];
    struct block_header b;
    struct ft_err ignored = FT_ERR_INIT;

    if (pread(fd, p, sizeof(p), 0) != (ssize_t)sizeof(p) ||
        block_header_decode(p + SEGMENT_HEADER_BYTES, &b, &ignored) != 0)
        return 0;
    return err_at(err, FT_ERR_CORRUPT, 0,
                  "segment \"%s\" has a damaged header but blocks after it; it has to be moved "
                  "away by hand",
                  partial);
}

static int check_expected(const struct segment_id *seen, const struct segment_id *want,
                          const char *partial, struct ft_err *err)
{
    if (memcmp(seen->capture_id, want->capture_id, CAPTURE_ID_SIZE) == 0 &&
        seen->generation == want->generation && seen->flow == want->flow &&
        seen->ordinal == want->ordinal && seen->kind == want->kind)
        return 0;
    return err_at(err, FT_ERR_CORRUPT, 0, "\"%s\" is not the segment its name says", partial);
}

static int note_all(struct segment_writer *w, struct segment_reader *r, uint64_t *ret_torn_bytes,
                    struct ft_err *err)
{
    struct segment_block b;
    enum step step;

    while ((step = segment_reader_next_stored(r, &b, ret_torn_bytes, err)) == STEP_ITEM) {
        if (buf_reserve(&w->index, INDEX_ENTRY_BYTES, err) != 0 ||
            note_block(w, &b, b.payload.p - BLOCK_HEADER_BYTES, err) != 0)
            return -1;
    }
    return step == STEP_ERROR ? -1 : 0;
}

/* The whole header goes into the digest, also what a later minor version appended to it. */
static int start_from_file(struct segment_writer *w, const struct segment_reader *r,
                           struct ft_err *err)
{
    uint8_t header[SEGMENT_HEADER_BYTES_MAX];
    uint32_t n = segment_reader_header_bytes(r);

    if (fs_pread_all(w->fd, header, n, 0, w->partial, err) != 0)
        return -1;
    writer_start(w, segment_reader_id(r), header, n);
    return 0;
}

static int seal_recovered(struct segment_writer *w, struct segment_reader *r,
                          struct segment_info *ret, uint64_t *ret_cut_bytes, struct ft_err *err)
{
    uint64_t torn_bytes = 0;

    if (start_from_file(w, r, err) != 0 || note_all(w, r, &torn_bytes, err) != 0)
        return -1;
    if (ftruncate(w->fd, (off_t)w->tally.file_offset) != 0 ||
        lseek(w->fd, (off_t)w->tally.file_offset, SEEK_SET) < 0)
        return err_errno(err, errno, "could not cut \"%s\"", w->partial);
    torn_bytes += w->tally.file_offset - w->whole.file_offset;
    if (segment_writer_seal(w, ret, err) != 0)
        return -1;
    *ret_cut_bytes = torn_bytes;
    return 0;
}

static int recover_with(struct segment_writer *w, const struct segment_id *expected,
                        struct segment_info *ret, bool *ret_removed, uint64_t *ret_cut_bytes,
                        struct ft_err *err)
{
    struct ft_err header_err = FT_ERR_INIT;
    struct segment_reader *r;
    struct stat st;
    int fd;
    int rc;

    w->fd = openat(w->parent_fd, w->partial + w->base_at, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (w->fd < 0 || fstat(w->fd, &st) != 0 || (fd = fcntl(w->fd, F_DUPFD_CLOEXEC, 3)) < 0)
        return err_errno(err, errno, "could not open \"%s\"", w->partial);
    if (segment_reader_from_fd(&r, fd, w->partial, &header_err) != 0) {
        if (header_err.kind != FT_ERR_CORRUPT) {
            *err = header_err;
            return -1;
        }
        if (check_header_loss(w->fd, w->partial, err) != 0 || remove_empty(w, err) != 0)
            return -1;
        *ret_cut_bytes = (uint64_t)st.st_size;
        *ret_removed = true;
        return 0;
    }
    rc = expected == NULL ? 0 : check_expected(segment_reader_id(r), expected, w->partial, err);
    if (rc == 0)
        rc = seal_recovered(w, r, ret, ret_cut_bytes, err);
    if (rc == 0)
        *ret_removed = !ret->sealed;
    segment_reader_free(r);
    return rc;
}

int segment_recover(int dirfd, const char *name, const struct segment_id *expected,
                    struct segment_info *ret, bool *ret_removed, uint64_t *ret_cut_bytes,
                    struct ft_err *err)
{
    struct segment_writer *w;
    int rc;

    if (writer_alloc(&w, dirfd, name, err) != 0)
        return -1;
    rc = recover_with(w, expected, ret, ret_removed, ret_cut_bytes, err);
    segment_writer_free(w);
    return rc;
}
