#include "serve/stream_log.h"
#include "base/wake.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/crc32c.h"
#include "base/endian.h"
#include "base/fsutil.h"

/*
 * The index: a head, then points of one size. All numbers are little-endian.
 *
 *   head    magic (8), input (16), generation (4), flow count (4), inode of this file (8), replication id (40),
 *           first LSN per flow (8 each), CRC32C of all that (4)
 *   point   position (8), time in microseconds (8), database (4), next LSN per flow (8 each), CRC32C (4)
 *
 * The inode is how a copy is told from the original.
 */
#define INDEX_MAGIC      "ftserve1"
#define HEAD_FIXED_SIZE  (8u + 16u + 4u + 4u + 8u + STREAM_ID_LENGTH)
#define POINT_FIXED_SIZE (8u + 8u + 4u)
#define CRC_SIZE         4u

struct stream_log {
    struct stream_log_options o; /* name and dir are of the opening only */
    uint64_t *first_lsn;
    char id[STREAM_ID_LENGTH + 1];
    int stream_fd; /* for reading */
    int index_fd;
    uint64_t base; /* position at which file began */
    size_t point_size;
    size_t head_size;
    /* of the writer */
    struct resp_file file;
    uint8_t *point; /* being made */

    atomic_uint_fast64_t end;
    atomic_uint_fast64_t points;
    pthread_mutex_t mu; /* guards the watchers */
    int *watchers;
    size_t watcher_count;
};

static size_t head_size(uint32_t flow_count)
{
    return HEAD_FIXED_SIZE + 8 * (size_t)flow_count + CRC_SIZE;
}

static int file_inode(int fd, uint64_t *ret, struct ft_err *err)
{
    struct stat status;

    if (fstat(fd, &status) != 0)
        return err_errno(err, errno, "could not look at the index of a replication stream");
    *ret = (uint64_t)status.st_ino;
    return 0;
}

/* The part of the head that says what the stream is of; the replication id follows it. */
static int put_identity(const struct stream_log *l, uint8_t *p, struct ft_err *err)
{
    uint64_t inode;

    if (file_inode(l->index_fd, &inode, err) != 0)
        return -1;
    memcpy(p, INDEX_MAGIC, 8);
    memcpy(p + 8, l->o.input, 16);
    store_le32(p + 24, l->o.generation);
    store_le32(p + 28, l->o.flow_count);
    store_le64(p + 32, inode);
    return 0;
}

static int make_id(struct stream_log *l, struct ft_err *err)
{
    uint8_t random[STREAM_ID_LENGTH / 2];

    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return err_errno(err, errno, "could not make a replication id");
    bytes_to_hex(bytes_of(random, sizeof(random)), l->id);
    return 0;
}

static int begin_index(struct stream_log *l, struct ft_err *err)
{
    uint8_t *head = malloc(l->head_size);
    uint8_t *p = head;
    int rc = -1;

    if (head == NULL)
        return err_nomem(err, "the head of an index");
    if (make_id(l, err) != 0 || put_identity(l, p, err) != 0)
        goto out;
    p += HEAD_FIXED_SIZE - STREAM_ID_LENGTH;
    memcpy(p, l->id, STREAM_ID_LENGTH);
    p += STREAM_ID_LENGTH;
    for (uint32_t i = 0; i < l->o.flow_count; i++, p += 8)
        store_le64(p, l->first_lsn[i]);
    store_le32(p, crc32c(0, head, (size_t)(p - head)));
    if (ftruncate(l->index_fd, 0) != 0 || ftruncate(l->stream_fd, 0) != 0) {
        err_errno(err, errno, "could not empty a replication stream");
        goto out;
    }
    if (lseek(l->index_fd, 0, SEEK_SET) != 0) {
        err_errno(err, errno, "could not write the index of a replication stream");
        goto out;
    }
    rc = fs_write_all(l->index_fd, head, l->head_size, "the index of a replication stream", err);
    if (rc == 0)
        rc = fs_sync(l->index_fd, "the index of a replication stream", err);
out:
    free(head);
    return rc;
}

/* Is there a head of the same stream? Returns 1 with the id taken from it, 0, -1. */
static int read_head(struct stream_log *l, struct ft_err *err)
{
    uint8_t *head = malloc(2 * l->head_size);
    uint8_t *wanted = head == NULL ? NULL : head + l->head_size;
    ssize_t n;
    int rc = -1;

    if (head == NULL)
        return err_nomem(err, "the head of an index");
    n = pread(l->index_fd, head, l->head_size, 0);
    if (n < 0) {
        err_errno(err, errno, "could not read the index of a replication stream");
        goto out;
    }
    if (put_identity(l, wanted, err) != 0)
        goto out;
    rc = 0;
    if ((size_t)n != l->head_size ||
        memcmp(head, wanted, HEAD_FIXED_SIZE - STREAM_ID_LENGTH) != 0 ||
        load_le32(head + l->head_size - CRC_SIZE) != crc32c(0, head, l->head_size - CRC_SIZE))
        goto out;
    for (uint32_t i = 0; i < l->o.flow_count; i++) {
        if (load_le64(head + HEAD_FIXED_SIZE + 8 * (size_t)i) != l->first_lsn[i])
            goto out;
    }
    memcpy(l->id, head + HEAD_FIXED_SIZE - STREAM_ID_LENGTH, STREAM_ID_LENGTH);
    l->id[STREAM_ID_LENGTH] = '\0';
    rc = 1;
out:
    free(head);
    return rc;
}

static uint64_t point_offset(const struct stream_log *l, uint64_t index)
{
    return l->head_size + index * l->point_size;
}

/* Point 0 is where the stream begins, and is not stored. Returns 1, 0: it is damaged, -1. */
static int read_point(struct stream_log *l, uint64_t index, struct stream_point *ret,
                      struct ft_err *err)
{
    uint8_t *p;
    bool good;

    if (index == 0) {
        stream_log_first(l, ret);
        return 1;
    }
    p = malloc(l->point_size);
    if (p == NULL)
        return err_nomem(err, "a point of a replication stream");
    if (fs_pread_all(l->index_fd, p, l->point_size, point_offset(l, index - 1),
                     "the index of a replication stream", err) != 0) {
        free(p);
        return -1;
    }
    good = load_le32(p + l->point_size - CRC_SIZE) == crc32c(0, p, l->point_size - CRC_SIZE);
    ret->position = load_le64(p);
    ret->time_us = load_le64(p + 8);
    ret->db = load_le32(p + 16);
    for (uint32_t i = 0; i < l->o.flow_count; i++)
        ret->lsn[i] = load_le64(p + POINT_FIXED_SIZE + 8 * (size_t)i);
    free(p);
    return good;
}

/* The last point that is whole, and whose commands are: what follows it is cut off. */
static int recover(struct stream_log *l, uint32_t *ret_db, struct ft_err *err)
{
    struct stream_point point = {.lsn = calloc(l->o.flow_count + 1u, sizeof(uint64_t))};
    struct stat stream;
    struct stat index;
    uint64_t count;
    int rc = -1;

    if (point.lsn == NULL)
        return err_nomem(err, "a point of a replication stream");
    if (fstat(l->stream_fd, &stream) != 0 || fstat(l->index_fd, &index) != 0) {
        err_errno(err, errno, "could not look at a replication stream");
        goto out;
    }
    count = ((uint64_t)index.st_size - l->head_size) / l->point_size;
    for (;; count--) {
        int good = read_point(l, count, &point, err);

        if (good < 0)
            goto out;
        if (good > 0 && point.position <= (uint64_t)stream.st_size)
            break; /* point 0 always is */
    }
    if (ftruncate(l->stream_fd, (off_t)point.position) != 0 ||
        ftruncate(l->index_fd, (off_t)point_offset(l, count)) != 0 ||
        lseek(l->index_fd, 0, SEEK_END) < 0) {
        err_errno(err, errno, "could not cut a replication stream");
        goto out;
    }
    atomic_store(&l->end, point.position);
    atomic_store(&l->points, count);
    *ret_db = point.db;
    rc = 0;
out:
    free(point.lsn);
    return rc;
}

static int open_one(int dirfd, const char *name, const char *ending, struct ft_err *err)
{
    char *path;
    int fd;

    if (asprintf(&path, "%s%s", name, ending) < 0)
        return err_nomem(err, "a name");
    fd = openat(dirfd, path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        err_errno(err, errno, "could not open \"%s\"", path);
    free(path);
    return fd;
}

static int open_named(struct stream_log *l, struct ft_err *err)
{
    int dirfd;

    if (mkdir(l->o.dir, 0700) != 0 && errno != EEXIST)
        return err_errno(err, errno, "could not create directory \"%s\"", l->o.dir);
    dirfd = open(l->o.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dirfd < 0)
        return err_errno(err, errno, "could not open directory \"%s\"", l->o.dir);
    l->index_fd = open_one(dirfd, l->o.name, ".index", err);
    if (l->index_fd >= 0)
        l->stream_fd = open_one(dirfd, l->o.name, ".stream", err);
    if (l->stream_fd >= 0 && fs_sync_dir(dirfd, ".", err) != 0) {
        (void)close(dirfd); /* was only read */
        return -1;
    }
    (void)close(dirfd); /* likewise */
    if (l->stream_fd < 0)
        return err_wrap(err, "\"%s\"", l->o.dir);
    if (flock(l->index_fd, LOCK_EX | LOCK_NB) != 0) {
        return err_set(err, FT_ERR_STATE, "\"%s/%s.index\" is in use: it is being served already",
                       l->o.dir, l->o.name);
    }
    return 0;
}

static int open_unnamed(struct stream_log *l, struct ft_err *err)
{
    const char *dir;

    l->index_fd = fs_open_unnamed(&dir, err);
    if (l->index_fd >= 0)
        l->stream_fd = fs_open_unnamed(&dir, err);
    return l->stream_fd < 0 ? -1 : 0;
}

static int open_files(struct stream_log *l, struct ft_err *err)
{
    uint32_t db = RESP_FILE_ANY_DB;
    int found;
    int fd;

    if ((l->o.dir != NULL ? open_named(l, err) : open_unnamed(l, err)) != 0)
        return -1;
    found = read_head(l, err);
    if (found < 0 || (found == 0 && begin_index(l, err) != 0) || recover(l, &db, err) != 0)
        return -1;
    fd = fcntl(l->stream_fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return err_errno(err, errno, "could not open a replication stream");
    l->base = atomic_load(&l->end);
    if (lseek(fd, (off_t)l->base, SEEK_SET) < 0) {
        (void)close(fd); /* nothing was written */
        return err_errno(err, errno, "could not write a replication stream");
    }
    if (resp_file_adopt(&l->file, fd, "the replication stream", err) != 0)
        return -1;
    l->file.db = db;
    return 0;
}

int stream_log_open(struct stream_log **ret, const struct stream_log_options *options,
                    struct ft_err *err)
{
    struct stream_log *l = calloc(1, sizeof(*l));
    size_t n = options->flow_count;

    if (l == NULL)
        return err_nomem(err, "a replication stream");
    l->o = *options;
    l->stream_fd = -1;
    l->index_fd = -1;
    l->head_size = head_size(options->flow_count);
    l->point_size = POINT_FIXED_SIZE + 8 * n + CRC_SIZE;
    pthread_mutex_init(&l->mu, NULL);
    l->first_lsn = calloc(n + 1, sizeof(*l->first_lsn));
    l->point = malloc(l->point_size);
    if (l->first_lsn == NULL || l->point == NULL) {
        stream_log_free(l);
        return err_nomem(err, "a replication stream");
    }
    if (n != 0)
        memcpy(l->first_lsn, options->first_lsn, n * sizeof(*l->first_lsn));
    if (open_files(l, err) != 0) {
        stream_log_free(l);
        return -1;
    }
    l->o.dir = NULL;
    l->o.name = NULL;
    l->o.first_lsn = NULL;
    *ret = l;
    return 0;
}

void stream_log_free(struct stream_log *l)
{
    if (l == NULL)
        return;
    resp_file_release(&l->file);
    if (l->stream_fd >= 0)
        (void)close(l->stream_fd); /* commits have synced what counts */
    if (l->index_fd >= 0)
        (void)close(l->index_fd); /* likewise */
    pthread_mutex_destroy(&l->mu);
    free(l->watchers);
    free(l->first_lsn);
    free(l->point);
    free(l);
}

const char *stream_log_id(const struct stream_log *l)
{
    return l->id;
}

struct resp_file *stream_log_file(struct stream_log *l)
{
    return &l->file;
}

static void tell_watchers(struct stream_log *l)
{
    pthread_mutex_lock(&l->mu);
    for (size_t i = 0; i < l->watcher_count; i++)
        (void)wake_set(l->watchers[i]);
    pthread_mutex_unlock(&l->mu);
}

int stream_log_commit(struct stream_log *l, const uint64_t *lsn, struct ft_err *err)
{
    uint64_t position = l->base + resp_file_bytes(&l->file);
    uint8_t *p = l->point;

    if (resp_file_finish(&l->file, err) != 0)
        return -1;
    store_le64(p, position);
    store_le64(p + 8, clock_wall_us());
    store_le32(p + 16, l->file.db);
    for (uint32_t i = 0; i < l->o.flow_count; i++)
        store_le64(p + POINT_FIXED_SIZE + 8 * (size_t)i, lsn[i]);
    store_le32(p + l->point_size - CRC_SIZE, crc32c(0, p, l->point_size - CRC_SIZE));
    if (fs_write_all(l->index_fd, p, l->point_size, "the index of a replication stream", err) !=
            0 ||
        fs_sync(l->index_fd, "the index of a replication stream", err) != 0)
        return -1;
    atomic_fetch_add(&l->points, 1);
    atomic_store(&l->end, position);
    tell_watchers(l);
    return 0;
}

uint64_t stream_log_end(const struct stream_log *l)
{
    return atomic_load(&l->end);
}

int stream_log_read(struct stream_log *l, uint64_t position, void *p, size_t n, size_t *ret_n,
                    struct ft_err *err)
{
    uint64_t left = stream_log_end(l) - position;

    if (n > left)
        n = (size_t)left;
    if (fs_pread_all(l->stream_fd, p, n, position, "the replication stream", err) != 0)
        return -1;
    *ret_n = n;
    return 0;
}

void stream_log_first(const struct stream_log *l, struct stream_point *ret)
{
    ret->position = 0;
    ret->time_us = 0;
    ret->db = RESP_FILE_ANY_DB;
    memcpy(ret->lsn, l->first_lsn, l->o.flow_count * sizeof(*ret->lsn));
}

static int want_point(struct stream_log *l, uint64_t index, struct stream_point *ret,
                      struct ft_err *err)
{
    int rc = read_point(l, index, ret, err);

    if (rc == 0)
        return err_set(err, FT_ERR_CORRUPT, "the index of the replication stream is damaged");
    return rc < 0 ? -1 : 0;
}

int stream_log_last(struct stream_log *l, struct stream_point *ret, struct ft_err *err)
{
    return want_point(l, atomic_load(&l->points), ret, err);
}

/* The last of `count` points, after point 0, that is not after the position. */
static int find_point(struct stream_log *l, uint64_t count, uint64_t position,
                      struct stream_point *point, uint64_t *ret_index, struct ft_err *err)
{
    uint64_t low = 0;
    uint64_t high = count;

    while (low < high) {
        uint64_t middle = high - (high - low) / 2;

        if (want_point(l, middle, point, err) != 0)
            return -1;
        if (point->position <= position)
            low = middle;
        else
            high = middle - 1;
    }
    *ret_index = low;
    return want_point(l, low, point, err);
}

int stream_log_at(struct stream_log *l, uint64_t position, struct stream_point *ret,
                  struct ft_err *err)
{
    uint64_t index;

    return find_point(l, atomic_load(&l->points), position, ret, &index, err);
}

static uint64_t records_before(const struct stream_log *l, const struct stream_point *point)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < l->o.flow_count; i++)
        sum += point->lsn[i] - l->first_lsn[i];
    return sum;
}

int stream_log_lag(struct stream_log *l, uint64_t position, struct stream_lag *ret,
                   struct ft_err *err)
{
    struct stream_point point = {.lsn = calloc(l->o.flow_count + 1u, sizeof(uint64_t))};
    uint64_t count = atomic_load(&l->points);
    uint64_t now_us = clock_wall_us();
    struct stream_lag lag = {0};
    uint64_t index;
    uint64_t all;
    int rc = -1;

    if (point.lsn == NULL)
        return err_nomem(err, "a point of a replication stream");
    if (want_point(l, count, &point, err) != 0)
        goto out;
    all = records_before(l, &point);
    lag.bytes = point.position > position ? point.position - position : 0;
    if (find_point(l, count, position, &point, &index, err) != 0)
        goto out;
    lag.records = l->o.by_offset ? STREAM_UNCOUNTED : all - records_before(l, &point);
    if (lag.bytes != 0 && index < count) {
        if (want_point(l, index + 1, &point, err) != 0)
            goto out;
        lag.ms = now_us > point.time_us ? (now_us - point.time_us) / 1000 : 0;
    }
    *ret = lag;
    rc = 0;
out:
    free(point.lsn);
    return rc;
}

int stream_log_watch(struct stream_log *l, int fd, struct ft_err *err)
{
    int rc;

    pthread_mutex_lock(&l->mu);
    rc = ARRAY_ADD_ROOM(&l->watchers, l->watcher_count, "a list of replicas", err);
    if (rc == 0)
        l->watchers[l->watcher_count++] = fd;
    pthread_mutex_unlock(&l->mu);
    return rc;
}

void stream_log_unwatch(struct stream_log *l, int fd)
{
    size_t kept = 0;

    pthread_mutex_lock(&l->mu);
    for (size_t i = 0; i < l->watcher_count; i++) {
        if (l->watchers[i] != fd)
            l->watchers[kept++] = l->watchers[i];
    }
    l->watcher_count = kept;
    pthread_mutex_unlock(&l->mu);
}
