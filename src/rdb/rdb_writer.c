#include "rdb/rdb_writer.h"

#include "base/endian.h"
#include "rdb/rdb_len.h"
#include "rdb/rdb_string.h"

static int put_opcode(struct buf *out, uint8_t opcode, struct ft_err *err)
{
    return buf_append(out, &opcode, 1, err);
}

int rdb_put_len(struct buf *out, uint64_t value, struct ft_err *err)
{
    if (buf_reserve(out, RDB_LEN_MAX_SIZE, err) != 0)
        return -1;
    out->n += rdb_len_put(out->p + out->n, value);
    return 0;
}

int rdb_put_header(struct buf *out, struct rdb_header header, struct ft_err *err)
{
    char magic[RDB_HEADER_SIZE + 1];

    rdb_magic(header, magic);
    return buf_append(out, magic, RDB_HEADER_SIZE, err);
}

int rdb_put_aux(struct buf *out, const char *name, struct bytes value, struct ft_err *err)
{
    if (put_opcode(out, RDB_OP_AUX, err) != 0 || rdb_string_put(out, bytes_str(name), err) != 0)
        return -1;
    return rdb_string_put(out, value, err);
}

int rdb_put_selectdb(struct buf *out, uint32_t db, struct ft_err *err)
{
    if (put_opcode(out, RDB_OP_SELECTDB, err) != 0)
        return -1;
    return rdb_put_len(out, db, err);
}

/* First byte of a length of 64 bits. */
#define LEN_64 0x81

int rdb_put_resizedb(struct buf *out, uint64_t keys, uint64_t expires, struct ft_err *err)
{
    uint8_t bytes[RDB_RESIZEDB_SIZE] = {[0] = RDB_OP_RESIZEDB, [1] = LEN_64, [10] = LEN_64};

    store_be64(bytes + 2, keys);
    store_be64(bytes + 11, expires);
    return buf_append(out, bytes, sizeof(bytes), err);
}

int rdb_put_function(struct buf *out, struct bytes code, struct ft_err *err)
{
    if (put_opcode(out, RDB_OP_FUNCTION2, err) != 0)
        return -1;
    return rdb_string_put(out, code, err);
}

static int put_expiry(struct buf *out, int64_t expire_ms, struct ft_err *err)
{
    uint8_t bytes[9] = {RDB_OP_EXPIRETIME_MS};

    store_le64(bytes + 1, (uint64_t)expire_ms);
    return buf_append(out, bytes, sizeof(bytes), err);
}

static int put_access(struct buf *out, const struct rdb_entry *entry, struct ft_err *err)
{
    if (entry->has_idle) {
        if (put_opcode(out, RDB_OP_IDLE, err) != 0 || rdb_put_len(out, entry->idle_s, err) != 0)
            return -1;
    } else if (entry->has_freq) {
        if (put_opcode(out, RDB_OP_FREQ, err) != 0 || put_opcode(out, entry->freq, err) != 0)
            return -1;
    }
    return 0;
}

int rdb_put_df_mask(struct buf *out, const struct rdb_entry *entry, struct ft_err *err)
{
    uint8_t bytes[9] = {RDB_OP_DF_MASK};
    uint32_t mask =
        (entry->sticky ? RDB_DF_MASK_STICKY : 0) | (entry->has_mc_flags ? RDB_DF_MASK_MC_FLAGS : 0);

    if (mask == 0)
        return 0;
    store_le32(bytes + 1, mask);
    store_le32(bytes + 5, entry->mc_flags);
    return buf_append(out, bytes, entry->has_mc_flags ? 9 : 5, err);
}

static bool is_own_value(const struct rdb_entry *entry, uint8_t type, struct bytes value)
{
    return entry->raw.n > 0 && entry->raw.p[0] == rdb_byte_of_type(type) && entry->type == type &&
           value.p == entry->value.p && value.n == entry->value.n;
}

int rdb_put_entry(struct buf *out, const struct rdb_entry *entry, uint8_t type, struct bytes value,
                  struct ft_err *err)
{
    if (entry->expire_ms != RDB_NO_EXPIRY && put_expiry(out, entry->expire_ms, err) != 0)
        return -1;
    if (put_access(out, entry, err) != 0)
        return -1;
    if (is_own_value(entry, type, value))
        return buf_append(out, entry->raw.p, entry->raw.n, err);
    if (put_opcode(out, rdb_byte_of_type(type), err) != 0 ||
        rdb_string_put(out, entry->key, err) != 0)
        return -1;
    return buf_append(out, value.p, value.n, err);
}
