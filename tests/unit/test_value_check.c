/* What redis-server refuses in a value, or would fail on later, in every encoding. */
#include <stdlib.h>

#include "lib/t_mutate.h"
#include "lib/t_stream_value.h"
#include "lib/test_main.h"
#include "rdb/value_check.h"

static void is_right(unsigned type, struct bytes value)
{
    struct value_check c = {0};
    struct ft_err err = FT_ERR_INIT;

    t_ok(value_check_run(&c, type, value, &err), &err);
    t_ok(value_check_run(&c, type, value, &err), &err); /* nothing is remembered */
    value_check_release(&c);
}

static void is_refused(unsigned type, struct bytes value, const char *part)
{
    struct value_check c = {0};
    struct ft_err err = FT_ERR_INIT;

    t_fails(value_check_run(&c, type, value, &err), &err, FT_ERR_CORRUPT, part);
    value_check_release(&c);
}

#define NAN_8 "\x00\x00\x00\x00\x00\x00\xf8\x7f"
#define ONE_8 "\x00\x00\x00\x00\x00\x00\xf0\x3f"
/* listpacks of elements of one letter, and of the integer 5 */
#define LP(size, count, elements) size "\x00\x00\x00" count "\x00" elements "\xff"
#define A  \
    "\x81" \
    "a\x02"
#define B  \
    "\x81" \
    "b\x02"
#define FIVE "\x05\x01"
#define FIVE_AS_TEXT \
    "\x81"           \
    "5\x02"

static void test_members_are_there_once(void **state)
{
    (void)state;
    is_right(RDB_TYPE_SET, T_BYTES("\x02\x01"
                                   "a\x01"
                                   "b"));
    is_refused(RDB_TYPE_SET,
               T_BYTES("\x03\x01"
                       "a\x01"
                       "b\x01"
                       "a"),
               "member \"a\" is in the value twice");
    is_refused(RDB_TYPE_SET,
               T_BYTES("\x02\x01"
                       "5\xc0\x05"),
               "member \"5\"");
    is_refused(RDB_TYPE_SET, T_BYTES("\x02\x00\x00"), "member \"\"");
    is_refused(RDB_TYPE_SET,
               T_BYTES("\x02\xc3\x04\x08\x00"
                       "a\xa0\x00\x08"
                       "aaaaaaaa"),
               "member \"aaaaaaaa\"");
    is_refused(RDB_TYPE_SET,
               T_BYTES("\x01\x01"
                       "ab"),
               "left over");
    is_refused(RDB_TYPE_HASH,
               T_BYTES("\x01\x01"
                       "f\x02"
                       "1"),
               "");
    is_refused(RDB_TYPE_HASH,
               T_BYTES("\x02\x01"
                       "f\x01"
                       "1\x01"
                       "f\x01"
                       "2"),
               "field \"f\" is in the value twice");
    is_right(RDB_TYPE_HASH, T_BYTES("\x02\x01"
                                    "f\x01"
                                    "1\x01"
                                    "g\x01"
                                    "1"));
    is_refused(RDB_TYPE_ZSET_2,
               T_BYTES("\x02\x01"
                       "a" ONE_8 "\x01"
                       "a" NAN_8),
               "not a number");
    is_refused(RDB_TYPE_ZSET_2,
               T_BYTES("\x02\x01"
                       "a" ONE_8 "\x01"
                       "a" ONE_8),
               "member \"a\"");
    is_refused(RDB_TYPE_ZSET,
               T_BYTES("\x02\x01"
                       "a\x01"
                       "1\x01"
                       "a\x01"
                       "2"),
               "member \"a\"");
    is_refused(RDB_TYPE_DF_SET_WITH_EXPIRY,
               T_BYTES("\x02\x01"
                       "a\xc0\xff\x01"
                       "a\xc0\xff"),
               "member \"a\"");
    is_refused(RDB_TYPE_DF_HASH_WITH_EXPIRY,
               T_BYTES("\x02\x01"
                       "f\x01"
                       "1\xc0\xff\x01"
                       "f\x01"
                       "1\xc0\xff"),
               "field \"f\"");
    is_refused(RDB_TYPE_HASH_METADATA,
               T_BYTES("\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01"
                       "f\x01"
                       "1\x00\x01"
                       "f\x01"
                       "2"),
               "field \"f\"");
    is_right(RDB_TYPE_LIST, T_BYTES("\x02\x01"
                                    "a\x01"
                                    "a"));
}

static void test_packed_members_are_there_once(void **state)
{
    (void)state;
    is_right(RDB_TYPE_SET_LISTPACK, T_BYTES("\x0d" LP("\x0d", "\x02", A B)));
    is_refused(RDB_TYPE_SET_LISTPACK, T_BYTES("\x0d" LP("\x0d", "\x02", A A)), "member \"a\"");
    is_refused(RDB_TYPE_SET_LISTPACK, T_BYTES("\x0c" LP("\x0c", "\x02", FIVE FIVE_AS_TEXT)),
               "member \"5\"");
    is_right(RDB_TYPE_HASH_LISTPACK, T_BYTES("\x13" LP("\x13", "\x04", A A B A)));
    is_refused(RDB_TYPE_HASH_LISTPACK, T_BYTES("\x13" LP("\x13", "\x04", A B A A)), "field \"a\"");
    is_refused(RDB_TYPE_ZSET_LISTPACK, T_BYTES("\x11" LP("\x11", "\x04", A FIVE A FIVE)),
               "member \"a\"");
    is_refused(RDB_TYPE_ZSET_LISTPACK, T_BYTES("\x0d" LP("\x0d", "\x02", A A)), "score is not");
    is_right(RDB_TYPE_LIST_QUICKLIST_2, T_BYTES("\x01\x02\x0d" LP("\x0d", "\x02", A A)));
    is_refused(RDB_TYPE_SET_INTSET, T_BYTES("\x0c\x02\x00\x00\x00\x02\x00\x00\x00\x05\x00\x05\x00"),
               "ascending");
}

static void test_scores_are_numbers(void **state)
{
    (void)state;
    is_right(RDB_TYPE_ZSET_2, T_BYTES("\x01\x01"
                                      "a" ONE_8));
    is_right(RDB_TYPE_ZSET, T_BYTES("\x02\x01"
                                    "a\xfe\x01"
                                    "b\xff"));
    is_refused(RDB_TYPE_ZSET_2,
               T_BYTES("\x01\x01"
                       "a" NAN_8),
               "score of member \"a\" is not a number");
    is_refused(RDB_TYPE_ZSET,
               T_BYTES("\x01\x01"
                       "a\xfd"),
               "score of member \"a\" is not a number");
}

/* "aaaaaaaa" in LZF, and a reference to what is not there */
static void test_strings_decode(void **state)
{
    (void)state;
    is_right(RDB_TYPE_STRING, T_BYTES("\x03"
                                      "abc"));
    is_right(RDB_TYPE_STRING, T_BYTES("\xc0\x05"));
    is_right(RDB_TYPE_STRING, T_BYTES("\xc3\x04\x08\x00"
                                      "a\xa0\x00"));
    is_refused(RDB_TYPE_STRING,
               T_BYTES("\xc3\x04\x08\x00"
                       "a\xa0\x07"),
               "");
    is_refused(RDB_TYPE_STRING,
               T_BYTES("\xc3\x04\x09\x00"
                       "a\xa0\x00"),
               "do not decompress to 9 bytes");
    is_refused(RDB_TYPE_LIST,
               T_BYTES("\x01\xc3\x04\x08\x00"
                       "a\xa0\x07"),
               "");
    is_right(RDB_TYPE_HASH, T_BYTES("\x01\x01"
                                    "f\xc3\x04\x08\x00"
                                    "a\xa0\x00"));
    is_refused(RDB_TYPE_HASH,
               T_BYTES("\x01\x01"
                       "f\xc3\x04\x08\x00"
                       "a\xa0\x07"),
               "do not decompress to 8 bytes");
    is_refused(RDB_TYPE_STRING,
               T_BYTES("\x03"
                       "abcd"),
               "left over");
}

/* More than the set begins with, and a value that says less than it has is not believed. */
/* A set of so many numbers as texts of digits, each after its length. */
static void put_numbers(struct buf *ret, unsigned count)
{
    struct ft_err err = FT_ERR_INIT;
    uint8_t head[] = {0x80, (uint8_t)(count >> 24), (uint8_t)(count >> 16), (uint8_t)(count >> 8),
                      (uint8_t)count};

    t_ok(buf_append(ret, head, sizeof(head), &err), &err);
    for (unsigned i = 0; i < count; i++)
        t_ok(buf_printf(ret, &err, "%c%07u", 7, i), &err);
}

static void test_large_values(void **state)
{
    /* some in a table, and more than a table is to have */
    static const unsigned counts[] = {60000, (1u << 20) + 2};

    (void)state;
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        struct value_check c = {0};
        struct ft_err err = FT_ERR_INIT;
        struct buf b = {0};

        put_numbers(&b, counts[i]);
        t_ok(value_check_run(&c, RDB_TYPE_SET, buf_bytes(&b), &err), &err);
        memcpy(b.p + b.n - 7, "0000000", 7);
        t_fails(value_check_run(&c, RDB_TYPE_SET, buf_bytes(&b), &err), &err, FT_ERR_CORRUPT,
                "member \"0000000\" is in the value twice");
        is_right(RDB_TYPE_SET, T_BYTES("\x02\x01"
                                       "a\x01"
                                       "b"));
        value_check_release(&c);
        buf_release(&b);
    }
}

/* Each score is a number but the last. */
static void test_many_scores(void **state)
{
    static const uint8_t not_a_number[] = {0, 0, 0, 0, 0, 0, 0xf8, 0x7f};
    const unsigned count = (1u << 20) + 5;
    struct value_check c = {0};
    struct ft_err err = FT_ERR_INIT;
    struct buf b = {0};
    uint8_t head[] = {0x80, 0, (uint8_t)(count >> 16), (uint8_t)(count >> 8), (uint8_t)count};

    (void)state;
    t_ok(buf_append(&b, head, sizeof(head), &err), &err);
    for (unsigned i = 0; i < count; i++) {
        t_ok(buf_printf(&b, &err, "%c%07u", 7, i), &err);
        t_ok(buf_append(&b, "\0\0\0\0\0\0\xf0\x3f", 8, &err), &err);
    }
    t_ok(value_check_run(&c, RDB_TYPE_ZSET_2, buf_bytes(&b), &err), &err);
    memcpy(b.p + b.n - sizeof(not_a_number), not_a_number, sizeof(not_a_number));
    t_fails(value_check_run(&c, RDB_TYPE_ZSET_2, buf_bytes(&b), &err), &err, FT_ERR_CORRUPT,
            "the score of member \"1048580\" is not a number");
    value_check_release(&c);
    buf_release(&b);
}

/* One entry "f v" from ms-0 on. */
#define NODE(ms)                                                                     \
    "\x10" ID(ms, "\x00") "\x1d\x1d\x00\x00\x00\x0a\x00\x01\x01\x00\x01\x01\x01\x81" \
                          "f\x02\x00\x01\x02\x01\x00\x01\x00\x01\x81"                \
                          "v\x02\x04\x01\xff"
#define AFTER_NODES(length)       \
    length "\x09\x00"             \
           "\x01\x00\x00\x00\x03" \
           "\x00"
#define ONE_GROUP LISTPACKS LENGTH_LAST COUNTERS "\x01" GROUP_GRP "\x04" PENDING

static void test_streams(void **state)
{
    (void)state;
    is_right(RDB_TYPE_STREAM_LISTPACKS_2, T_BYTES(STREAM_2));
    is_right(RDB_TYPE_STREAM_LISTPACKS_2, T_BYTES(STREAM_EMPTIED));
    is_right(RDB_TYPE_STREAM_LISTPACKS_2,
             T_BYTES("\x03" NODE("\x01") NODE("\x02") NODE("\x03") AFTER_NODES("\x03")));
    /* a server puts them in order */
    is_right(RDB_TYPE_STREAM_LISTPACKS_2,
             T_BYTES("\x03" NODE("\x03") NODE("\x01") NODE("\x02") AFTER_NODES("\x03")));
    is_refused(RDB_TYPE_STREAM_LISTPACKS_2,
               T_BYTES("\x03" NODE("\x02") NODE("\x03") NODE("\x02") AFTER_NODES("\x03")),
               "a listpack of entries from 2-0 on is in the stream twice");
    is_refused(RDB_TYPE_STREAM_LISTPACKS_2, T_BYTES("\x00" AFTER_NODES("\x03")),
               "a stream that counts 3 entries has none");
    is_right(RDB_TYPE_STREAM_LISTPACKS_2, T_BYTES(ONE_GROUP "\x02" ALICE ALICES_IDS BOB BOBS_IDS));
    is_refused(RDB_TYPE_STREAM_LISTPACKS_2,
               T_BYTES(ONE_GROUP "\x02" ALICE ALICES_IDS BOB "\x01" ID("\x03", "\x00")),
               "pending entry that has a consumer already");
    is_refused(RDB_TYPE_STREAM_LISTPACKS_2,
               T_BYTES(ONE_GROUP "\x01" BOB "\x02" ID("\x04", "\x00") ID("\x04", "\x00")),
               "pending entry that has a consumer already");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_are_there_once),
        cmocka_unit_test(test_packed_members_are_there_once),
        cmocka_unit_test(test_scores_are_numbers),
        cmocka_unit_test(test_strings_decode),
        cmocka_unit_test(test_large_values),
        cmocka_unit_test(test_many_scores),
        cmocka_unit_test(test_streams),
    };

    return T_RUN("value_check", tests);
}
