#include "lib/test_main.h"
#include "rdb/blob_writer.h"
#include "rdb/listpack.h"
#include "rdb/ziplist.h"

/* What the iterators must give again: a text, and whether it was stored as an integer. */
struct want {
    const char *text;
    bool integer;
};

static const struct want wants[] = {
    {"a", false},
    {"", false},
    {"0", true},
    {"12", true},
    {"13", true},
    {"127", true},
    {"128", true},
    {"-1", true},
    {"-4096", true},
    {"4095", true},
    {"4096", true},
    {"-32768", true},
    {"32767", true},
    {"-32769", true},
    {"8388607", true},
    {"8388608", true},
    {"-2147483648", true},
    {"2147483648", true},
    {"007", false},
    {"+1", false},
    {"-0", false},
    {"1.5", false},
    {" 1", false},
    {"9223372036854775807", true},
    {"-9223372036854775808", true},
    {"9223372036854775808", false},
};
#define WANT_COUNT (sizeof(wants) / sizeof(wants[0]))

static void is_element(const struct blob_element *e, struct bytes text, bool integer)
{
    char digits[I64_TEXT_SIZE];

    assert_int_equal(e->is_integer, integer);
    assert_true(bytes_eq(blob_element_text(e, digits), text));
}

/* All texts above, and strings around the sizes at which the forms change. */
static void check(enum blob_kind kind, struct bytes blob, const uint8_t *letters,
                  const size_t *sizes, size_t size_count)
{
    struct ft_err err = FT_ERR_INIT;
    struct listpack_iter lp;
    struct ziplist_iter zl;
    struct blob_element e;

    t_ok(kind == BLOB_LISTPACK ? listpack_iter_init(&lp, blob, &err)
                               : ziplist_iter_init(&zl, blob, &err),
         &err);
    for (size_t i = 0; i < WANT_COUNT + size_count; i++) {
        assert_int_equal(kind == BLOB_LISTPACK ? listpack_iter_next(&lp, &e, &err)
                                               : ziplist_iter_next(&zl, &e, &err),
                         STEP_ITEM);
        if (i < WANT_COUNT)
            is_element(&e, bytes_str(wants[i].text), wants[i].integer);
        else
            is_element(&e, bytes_of(letters, sizes[i - WANT_COUNT]), false);
    }
    assert_int_equal(kind == BLOB_LISTPACK ? listpack_iter_next(&lp, &e, &err)
                                           : ziplist_iter_next(&zl, &e, &err),
                     STEP_END);
}

static void test_elements(void **state)
{
    static const size_t sizes[] = {63,  64,   120,  126,   127,   253,
                                   254, 4095, 4096, 16383, 16384, 40000};
    struct ft_err err = FT_ERR_INIT;
    struct blob_writer w = {0};
    uint8_t letters[40000];
    struct bytes blob;

    (void)state;
    memset(letters, 'x', sizeof(letters));
    for (enum blob_kind kind = BLOB_LISTPACK; kind <= BLOB_ZIPLIST; kind++) {
        t_ok(blob_writer_begin(&w, kind, &err), &err);
        for (size_t i = 0; i < WANT_COUNT; i++)
            t_ok(blob_writer_add(&w, bytes_str(wants[i].text), &err), &err);
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
            t_ok(blob_writer_add(&w, bytes_of(letters, sizes[i]), &err), &err);
        t_ok(blob_writer_end(&w, &blob, &err), &err);
        check(kind, blob, letters, sizes, sizeof(sizes) / sizeof(sizes[0]));
    }
    blob_writer_release(&w);
}

static void test_empty(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct blob_writer w = {0};
    struct bytes blob;

    (void)state;
    t_ok(blob_writer_begin(&w, BLOB_LISTPACK, &err), &err);
    t_ok(blob_writer_end(&w, &blob, &err), &err);
    assert_int_equal(blob.n, LISTPACK_EMPTY_SIZE);
    assert_memory_equal(blob.p, "\x07\0\0\0\0\0\xff", 7);
    t_ok(blob_writer_begin(&w, BLOB_ZIPLIST, &err), &err);
    t_ok(blob_writer_end(&w, &blob, &err), &err);
    assert_int_equal(blob.n, ZIPLIST_EMPTY_SIZE);
    assert_memory_equal(blob.p, "\x0b\0\0\0\x0a\0\0\0\0\0\xff", 11);
    blob_writer_release(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_elements),
        cmocka_unit_test(test_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
