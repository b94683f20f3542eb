#include "lib/t_mutate.h"
#include "lib/t_stream_value.h"
#include "rdb/value_stream.h"

static const struct sample {
    unsigned type;
    struct bytes value;
} samples[] = {
    {RDB_TYPE_STREAM_LISTPACKS, {(const uint8_t *)STREAM_1, sizeof(STREAM_1) - 1}},
    {RDB_TYPE_STREAM_LISTPACKS_2, {(const uint8_t *)STREAM_2, sizeof(STREAM_2) - 1}},
    {RDB_TYPE_STREAM_LISTPACKS_3, {(const uint8_t *)STREAM_3, sizeof(STREAM_3) - 1}},
    {RDB_TYPE_STREAM_LISTPACKS_4, {(const uint8_t *)STREAM_4, sizeof(STREAM_4) - 1}},
    {RDB_TYPE_STREAM_LISTPACKS_5, {(const uint8_t *)STREAM_5, sizeof(STREAM_5) - 1}},
};
#define SAMPLE_COUNT (sizeof(samples) / sizeof(samples[0]))

static void assert_id(struct stream_id id, uint64_t ms, uint64_t seq)
{
    assert_int_equal(id.ms, ms);
    assert_int_equal(id.seq, seq);
}

static void test_head(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        bool old = samples[i].type == RDB_TYPE_STREAM_LISTPACKS;
        struct ft_err err = FT_ERR_INIT;
        const struct stream_head *head;
        struct stream_iter *it;

        t_ok(stream_iter_new(&it, samples[i].type, samples[i].value, &err), &err);
        head = stream_iter_head(it);
        assert_int_equal(head->type, samples[i].type);
        assert_int_equal(head->length, 3);
        assert_id(head->last_id, 4, 0);
        assert_id(head->first_id, 1, 1);
        assert_id(head->max_deleted_id, old ? 0 : 1, old ? 0 : 2);
        assert_int_equal(head->entries_added, old ? 3 : 4);
        assert_int_equal(head->group_count, 2);
        t_bytes(stream_iter_listpacks(it), LISTPACKS);
        stream_iter_free(it);
    }
}

static void next_entry(struct stream_iter *it, struct stream_entry *ret)
{
    struct ft_err err = FT_ERR_INIT;

    if (stream_iter_next_entry(it, ret, &err) != STEP_ITEM)
        fail_msg("no entry: %s", err.msg);
}

static void test_entries(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct stream_iter *it;
    struct stream_entry e;

    (void)state;
    t_ok(stream_iter_new(&it, samples[1].type, samples[1].value, &err), &err);
    next_entry(it, &e);
    assert_id(e.id, 1, 1);
    assert_int_equal(e.arg_count, 4);
    t_bytes(e.args[0], "f");
    t_bytes(e.args[1], "v");
    t_bytes(e.args[2], "n");
    t_bytes(e.args[3], "5");
    next_entry(it, &e);
    assert_id(e.id, 3, 0);
    assert_int_equal(e.arg_count, 2);
    t_bytes(e.args[0], "g");
    t_bytes(e.args[1], "z");
    next_entry(it, &e);
    assert_id(e.id, 4, 0);
    assert_int_equal(e.arg_count, 4);
    t_bytes(e.args[1], "q");
    t_bytes(e.args[3], "8");
    assert_int_equal(stream_iter_next_entry(it, &e, &err), STEP_END);
    stream_iter_free(it);
}

static void check_consumer(struct stream_iter *it, const char *name, int64_t active_time_ms,
                           const uint64_t *pending_ms, size_t pending_count)
{
    struct ft_err err = FT_ERR_INIT;
    struct stream_consumer c;
    struct stream_pending p;

    assert_int_equal(stream_iter_next_consumer(it, &c, &err), STEP_ITEM);
    assert_true(bytes_eq_str(c.name, name));
    assert_int_equal(c.seen_time_ms, 0x1a1fd707173);
    assert_true(c.active_time_ms == active_time_ms);
    assert_int_equal(c.pending_count, pending_count);
    assert_int_equal(c.stored_pending.n, 16 * pending_count);
    for (size_t i = 0; i < pending_count; i++) {
        assert_int_equal(stream_iter_next_pending(it, &p, &err), STEP_ITEM);
        assert_int_equal(p.id.ms, pending_ms[i]);
        assert_true(bytes_eq_str(p.consumer, name));
        assert_int_equal(p.delivery_time_ms, 0x1a1fd707173);
        assert_int_equal(p.delivery_count, 1);
    }
    assert_int_equal(stream_iter_next_pending(it, &p, &err), STEP_END);
}

static void test_groups(void **state)
{
    static const uint64_t alices[] = {1, 3};
    static const uint64_t bobs[] = {4};

    (void)state;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        bool old = samples[i].type == RDB_TYPE_STREAM_LISTPACKS;
        bool timed = samples[i].type >= RDB_TYPE_STREAM_LISTPACKS_3;
        bool unowned = samples[i].type == RDB_TYPE_STREAM_LISTPACKS_5;
        struct ft_err err = FT_ERR_INIT;
        struct stream_consumer c;
        struct stream_iter *it;
        struct stream_group g;

        t_ok(stream_iter_new(&it, samples[i].type, samples[i].value, &err), &err);
        assert_int_equal(stream_iter_next_group(it, &g, &err), STEP_ITEM);
        t_bytes(g.name, "7");
        assert_true(g.entries_read == -1);
        assert_int_equal(stream_iter_next_consumer(it, &c, &err), STEP_END);
        assert_int_equal(stream_iter_next_group(it, &g, &err), STEP_ITEM);
        t_bytes(g.name, "grp");
        assert_id(g.last_id, 4, 0);
        assert_true(g.entries_read == (old ? -1 : 4));
        assert_int_equal(g.pending_count, 3);
        assert_int_equal(g.stored_pending.n, 75);
        assert_int_equal(g.consumer_count, 2);
        check_consumer(it, "alice", 0x1a1fd707173, alices, 2);
        check_consumer(it, "bob", timed ? -1 : 0x1a1fd707173, bobs, unowned ? 0 : 1);
        assert_true(bytes_eq(g.unowned, unowned ? T_BYTES(ID("\x04", "\x00")) : bytes_of("", 0)));
        assert_int_equal(stream_iter_next_consumer(it, &c, &err), STEP_END);
        assert_int_equal(stream_iter_next_group(it, &g, &err), STEP_END);
        assert_int_equal(stream_iter_next_group(it, &g, &err), STEP_END);
        assert_true(bytes_eq(stream_iter_producers(it),
                             samples[i].type >= RDB_TYPE_STREAM_LISTPACKS_4 ? T_BYTES(PRODUCERS)
                                                                            : bytes_of("", 0)));
        stream_iter_free(it);
    }
}

/* Asking for the next group leaves consumers and pending entries behind. */
static void test_leaving(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct stream_consumer c;
    struct stream_iter *it;
    struct stream_group g;

    (void)state;
    t_ok(stream_iter_new(&it, samples[1].type, samples[1].value, &err), &err);
    assert_int_equal(stream_iter_next_group(it, &g, &err), STEP_ITEM);
    assert_int_equal(stream_iter_next_group(it, &g, &err), STEP_ITEM);
    assert_int_equal(stream_iter_next_consumer(it, &c, &err), STEP_ITEM);
    assert_int_equal(stream_iter_next_group(it, &g, &err), STEP_END);
    stream_iter_free(it);
}

static void test_emptied(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct stream_entry e;
    struct stream_iter *it;
    struct stream_group g;

    (void)state;
    t_ok(stream_iter_new(&it, RDB_TYPE_STREAM_LISTPACKS_2, T_BYTES(STREAM_EMPTIED), &err), &err);
    assert_int_equal(stream_iter_head(it)->length, 0);
    assert_int_equal(stream_iter_next_entry(it, &e, &err), STEP_END);
    assert_int_equal(stream_iter_next_group(it, &g, &err), STEP_ITEM);
    assert_int_equal(stream_iter_next_group(it, &g, &err), STEP_END);
    stream_iter_free(it);
}

/* Everything of a stream; 0 or -1. */
static int walk(unsigned type, struct bytes value, struct ft_err *err)
{
    struct stream_consumer c;
    struct stream_pending p;
    struct stream_entry e;
    struct stream_iter *it;
    struct stream_group g;
    enum step step;
    int steps = 0;
    int rc = -1;

    if (stream_iter_new(&it, type, value, err) != 0)
        return -1;
    while ((step = stream_iter_next_entry(it, &e, err)) == STEP_ITEM) {
        for (size_t i = 0; i < e.arg_count; i++)
            assert_true(e.args[i].n == 0 || e.args[i].p != NULL);
        assert_true(++steps < T_MUTATE_STEPS_MAX);
    }
    if (step == STEP_ERROR)
        goto out;
    while ((step = stream_iter_next_group(it, &g, err)) == STEP_ITEM) {
        while ((step = stream_iter_next_consumer(it, &c, err)) == STEP_ITEM) {
            while ((step = stream_iter_next_pending(it, &p, err)) == STEP_ITEM)
                assert_true(++steps < T_MUTATE_STEPS_MAX);
            if (step == STEP_ERROR)
                goto out;
        }
        if (step == STEP_ERROR)
            goto out;
    }
    rc = step == STEP_END ? 0 : -1;
out:
    stream_iter_free(it);
    return rc;
}

static void test_refusals(void **state)
{
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    t_fails(walk(RDB_TYPE_SET, T_BYTES("\x00"), &err), &err, FT_ERR_UNSUPPORTED, "no streams");
    t_fails(walk(RDB_TYPE_STREAM_LISTPACKS_2, T_BYTES(STREAM_2 "x"), &err), &err, FT_ERR_CORRUPT,
            "left over");
    t_fails(walk(RDB_TYPE_STREAM_LISTPACKS,
                 T_BYTES("\x01\x03"
                         "abc\x01"
                         "d\x00\x00\x00\x00"),
                 &err),
            &err, FT_ERR_CORRUPT, "16 bytes");
    t_fails(
        walk(RDB_TYPE_STREAM_LISTPACKS,
             T_BYTES("\x00\x00\x00\x00\x01" GROUP_GRP PENDING "\x01" BOB "\x01" ID("\x09", "\x00")),
             &err),
        &err, FT_ERR_CORRUPT, "its group does not have");
    t_fails(walk(RDB_TYPE_STREAM_LISTPACKS,
                 T_BYTES("\x00\x00\x00\x00\x01" GROUP_GRP "\x02" ID("\x01", "\x01") TIME
                         "\x01" ID("\x01", "\x01") TIME "\x01\x00"),
                 &err),
            &err, FT_ERR_CORRUPT, "twice");
    t_fails(walk(RDB_TYPE_STREAM_LISTPACKS,
                 T_BYTES("\x00\x00\x00\x00\x81\xff\xff\xff\xff\xff\xff\xff\xff"), &err),
            &err, FT_ERR_CORRUPT, "part at offset 13");
}

static void use(struct bytes damaged, const void *arg)
{
    const struct sample *s = arg;
    struct ft_err err = FT_ERR_INIT;

    if (walk(s->type, damaged, &err) != 0)
        assert_int_equal(err.kind, FT_ERR_CORRUPT);
}

static void test_mutations(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLE_COUNT; i++)
        t_mutate(samples[i].value, use, &samples[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_head),      cmocka_unit_test(test_entries),
        cmocka_unit_test(test_groups),    cmocka_unit_test(test_leaving),
        cmocka_unit_test(test_emptied),   cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_mutations),
    };

    return T_RUN("rdb/value_stream", tests);
}
