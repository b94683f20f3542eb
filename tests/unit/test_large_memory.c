/* Buffers that become large: in a file without a name, or on the heap where none can be made. */
#include "lib/test_main.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/crc64.h"
#include "base/fsutil.h"
#include "base/large_memory.h"
#include "base/passed_memory.h"

#define PIECE ((size_t)1 << 20)
#define MANY  ((LARGE_MEMORY_MIN_BYTES / PIECE) * 3)

static uint8_t piece[PIECE];

static const uint8_t *piece_of(size_t number)
{
    for (size_t i = 0; i < PIECE; i++)
        piece[i] = (uint8_t)(i * 7 ^ i >> 8 ^ number * 31);
    return piece;
}

/* Everything is told to have been passed after each step, which must change nothing. */
static void fill(struct buf *b, size_t append_bytes)
{
    struct ft_err err = FT_ERR_INIT;

    for (size_t number = 0; number < MANY; number++) {
        (void)piece_of(number);
        for (size_t at = 0; at < PIECE; at += append_bytes)
            t_ok(buf_append(b, piece + at, append_bytes, &err), &err);
        memory_passed(b->p, b->n);
    }
    assert_int_equal(b->n, MANY * PIECE);
}

static void check(const struct buf *b)
{
    for (size_t number = 0; number < MANY; number++)
        assert_memory_equal(b->p + number * PIECE, piece_of(number), PIECE);
}

static void test_buffers_grow_and_keep_what_they_have(void **state)
{
    static const size_t appended[] = {512, PIECE / 4, PIECE};

    (void)state;
    for (size_t i = 0; i < sizeof(appended) / sizeof(appended[0]); i++) {
        struct buf b = {0};

        fill(&b, appended[i]);
        check(&b);
        buf_release(&b);
        assert_null(b.p);
    }
}

static void test_several_at_once(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct buf bufs[3] = {{0}, {0}, {0}};

    (void)state;
    for (size_t number = 0; number < MANY; number++) {
        for (size_t i = 0; i < 3; i++)
            t_ok(buf_append(&bufs[i], piece_of(number), PIECE, &err), &err);
    }
    memory_passed(bufs[0].p, bufs[0].n);
    buf_release(&bufs[1]);
    check(&bufs[0]);
    check(&bufs[2]);
    assert_true(bytes_eq(buf_bytes(&bufs[0]), buf_bytes(&bufs[2])));
    bufs[2].p[bufs[2].n - 1] ^= 1;
    assert_false(bytes_eq(buf_bytes(&bufs[0]), buf_bytes(&bufs[2])));
    buf_release(&bufs[2]);
    memory_passed(bufs[0].p + PIECE + 5, PIECE);
    check(&bufs[0]);
    buf_release(&bufs[0]);
}

static void test_without_a_file_it_is_the_heap(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    char *old = getenv("TMPDIR") == NULL ? NULL : strdup(getenv("TMPDIR"));
    struct buf b = {0};

    (void)state;
    assert_int_equal(setenv("TMPDIR", "/nowhere/at/all", 1), 0);
    fill(&b, PIECE);
    check(&b);
    if (old == NULL)
        (void)unsetenv("TMPDIR");
    else
        assert_int_equal(setenv("TMPDIR", old, 1), 0);
    free(old);
    t_ok(buf_append(&b, piece_of(0), PIECE, &err), &err); /* it stays there */
    assert_memory_equal(b.p + MANY * PIECE, piece_of(0), PIECE);
    buf_release(&b);
}

/* No file may become larger than so many bytes; what has become so already stays. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void test_a_file_that_cannot_grow(void **state)
{
    struct buf b = {0};

    (void)state;
    (void)signal(SIGXFSZ, SIG_IGN);
    limit_files(LARGE_MEMORY_MIN_BYTES + LARGE_MEMORY_MIN_BYTES / 2);
    fill(&b, PIECE);
    limit_files(RLIM_INFINITY);
    assert_int_equal(memory_area_of(b.p).kind, MEMORY_OTHER); /* on the heap by now */
    check(&b);
    buf_release(&b);
}

static void test_what_cannot_be_written_is_an_error(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct buf b = {0};

    (void)state;
    fill(&b, PIECE);
    assert_int_equal(memory_area_of(b.p).kind, MEMORY_FILE);
    t_ok(buf_reserve(&b, PIECE, &err), &err);
    (void)signal(SIGXFSZ, SIG_IGN);
    limit_files(PIECE);
    t_fails(buf_append(&b, piece_of(0), PIECE, &err), &err, FT_ERR_NOMEM,
            "(TMPDIR): could not write");
    limit_files(RLIM_INFINITY);
    assert_int_equal(b.n, MANY * PIECE);
    check(&b);
    buf_release(&b);
}

/* Of mapped files. */
static size_t resident_bytes(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    unsigned long size;
    unsigned long resident;
    unsigned long shared = 0;

    assert_non_null(f);
    assert_int_equal(fscanf(f, "%lu %lu %lu", &size, &resident, &shared), 3);
    (void)fclose(f);
    return shared * (size_t)sysconf(_SC_PAGESIZE);
}

/* A reader reports when it has taken an element, and looks at that afterwards. */
static void test_what_was_read_leaves_the_memory(void **state)
{
    const size_t element = MEMORY_STRIDE - PIECE / 4;
    const uint8_t *passed;
    size_t before;
    unsigned sum = 0;
    struct buf b = {0};

    (void)state;
    fill(&b, PIECE);
    before = resident_bytes();
    passed = b.p;
    for (size_t at = 0; at + element <= b.n; at += element) {
        passed = memory_pass(passed, b.p + at + element);
        for (size_t i = 0; i < element; i += 512)
            sum += b.p[at + i];
    }
    assert_true(sum != 0);
    assert_in_range(resident_bytes(), 0, before + 6 * MEMORY_STRIDE);
    buf_release(&b);
}

static void test_what_was_appended_leaves_the_memory(void **state)
{
    static const size_t appended[] = {512, 4096 + 64};
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof(appended) / sizeof(appended[0]); i++) {
        size_t before = resident_bytes();
        struct buf b = {0};

        while (b.n < MANY * PIECE) {
            t_ok(buf_append(&b, piece, 2, &err), &err);
            t_ok(buf_append(&b, piece + b.n % 1024, appended[i], &err), &err);
        }
        assert_in_range(resident_bytes(), 0, before + 6 * MEMORY_STRIDE);
        buf_release(&b);
    }
}

static void test_the_heap_is_left_alone(void **state)
{
    uint8_t *p = malloc(PIECE);

    (void)state;
    assert_non_null(p);
    memcpy(p, piece_of(3), PIECE);
    memory_passed(p, PIECE);
    assert_ptr_equal(memory_pass(p, p + PIECE / 2), p);
    assert_memory_equal(p, piece_of(3), PIECE);
    free(p);
}

static void test_a_file_is_viewed_and_written(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    const char *dir;
    const uint8_t *view;
    struct buf b = {0};
    int fd = fs_open_unnamed(&dir, &err);

    (void)state;
    assert_true(fd >= 0);
    fill(&b, PIECE);
    t_ok(fs_write_all(fd, b.p, b.n, "a file", &err), &err);
    view = large_memory_view(fd, b.n, "a file", &err);
    assert_non_null(view);
    memory_passed(view, b.n);
    assert_memory_equal(view, b.p, b.n);
    assert_int_equal(crc64(0, view, b.n),
                     crc64(crc64(0, b.p, PIECE + 3), b.p + PIECE + 3, b.n - PIECE - 3));
    large_memory_free(view);
    buf_release(&b);
    assert_int_equal(close(fd), 0);
    assert_null(large_memory_view(-1, PIECE, "no file", &err));
    assert_int_equal(err.kind, FT_ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buffers_grow_and_keep_what_they_have),
        cmocka_unit_test(test_several_at_once),
        cmocka_unit_test(test_without_a_file_it_is_the_heap),
        cmocka_unit_test(test_a_file_that_cannot_grow),
        cmocka_unit_test(test_what_cannot_be_written_is_an_error),
        cmocka_unit_test(test_what_was_read_leaves_the_memory),
        cmocka_unit_test(test_what_was_appended_leaves_the_memory),
        cmocka_unit_test(test_the_heap_is_left_alone),
        cmocka_unit_test(test_a_file_is_viewed_and_written),
    };

    return T_RUN("large_memory", tests);
}
