/* What a batch hands over, large words among small ones. */
#include "lib/test_main.h"

#include <stdlib.h>

#include "base/endian.h"
#include "replay/position/replay_batch.h"

#define LARGE ((size_t)5 << 20)

static char *large;

/* The next string of a MessagePack array. */
static struct bytes take_string(struct bytes *in)
{
    size_t head = 1;
    size_t n = in->p[0] & 31;
    struct bytes word;

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
    word = bytes_of(in->p + head, n);
    *in = bytes_of(word.p + n, in->n - head - n);
    return word;
}

/* All words as they are sent, of large ones the first letter and the size. */
static void describe(struct replay_batch *b, struct buf *out)
{
    struct ft_err err = FT_ERR_INIT;
    struct replay_batch_parts parts;
    struct buf whole = {0};
    struct bytes in;
    uint32_t count;

    t_ok(replay_batch_take(b, &parts, &err), &err);
    t_ok(buf_append(&whole, parts.words.p, parts.words.n, &err), &err);
    if (parts.more_words != NULL) {
        size_t n = (size_t)spool_size(parts.more_words);

        t_ok(buf_reserve(&whole, n, &err), &err);
        t_ok(spool_read(parts.more_words, 0, whole.p + whole.n, n, &err), &err);
        whole.n += n;
    }
    in = buf_bytes(&whole);
    assert_int_equal(in.p[0], 0xdd);
    count = load_be32(in.p + 1);
    in = bytes_of(in.p + 5, in.n - 5);
    for (uint32_t i = 0; i < count; i++) {
        struct bytes word = take_string(&in);

        if (word.n > 100)
            t_ok(buf_printf(out, &err, "%c*%zu ", word.p[0], word.n), &err);
        else
            t_ok(buf_printf(out, &err, "%.*s ", (int)word.n, (const char *)word.p), &err);
    }
    assert_int_equal(in.n, 0);
    buf_release(&whole);
}

static void add(struct replay_batch *b, const char *name, const char *key, struct bytes value)
{
    const struct bytes words[] = {bytes_str(name), bytes_str(key), value};
    struct ft_err err = FT_ERR_INIT;

    t_ok(replay_batch_add(b, 0, "0:1:0", words, 3, &err), &err);
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

static void test_large_words_keep_their_places(void **state)
{
    static const char want[] = "SET a 1 RPUSH l x*5242880 RPUSH l y SET b x*5242880 SET c 2 "
                               "APPEND b x*70000 ";
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
            "a 1 c 2 RPUSH l x*5242880 RPUSH l y SET b x*5242880 APPEND b x*70000 ");
    buf_release(&seen);
    replay_batch_release(b);
    free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_large_words_keep_their_places),
        cmocka_unit_test(test_what_goes_first_is_small),
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
