/* Values put together from elements are what the same elements are in an encoding of Redis. */
#include "diff/server_means.h"
#include "diff/typed_stream.h"
#include "diff/typed_value.h"
#include "lib/t_elements.h"
#include "rdb/value_digest.h"

static void add(struct typed_value *v, const char *field, const char *value, double score,
                int64_t expire_ms)
{
    struct value_element e = {.field = bytes_str(field),
                              .value = bytes_str(value),
                              .score = score,
                              .expire_ms = expire_ms};
    struct ft_err err = FT_ERR_INIT;

    t_ok(typed_value_add(v, &e, &err), &err);
}

static void begin(struct typed_value *v, enum value_class class_, bool timed)
{
    struct ft_err err = FT_ERR_INIT;

    t_ok(typed_value_begin(v, class_, timed, &err), &err);
}

/* It is equal to this value. */
static void is(struct typed_value *v, unsigned want_type, struct bytes want)
{
    struct ft_err err = FT_ERR_INIT;
    struct value_digest a;
    struct value_digest b;
    uint8_t type;
    struct bytes value = typed_value_end(v, &type);

    t_ok(value_digest_run(type, value, &a, &err), &err);
    t_ok(value_digest_run(want_type, want, &b, &err), &err);
    assert_true(value_digest_eq(&a, &b));
}

static void every_type(void **state)
{
    struct typed_value v = {0};

    (void)state;
    begin(&v, VALUE_STRING, false);
    add(&v, "", "42", 0, VALUE_NO_TTL);
    is(&v, RDB_TYPE_STRING, T_BYTES("\xc0\x2a"));
    begin(&v, VALUE_JSON, false);
    add(&v, "", "{\"a\":1.0}", 0, VALUE_NO_TTL);
    is(&v, RDB_TYPE_DF_JSON,
       T_BYTES("\x07"
               "{\"a\":1}"));
    begin(&v, VALUE_LIST, false);
    add(&v, "", "2", 0, VALUE_NO_TTL);
    add(&v, "", "5", 0, VALUE_NO_TTL);
    add(&v, "", "5", 0, VALUE_NO_TTL);
    is(&v, RDB_TYPE_LIST, T_BYTES("\x03\xc0\x02\xc0\x05\xc0\x05"));
    begin(&v, VALUE_ZSET, false);
    add(&v, "", "m", 1.5, VALUE_NO_TTL);
    is(&v, RDB_TYPE_ZSET_2,
       T_BYTES("\x01\x01"
               "m\x00\x00\x00\x00\x00\x00\xf8\x3f"));
    begin(&v, VALUE_HASH, false);
    add(&v, "f", "1", 0, VALUE_NO_TTL);
    is(&v, RDB_TYPE_HASH,
       T_BYTES("\x01\x01"
               "f\xc0\x01"));
    typed_value_release(&v);
}

/* A cursor may bring a member twice, and in another order each time. */
static void members_count_once(void **state)
{
    struct typed_value v = {0};
    struct value_digest first;

    (void)state;
    begin(&v, VALUE_SET, false);
    add(&v, "", "1", 0, VALUE_NO_TTL);
    add(&v, "", "2", 0, VALUE_NO_TTL);
    add(&v, "", "1", 0, VALUE_NO_TTL);
    assert_int_equal(v.count, 2);
    first = v.digest;
    is(&v, RDB_TYPE_SET, T_BYTES("\x02\xc0\x02\xc0\x01"));
    begin(&v, VALUE_SET, false);
    add(&v, "", "2", 0, VALUE_NO_TTL);
    add(&v, "", "1", 0, VALUE_NO_TTL);
    assert_true(value_digest_eq(&first, &v.digest));
    add(&v, "", "3", 0, VALUE_NO_TTL);
    assert_false(value_digest_eq(&first, &v.digest));
    begin(&v, VALUE_LIST, false);
    add(&v, "", "1", 0, VALUE_NO_TTL);
    add(&v, "", "2", 0, VALUE_NO_TTL);
    first = v.digest;
    begin(&v, VALUE_LIST, false);
    add(&v, "", "2", 0, VALUE_NO_TTL);
    add(&v, "", "1", 0, VALUE_NO_TTL);
    assert_false(value_digest_eq(&first, &v.digest));
    typed_value_release(&v);
}

static void fields_have_times(void **state)
{
    const uint8_t want[] = "\xe8\x03\x00\x00\x00\x00\x00\x00" /* 1000 */
                           "\x02\x00\x01"
                           "f\xc0\x01\x02\x01"
                           "g\xc0\x02"; /* 1001 */
    struct typed_value v = {0};

    (void)state;
    begin(&v, VALUE_HASH, true);
    add(&v, "f", "1", 0, VALUE_NO_TTL);
    add(&v, "g", "2", 0, 1001);
    is(&v, RDB_TYPE_HASH_METADATA, bytes_of(want, sizeof(want) - 1));
    typed_value_release(&v);
}

static void pend(struct typed_stream *s, uint64_t ms, const char *consumer, int64_t time_ms,
                 bool exact)
{
    const struct stream_pending p = {.id = {ms, 1},
                                     .consumer = bytes_str(consumer),
                                     .delivery_time_ms = time_ms,
                                     .delivery_count = 3};
    struct ft_err err = FT_ERR_INIT;

    t_ok(typed_stream_add_pending(s, 0, &p, exact, &err), &err);
}

static void make_stream(struct typed_stream *s, bool counters, int64_t time_ms, bool exact)
{
    const struct bytes args[] = {bytes_str("f"), bytes_str("17"), bytes_str(""), bytes_str("x")};
    const struct stream_group group = {
        .name = bytes_str("g"), .last_id = {2, 1}, .entries_read = 2};
    struct ft_err err = FT_ERR_INIT;

    typed_stream_begin(s, counters);
    s->head.last_id = (struct stream_id){UINT64_MAX, 9};
    s->head.max_deleted_id = (struct stream_id){5, 6};
    s->head.entries_added = 7;
    t_ok(typed_stream_add_entry(s, (struct stream_id){1, 1}, args, 4, &err), &err);
    t_ok(typed_stream_add_entry(s, (struct stream_id){UINT64_MAX, 1}, args, 2, &err), &err);
    t_ok(typed_stream_add_group(s, &group, &err), &err);
    t_ok(typed_stream_add_consumer(s, 0, bytes_str("idle"), &err), &err);
    t_ok(typed_stream_add_consumer(s, 0, bytes_str("alice"), &err), &err);
    pend(s, 1, "alice", time_ms, exact);
    pend(s, 2, "bob", time_ms, exact);
}

/* What went in comes out of the encoding. */
static void a_stream(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct typed_stream s = {0};
    struct stream_consumer consumer;
    struct stream_pending p;
    struct stream_entry entry;
    struct stream_group group;
    struct stream_iter *it;
    struct bytes value;
    uint8_t type;

    (void)state;
    make_stream(&s, true, 1234, true);
    assert_int_equal(typed_stream_group_pending(&s, 0), 2);
    assert_int_equal(typed_stream_last_pending(&s, 0).ms, 2);
    t_ok(typed_stream_end(&s, &type, &value, &err), &err);
    t_ok(stream_iter_new(&it, type, value, &err), &err);
    assert_int_equal(stream_iter_head(it)->length, 2);
    assert_int_equal(stream_iter_head(it)->last_id.seq, 9);
    assert_int_equal(stream_iter_head(it)->max_deleted_id.ms, 5);
    assert_int_equal(stream_iter_head(it)->entries_added, 7);
    assert_int_equal(stream_iter_next_entry(it, &entry, &err), STEP_ITEM);
    assert_int_equal(entry.id.ms, 1);
    assert_int_equal(entry.arg_count, 4);
    assert_true(bytes_eq_str(entry.args[1], "17") && bytes_eq_str(entry.args[2], ""));
    assert_int_equal(stream_iter_next_entry(it, &entry, &err), STEP_ITEM);
    assert_true(entry.id.ms == UINT64_MAX && entry.arg_count == 2);
    assert_int_equal(stream_iter_next_entry(it, &entry, &err), STEP_END);
    assert_int_equal(stream_iter_next_group(it, &group, &err), STEP_ITEM);
    assert_true(bytes_eq_str(group.name, "g") && group.entries_read == 2);
    assert_int_equal(group.consumer_count, 3);
    assert_int_equal(stream_iter_next_consumer(it, &consumer, &err), STEP_ITEM);
    assert_true(bytes_eq_str(consumer.name, "idle") && consumer.pending_count == 0);
    assert_int_equal(stream_iter_next_consumer(it, &consumer, &err), STEP_ITEM);
    assert_int_equal(stream_iter_next_pending(it, &p, &err), STEP_ITEM);
    assert_true(p.id.ms == 1 && p.delivery_time_ms == 1234 && p.delivery_count == 3);
    stream_iter_free(it);
    typed_stream_release(&s);
}

/* Older servers have no counters; times that are guessed do not tell two readings apart. */
static void a_stream_of_an_older_server(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct typed_stream s = {0};
    struct value_digest first;
    struct bytes value;
    uint8_t type;

    (void)state;
    make_stream(&s, false, 1234, false);
    first = s.digest;
    t_ok(typed_stream_end(&s, &type, &value, &err), &err);
    assert_int_equal(type, RDB_TYPE_STREAM_LISTPACKS);
    make_stream(&s, false, 1235, false);
    assert_true(value_digest_eq(&first, &s.digest));
    make_stream(&s, false, 1235, true);
    assert_false(value_digest_eq(&first, &s.digest));
    typed_stream_release(&s);
}

static void classes(void **state)
{
    (void)state;
    assert_int_equal(server_means_class("none"), -1);
    assert_int_equal(server_means_class("zset"), VALUE_ZSET);
    assert_int_equal(server_means_class("ReJSON-RL"), VALUE_JSON);
    assert_int_equal(server_means_class("MBbloom--"), VALUE_MODULE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type),
        cmocka_unit_test(members_count_once),
        cmocka_unit_test(fields_have_times),
        cmocka_unit_test(a_stream),
        cmocka_unit_test(a_stream_of_an_older_server),
        cmocka_unit_test(classes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
