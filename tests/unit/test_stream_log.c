/* The replication stream on disk: what was committed is there again, what was not is gone, and a copy is another one. */
#include "lib/t_store.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "serve/stream_log.h"

static const uint64_t first[] = {10, 20};

static struct stream_log *open_with(uint32_t generation, bool by_offset)
{
    const struct stream_log_options options = {.dir = t_store_dir.path,
                                               .name = "s",
                                               .input = {1, 2, 3},
                                               .generation = generation,
                                               .flow_count = 2,
                                               .first_lsn = first,
                                               .by_offset = by_offset};
    struct ft_err err = FT_ERR_INIT;
    struct stream_log *l;

    t_ok(stream_log_open(&l, &options, &err), &err);
    return l;
}

static struct stream_log *open_log(uint32_t generation)
{
    return open_with(generation, false);
}

static void put(struct stream_log *l, uint32_t db, const char *arg)
{
    const struct bytes args[] = {bytes_str("SET"), bytes_str(arg), bytes_str("1")};
    struct ft_err err = FT_ERR_INIT;

    t_ok(resp_file_put(stream_log_file(l), db, args, 3, &err), &err);
}

static void commit(struct stream_log *l, uint64_t a, uint64_t b)
{
    const uint64_t lsn[] = {a, b};
    struct ft_err err = FT_ERR_INIT;

    t_ok(stream_log_commit(l, lsn, &err), &err);
}

static void test_reopened(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    uint64_t lsn[2];
    struct stream_point point = {.lsn = lsn};
    char id[STREAM_ID_LENGTH + 1];
    char bytes[200];
    uint64_t end;
    size_t n;
    struct stream_log *l = open_log(1);

    (void)state;
    assert_int_equal(stream_log_end(l), 0);
    put(l, 3, "a");
    assert_int_equal(stream_log_end(l), 0);
    commit(l, 11, 20);
    assert_true(stream_log_end(l) > 0);
    put(l, 3, "b");
    commit(l, 11, 25);
    end = stream_log_end(l);
    put(l, 5, "lost");
    memcpy(id, stream_log_id(l), sizeof(id));
    stream_log_free(l);

    l = open_log(1);
    assert_string_equal(stream_log_id(l), id);
    assert_int_equal(stream_log_end(l), end);
    t_ok(stream_log_last(l, &point, &err), &err);
    assert_int_equal(point.position, end);
    assert_int_equal(point.db, 3);
    assert_int_equal(lsn[0], 11);
    assert_int_equal(lsn[1], 25);
    /* what comes next needs no SELECT: the database is still selected */
    put(l, 3, "c");
    commit(l, 12, 25);
    t_ok(stream_log_read(l, end, bytes, sizeof(bytes), &n, &err), &err);
    assert_memory_equal(bytes, "*3\r\n$3\r\nSET\r\n$1\r\nc\r\n", 20);
    stream_log_free(l);
}

static void test_damaged(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    uint64_t lsn[2];
    struct stream_point point = {.lsn = lsn};
    uint64_t half;
    char path[120];
    struct stream_log *l = open_log(2);
    int fd;

    (void)state;
    put(l, 0, "a");
    commit(l, 11, 20);
    half = stream_log_end(l);
    put(l, 0, "b");
    commit(l, 12, 20);
    stream_log_free(l);
    (void)snprintf(path, sizeof(path), "%s/s.stream", t_store_dir.path);
    assert_int_equal(truncate(path, (off_t)half + 3), 0);
    l = open_log(2);
    assert_int_equal(stream_log_end(l), half);
    t_ok(stream_log_last(l, &point, &err), &err);
    assert_int_equal(lsn[0], 11);
    put(l, 0, "c");
    commit(l, 12, 20);
    stream_log_free(l);
    (void)snprintf(path, sizeof(path), "%s/s.index", t_store_dir.path);
    fd = open(path, O_WRONLY | O_APPEND);
    assert_int_equal(write(fd, "torn", 4), 4);
    (void)close(fd);
    l = open_log(2);
    t_ok(stream_log_last(l, &point, &err), &err);
    assert_int_equal(lsn[0], 12);
    stream_log_free(l);
}

static void test_identity(void **state)
{
    const struct stream_log_options options = {.dir = t_store_dir.path,
                                               .name = "s",
                                               .input = {1, 2, 3},
                                               .generation = 3,
                                               .flow_count = 2,
                                               .first_lsn = first};
    struct ft_err err = FT_ERR_INIT;
    char id[STREAM_ID_LENGTH + 1];
    char command[300];
    struct stream_log *other;
    struct stream_log *l = open_log(3);

    (void)state;
    memcpy(id, stream_log_id(l), sizeof(id));
    put(l, 0, "a");
    commit(l, 11, 20);
    assert_int_equal(stream_log_open(&other, &options, &err), -1);
    assert_int_equal(err.kind, FT_ERR_STATE);
    stream_log_free(l);
    (void)snprintf(command, sizeof(command), "cd '%s' && cp s.index c && mv c s.index",
                   t_store_dir.path);
    assert_int_equal(system(command), 0);
    l = open_log(3);
    assert_string_not_equal(stream_log_id(l), id);
    assert_int_equal(stream_log_end(l), 0);
    memcpy(id, stream_log_id(l), sizeof(id));
    stream_log_free(l);
    l = open_log(4);
    assert_string_not_equal(stream_log_id(l), id);
    stream_log_free(l);
}

static void test_watched(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    int fd = eventfd(0, EFD_NONBLOCK);
    struct stream_log *l = open_log(5);
    eventfd_t count;

    (void)state;
    t_ok(stream_log_watch(l, fd, &err), &err);
    assert_int_equal(eventfd_read(fd, &count), -1);
    put(l, 0, "a");
    commit(l, 11, 20);
    assert_int_equal(eventfd_read(fd, &count), 0);
    stream_log_unwatch(l, fd);
    commit(l, 12, 20);
    assert_int_equal(eventfd_read(fd, &count), -1);
    (void)close(fd);
    stream_log_free(l);
}

/* Bytes from the position itself; records and time from the points around it. */
static void test_lag(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct stream_lag lag;
    uint64_t ends[6] = {0};
    struct stream_log *l = open_log(6);

    (void)state;
    t_ok(stream_log_lag(l, 0, &lag, &err), &err);
    assert_int_equal(lag.bytes + lag.records + lag.ms, 0);
    for (uint64_t i = 1; i < 6;
         i++) { /* each point has one record of the first flow, and i of the second */
        put(l, 0, "a");
        commit(l, 10 + i, 20 + i * (i + 1) / 2);
        ends[i] = stream_log_end(l);
    }
    t_ok(stream_log_lag(l, ends[5], &lag, &err), &err);
    assert_int_equal(lag.bytes + lag.records + lag.ms, 0);
    t_ok(stream_log_lag(l, 0, &lag, &err), &err);
    assert_int_equal(lag.bytes, ends[5]);
    assert_int_equal(lag.records, 5 + 15);
    assert_true(lag.ms < 600000);
    for (int off = 0; off < 2; off++) { /* at a point, and in the middle of the next commit */
        t_ok(stream_log_lag(l, ends[3] + (uint64_t)off, &lag, &err), &err);
        assert_int_equal(lag.bytes, ends[5] - ends[3] - (uint64_t)off);
        assert_int_equal(lag.records, 2 + 4 + 5);
    }
    stream_log_free(l);
    l = open_with(7, true); /* LSNs that are offsets are no number of records */
    put(l, 0, "a");
    commit(l, 500, 20);
    t_ok(stream_log_lag(l, 0, &lag, &err), &err);
    assert_int_equal(lag.bytes, stream_log_end(l));
    assert_int_equal(lag.records, STREAM_UNCOUNTED);
    stream_log_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reopened), cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_identity), cmocka_unit_test(test_watched),
        cmocka_unit_test(test_lag),
    };

    return cmocka_run_group_tests(tests, t_store_setup, t_store_teardown);
}
