#include "output/sink_rdb.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/crc64.h"
#include "base/endian.h"
#include "base/output_file.h"
#include "rdb/rdb_writer.h"

/* A database that occurs, and where its RESIZEDB lies in the file. */
struct sink_db {
    uint32_t db;
    uint64_t keys;
    uint64_t expires;
    uint64_t resizedb_offset;
};

struct sink_rdb {
    struct output_file file;
    uint64_t crc;
    struct buf head; /* scratch for small pieces */
    struct databases databases;
    struct sink_db *dbs;
    size_t db_count;
    size_t current; /* index into dbs; db_count or more: none selected */
};

static int put(struct sink_rdb *s, struct bytes bytes, struct ft_err *err)
{
    if (output_file_write(&s->file, bytes, err) != 0)
        return -1;
    s->crc = crc64(s->crc, bytes.p, bytes.n);
    return 0;
}

static int put_header(struct sink_rdb *s, const struct target *target, uint64_t ctime_s,
                      uint64_t used_mem, struct ft_err *err)
{
    char number[I64_TEXT_SIZE];
    struct buf *b = &s->head;
    size_t n;

    if (rdb_put_header(b, target->rdb_version, err) != 0 ||
        rdb_put_aux(b, "redis-ver", bytes_str(target->redis_ver), err) != 0 ||
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

int sink_rdb_open(struct sink_rdb **ret, const char *path, const struct target *target,
                  uint64_t ctime_s, uint64_t used_mem, struct ft_err *err)
{
    struct sink_rdb *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return err_nomem(err, "an RDB file");
    s->current = SIZE_MAX;
    if (output_file_open(&s->file, path, err) != 0 ||
        put_header(s, target, ctime_s, used_mem, err) != 0) {
        sink_rdb_free(s);
        return -1;
    }
    *ret = s;
    return 0;
}

static size_t find_db(const struct sink_rdb *s, uint32_t db)
{
    size_t i = 0;

    while (i < s->db_count && s->dbs[i].db != db)
        i++;
    return i;
}

static int add_db(struct sink_rdb *s, uint32_t db, uint64_t resizedb_offset, struct ft_err *err)
{
    if (ARRAY_ADD_ROOM(&s->dbs, s->db_count, "a list of databases", err) != 0)
        return -1;
    s->dbs[s->db_count++] = (struct sink_db){.db = db, .resizedb_offset = resizedb_offset};
    return 0;
}

static int select_db(struct sink_rdb *s, uint32_t db, struct ft_err *err)
{
    size_t i = find_db(s, db);

    if (i < s->db_count && i == s->current)
        return 0;
    if (databases_use(&s->databases, db, err) != 0)
        return -1;
    buf_clear(&s->head);
    if (rdb_put_selectdb(&s->head, db, err) != 0)
        return -1;
    if (i == s->db_count && (add_db(s, db, s->file.bytes + s->head.n, err) != 0 ||
                             rdb_put_resizedb(&s->head, 0, 0, err) != 0))
        return -1;
    s->current = i;
    return put(s, buf_bytes(&s->head), err);
}

int sink_rdb_put(struct sink_rdb *s, uint32_t db, struct bytes entries, uint64_t keys,
                 uint64_t expires, struct ft_err *err)
{
    if (select_db(s, db, err) != 0)
        return -1;
    s->dbs[s->current].keys += keys;
    s->dbs[s->current].expires += expires;
    return put(s, entries, err);
}

int sink_rdb_put_plain(struct sink_rdb *s, struct bytes bytes, struct ft_err *err)
{
    return put(s, bytes, err);
}

struct databases *sink_rdb_databases(struct sink_rdb *s)
{
    return &s->databases;
}

uint64_t sink_rdb_bytes(const struct sink_rdb *s)
{
    return s->file.bytes;
}

/* RESIZEDB was written with zeros; the checksum is linear, see crc64_zeros. */
static int fill_in_counts(struct sink_rdb *s, const struct sink_db *d, struct ft_err *err)
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
                          s->file.bytes - d->resizedb_offset - RDB_RESIZEDB_SIZE);
    rc = output_file_patch(&s->file, d->resizedb_offset, buf_bytes(&filled), err);
out:
    buf_release(&filled);
    buf_release(&blank);
    return rc;
}

int sink_rdb_finish(struct sink_rdb *s, struct ft_err *err)
{
    uint8_t tail[8];

    tail[0] = RDB_OP_EOF;
    if (put(s, bytes_of(tail, 1), err) != 0)
        return -1;
    for (size_t i = 0; i < s->db_count; i++) {
        if (fill_in_counts(s, &s->dbs[i], err) != 0)
            return -1;
    }
    store_le64(tail, s->crc);
    if (output_file_write(&s->file, bytes_of(tail, sizeof(tail)), err) != 0)
        return -1;
    return output_file_finish(&s->file, err);
}

void sink_rdb_free(struct sink_rdb *s)
{
    if (s == NULL)
        return;
    output_file_release(&s->file);
    buf_release(&s->head);
    free(s->dbs);
    free(s);
}
