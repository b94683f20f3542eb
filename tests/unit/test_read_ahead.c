/* A file read ahead: every byte once and in order, the end and errors told where they are, and an early end. */
#include "lib/test_main.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/read_ahead.h"

/* Of a file whose every four bytes are their own number. */
static int make_file(size_t bytes)
{
    FILE *file = tmpfile();
    int fd;

    assert_non_null(file);
    for (uint32_t i = 0; i < bytes / sizeof(i); i++)
        assert_int_equal(fwrite(&i, sizeof(i), 1, file), 1);
    assert_int_equal(fflush(file), 0);
    fd = dup(fileno(file));
    assert_true(fd >= 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_int_equal(fclose(file), 0);
    return fd;
}

static void read_from(size_t bytes, off_t from)
{
    struct ft_err err = FT_ERR_INIT;
    struct read_ahead *r = NULL;
    int fd = make_file(bytes);
    struct window_piece piece;
    uint32_t next = from < 0 ? 0 : (uint32_t)from / sizeof(next);

    t_ok(read_ahead_new(&r, fd, from, &err), &err);
    for (;;) {
        assert_int_equal(read_ahead_next(r, &piece), 0);
        if (piece.n == 0)
            break;
        assert_true(piece.n <= READ_AHEAD_BYTES);
        for (size_t i = 0; i < piece.n; i += sizeof(next), next++)
            assert_memory_equal(piece.p + i, &next, sizeof(next));
    }
    assert_int_equal(next * sizeof(next), bytes);
    assert_int_equal(read_ahead_next(r, &piece), 0);
    assert_int_equal(piece.n, 0);
    read_ahead_free(r);
    if (from >= 0) /* the descriptor may be another's as well */
        assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
    (void)close(fd);
}

static void read_whole(size_t bytes)
{
    read_from(bytes, READ_AHEAD_FROM_HERE);
}

static void test_every_byte_in_order(void **state)
{
    (void)state;
    read_whole(0);
    read_whole(4);
    read_whole(READ_AHEAD_BYTES);
    read_whole(READ_AHEAD_BYTES + 4);
    read_whole(9 * READ_AHEAD_BYTES + 400);
    read_from(9 * READ_AHEAD_BYTES + 400, 0);
    read_from(9 * READ_AHEAD_BYTES + 400, 2 * READ_AHEAD_BYTES + 800);
    read_from(400, 400);
}

static void test_freed_before_its_end(void **state)
{
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    for (unsigned pieces = 0; pieces < 5; pieces++) {
        struct read_ahead *r = NULL;
        int fd = make_file(8 * READ_AHEAD_BYTES);
        struct window_piece piece;

        t_ok(read_ahead_new(&r, fd, READ_AHEAD_FROM_HERE, &err), &err);
        for (unsigned i = 0; i < pieces; i++) {
            assert_int_equal(read_ahead_next(r, &piece), 0);
            assert_int_equal(piece.n, READ_AHEAD_BYTES);
        }
        read_ahead_free(r);
        (void)close(fd);
    }
}

static void test_errors_are_told(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct read_ahead *r = NULL;
    int fd = open("/", O_RDONLY | O_DIRECTORY);
    struct window_piece piece;

    (void)state;
    assert_true(fd >= 0);
    t_ok(read_ahead_new(&r, fd, READ_AHEAD_FROM_HERE, &err), &err);
    assert_int_equal(read_ahead_next(r, &piece), EISDIR);
    assert_int_equal(read_ahead_next(r, &piece), EISDIR);
    read_ahead_free(r);
    (void)close(fd);
}

/* Found by the thread, after pieces that are whole. */
static void test_errors_where_they_occurred(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct read_ahead *r = NULL;
    int fd = make_file(8 * READ_AHEAD_BYTES);
    char name[64];
    struct window_piece piece;
    int unreadable;

    (void)state;
    (void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    unreadable = open(name, O_WRONLY);
    assert_true(unreadable >= 0);
    t_ok(read_ahead_new(&r, fd, READ_AHEAD_FROM_HERE, &err), &err);
    assert_int_equal(read_ahead_next(r, &piece), 0);
    assert_int_equal(piece.n, READ_AHEAD_BYTES);
    assert_int_equal(dup2(unreadable, fd), fd); /* the thread has not begun */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(read_ahead_next(r, &piece), EBADF);
        assert_int_equal(piece.n, 0);
    }
    read_ahead_free(r);
    (void)close(unreadable);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_byte_in_order),
        cmocka_unit_test(test_freed_before_its_end),
        cmocka_unit_test(test_errors_are_told),
        cmocka_unit_test(test_errors_where_they_occurred),
    };

    return T_RUN("base/read_ahead", tests);
}
