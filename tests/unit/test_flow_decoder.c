/* What may follow the RDB in a file: a Dragonfly's padding, and nothing else. */
#include "item/flow_decoder.h"

#include "lib/t_mutate.h"
#include "lib/test_main.h"

#define EOF_9     "\xff\x00\x00\x00\x00\x00\x00\x00\x00"
#define REDIS_RDB "REDIS0009\xfe\x00\xfb\x01\x00\x00\x01k\x01v" EOF_9
#define DRAGONFLY_RDB   \
    "REDIS0009\xfa\x06" \
    "df-ver\x0a"        \
    "df-v1.40.1\xfe\x00\x00\x01k\x01v" EOF_9

/* Feeds pieces of `step` bytes; returns how it ends, and the number of keys. */
static enum step decode(struct bytes in, size_t step, unsigned *ret_keys, struct ft_err *err)
{
    const struct flow_decoder_options options = {.rdb = {.detect = true}, .file = true};
    struct flow_decoder *d;
    struct item item;
    enum step s;

    *ret_keys = 0;
    t_ok(flow_decoder_new(&d, &options, err), err);
    while ((s = flow_decoder_next(d, &item, err)) == STEP_ITEM || s == STEP_MORE) {
        size_t n = in.n < step ? in.n : step;

        if (s == STEP_ITEM) {
            *ret_keys += item.kind == ITEM_ENTRY;
        } else if (n == 0) {
            flow_decoder_close(d);
        } else {
            t_ok(flow_decoder_push(d, FLOW_PART_SNAPSHOT, bytes_of(in.p, n), 0, err), err);
            in = bytes_of(in.p + n, in.n - n);
        }
    }
    flow_decoder_free(d);
    return s;
}

static const size_t steps[] = {1, 7, 100, 1 << 20};
#define STEP_COUNT (sizeof(steps) / sizeof(steps[0]))

static void is_whole(struct bytes in)
{
    for (size_t i = 0; i < STEP_COUNT; i++) {
        struct ft_err err = FT_ERR_INIT;
        unsigned keys;

        assert_int_equal(decode(in, steps[i], &keys, &err), STEP_END);
        assert_int_equal(keys, 1);
    }
}

static void is_refused(struct bytes in, enum ft_err_kind kind, const char *text)
{
    for (size_t i = 0; i < STEP_COUNT; i++) {
        struct ft_err err = FT_ERR_INIT;
        unsigned keys;

        assert_int_equal(decode(in, steps[i], &keys, &err), STEP_ERROR);
        t_fails(-1, &err, kind, text);
    }
}

static void test_nothing_follows_the_rdb_of_a_redis(void **state)
{
    (void)state;
    is_whole(T_BYTES(REDIS_RDB));
    is_refused(T_BYTES(REDIS_RDB "*1\r\n$4\r\nPING\r\n"), FT_ERR_UNSUPPORTED,
               "commands of an append-only file follow the RDB");
    is_refused(T_BYTES(REDIS_RDB REDIS_RDB), FT_ERR_CORRUPT, "another RDB follows the first one");
    is_refused(T_BYTES(REDIS_RDB "VALKEY080"), FT_ERR_CORRUPT, "another RDB follows the first one");
    is_refused(T_BYTES(REDIS_RDB "\n"), FT_ERR_CORRUPT, "begin at offset 28");
}

/* DRAGONFLY_RDB and old bytes behind it, `size` together. */
static struct bytes padded(struct buf *b, size_t size)
{
    static const char rdb[] = DRAGONFLY_RDB;
    struct ft_err err = FT_ERR_INIT;

    buf_clear(b);
    t_ok(buf_append(b, rdb, sizeof(rdb) - 1, &err), &err);
    while (b->n < size)
        t_ok(buf_append(b, "*", 1, &err), &err);
    return buf_bytes(b);
}

static void test_a_dragonfly_pads_to_4096(void **state)
{
    struct buf b = {0};

    (void)state;
    is_whole(T_BYTES(DRAGONFLY_RDB));
    is_whole(padded(&b, 4096));
    is_refused(padded(&b, 4095), FT_ERR_CORRUPT, "not the padding to a multiple of 4096");
    is_refused(padded(&b, 4097), FT_ERR_CORRUPT, "not the padding to a multiple of 4096");
    is_refused(padded(&b, 8192), FT_ERR_CORRUPT, "not the padding to a multiple of 4096");
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_follows_the_rdb_of_a_redis),
        cmocka_unit_test(test_a_dragonfly_pads_to_4096),
    };

    return T_RUN("flow_decoder", tests);
}
