/*
 * test_store.h - for tests of the store: a scratch directory, numbers that look random but are the
 * same every time, and a maker of blocks that follow each other.
 */
#ifndef FLOWTAPE_TESTS_LIB_TEST_STORE_H
#define FLOWTAPE_TESTS_LIB_TEST_STORE_H

#include "lib/test_main.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fsutil.h"
#include "store/segment_reader_open.h"
#include "store/segment_reader_seek.h"
#include "store/segment_writer.h"

struct t_dir {
    int fd;
    char path[64];
};

static inline struct t_dir t_dir_make(void)
{
    struct t_dir d = {.path = "/tmp/flowtape-test-XXXXXX"};

    assert_non_null(mkdtemp(d.path));
    d.fd = open(d.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(d.fd >= 0);
    return d;
}

static inline void t_dir_remove(struct t_dir *d)
{
    char command[128];

    (void)close(d->fd);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", d->path);
    assert_int_equal(system(command), 0);
}

static inline struct buf t_read(int dirfd, const char *name)
{
    struct ft_err err = FT_ERR_INIT;
    struct buf b = {0};

    t_ok(fs_read_file(dirfd, name, 64 << 20, &b, &err), &err);
    return b;
}

static inline void t_write(int dirfd, const char *name, const void *p, size_t n)
{
    struct ft_err err = FT_ERR_INIT;
    int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

    assert_true(fd >= 0);
    t_ok(fs_write_all(fd, p, n, name, &err), &err);
    (void)close(fd);
}

static inline bool t_exists(int dirfd, const char *name)
{
    struct stat st;

    return fstatat(dirfd, name, &st, 0) == 0;
}

/* splitmix64 */
static inline uint64_t t_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* A flow's bytes and blocks. The bytes are a function of the offset, so that any cut is checked. */
struct t_flow {
    enum segment_kind kind;
    uint64_t offset;
    uint64_t lsn;
    uint64_t time_us;
};

static inline void t_fill(uint8_t *p, size_t n, uint64_t offset)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)((offset + i) / 7 * 31 ^ (offset + i) >> 9);
}

static inline void t_expect(struct bytes b, uint64_t offset)
{
    uint8_t want[4096];

    for (size_t at = 0; at < b.n; at += sizeof(want)) {
        size_t n = b.n - at < sizeof(want) ? b.n - at : sizeof(want);

        t_fill(want, n, offset + at);
        assert_memory_equal(b.p + at, want, n);
    }
}

/* t_block - the next block of n bytes; `room` takes the stored form (n bytes at least). */
static inline struct segment_block t_block(struct t_flow *f, enum codec_id codec, uint32_t n,
                                           uint32_t records, uint8_t flags, uint8_t *room)
{
    struct segment_block b = {
        .codec = codec,
        .flags = flags,
        .raw_bytes = n,
        .stream_offset = f->offset,
        .first_lsn = f->lsn,
        .record_count = records,
        .dbid = (uint32_t)(f->offset % 3),
        .time_us = f->time_us,
    };
    size_t stored = 0;

    t_fill(room, n, f->offset);
    if (codec != CODEC_NONE) {
        struct codec_spec spec = {.id = codec};
        struct ft_err err = FT_ERR_INIT;
        size_t bound = codec_block_bound(&spec, n);
        uint8_t *out = malloc(bound);

        t_ok(codec_block_compress(&spec, bytes_of(room, n), out, bound, &stored, &err), &err);
        if (stored > 0)
            memcpy(room, out, stored);
        free(out);
    }
    if (stored == 0) {
        b.codec = CODEC_NONE;
        stored = n;
    }
    b.payload = bytes_of(room, stored);
    f->offset += n;
    if (f->kind != SEGMENT_SNAPSHOT)
        f->lsn += records;
    f->time_us += 1000;
    return b;
}

#endif
