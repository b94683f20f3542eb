#include "output/rdb_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/array.h"
#include "base/crc64.h"
#include "base/endian.h"
#include "base/fsutil.h"
#include "base/output_file.h"
#include "base/passed_memory.h"
#include "rdb/rdb_writer.h"

/* A database that occurs, and where its RESIZEDB lies in the file. */
struct rdb_file_db {
    uint32_t db;
    uint64_t keys;
    uint64_t expires;
    uint64_t resizedb_offset;
};

struct rdb_file {
    struct output_file file;
    struct rdb_out out; /* write: NULL: the file */
    uint64_t bytes;
    uint64_t crc;
    struct buf head; /* scratch for small pieces */
    struct databases databases;
    struct rdb_file_db *dbs;
    size_t db_count;
    size_t current; /* index into dbs; db_count or more: none selected */
};

static int put_raw(struct rdb_file *s, struct bytes bytes, struct ft_err *err)
{
    s->bytes += bytes.n;
    if (s->out.write != NULL)
        return s->out.write(s->out.context, bytes, err);
    return output_file_write(&s->file, bytes, err);
}

static int put(struct rdb_file *s, struct bytes bytes, struct ft_err *err)
{
    size_t n;

    do {
        n = bytes.n < MEMORY_STRIDE ? bytes.n : MEMORY_STRIDE;
        if (put_raw(s, bytes_of(bytes.p, n), err) != 0)
            return -1;
        s->crc = crc64(s->crc, bytes.p, n);
        if (n != bytes.n)
            memory_passed(bytes.p, n);
        bytes = bytes_of(bytes.p + n, bytes.n - n);
    } while (bytes.n != 0);
    return 0;
}

static int put_header(struct rdb_file *s, const struct target *target, uint64_t ctime_s,
                      uint64_t used_mem, struct ft_err *err)
{
    char number[I64_TEXT_SIZE];
    struct rdb_header header = target_header(target);
    const char *version_name = header.family == RDB_FAMILY_VALKEY ? "valkey-ver" : "redis-ver";
    struct buf *b = &s->head;
    size_t n;

    if (rdb_put_header(b, header, err) != 0 ||
        rdb_put_aux(b, version_name, bytes_str(target->server_ver), err) != 0 ||
        rdb_put_aux(b, "redis-bits", bytes_str("64"), err) != 0)
        return -1;
    n = i64_to_text((int64_t)ctime_s, number);
    if (ctime_s != 0 && rdb_put_aux(b, "ctime", bytes_of(number, n), err) != 0)
        return -1;
    n = i64_to_text((int64_t)used_mem, number);
    if (used_mem != 0 && rdb_put_aux(b, "used-mem", bytes_of(number, n), err) != 0)
        return -1;
    return put(s, buf_bytes(b), err);
}

int rdb_file_open(struct rdb_file **ret, const char *path, const struct target *target,
                  uint64_t ctime_s, uint64_t used_mem, struct ft_err *err)
{
    struct rdb_file *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return err_nomem(err, "an RDB file");
    s->current = SIZE_MAX;
    if (output_file_open(&s->file, path, err) != 0 ||
        put_header(s, target, ctime_s, used_mem, err) != 0) {
        rdb_file_free(s);
        return -1;
    }
    *ret = s;
    return 0;
}

int rdb_file_open_stream(struct rdb_file **ret, const struct rdb_out *out,
                         const struct target *target, uint64_t ctime_s, uint64_t used_mem,
                         struct ft_err *err)
{
    struct rdb_file *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return err_nomem(err, "an RDB stream");
    s->current = SIZE_MAX;
    s->out = *out;
    if (put_header(s, target, ctime_s, used_mem, err) != 0) {
        rdb_file_free(s);
        return -1;
    }
    *ret = s;
    return 0;
}

static size_t find_db(const struct rdb_file *s, uint32_t db)
{
    size_t i = 0;

    while (i < s->db_count && s->dbs[i].db != db)
        i++;
    return i;
}

static int add_db(struct rdb_file *s, uint32_t db, uint64_t resizedb_offset, struct ft_err *err)
{
    if (ARRAY_ADD_ROOM(&s->dbs, s->db_count, "a list of databases", err) != 0)
        return -1;
    s->dbs[s->db_count++] = (struct rdb_file_db){.db = db, .resizedb_offset = resizedb_offset};
    return 0;
}

static int select_db(struct rdb_file *s, uint32_t db, struct ft_err *err)
{
    size_t i = find_db(s, db);

    if (i < s->db_count && i == s->current)
        return 0;
    if (databases_use(&s->databases, db, err) != 0)
        return -1;
    buf_clear(&s->head);
    if (rdb_put_selectdb(&s->head, db, err) != 0)
        return -1;
    if (i == s->db_count) {
        if (add_db(s, db, s->bytes + s->head.n, err) != 0)
            return -1;
        if ((s->out.write == NULL || (i == 0 && s->out.keys != 0)) &&
            rdb_put_resizedb(&s->head, s->out.keys, 0, err) != 0)
            return -1;
    }
    s->current = i;
    return put(s, buf_bytes(&s->head), err);
}

int rdb_file_put(struct rdb_file *s, uint32_t db, struct bytes entries, uint64_t keys,
                 uint64_t expires, struct ft_err *err)
{
    if (select_db(s, db, err) != 0)
        return -1;
    s->dbs[s->current].keys += keys;
    s->dbs[s->current].expires += expires;
    return put(s, entries, err);
}

int rdb_file_put_plain(struct rdb_file *s, struct bytes bytes, struct ft_err *err)
{
    return put(s, bytes, err);
}

struct databases *rdb_file_databases(struct rdb_file *s)
{
    return &s->databases;
}

uint64_t rdb_file_bytes(const struct rdb_file *s)
{
    return s->bytes;
}

/* RESIZEDB was written with zeros; the checksum is linear, see crc64_zeros. */
static int fill_in_counts(struct rdb_file *s, const struct rdb_file_db *d, struct ft_err *err)
{
    struct buf filled = {0};
    struct buf blank = {0};
    uint8_t change[RDB_RESIZEDB_SIZE];
    int rc = -1;

    if (rdb_put_resizedb(&filled, d->keys, d->expires, err) != 0 ||
        rdb_put_resizedb(&blank, 0, 0, err) != 0)
        goto out;
    for (size_t i = 0; i < RDB_RESIZEDB_SIZE; i++)
        change[i] = filled.p[i] ^ blank.p[i];
    s->crc ^= crc64_zeros(crc64(0, change, sizeof(change)),
                          s->bytes - d->resizedb_offset - RDB_RESIZEDB_SIZE);
    rc = output_file_patch(&s->file, d->resizedb_offset, buf_bytes(&filled), err);
out:
    buf_release(&filled);
    buf_release(&blank);
    return rc;
}

/* A SELECTDB with its number in the 5-byte form, between the last entry and the EOF opcode with the checksum. */
#define LAST_DB_SIZE  6
#define LAST_DB_FORM  0x80 /* a length of 32 bits follows */
#define RDB_TAIL_SIZE 9

int rdb_file_end_with_database(struct rdb_file *s, struct ft_err *err)
{
    static const uint8_t bytes[LAST_DB_SIZE] = {RDB_OP_SELECTDB, LAST_DB_FORM};

    return put(s, bytes_of(bytes, sizeof(bytes)), err);
}

/* The number goes from 0 to db; what follows it but the checksum is one byte. */
static int raise_in(int fd, const char *path, uint64_t at, uint32_t db, struct ft_err *err)
{
    uint8_t tail[LAST_DB_SIZE + RDB_TAIL_SIZE];
    uint8_t number[4];
    uint64_t crc;

    if (fs_pread_all(fd, tail, sizeof(tail), at, path, err) != 0)
        return -1;
    store_be32(number, db);
    crc = load_le64(tail + LAST_DB_SIZE + 1) ^ crc64_zeros(crc64(0, number, sizeof(number)), 1);
    memcpy(tail + 2, number, sizeof(number));
    store_le64(tail + LAST_DB_SIZE + 1, crc);
    if (pwrite(fd, tail, sizeof(tail), (off_t)at) != (ssize_t)sizeof(tail) || fsync(fd) != 0)
        return err_errno(err, errno, "could not write into \"%s\"", path);
    return 0;
}

int rdb_file_raise_database(const char *path, uint64_t bytes, uint32_t db, struct ft_err *err)
{
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    int rc;

    if (fd < 0)
        return err_errno(err, errno, "could not open \"%s\"", path);
    rc = raise_in(fd, path, bytes - LAST_DB_SIZE - RDB_TAIL_SIZE, db, err);
    (void)close(fd); /* synced, or failed */
    return rc;
}

int rdb_file_finish(struct rdb_file *s, struct ft_err *err)
{
    uint8_t tail[8];

    tail[0] = RDB_OP_EOF;
    if (put(s, bytes_of(tail, 1), err) != 0)
        return -1;
    for (size_t i = 0; s->out.write == NULL && i < s->db_count; i++) {
        if (fill_in_counts(s, &s->dbs[i], err) != 0)
            return -1;
    }
    store_le64(tail, s->crc);
    if (put_raw(s, bytes_of(tail, sizeof(tail)), err) != 0)
        return -1;
    return s->out.write != NULL ? 0 : output_file_finish(&s->file, err);
}

void rdb_file_free(struct rdb_file *s)
{
    if (s == NULL)
        return;
    output_file_release(&s->file);
    buf_release(&s->head);
    free(s->dbs);
    free(s);
}
