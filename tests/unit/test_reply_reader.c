/* Replies from peers that may be damaged or hostile. */
#include "lib/test_main.h"

#include <stdlib.h>

#include "wire/reply_reader.h"

#define LIMIT ((size_t)1 << 20)

/* The text of a reply, nested ones in brackets. */
static void describe(const redisReply *reply, struct buf *out)
{
    struct ft_err err = FT_ERR_INIT;

    switch (reply->type) {
    case REDIS_REPLY_ARRAY:
        t_ok(buf_append_str(out, "[", &err), &err);
        for (size_t i = 0; i < reply->elements; i++)
            describe(reply->element[i], out);
        t_ok(buf_append_str(out, "]", &err), &err);
        return;
    case REDIS_REPLY_INTEGER:
        t_ok(buf_printf(out, &err, "%lld ", reply->integer), &err);
        return;
    case REDIS_REPLY_NIL:
        t_ok(buf_append_str(out, "nil ", &err), &err);
        return;
    default:
        t_ok(buf_printf(out, &err, "%d:", reply->type), &err);
        assert_int_equal(reply->str[reply->len], '\0');
        t_ok(buf_append(out, reply->str, reply->len, &err), &err);
        t_ok(buf_append_str(out, " ", &err), &err);
    }
}

/* All replies in text, fed in pieces; 0, or -1 with err. */
static int read_all(struct bytes text, size_t piece, size_t limit, struct buf *out,
                    struct ft_err *err)
{
    struct reply_reader r;
    int rc = 0;

    reply_reader_init(&r, limit);
    while (text.n > 0 && rc == 0) {
        struct bytes in = bytes_of(text.p, text.n < piece ? text.n : piece);
        redisReply *reply;

        text = bytes_of(text.p + in.n, text.n - in.n);
        while (in.n > 0 && (rc = reply_reader_feed(&r, &in, &reply, err)) == 0) {
            if (reply == NULL)
                continue;
            describe(reply, out);
            reply_free(reply);
        }
    }
    if (rc == 0)
        assert_true(reply_reader_is_idle(&r));
    reply_reader_release(&r);
    return rc;
}

static void test_all_kinds_in_pieces_of_any_size(void **state)
{
    static const char text[] =
        "+OK\r\n-ERR no\r\n:-12\r\n$5\r\na\r\nb\0\r\n$0\r\n\r\n$-1\r\n*-1\r\n*0\r\n"
        "*3\r\n:1\r\n*2\r\n$1\r\nx\r\n*1\r\n+y\r\n$-1\r\n";

    (void)state;
    for (size_t piece = 1; piece < sizeof(text); piece++) {
        struct ft_err err = FT_ERR_INIT;
        struct buf seen = {0};

        t_ok(read_all(bytes_of(text, sizeof(text) - 1), piece, LIMIT, &seen, &err), &err);
        t_bytes(buf_bytes(&seen), "5:OK 6:ERR no -12 1:a\r\nb\0 1: nil nil [][1 [1:x [5:y ]]nil ]");
        buf_release(&seen);
    }
}

static void refuse(const char *text, const char *part)
{
    for (size_t piece = 1; piece < strlen(text) + 1; piece += 7) {
        struct ft_err err = FT_ERR_INIT;
        struct buf seen = {0};

        t_fails(read_all(bytes_str(text), piece, LIMIT, &seen, &err), &err, FT_ERR_PROTOCOL, part);
        buf_release(&seen);
    }
}

static void test_what_is_not_a_reply(void **state)
{
    (void)state;
    refuse("hello\r\n", "not a reply: \"hello\"");
    refuse("\r\n", "not a reply");
    refuse("+no carriage return\n", "not a reply");
    refuse(":12x\r\n", "not a reply");
    refuse("$-2\r\n", "not a reply");
    refuse("*-2\r\n", "not a reply");
    refuse("$3\r\nabcde", "does not end where it should");
    refuse("*2\r\n:1\r\n%2\r\n", "not a reply");
}

/* Each is told from its head, before memory is asked for. */
static void test_claims_beyond_the_limit(void **state)
{
    (void)state;
    refuse("$17179869184\r\n", "more than 1048576 bytes in one reply");
    refuse("$9223372036854775807\r\n", "in one reply");
    refuse("*1000000000\r\n", "in one reply");
    refuse("*9223372036854775807\r\n", "in one reply");
    refuse("*2\r\n$1\r\na\r\n$1048575\r\n", "in one reply");
}

static void test_a_reply_grows_no_further_than_the_limit(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct buf text = {0};
    struct buf seen = {0};

    (void)state;
    t_ok(buf_append_str(&text, "*10000\r\n", &err), &err);
    for (int i = 0; i < 10000; i++)
        t_ok(buf_append_str(&text, "$20\r\n01234567890123456789\r\n", &err), &err);
    t_fails(read_all(buf_bytes(&text), 4096, LIMIT, &seen, &err), &err, FT_ERR_PROTOCOL,
            "in one reply");
    t_ok(read_all(buf_bytes(&text), 4096, 2 * LIMIT, &seen, &err), &err);
    buf_release(&seen);
    buf_release(&text);
}

static void test_nested_as_deep_as_a_peer_likes(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct buf text = {0};
    struct buf seen = {0};

    (void)state;
    for (int i = 0; i < REPLY_DEPTH_MAX; i++)
        t_ok(buf_append_str(&text, "*1\r\n", &err), &err);
    t_ok(buf_append_str(&text, ":1\r\n", &err), &err);
    t_ok(read_all(buf_bytes(&text), 3, LIMIT, &seen, &err), &err);
    t_bytes(buf_bytes(&seen), "[[[[[[[[1 ]]]]]]]]");
    for (int i = 0; i < 100000; i++)
        t_ok(buf_append_str(&text, "*1\r\n", &err), &err);
    t_fails(read_all(buf_bytes(&text), 4096, LIMIT, &seen, &err), &err, FT_ERR_PROTOCOL, "deep");
    buf_release(&seen);
    buf_release(&text);
}

static void test_nothing_is_read_after_a_bad_reply(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct bytes in = bytes_str("*2\r\n*-7\r\n+OK\r\n+OK\r\n+OK\r\n");
    struct reply_reader r;
    redisReply *reply;

    (void)state;
    reply_reader_init(&r, LIMIT);
    t_fails(reply_reader_feed(&r, &in, &reply, &err), &err, FT_ERR_PROTOCOL, "not a reply");
    in = bytes_str("+OK\r\n+OK\r\n+OK\r\n");
    for (int i = 0; i < 3; i++)
        t_fails(reply_reader_feed(&r, &in, &reply, &err), &err, FT_ERR_PROTOCOL, "bad reply");
    reply_reader_release(&r);
}

/* Looked at once: a reader that begins anew with each piece would need minutes for this. */
static void test_a_line_without_end(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct reply_reader r;
    redisReply *reply;
    size_t fed = 0;
    int rc = 0;

    (void)state;
    reply_reader_init(&r, LIMIT);
    for (; rc == 0 && fed < 4 * REPLY_LINE_MAX; fed++) {
        struct bytes in = bytes_of("+", 1);

        rc = reply_reader_feed(&r, &in, &reply, &err);
    }
    assert_int_equal(fed, REPLY_LINE_MAX + 1);
    t_fails(rc, &err, FT_ERR_PROTOCOL, "a line of more than 65536 bytes");
    reply_reader_release(&r);
}

/* In pieces, or all at once, and given up before it was whole. */
static void test_a_large_text(void **state)
{
    static const size_t pieces[] = {60000, (size_t)20 << 20};
    const size_t size = (size_t)18 << 20;
    struct ft_err err = FT_ERR_INIT;
    struct buf text = {0};

    (void)state;
    t_ok(buf_printf(&text, &err, "*2\r\n$1\r\na\r\n$%zu\r\n", size), &err);
    for (size_t i = 0; i < size; i++)
        t_ok(buf_append(&text, &(uint8_t){(uint8_t)(i ^ i >> 8 ^ i >> 16)}, 1, &err), &err);
    t_ok(buf_append_str(&text, "\r\n", &err), &err);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        struct reply_reader r;
        redisReply *reply = NULL;

        reply_reader_init(&r, 2 * size);
        for (size_t at = 0; at < text.n; at += pieces[i]) {
            struct bytes in =
                bytes_of(text.p + at, text.n - at < pieces[i] ? text.n - at : pieces[i]);

            t_ok(reply_reader_feed(&r, &in, &reply, &err), &err);
        }
        assert_non_null(reply);
        assert_int_equal(reply->element[1]->len, size);
        assert_memory_equal(reply->element[1]->str, text.p + text.n - 2 - size, size);
        reply_free(reply);
        t_ok(reply_reader_feed(&r, &(struct bytes){text.p, text.n - 5}, &reply, &err), &err);
        assert_null(reply);
        reply_reader_release(&r);
    }
    buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_kinds_in_pieces_of_any_size),
        cmocka_unit_test(test_what_is_not_a_reply),
        cmocka_unit_test(test_claims_beyond_the_limit),
        cmocka_unit_test(test_a_reply_grows_no_further_than_the_limit),
        cmocka_unit_test(test_nested_as_deep_as_a_peer_likes),
        cmocka_unit_test(test_nothing_is_read_after_a_bad_reply),
        cmocka_unit_test(test_a_line_without_end),
        cmocka_unit_test(test_a_large_text),
    };

    return T_RUN("reply_reader", tests);
}
