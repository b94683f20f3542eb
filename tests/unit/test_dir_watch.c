/* Who waits for a directory is told of what is written below it, also in directories that are made later. */
#include "lib/test_main.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/dir_watch.h"
#include "base/temp_dir.h"

static struct temp_dir dir;

static const char *path_of(const char *name)
{
    static char path[300];

    (void)snprintf(path, sizeof(path), "%s/%s", dir.path, name);
    return path;
}

static void write_to(const char *name)
{
    int fd = open(path_of(name), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, "x", 1), 1);
    assert_int_equal(close(fd), 0);
}

static bool is_told(const struct dir_watch *w, int wait_ms)
{
    struct pollfd fd = {w->fd, POLLIN, 0};

    return poll(&fd, 1, wait_ms) > 0;
}

static void test_writes_are_told(void **state)
{
    static const char *const names[] = {"top", "node/middle", "node/gen/deep"};
    struct dir_watch w;

    (void)state;
    assert_int_equal(mkdir(path_of("node"), 0700), 0);
    assert_int_equal(mkdir(path_of("node/gen"), 0700), 0);
    for (size_t i = 0; i < 3; i++)
        write_to(names[i]);
    dir_watch_open(&w, dir.path);
    if (w.fd < 0)
        skip(); /* there is no such thing here */
    assert_false(is_told(&w, 0));
    for (size_t i = 0; i < 3; i++) {
        write_to(names[i]);
        assert_true(is_told(&w, 10000));
        dir_watch_clear(&w);
        assert_false(is_told(&w, 0));
    }
    assert_int_equal(mkdir(path_of("later"), 0700), 0);
    assert_true(is_told(&w, 10000));
    dir_watch_clear(&w);
    write_to("later/file");
    assert_true(is_told(&w, 10000));
    dir_watch_clear(&w);
    write_to("later/file");
    assert_true(is_told(&w, 10000));
    dir_watch_close(&w);
    assert_int_equal(w.fd, -1);
}

static long events_max(void)
{
    FILE *f = fopen("/proc/sys/fs/inotify/max_queued_events", "r");
    long max = -1;

    if (f == NULL)
        return -1;
    assert_int_equal(fscanf(f, "%ld", &max), 1);
    (void)fclose(f);
    return max;
}

/* That a directory was made is among the events for which there was no room. */
static void test_more_events_than_are_kept(void **state)
{
    const long max = events_max();
    struct dir_watch w;

    (void)state;
    dir_watch_open(&w, dir.path);
    if (w.fd < 0 || max < 0 || max > 100000)
        skip();
    for (long i = 0; i <= max; i++) /* the same event twice in a row would be one */
        write_to(i % 2 == 0 ? "one" : "other");
    assert_int_equal(mkdir(path_of("lost"), 0700), 0);
    assert_true(is_told(&w, 10000));
    dir_watch_clear(&w);
    write_to("lost/file");
    assert_true(is_told(&w, 10000));
    dir_watch_close(&w);
}

static void test_what_is_not_there(void **state)
{
    struct dir_watch w;

    (void)state;
    dir_watch_open(&w, path_of("nothing"));
    assert_false(is_told(&w, 0));
    dir_watch_clear(&w);
    dir_watch_close(&w);
    dir_watch_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writes_are_told),
        cmocka_unit_test(test_more_events_than_are_kept),
        cmocka_unit_test(test_what_is_not_there),
    };
    struct ft_err err = FT_ERR_INIT;
    int rc;

    if (temp_dir_make(&dir, &err) != 0)
        return 1;
    rc = T_RUN("dir_watch", tests);
    temp_dir_release(&dir);
    return rc;
}
