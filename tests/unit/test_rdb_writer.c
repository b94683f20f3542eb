#include "lib/t_mutate.h"
#include "rdb/rdb_writer.h"

static void test_pieces(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct buf out = BUF_INIT(0);

    (void)state;
    t_ok(rdb_put_header(&out, (struct rdb_header){RDB_FAMILY_REDIS, 10}, &err), &err);
    t_bytes(buf_bytes(&out), "REDIS0010");
    buf_clear(&out);
    t_ok(rdb_put_header(&out, (struct rdb_header){RDB_FAMILY_VALKEY, 80}, &err), &err);
    t_bytes(buf_bytes(&out), "VALKEY080");
    buf_clear(&out);
    t_ok(rdb_put_aux(&out, "redis-bits", T_BYTES("64"), &err), &err);
    t_bytes(buf_bytes(&out), "\xfa\x0aredis-bits\xc0\x40");
    buf_clear(&out);
    t_ok(rdb_put_selectdb(&out, 3, &err), &err);
    t_ok(rdb_put_selectdb(&out, 300, &err), &err);
    t_bytes(buf_bytes(&out), "\xfe\x03\xfe\x41\x2c");
    buf_clear(&out);
    t_ok(rdb_put_resizedb(&out, 258, 1, &err), &err);
    t_bytes(buf_bytes(&out), "\xfb\x81\x00\x00\x00\x00\x00\x00\x01\x02\x81\x00\x00\x00\x00\x00\x00"
                             "\x00\x01");
    assert_int_equal(out.n, RDB_RESIZEDB_SIZE);
    buf_clear(&out);
    t_ok(rdb_put_function(&out, T_BYTES("#!lua name=x\n"), &err), &err);
    t_bytes(buf_bytes(&out), "\xf5\x0d#!lua name=x\n");
    buf_clear(&out);
    t_ok(rdb_put_len(&out, 70000, &err), &err);
    t_bytes(buf_bytes(&out), "\x80\x00\x01\x11\x70");
    buf_release(&out);
}

static struct rdb_entry entry_of(const char *raw, size_t raw_n, size_t value_at)
{
    struct rdb_entry e = {
        .type = (uint8_t)raw[0],
        .key = bytes_of(raw + 2, value_at - 2),
        .value = bytes_of(raw + value_at, raw_n - value_at),
        .raw = bytes_of(raw, raw_n),
        .expire_ms = RDB_NO_EXPIRY,
    };

    return e;
}

static void test_entries(void **state)
{
    static const char raw[] = "\x00\x01k\x01v";
    struct rdb_entry e = entry_of(raw, sizeof(raw) - 1, 3);
    struct ft_err err = FT_ERR_INIT;
    struct buf out = BUF_INIT(0);

    (void)state;
    t_ok(rdb_put_entry(&out, &e, e.type, e.value, &err), &err);
    t_bytes(buf_bytes(&out), "\x00\x01k\x01v");
    buf_clear(&out);
    e.raw = bytes_of(NULL, 0);
    t_ok(rdb_put_entry(&out, &e, e.type, e.value, &err), &err);
    t_bytes(buf_bytes(&out), "\x00\x01k\x01v");
    buf_clear(&out);
    e.expire_ms = 0x0102030405;
    e.has_freq = true;
    e.freq = 7;
    t_ok(rdb_put_entry(&out, &e, e.type, e.value, &err), &err);
    t_bytes(buf_bytes(&out), "\xfc\x05\x04\x03\x02\x01\x00\x00\x00\xf9\x07\x00\x01k\x01v");
    buf_clear(&out);
    e.expire_ms = RDB_NO_EXPIRY;
    e.has_idle = true;
    e.idle_s = 100;
    t_ok(rdb_put_entry(&out, &e, e.type, e.value, &err), &err);
    t_bytes(buf_bytes(&out), "\xf8\x40\x64\x00\x01k\x01v");
    buf_release(&out);
}

/* Another type or value than the entry's own: raw must not be taken. */
static void test_replaced_value(void **state)
{
    static const char raw[] = "\x1f\x02"
                              "42\x01v";
    struct rdb_entry e = entry_of(raw, sizeof(raw) - 1, 4);
    struct ft_err err = FT_ERR_INIT;
    struct buf out = BUF_INIT(0);

    (void)state;
    t_ok(rdb_put_entry(&out, &e, RDB_TYPE_STRING, e.value, &err), &err);
    t_bytes(buf_bytes(&out), "\x00\xc0\x2a\x01v");
    buf_clear(&out);
    t_ok(rdb_put_entry(&out, &e, e.type, T_BYTES("\x02xy"), &err), &err);
    t_bytes(buf_bytes(&out), "\x1f\xc0\x2a\x02xy");
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_entries),
        cmocka_unit_test(test_replaced_value),
    };

    return T_RUN("rdb/rdb_writer", tests);
}
