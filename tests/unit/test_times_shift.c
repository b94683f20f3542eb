/* Absolute times in commands and payloads, moved there and back. */

#include <stdlib.h>

#include "item/dump.h"
#include "item/times_shift.h"
#include "lib/t_mutate.h"
#include "rdb/value_iter.h"

#define ARGS_MAX 12

/* Words separated by blanks; the result is joined the same way. */
static const char *shifted(struct times_shift *s, const char *command, int64_t delta_ms)
{
    static char out[256];
    struct ft_err err = FT_ERR_INIT;
    struct bytes args[ARGS_MAX];
    const struct bytes *moved;
    size_t count = 0;
    size_t used = 0;

    for (const char *at = command; *at != '\0'; count++) {
        size_t n = strcspn(at, " ");

        args[count] = bytes_of(at, n);
        at += n;
        at += *at == ' ';
    }
    t_ok(times_shift_run(s, args, count, delta_ms, &moved, &err), &err);
    for (size_t i = 0; i < count; i++) {
        used += (size_t)snprintf(out + used, sizeof(out) - used, "%s%.*s", i == 0 ? "" : " ",
                                 (int)moved[i].n, (const char *)moved[i].p);
    }
    return out;
}

static void test_every_form_of_an_absolute_time_is_moved(void **state)
{
    struct times_shift s = {0};

    (void)state;
    assert_string_equal(shifted(&s, "SET k v PXAT 1000", 5), "SET k v PXAT 1005");
    assert_string_equal(shifted(&s, "PEXPIREAT k 1000", -1), "PEXPIREAT k 999");
    assert_string_equal(shifted(&s, "HPEXPIREAT k 1000 FIELDS 1 f", 5),
                        "HPEXPIREAT k 1005 FIELDS 1 f");
    assert_string_equal(shifted(&s, "HSETEX k PXAT 1000 FIELDS 1 f v", 5),
                        "HSETEX k PXAT 1005 FIELDS 1 f v");
    assert_string_equal(shifted(&s, "RESTORE k 1000 payload REPLACE ABSTTL", 5),
                        "RESTORE k 1005 payload REPLACE ABSTTL");
    times_shift_release(&s);
}

static void test_what_is_no_time_stays(void **state)
{
    struct times_shift s = {0};

    (void)state;
    assert_string_equal(shifted(&s, "SET PXAT 1000", 5), "SET PXAT 1000");
    assert_string_equal(shifted(&s, "SET k PXAT", 5), "SET k PXAT");
    assert_string_equal(shifted(&s, "RPUSH k PXAT 1000", 5), "RPUSH k PXAT 1000");
    assert_string_equal(shifted(&s, "RESTORE k 0 payload REPLACE", 5),
                        "RESTORE k 0 payload REPLACE");
    assert_string_equal(shifted(&s, "PEXPIREAT k soon", 5), "PEXPIREAT k soon");
    times_shift_release(&s);
}

/* "" if nothing was deferred. */
static const char *deferred(struct times_shift *s, const char *name, const char *time,
                            int64_t until_ms)
{
    static char out[64];
    const struct bytes args[] = {bytes_str(name), bytes_str("k"), bytes_str(time),
                                 bytes_str("payload")};
    struct ft_err err = FT_ERR_INIT;
    const struct bytes *given;
    struct times_shift back = {0};
    const struct bytes *undone;
    int64_t end_ms;

    t_ok(times_shift_defer(s, args, 4, until_ms, true, &given, &end_ms, &err), &err);
    assert_true(end_ms != 0 || given == args);
    (void)snprintf(out, sizeof(out), "%.*s", end_ms != 0 ? (int)given[2].n : 0,
                   (const char *)given[2].p);
    t_ok(times_shift_undo(&back, given, 4, &undone, &err), &err);
    if (end_ms > TIMES_EARLIEST_MS)
        assert_true(bytes_eq(undone[2], args[2]));
    times_shift_release(&back);
    return out;
}

static void test_deferred_up_to_a_limit(void **state)
{
    const int64_t now_ms = INT64_C(1700000000000);
    struct times_shift s = {0};

    (void)state;
    assert_string_equal(deferred(&s, "PEXPIREAT", "1700000000000", now_ms), "3700000000000");
    assert_string_equal(deferred(&s, "PEXPIREAT", "1700000000001", now_ms), "");
    assert_string_equal(deferred(&s, "PEXPIREAT", "1700000000001", INT64_MAX), "3700000000001");
    assert_string_equal(deferred(&s, "RESTORE", "1699999999999", now_ms), "3699999999999");
    assert_string_equal(deferred(&s, "RESTORE", "0", now_ms), "");
    assert_string_equal(deferred(&s, "HPEXPIREAT", "1699999999999", now_ms), "3699999999999");
    /* never twice; and what ended before there was a Dragonfly must not look like an own time */
    assert_string_equal(deferred(&s, "PEXPIREAT", "3700000000000", INT64_MAX), "");
    assert_string_equal(deferred(&s, "PEXPIREAT", "5", now_ms), "3000000000000");
    assert_string_equal(deferred(&s, "PEXPIREAT", "-5", now_ms), "3000000000000");
    times_shift_release(&s);
}

static void test_undo_leaves_own_times(void **state)
{
    const struct bytes args[] = {bytes_str("SET"), bytes_str("k"), bytes_str("v"),
                                 bytes_str("PXAT"), bytes_str("1700000000000")};
    struct ft_err err = FT_ERR_INIT;
    struct times_shift s = {0};
    const struct bytes *undone;

    (void)state;
    t_ok(times_shift_undo(&s, args, 5, &undone, &err), &err);
    assert_ptr_equal(undone, args);
    t_ok(times_shift_undo(&s, args, 3, &undone, &err), &err);
    assert_ptr_equal(undone, args);
    times_shift_release(&s);
}

/* HASH_METADATA of { a: 1 without a time, b: 2 with the time 1,000,000 ms }. */
static const uint8_t timed_hash[] = {0x40, 0x42, 0x0f, 0,   0, 0, 0,   0, 2,  0,
                                     1,    'a',  1,    '1', 1, 1, 'b', 1, '2'};

static void check_times(unsigned type, struct bytes value, int64_t want_b_ms)
{
    struct ft_err err = FT_ERR_INIT;
    struct value_element e;
    struct value_iter *it;

    t_ok(value_iter_new(&it, type, value, &err), &err);
    assert_int_equal(value_iter_next(it, &e, &err), STEP_ITEM);
    t_bytes(e.field, "a");
    assert_true(e.expire_ms == VALUE_NO_TTL);
    assert_int_equal(value_iter_next(it, &e, &err), STEP_ITEM);
    t_bytes(e.field, "b");
    t_bytes(e.value, "2");
    assert_true(e.expire_ms == want_b_ms);
    assert_int_equal(value_iter_next(it, &e, &err), STEP_END);
    value_iter_free(it);
}

static void test_field_times_are_moved_there_and_back(void **state)
{
    struct bytes value = bytes_of(timed_hash, sizeof(timed_hash));
    struct ft_err err = FT_ERR_INIT;
    struct buf there = {0};
    struct buf back = {0};

    (void)state;
    check_times(RDB_TYPE_HASH_METADATA, value, 1000000);
    t_ok(times_shift_value(RDB_TYPE_HASH_METADATA, value, TIMES_SHIFT_MS, &there, &err), &err);
    check_times(RDB_TYPE_HASH_METADATA, buf_bytes(&there), 1000000 + TIMES_SHIFT_MS);
    t_ok(times_shift_value(RDB_TYPE_HASH_METADATA, buf_bytes(&there), -TIMES_SHIFT_MS, &back, &err),
         &err);
    check_times(RDB_TYPE_HASH_METADATA, buf_bytes(&back), 1000000);
    buf_clear(&there);
    t_ok(times_shift_value(RDB_TYPE_VALKEY_HASH,
                           T_BYTES("\x02\x01"
                                   "a\x01"
                                   "x\xff\xff\xff\xff\xff\xff\xff\xff\x01"
                                   "c\x01"
                                   "y\x20\xcf\x8d\x0a\x86\x01\x00\x00"),
                           -0x20, &there, &err),
         &err);
    t_bytes(buf_bytes(&there), "\x02\x01"
                               "a\x01"
                               "x\xff\xff\xff\xff\xff\xff\xff\xff\x01"
                               "c\x01"
                               "y\x00\xcf\x8d\x0a\x86\x01\x00\x00");
    assert_int_equal(times_shift_type(RDB_TYPE_VALKEY_HASH), RDB_TYPE_VALKEY_HASH);
    assert_int_equal(times_shift_type(RDB_TYPE_HASH_LISTPACK_EX), RDB_TYPE_HASH_METADATA);
    t_ok(times_shift_value(RDB_TYPE_STRING, bytes_str("\1x"), 5, &there, &err), &err);
    assert_int_equal(there.n, 0);
    buf_release(&there);
    buf_release(&back);
}

static void test_a_payload_with_field_times_is_made_anew(void **state)
{
    struct bytes value = bytes_of(timed_hash, sizeof(timed_hash));
    struct ft_err err = FT_ERR_INIT;
    struct times_shift s = {0};
    const struct bytes *moved;
    struct buf payload = {0};
    struct dump dump;
    struct bytes args[5];

    (void)state;
    t_ok(dump_append(&payload, RDB_TYPE_HASH_METADATA, value, 12, &err), &err);
    args[0] = bytes_str("RESTORE");
    args[1] = bytes_str("k");
    args[2] = bytes_str("0");
    args[3] = buf_bytes(&payload);
    args[4] = bytes_str("REPLACE");
    t_ok(times_shift_run(&s, args, 5, TIMES_SHIFT_MS, &moved, &err), &err);
    t_bytes(moved[2], "0");
    t_ok(dump_parse(moved[3], &dump, &err), &err);
    assert_int_equal(dump.rdb_version, 12);
    check_times(dump.type, dump.value, 1000000 + TIMES_SHIFT_MS);
    buf_release(&payload);
    times_shift_release(&s);
}

/* As long as they are deferred, and what else gives them times. */
static void test_field_times_are_deferred(void **state)
{
    static const struct {
        const char *args[9];
        size_t count, at;
    } commands[] = {
        {{"HPEXPIREAT", "h", "1700000000000", "GT", "FIELDS", "1", "f"}, 7, 2},
        {{"HSETEX", "h", "FNX", "PXAT", "1700000000000", "FIELDS", "1", "f", "v"}, 9, 4},
        {{"HGETEX", "h", "PXAT", "1700000000000", "FIELDS", "1", "PXAT"}, 7, 3},
        {{"EVAL", "script", "1", "h", "NX", "0", "1700000000000", "f", "v"}, 9, 6},
        {{"EVAL", "script", "1", "h", "NX", "1", "-", "f", "v"}, 9, 0},
        {{"EVAL", "another", "1", "h", "NX", "1", "1700000000000", "f", "v"}, 9, 0},
    };
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        struct times_shift there = {.script = "script"};
        struct times_shift back = {.script = "script"};
        size_t at = commands[i].at;
        size_t n = commands[i].count;
        const struct bytes *given;
        struct bytes args[9];
        int64_t end_ms;

        for (size_t w = 0; w < n; w++)
            args[w] = bytes_str(commands[i].args[w]);
        t_ok(times_shift_defer(&there, args, n, INT64_MAX, false, &given, &end_ms, &err), &err);
        assert_ptr_equal(given, args);
        t_ok(times_shift_defer(&there, args, n, INT64_MAX, true, &given, &end_ms, &err), &err);
        assert_true(end_ms == (at != 0 ? INT64_C(1700000000000) : 0));
        if (at != 0)
            t_bytes(given[at], "3700000000000");
        t_ok(times_shift_undo(&back, given, n, &given, &err), &err);
        for (size_t w = 0; w < n; w++)
            assert_true(bytes_eq_str(given[w], commands[i].args[w]));
        times_shift_release(&there);
        times_shift_release(&back);
    }
}

static void test_field_times_of_a_payload_are_deferred(void **state)
{
    struct bytes value = bytes_of(timed_hash, sizeof(timed_hash));
    struct ft_err err = FT_ERR_INIT;
    struct times_shift there = {0};
    struct times_shift back = {0};
    struct buf payload = {0};
    struct buf own = {0};
    const struct bytes *given;
    const struct bytes *undone;
    struct dump dump;
    int64_t end_ms;

    (void)state;
    t_ok(dump_append(&payload, RDB_TYPE_HASH_METADATA, value, 12, &err), &err);
    const struct bytes args[] = {bytes_str("RESTORE"), bytes_str("k"), bytes_str("0"),
                                 buf_bytes(&payload), bytes_str("REPLACE")};
    t_ok(times_shift_defer(&there, args, 5, INT64_MAX, false, &given, &end_ms, &err), &err);
    assert_ptr_equal(given, args);
    t_ok(times_shift_defer(&there, args, 5, INT64_MAX, true, &given, &end_ms, &err), &err);
    assert_true(end_ms ==
                TIMES_EARLIEST_MS); /* what ended so early must not look like an own time */
    t_bytes(given[2], "0");
    t_ok(dump_parse(given[3], &dump, &err), &err);
    check_times(dump.type, dump.value, TIMES_EARLIEST_MS + TIMES_SHIFT_MS);
    t_ok(times_shift_undo_value(dump.type, dump.value, &own, &err), &err);
    check_times(RDB_TYPE_HASH_METADATA, buf_bytes(&own), TIMES_EARLIEST_MS);
    t_ok(times_shift_undo(&back, given, 5, &undone, &err), &err);
    t_ok(dump_parse(undone[3], &dump, &err), &err);
    check_times(dump.type, dump.value, TIMES_EARLIEST_MS);
    buf_release(&payload);
    buf_release(&own);
    times_shift_release(&there);
    times_shift_release(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_form_of_an_absolute_time_is_moved),
        cmocka_unit_test(test_what_is_no_time_stays),
        cmocka_unit_test(test_deferred_up_to_a_limit),
        cmocka_unit_test(test_undo_leaves_own_times),
        cmocka_unit_test(test_field_times_are_deferred),
        cmocka_unit_test(test_field_times_of_a_payload_are_deferred),
        cmocka_unit_test(test_field_times_are_moved_there_and_back),
        cmocka_unit_test(test_a_payload_with_field_times_is_made_anew),
    };

    return T_RUN("item/times_shift", tests);
}
