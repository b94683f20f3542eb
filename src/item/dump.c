#include "item/dump.h"

#include "base/crc64.h"
#include "base/endian.h"
#include "rdb/rdb_version.h"
#include "rdb/value_walk.h"

/* A name and a value, by the symbols of value_walk.c. */
#define GRAMMAR_AUX "SS"

/* The value ends where the payload does, or where what KeyDB adds begins: AUX fields. */
static int find_end(struct dump *d, struct ft_err *err)
{
    struct value_walk walk;
    size_t used = 0, at;
    enum step s;

    value_walk_begin(&walk, d->type);
    s = value_walk_run(&walk, d->value.p, d->value.n, 1, &used, err);
    at = used;
    while (s == STEP_ITEM && at < d->value.n && d->value.p[at] == RDB_OP_AUX) {
        size_t n;

        value_walk_begin_grammar(&walk, GRAMMAR_AUX);
        s = value_walk_run(&walk, d->value.p + at + 1, d->value.n - at - 1, 1 + at, &n, err);
        at += 1 + n;
    }
    if (s == STEP_ERROR)
        return -1;
    if (s != STEP_ITEM)
        return err_at(err, FT_ERR_CORRUPT, 1 + at, "the value of a dump payload ends early");
    if (at != d->value.n)
        return err_at(err, FT_ERR_CORRUPT, 1 + at, "%zu bytes follow the value of a dump payload",
                      d->value.n - at);
    d->value.n = used;
    return 0;
}

static int unknown_type(struct rdb_header header, unsigned byte, struct ft_err *err)
{
    const char *name = rdb_unread_name(header, byte);

    if (name == NULL)
        return err_set(err, FT_ERR_UNSUPPORTED,
                       "unsupported: a dump payload has the unknown type %u", byte);
    return err_set(err, FT_ERR_UNSUPPORTED,
                   "unsupported: type %u of a dump payload is %s: it cannot be read yet", byte,
                   name);
}

int dump_parse(struct bytes payload, struct dump *ret, struct ft_err *err)
{
    struct dump d;
    struct rdb_header header;
    size_t body;
    uint64_t want, seen;
    int type;

    if (payload.n < 2 + DUMP_FOOTER_SIZE)
        return err_set(err, FT_ERR_CORRUPT, "a dump payload of %zu bytes is too short", payload.n);
    body = payload.n - DUMP_FOOTER_SIZE;
    seen = load_le64(payload.p + body + 2);
    want = crc64(0, payload.p, body + 2);
    if (seen != want)
        return err_set(err, FT_ERR_CORRUPT,
                       "a dump payload has the checksum %016llx, its bytes give %016llx",
                       (unsigned long long)seen, (unsigned long long)want);
    d.rdb_version = load_le16(payload.p + body);
    header = rdb_header_of_dump(d.rdb_version);
    type = rdb_type_of_byte(header, d.rdb_version <= RDB_VERSION_DRAGONFLY, payload.p[0]);
    if (type < 0)
        return unknown_type(header, payload.p[0], err);
    d.type = (uint8_t)type;
    d.value = bytes_of(payload.p + 1, body - 1);
    if (find_end(&d, err) < 0)
        return -1;
    *ret = d;
    return 0;
}

int dump_append(struct buf *out, uint8_t type, struct bytes value, unsigned rdb_version,
                struct ft_err *err)
{
    size_t start = out->n;
    uint8_t footer[DUMP_FOOTER_SIZE];
    uint64_t crc;

    if (buf_reserve(out, 1 + value.n + DUMP_FOOTER_SIZE, err) < 0)
        return -1;
    buf_push(out, rdb_byte_of_type(type));
    if (buf_append(out, value.p, value.n, err) != 0)
        return -1;
    store_le16(footer, (uint16_t)rdb_version);
    memcpy(out->p + out->n, footer, 2);
    out->n += 2;
    crc = crc64(0, out->p + start, out->n - start);
    store_le64(out->p + out->n, crc);
    out->n += 8;
    return 0;
}

enum recode_result dump_make(struct recoder *r, const struct target *target,
                             const struct rdb_entry *entry, int64_t now_ms, struct buf *out,
                             enum loss_reason *ret_loss, struct ft_err *err)
{
    struct bytes value;
    uint8_t type;
    enum recode_result rc = recoder_run(r, entry, now_ms, &type, &value, ret_loss, err);

    if (rc == RECODE_OK && dump_append(out, type, value, target->rdb_version, err) < 0)
        return RECODE_ERROR;
    return rc;
}
