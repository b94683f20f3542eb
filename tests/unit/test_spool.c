/* Bytes in memory and in a file without a name, as one run. */
#include "lib/test_main.h"

#include <stdlib.h>

#include "base/spool.h"

#define TOTAL 5000u

static uint8_t pattern(size_t at)
{
    return (uint8_t)(at * 7 ^ at >> 8);
}

static void fill(struct spool *s, size_t memory_bytes, size_t piece)
{
    struct ft_err err = FT_ERR_INIT;
    uint8_t bytes[TOTAL];

    *s = (struct spool){.memory_bytes = memory_bytes};
    for (size_t at = 0; at < TOTAL; at += piece) {
        size_t n = TOTAL - at < piece ? TOTAL - at : piece;

        for (size_t i = 0; i < n; i++)
            bytes[i] = pattern(at + i);
        t_ok(spool_append(s, bytes, n, &err), &err);
    }
    assert_int_equal(spool_size(s), TOTAL);
    assert_true(s->tail.n <= memory_bytes);
}

static void test_what_was_put_is_read_anywhere(void **state)
{
    static const size_t pieces[] = {1, 13, 100, 101, 4000, TOTAL};

    (void)state;
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        struct ft_err err = FT_ERR_INIT;
        struct bytes view;
        struct spool s;
        uint8_t part[700];

        fill(&s, 100, pieces[i]);
        assert_true(s.has_file);
        for (size_t at = 0; at + sizeof(part) <= TOTAL; at += 431) {
            t_ok(spool_read(&s, at, part, sizeof(part), &err), &err);
            for (size_t k = 0; k < sizeof(part); k++)
                assert_int_equal(part[k], pattern(at + k));
        }
        t_ok(spool_view(&s, &view, &err), &err);
        assert_int_equal(view.n, TOTAL);
        for (size_t k = 0; k < TOTAL; k++)
            assert_int_equal(view.p[k], pattern(k));
        spool_passed(&s, TOTAL);
        assert_int_equal(view.p[TOTAL / 2], pattern(TOTAL / 2)); /* it comes back */
        spool_release(&s);
        assert_int_equal(spool_size(&s), 0);
    }
}

/* Before and after the end of the file. */
static void test_what_was_put_is_changed_in_place(void **state)
{
    const size_t at = TOTAL - 200;
    struct ft_err err = FT_ERR_INIT;
    struct spool s;
    uint8_t part[190], seen[200];

    (void)state;
    fill(&s, 100, 90);
    assert_true(s.tail.n > 10 && s.tail.n < 190);
    for (size_t k = 0; k < sizeof(part); k++)
        part[k] = (uint8_t)~pattern(at + k);
    t_ok(spool_overwrite(&s, at, part, sizeof(part), &err), &err);
    t_ok(spool_read(&s, at, seen, sizeof(seen), &err), &err);
    assert_memory_equal(seen, part, sizeof(part));
    for (size_t k = sizeof(part); k < sizeof(seen); k++)
        assert_int_equal(seen[k], pattern(at + k));
    spool_release(&s);
}

static void test_little_needs_no_file(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct bytes view;
    struct spool s;

    (void)state;
    fill(&s, TOTAL, 99);
    assert_false(s.has_file);
    t_ok(spool_view(&s, &view, &err), &err);
    assert_int_equal(view.n, TOTAL);
    assert_int_equal(view.p[TOTAL - 1], pattern(TOTAL - 1));
    spool_release(&s);
}

static void test_a_directory_that_is_not_there(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct spool s = {.memory_bytes = 1};

    (void)state;
    assert_int_equal(setenv("TMPDIR", "/nowhere/at/all", 1), 0);
    t_fails(spool_append(&s, "ab", 2, &err), &err, FT_ERR_NOMEM, "/nowhere/at/all");
    assert_int_equal(unsetenv("TMPDIR"), 0);
    spool_release(&s);
}

/* What grew is neither given back nor asked for anew each time that the memory is full. */
static void test_memory_is_kept_from_one_flush_to_the_next(void **state)
{
    static const uint8_t piece[1000];
    struct ft_err err = FT_ERR_INIT;
    struct spool s = {0};
    const uint8_t *memory;

    (void)state;
    while (!s.has_file)
        t_ok(spool_append(&s, piece, sizeof(piece), &err), &err);
    memory = s.tail.p;
    assert_non_null(memory);
    while (s.in_file < 5 * SPOOL_MEMORY_BYTES - sizeof(piece) * 5) {
        t_ok(spool_append(&s, piece, sizeof(piece), &err), &err);
        assert_ptr_equal(s.tail.p, memory);
        assert_true(s.tail.cap <= SPOOL_MEMORY_BYTES);
    }
    spool_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_put_is_read_anywhere),
        cmocka_unit_test(test_what_was_put_is_changed_in_place),
        cmocka_unit_test(test_little_needs_no_file),
        cmocka_unit_test(test_a_directory_that_is_not_there),
        cmocka_unit_test(test_memory_is_kept_from_one_flush_to_the_next),
    };

    return T_RUN("spool", tests);
}
