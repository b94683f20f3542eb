/* The small parts of base/: numbers, texts, windows, buffers, errors. */
#include "lib/test_main.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/crc32c.h"
#include "base/crc64.h"
#include "base/glob.h"
#include "base/late_library.h"
#include "base/parse.h"
#include "base/wake.h"
#include "base/window.h"

static uint64_t crc64_by_bit(uint64_t crc, const uint8_t *p, size_t n)
{
    while (n-- > 0) {
        crc ^= *p++;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0x95ac9329ac4bc9b5u : crc >> 1;
    }
    return crc;
}

static uint32_t crc32c_by_bit(uint32_t crc, const uint8_t *p, size_t n)
{
    crc = ~crc;
    while (n-- > 0) {
        crc ^= *p++;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
    }
    return ~crc;
}

static void test_checksums_give_the_published_values(void **state)
{
    (void)state;
    assert_true(crc64(0, "123456789", 9) == 0xe9c6d914c4b8d9ca);
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
}

static void test_checksums_agree_with_the_definition_at_every_length(void **state)
{
    enum {
        SIZE = 8192
    };
    uint8_t *data = malloc(SIZE);

    (void)state;
    assert_non_null(data);
    srand(7);
    for (size_t i = 0; i < SIZE; i++)
        data[i] = (uint8_t)rand();
    for (size_t n = 0; n < SIZE - 64; n += 1 + n / 16) {
        size_t from = n % 61;

        assert_true(crc64(n, data + from, n) == crc64_by_bit(n, data + from, n));
        assert_int_equal(crc32c((uint32_t)n, data + from, n),
                         crc32c_by_bit((uint32_t)n, data + from, n));
    }
    free(data);
}

static void test_crc64_of_a_changed_file_is_found_without_reading_it(void **state)
{
    uint8_t file[5000];
    uint8_t change[19];
    uint64_t crc;

    (void)state;
    for (size_t i = 0; i < sizeof(file); i++)
        file[i] = (uint8_t)(i * 31);
    crc = crc64(0, file, sizeof(file));
    for (size_t i = 0; i < sizeof(change); i++) {
        change[i] = (uint8_t)(i * 7 + 1);
        file[100 + i] ^= change[i];
    }
    crc ^= crc64_zeros(crc64(0, change, sizeof(change)), sizeof(file) - 100 - sizeof(change));
    assert_true(crc == crc64(0, file, sizeof(file)));
}

static void test_integers_are_read_strictly(void **state)
{
    int64_t i;
    uint64_t u;
    char text[I64_TEXT_SIZE];

    (void)state;
    assert_true(bytes_to_i64(bytes_str("-9223372036854775808"), &i) && i == INT64_MIN);
    assert_true(bytes_to_i64(bytes_str("9223372036854775807"), &i) && i == INT64_MAX);
    assert_false(bytes_to_i64(bytes_str("9223372036854775808"), &i));
    assert_true(bytes_to_u64(bytes_str("18446744073709551615"), &u) && u == UINT64_MAX);
    assert_false(bytes_to_u64(bytes_str("18446744073709551616"), &u));
    assert_false(bytes_to_u64(bytes_str(""), &u));
    assert_false(bytes_to_u64(bytes_str("1 "), &u));
    assert_false(bytes_to_i64(bytes_str("-"), &i));
    assert_false(bytes_to_i64(bytes_str("+1"), &i));
    t_bytes(bytes_of(text, i64_to_text(INT64_MIN, text)), "-9223372036854775808");
    t_bytes(bytes_of(text, i64_to_text(0, text)), "0");
}

static void test_doubles_are_read_strictly(void **state)
{
    double d;

    (void)state;
    assert_true(bytes_to_double(bytes_str("-1.5e3"), &d) && d == -1500.0);
    assert_true(bytes_to_double(bytes_str("inf"), &d) && d > 1e308);
    assert_false(bytes_to_double(bytes_str("nan"), &d));
    assert_false(bytes_to_double(bytes_str(" 1"), &d));
    assert_false(bytes_to_double(bytes_str("1x"), &d));
    assert_false(bytes_to_double(bytes_str(""), &d));
}

static void test_utf8_is_recognised(void **state)
{
    (void)state;
    assert_true(bytes_is_utf8(bytes_str("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80")));
    assert_false(bytes_is_utf8(bytes_str("\xc0\x80")));
    assert_false(bytes_is_utf8(bytes_str("\xed\xa0\x80")));
    assert_false(bytes_is_utf8(bytes_str("\xf4\x90\x80\x80")));
    assert_false(bytes_is_utf8(bytes_str("a\xe2\x82")));
}

static void test_hex_has_two_digits_a_byte(void **state)
{
    char out[2 * 4 + 1] = "????????";

    (void)state;
    bytes_to_hex(bytes_of("\x00\x0f\xa5\xff", 4), out);
    assert_string_equal(out, "000fa5ff");
    bytes_to_hex(bytes_of("", 0), out);
    assert_string_equal(out, "");
}

static void test_escaped_text_fits_and_shows_what_was_cut(void **state)
{
    char out[12];

    (void)state;
    assert_string_equal(bytes_escape(bytes_str("a\n\"\x01"), out, sizeof(out)), "a\\n\\\"...");
    assert_string_equal(bytes_escape(bytes_str("abcdefgh"), out, sizeof(out)), "abcdefgh");
    assert_string_equal(bytes_escape(bytes_str("abcdefghijkl"), out, sizeof(out)), "abcdefgh...");
}

static void test_sizes_and_durations_are_parsed(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } sizes[] = {{"0", 0},
                 {"65536", 65536},
                 {"64KiB", 65536},
                 {"1k", 1024},
                 {"1.5MiB", 1572864},
                 {"2GB", 2000000000},
                 {"3 GiB", 3221225472u}};
    struct ft_err err = FT_ERR_INIT;
    uint64_t v;

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        t_ok(parse_size(sizes[i].text, &v, &err), &err);
        assert_int_equal(v, sizes[i].bytes);
    }
    t_fails(parse_size("-1", &v, &err), &err, FT_ERR_USAGE, "\"-1\" is not a size");
    t_fails(parse_size("12 parsecs", &v, &err), &err, FT_ERR_USAGE, "64MiB");
    t_fails(parse_size("99999999999TiB", &v, &err), &err, FT_ERR_USAGE, "not a size");
    t_ok(parse_duration("1.5s", &v, &err), &err);
    assert_int_equal(v, 1500);
    t_ok(parse_duration("2", &v, &err), &err);
    assert_int_equal(v, 2000);
    t_ok(parse_duration("250ms", &v, &err), &err);
    assert_int_equal(v, 250);
    t_fails(parse_duration("soon", &v, &err), &err, FT_ERR_USAGE, "30s");
}

static void test_times_are_parsed_and_printed(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    char text[FORMAT_TIME];
    uint64_t us;

    (void)state;
    t_ok(parse_time_us("2026-08-20T12:34:56.789Z", &us, &err), &err);
    assert_true(us == 1787229296789000u);
    assert_string_equal(format_time_us(us, text), "2026-08-20T12:34:56.789Z");
    t_ok(parse_time_us("2026-08-20T14:34:56+02:00", &us, &err), &err);
    assert_true(us == 1787229296000000u);
    t_fails(parse_time_us("2026-08-20 12:34:56Z", &us, &err), &err, FT_ERR_USAGE, "not a time");
    t_fails(parse_time_us("2026-08-20T12:34:56", &us, &err), &err, FT_ERR_USAGE, "not a time");
}

static void test_patterns_fit_as_in_redis(void **state)
{
    static const struct {
        const char *pattern;
        const char *text;
        bool fits;
    } cases[] = {
        {"*", "", true},
        {"", "", true},
        {"", "a", false},
        {"h?llo", "hello", true},
        {"h?llo", "hllo", false},
        {"h*llo", "heeeello", true},
        {"h[ae]llo", "hallo", true},
        {"h[ae]llo", "hillo", false},
        {"h[^e]llo", "hallo", true},
        {"h[^e]llo", "hello", false},
        {"h[a-c]llo", "hbllo", true},
        {"h[c-a]llo", "hbllo", true},
        {"a\\*b", "a*b", true},
        {"a\\*b", "axb", false},
        {"*a*b*", "xxaxxbxx", true},
        {"*a*b", "xxaxxbxx", false},
        {"user:*:name", "user:1:2:name", true},
        {"[", "a", false},
        {"a**b", "ab", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (glob_match(bytes_str(cases[i].pattern), bytes_str(cases[i].text)) != cases[i].fits)
            fail_msg("\"%s\" against \"%s\"", cases[i].pattern, cases[i].text);
    }
}

static void test_a_pattern_of_many_stars_takes_no_exponential_time(void **state)
{
    char pattern[200];
    char text[4000];

    (void)state;
    for (size_t i = 0; i + 2 < sizeof(pattern); i += 2)
        memcpy(pattern + i, "*a", 2);
    memset(text, 'a', sizeof(text));
    pattern[198] = 'b';
    assert_false(glob_match(bytes_of(pattern, 199), bytes_of(text, sizeof(text))));
}

static void test_a_window_joins_pieces_only_when_something_is_left(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct window w;

    (void)state;
    window_init(&w, 100, 0);
    t_ok(window_push(&w, bytes_str("abc"), &err), &err);
    assert_null(w.own.p); /* borrowed */
    window_consume(&w, 3);
    t_ok(window_push(&w, bytes_str("defg"), &err), &err);
    assert_null(w.own.p);
    assert_int_equal(window_offset(&w), 103);
    window_consume(&w, 2);
    t_ok(window_push(&w, bytes_str("hi"), &err), &err);
    t_bytes(bytes_of(window_at(&w), window_left(&w)), "fghi");
    assert_int_equal(window_offset(&w), 105);
    window_consume(&w, 1);
    t_ok(window_push(&w, bytes_str("jk"), &err), &err);
    t_bytes(bytes_of(window_at(&w), window_left(&w)), "ghijk");
    assert_int_equal(window_offset(&w), 106);
    window_release(&w);
}

static void test_a_window_gives_back_what_was_large(void **state)
{
    static uint8_t piece[1u << 20];
    struct ft_err err = FT_ERR_INIT;
    struct window w;

    (void)state;
    window_init(&w, 0, 0);
    for (unsigned i = 0; i < 20; i++) {
        memset(piece, (int)i, sizeof(piece));
        t_ok(window_push(&w, bytes_of(piece, sizeof(piece)), &err), &err);
    }
    assert_int_equal(window_left(&w), 20 * sizeof(piece));
    assert_int_equal(window_at(&w)[7 * sizeof(piece)], 7);
    window_consume(&w, 20 * sizeof(piece) - 3);
    t_ok(window_push(&w, bytes_str("ab"), &err), &err);
    t_bytes(bytes_of(window_at(&w), window_left(&w)), "\x13\x13\x13"
                                                      "ab");
    assert_int_equal(window_offset(&w), 20 * sizeof(piece) - 3);
    assert_true(w.own.cap <= sizeof(piece));
    window_release(&w);
}

static void test_a_window_writes_what_is_left_in_front_of_a_piece(void **state)
{
    uint8_t memory[] = "....hijk";
    const struct window_piece piece = {.p = memory + 4, .n = 4, .room = 4};
    struct ft_err err = FT_ERR_INIT;
    struct window w;

    (void)state;
    window_init(&w, 100, 0);
    t_ok(window_push_behind(&w, piece, &err), &err);
    assert_ptr_equal(window_at(&w), memory + 4);
    window_consume(&w, 2);
    t_ok(window_keep(&w, &err), &err); /* "jk" */
    memcpy(memory + 4, "lmno", 4);
    t_ok(window_push_behind(&w, piece, &err), &err);
    assert_ptr_equal(window_at(&w), memory + 2);
    t_bytes(bytes_of(memory, 8), "..jklmno");
    assert_int_equal(window_left(&w), 6);
    assert_int_equal(window_offset(&w), 102);
    window_consume(&w, 1);
    t_ok(window_keep(&w, &err), &err); /* "klmno": more than there is room for */
    memcpy(memory + 4, "pqrs", 4);
    t_ok(window_push_behind(&w, piece, &err), &err);
    t_bytes(bytes_of(window_at(&w), window_left(&w)), "klmnopqrs");
    t_bytes(bytes_of(memory, 8), "..jkpqrs");
    assert_int_equal(window_offset(&w), 103);
    window_release(&w);
}

static void test_a_window_does_not_grow_beyond_its_limit(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct window w;

    (void)state;
    window_init(&w, 0, 6);
    t_ok(window_push(&w, bytes_str("abcd"), &err), &err);
    t_fails(window_push(&w, bytes_str("efg"), &err), &err, FT_ERR_LIMIT, "7 bytes");
    window_release(&w);
}

static void test_a_buffer_keeps_its_content_when_it_cannot_grow(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct buf b = BUF_INIT(4);

    (void)state;
    t_ok(buf_append(&b, "abc", 3, &err), &err);
    t_fails(buf_append(&b, "de", 2, &err), &err, FT_ERR_LIMIT, "limit of 4 bytes");
    t_bytes(buf_bytes(&b), "abc");
    buf_consume(&b, 2);
    t_bytes(buf_bytes(&b), "c");
    buf_release(&b);
}

static void test_the_first_error_wins_and_context_goes_in_front(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    char long_context[600];

    (void)state;
    assert_int_equal(err_at(&err, FT_ERR_CORRUPT, 12, "bad byte"), -1);
    err_set(&err, FT_ERR_IO, "something later");
    err_wrap(&err, "flow %d", 3);
    assert_string_equal(err.msg, "flow 3: bad byte at offset 12");
    assert_int_equal(err.kind, FT_ERR_CORRUPT);
    assert_int_equal(err.offset, 12);
    memset(long_context, 'x', sizeof(long_context) - 1);
    long_context[sizeof(long_context) - 1] = '\0';
    err_wrap(&err, "%s%s", long_context, long_context);
    assert_string_equal(err.msg, "flow 3: bad byte at offset 12");
}

static void test_a_terminal_shows_what_a_peer_says(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    char text[24] = "gr\xc3\xbc\xc3\x9f\n\x1b[2J";
    char small[12] = "abcdefgh\x1b[2";

    (void)state;
    text_make_printable(text, sizeof(text));
    assert_string_equal(text, "gr\xc3\xbc\xc3\x9f\\n\\x1b[2J");
    text_make_printable(text, sizeof(text));
    assert_string_equal(text, "gr\xc3\xbc\xc3\x9f\\n\\x1b[2J");
    text_make_printable(small, sizeof(small));
    assert_string_equal(small, "abcdefgh");
    err_set(&err, FT_ERR_PROTOCOL, "it said \"%s\"", "\x1b]0;owned\x07 \xe2\x80\xae \xc2\x9b \xff");
    assert_string_equal(err.msg, "it said \"\\x1b]0;owned\\x07 \\xe2\\x80\\xae \\xc2\\x9b \\xff\"");
    err_wrap(&err, "\"%s\"", "a\rb");
    assert_string_equal(
        err.msg, "\"a\\x0db\": it said \"\\x1b]0;owned\\x07 \\xe2\\x80\\xae \\xc2\\x9b \\xff\"");
}

static void test_memory_that_the_system_lacks_is_no_fault_of_a_file(void **state)
{
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    err_errno(&err, ENOMEM, "could not map \"%s\"", "x");
    assert_int_equal(err.kind, FT_ERR_NOMEM);
    err_clear(&err);
    err_errno(&err, EIO, "could not map \"%s\"", "x");
    assert_int_equal(err.kind, FT_ERR_IO);
}

static void test_doubles_are_written_as_short_as_they_can_be_read(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {0.1, "0.1"},
        {1e300, "1e+300"},
        {3, "3"},
        {0.1 + 0.2, "0.30000000000000004"},
        {-1.5, "-1.5"},
        {1.0 / 3, "0.3333333333333333"},
        {HUGE_VAL, "inf"},
        {-HUGE_VAL, "-inf"},
    };
    char text[DOUBLE_TEXT_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(double_to_text(cases[i].value, text), cases[i].text);
}

static void test_an_array_grows_by_doubling(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    uint32_t *numbers = NULL;
    size_t cap = 0;
    size_t moves = 0;

    (void)state;
    for (uint32_t i = 0; i < 1000; i++) {
        size_t before = cap;

        t_ok(ARRAY_RESERVE(&numbers, &cap, i + 1u, "numbers", &err), &err);
        moves += cap != before;
        numbers[i] = i;
    }
    assert_int_equal(cap, 1024);
    assert_int_equal(moves, 8); /* 8, 16, ... 1024 */
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(numbers[i], i);
    t_ok(ARRAY_RESERVE(&numbers, &cap, 5000, "numbers", &err), &err);
    assert_int_equal(cap, 5000);
    free(numbers);
}

static void test_an_array_without_a_capacity_has_room_for_one_more(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    uint64_t *numbers = NULL;
    size_t count = 0;

    (void)state;
    while (count < 100) {
        t_ok(ARRAY_ADD_ROOM(&numbers, count, "numbers", &err), &err);
        numbers[count] = count;
        count++;
    }
    count = 33; /* some are dropped */
    while (count < 200) {
        t_ok(ARRAY_ADD_ROOM(&numbers, count, "numbers", &err), &err);
        numbers[count] = count;
        count++;
    }
    for (size_t i = 0; i < count; i++)
        assert_int_equal(numbers[i], i);
    free(numbers);
}

static void test_an_array_that_cannot_grow_is_as_it_was(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    uint64_t *numbers = NULL;
    size_t cap = 0;

    (void)state;
    t_ok(ARRAY_RESERVE(&numbers, &cap, 1, "numbers", &err), &err);
    numbers[0] = 7;
    assert_int_equal(ARRAY_RESERVE(&numbers, &cap, SIZE_MAX / 2, "numbers", &err), -1);
    assert_int_equal(err.kind, FT_ERR_NOMEM);
    assert_string_equal(err.msg, "could not allocate memory for numbers");
    assert_int_equal(cap, 8);
    assert_int_equal(numbers[0], 7);
    err_clear(&err);
    assert_int_equal(ARRAY_ADD_ROOM(&numbers, SIZE_MAX / 4 + 1, "numbers", &err), -1);
    assert_int_equal(err.kind, FT_ERR_NOMEM);
    free(numbers);
}

static bool is_readable(int fd)
{
    struct pollfd p = {fd, POLLIN, 0};

    return poll(&p, 1, 0) == 1;
}

static void test_however_often_it_was_woken_it_is_cleared_once(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    int fd;

    (void)state;
    t_ok(wake_open(&fd, &err), &err);
    assert_false(is_readable(fd));
    assert_false(wake_clear(fd));
    for (int i = 0; i < 3; i++)
        assert_true(wake_set(fd));
    assert_true(is_readable(fd));
    assert_true(wake_clear(fd));
    assert_false(is_readable(fd));
    assert_true(wake_set(-1));
    assert_int_equal(close(fd), 0);
    assert_false(wake_set(fd));
}

static void test_plural(void **state)
{
    (void)state;
    assert_string_equal(plural(0), "s");
    assert_string_equal(plural(1), "");
    assert_string_equal(plural(2), "s");
}

struct math {
    LATE_MEMBER(floor)
    LATE_MEMBER(ceil)
};

static void test_a_library_is_loaded_late(void **state)
{
    static const char *const names[] = {"floor", "ceil"};
    struct math math = {0};
    struct late_library library = LATE_LIBRARY("libm.so.6", names, math);
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    t_ok(late_library_load(&library, &err), &err);
    assert_true(library.loaded);
    assert_true(math.floor(1.5) == 1.0);
    assert_true(math.ceil(1.5) == 2.0);
}

static void test_a_library_that_is_missing_or_too_old_is_named(void **state)
{
    static const char *const names[] = {"floor", "flowtape_none"};
    struct math math = {0};
    struct late_library missing = LATE_LIBRARY("libflowtape-none.so.7", names, math);
    struct late_library old = LATE_LIBRARY("libm.so.6", names, math);
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    assert_int_equal(late_library_load(&missing, &err), -1);
    assert_int_equal(err.kind, FT_ERR_STATE);
    assert_non_null(strstr(err.msg, "libflowtape-none.so.7"));
    err_clear(&err);
    assert_int_equal(late_library_load(&old, &err), -1);
    assert_int_equal(err.kind, FT_ERR_STATE);
    assert_string_equal(err.msg, "libm.so.6 has no function flowtape_none");
    assert_false(old.loaded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plural),
        cmocka_unit_test(test_checksums_give_the_published_values),
        cmocka_unit_test(test_checksums_agree_with_the_definition_at_every_length),
        cmocka_unit_test(test_crc64_of_a_changed_file_is_found_without_reading_it),
        cmocka_unit_test(test_integers_are_read_strictly),
        cmocka_unit_test(test_doubles_are_read_strictly),
        cmocka_unit_test(test_utf8_is_recognised),
        cmocka_unit_test(test_hex_has_two_digits_a_byte),
        cmocka_unit_test(test_escaped_text_fits_and_shows_what_was_cut),
        cmocka_unit_test(test_sizes_and_durations_are_parsed),
        cmocka_unit_test(test_times_are_parsed_and_printed),
        cmocka_unit_test(test_patterns_fit_as_in_redis),
        cmocka_unit_test(test_a_pattern_of_many_stars_takes_no_exponential_time),
        cmocka_unit_test(test_a_window_joins_pieces_only_when_something_is_left),
        cmocka_unit_test(test_a_window_gives_back_what_was_large),
        cmocka_unit_test(test_a_window_writes_what_is_left_in_front_of_a_piece),
        cmocka_unit_test(test_a_window_does_not_grow_beyond_its_limit),
        cmocka_unit_test(test_a_buffer_keeps_its_content_when_it_cannot_grow),
        cmocka_unit_test(test_doubles_are_written_as_short_as_they_can_be_read),
        cmocka_unit_test(test_an_array_grows_by_doubling),
        cmocka_unit_test(test_an_array_without_a_capacity_has_room_for_one_more),
        cmocka_unit_test(test_an_array_that_cannot_grow_is_as_it_was),
        cmocka_unit_test(test_the_first_error_wins_and_context_goes_in_front),
        cmocka_unit_test(test_a_terminal_shows_what_a_peer_says),
        cmocka_unit_test(test_however_often_it_was_woken_it_is_cleared_once),
        cmocka_unit_test(test_memory_that_the_system_lacks_is_no_fault_of_a_file),
        cmocka_unit_test(test_a_library_is_loaded_late),
        cmocka_unit_test(test_a_library_that_is_missing_or_too_old_is_named),
    };

    return T_RUN("base", tests);
}
