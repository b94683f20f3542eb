/* What a batch hands over, large words among small ones. */
#include "lib/test_main.h"

#include <stdlib.h>

#include "base/endian.h"
#include "replay/position/replay_batch.h"

#define LARGE ((size_t)5 << 20)
/* What every server takes as one argument. */
#define LEAST_ARGUMENT ((size_t)1 << 20)

static char *large;

/* The next string of a MessagePack array. */
static struct bytes take_string(struct bytes *in)
{
    size_t head = 1;
    size_t n = in->p[0] & 31;
    struct bytes arg;

    if (in->p[0] == 0xda) {
        head = 3;
        n = load_be16(in->p + 1);
    } else if (in->p[0] == 0xdb) {
        head = 5;
        n = load_be32(in->p + 1);
    } else {
        assert_int_equal(in->p[0] & 0xe0, 0xa0);
    }
    assert_true(n <= in->n - head);
    arg = bytes_of(in->p + head, n);
    *in = bytes_of(arg.p + n, in->n - head - n);
    return arg;
}

static void describe_arg(struct bytes arg, struct buf *out)
{
    struct ft_err err = FT_ERR_INIT;

    if (arg.n > 100)
        t_ok(buf_printf(out, &err, "%c*%zu ", arg.p[0], arg.n), &err);
    else
        t_ok(buf_printf(out, &err, "%.*s ", (int)arg.n, (const char *)arg.p), &err);
}

static void describe_packed(struct bytes in, struct buf *out)
{
    uint32_t count;

    assert_true(in.n <= LEAST_ARGUMENT);
    assert_int_equal(in.p[0], 0xdd);
    count = load_be32(in.p + 1);
    in = bytes_of(in.p + 5, in.n - 5);
    for (uint32_t i = 0; i < count; i++)
        describe_arg(take_string(&in), out);
    assert_int_equal(in.n, 0);
}

/* All words as they are sent, of large ones the first letter and the size; | between arguments. */
static void describe(struct replay_batch *b, struct buf *out)
{
    struct ft_err err = FT_ERR_INIT;
    struct replay_batch_parts parts;
    struct buf more = {0};
    struct bytes in;

    t_ok(replay_batch_take(b, &parts, &err), &err);
    describe_packed(parts.args, out);
    t_ok(buf_reserve(&more, (size_t)spool_size(parts.more) + 1, &err), &err);
    more.n = (size_t)spool_size(parts.more);
    t_ok(spool_read(parts.more, 0, more.p, more.n, &err), &err);
    more.p[more.n] = '\0';
    in = buf_bytes(&more);
    for (size_t i = 0; i < parts.more_kinds.n; i++) {
        char *end;
        size_t n;

        assert_int_equal(in.p[0], '$');
        n = strtoul((const char *)in.p + 1, &end, 10);
        assert_memory_equal(end, "\r\n", 2);
        in = bytes_of((const uint8_t *)end + 2, in.n - (size_t)((const uint8_t *)end + 2 - in.p));
        assert_true(n + 2 <= in.n);
        t_ok(buf_append_str(out, "| ", &err), &err);
        if (parts.more_kinds.p[i] == 'p')
            describe_packed(bytes_of(in.p, n), out);
        else
            describe_arg(bytes_of(in.p, n), out);
        assert_memory_equal(in.p + n, "\r\n", 2);
        in = bytes_of(in.p + n + 2, in.n - n - 2);
    }
    assert_int_equal(in.n, 0);
    buf_release(&more);
}

static void add(struct replay_batch *b, const char *name, const char *key, struct bytes value)
{
    const struct bytes args[] = {bytes_str(name), bytes_str(key), value};
    struct ft_err err = FT_ERR_INIT;

    t_ok(replay_batch_add(b, 0, "0:1:0", args, 3, &err), &err);
}

static void fill(struct replay_batch *b)
{
    add(b, "SET", "a", bytes_str("1"));
    add(b, "RPUSH", "l", bytes_of(large, LARGE));
    add(b, "RPUSH", "l", bytes_str("y"));
    add(b, "SET", "b", bytes_of(large, LARGE));
    add(b, "SET", "c", bytes_str("2"));
    add(b, "APPEND", "b", bytes_of(large, 70000));
}

static void test_large_args_keep_their_places(void **state)
{
    static const char want[] = "| SET a 1 RPUSH l | x*5242880 | RPUSH l y SET b | x*5242880 "
                               "| SET c 2 APPEND b x*70000 ";
    struct replay_batch *b = calloc(1, sizeof(*b));
    struct buf seen = {0};

    (void)state;
    assert_non_null(b);
    for (int round = 0; round < 2; round++) { /* a batch is used again */
        fill(b);
        assert_true(replay_batch_bytes(b) > 2 * LARGE);
        describe(b, &seen);
        t_bytes(buf_bytes(&seen), want);
        buf_clear(&seen);
        replay_batch_clear(b);
        assert_true(replay_batch_is_empty(b));
        assert_int_equal(replay_batch_bytes(b), 0);
    }
    buf_release(&seen);
    replay_batch_release(b);
    free(b);
}

/* Small SETs are put first, as keys and values; a large one is not. */
static void test_what_goes_first_is_small(void **state)
{
    struct replay_batch *b = calloc(1, sizeof(*b));
    struct buf seen = {0};

    (void)state;
    assert_non_null(b);
    b->join_sets = true;
    fill(b);
    describe(b, &seen);
    t_bytes(buf_bytes(&seen),
            "a 1 c 2 | RPUSH l | x*5242880 | RPUSH l y SET b | x*5242880 | APPEND b x*70000 ");
    buf_release(&seen);
    replay_batch_release(b);
    free(b);
}

static void fill_close(struct replay_batch *b, struct buf *want)
{
    struct ft_err err = FT_ERR_INIT;

    for (size_t i = 0; i < 40; i++) {
        add(b, "SET", "k", bytes_of(large, 101 + 20000 * i));
        add(b, "APPEND", "a", bytes_of(large, LEAST_ARGUMENT / 2 - 40 + i));
        t_ok(buf_printf(want, &err, "SET k x*%zu APPEND a x*%zu ", 101 + 20000 * i,
                        LEAST_ARGUMENT / 2 - 40 + i),
             &err);
    }
}

/* Words that can be sent one by one can be sent together, whatever their sizes: describe checks that no
 * argument is too long. */
static void test_no_argument_is_too_long(void **state)
{
    struct replay_batch *b = calloc(1, sizeof(*b));
    struct ft_err err = FT_ERR_INIT;
    struct buf seen = {0};
    struct buf want = {0};
    size_t n = 0;

    (void)state;
    assert_non_null(b);
    add(b, "APPEND", "a", bytes_of(large, LEAST_ARGUMENT));
    t_ok(buf_printf(&want, &err, "APPEND a x*%zu ", LEAST_ARGUMENT), &err);
    fill_close(b, &want);
    describe(b, &seen);
    for (size_t i = 0; i < seen.n; i++) { /* without the bars */
        if (seen.p[i] == '|')
            i++;
        else
            seen.p[n++] = seen.p[i];
    }
    seen.n = n;
    assert_true(bytes_eq(buf_bytes(&seen), buf_bytes(&want)));
    replay_batch_clear(b);
    b->join_sets = true;
    fill_close(b, &want);
    buf_clear(&seen);
    describe(b, &seen);
    buf_release(&seen);
    buf_release(&want);
    replay_batch_release(b);
    free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_large_args_keep_their_places),
        cmocka_unit_test(test_what_goes_first_is_small),
        cmocka_unit_test(test_no_argument_is_too_long),
    };
    int rc;

    large = malloc(LARGE);
    if (large == NULL)
        return 99;
    memset(large, 'x', LARGE);
    rc = T_RUN("replay_batch", tests);
    free(large);
    return rc;
}
