/* A full sync that is still running: what its source says, and when those who send it are to end. */
#include "lib/t_store.h"

#include <unistd.h>

#include "base/wake.h"
#include "input/source.h"
#include "replay/replay_growing.h"
#include "store/segment_writer.h"

static const uint64_t nothing[1];

/*
 * Its source
 */

/* In front of the first key; the key; what a Dragonfly ends a full sync with: LSN 18, and the token. */
static const char aux[] = "REDIS0009\xfa\x06"
                          "df-ver\x0a"
                          "df-v1.40.1";
static const char key[] = "\xfe\x00\x00\x01k\x01v";
static const char end[] =
    "\xc8\x00\x00\x00\x00\x00\x00\x00\x00\xd3\x12\x00\x00\x00\x00\x00\x00\x00\xff\x00\x00\x00\x00\x00\x00\x00\x00"
    "0123456789abcdef0123456789abcdef01234567";

static uint64_t offset;

static void add(struct segment_writer *w, const char *text, size_t n, bool last)
{
    struct segment_block b = {.stream_offset = offset,
                              .payload = bytes_of(text, n),
                              .raw_bytes = (uint32_t)n,
                              .time_us = 1,
                              .flags = last ? SEGMENT_BLOCK_END : 0,
                              .first_lsn = last ? 18 : 0};
    struct ft_err err = FT_ERR_INIT;

    t_ok(segment_writer_append(w, &b, 1, &err), &err);
    offset += n;
}

static enum ft_err_kind open_growing(struct source **ret)
{
    struct ft_err err = FT_ERR_INIT;

    return source_open_growing(ret, t_store_path, 1, &err) == 0 ? FT_ERR_NONE : err.kind;
}

static void test_source(void **state)
{
    static const struct source_stream_options options = {.snapshot_only = true};
    struct ft_err err = FT_ERR_INIT;
    struct capture *c = t_store_open_write();
    struct generation *g = t_store_begin(c, 1);
    struct source_stream *stream;
    struct segment_writer *w;
    struct source *source = NULL;
    struct item item;

    (void)state;
    t_store_save(c);
    assert_int_equal(open_growing(&source), FT_ERR_TIMEOUT); /* there is no file yet */
    offset = 0;
    w = t_store_start(c, g, 0, SEGMENT_SNAPSHOT, 0);
    add(w, aux, sizeof(aux) - 1, false);
    assert_int_equal(open_growing(&source),
                     FT_ERR_TIMEOUT); /* more may follow of what it is like */
    add(w, key, sizeof(key) - 1, false);
    assert_int_equal(open_growing(&source), FT_ERR_NONE);
    assert_int_equal(source->release, 140);
    assert_true(source->growing);
    assert_int_equal(source_lsns(source, 0).first, 0);

    t_ok(source_stream_open(&stream, source, 0, &options, &err), &err);
    do
        assert_int_equal(source_stream_next(stream, &item, &err), STEP_ITEM);
    while (item.kind != ITEM_ENTRY);
    assert_int_equal(source_stream_next(stream, &item, &err), STEP_MORE);
    assert_int_equal(source_stream_next(stream, &item, &err), STEP_MORE);
    add(w, end, sizeof(end) - 1, true);
    t_store_finish(g, 0, w);
    do
        assert_int_equal(source_stream_next(stream, &item, &err), STEP_ITEM);
    while (item.kind != ITEM_SNAPSHOT_END);
    assert_int_equal(item.lsn, 18);
    assert_int_equal(source_stream_next(stream, &item, &err), STEP_END);
    source_stream_free(stream);
    source_free(source);
    capture_free(c);
}

/* Which flow owns a key, one key does not tell; a new full sync leaves nothing of the one before. */
static void test_not_yet(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct capture *c = t_store_open_write();
    struct generation *g = t_store_begin(c, 2);
    struct source *source = NULL;
    struct segment_writer *w;

    (void)state;
    t_store_save(c);
    offset = 0;
    w = t_store_start(c, g, 0, SEGMENT_SNAPSHOT, 0);
    add(w, aux, sizeof(aux) - 1, false);
    add(w, key, sizeof(key) - 1, false);
    assert_int_equal(open_growing(&source), FT_ERR_TIMEOUT);
    segment_writer_free(w);
    t_ok(capture_begin_generation(c, T_STORE_REPLID, 5, 2, &g, &err), &err);
    assert_int_equal(open_growing(&source), FT_ERR_NET);
    capture_free(c);
}

/*
 * Who sends it
 */

static struct live_flows *live_at(uint32_t generation)
{
    struct ft_err err = FT_ERR_INIT;
    struct live_flows *l = NULL;

    t_ok(live_flows_new(&l, false, &err), &err);
    t_ok(live_flows_begin(l, generation, 1, nothing, false, &err), &err);
    return l;
}

static enum ft_err_kind check_growing(struct replay_growing *g)
{
    struct ft_err err = FT_ERR_INIT;

    return replay_growing_check(g, &err) == 0 ? FT_ERR_NONE : err.kind;
}

static void test_over(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct live_flows *l = live_at(3);
    struct replay_growing g;

    (void)state;
    replay_growing_init(&g, l, 3, -1);
    assert_int_equal(check_growing(&g), FT_ERR_NONE);
    t_ok(live_flows_begin(l, 4, 1, nothing, false, &err), &err);
    assert_int_equal(check_growing(&g), FT_ERR_NET);
    replay_growing_release(&g);

    replay_growing_init(&g, l, 4, -1);
    live_flows_end(l);
    assert_int_equal(check_growing(&g), FT_ERR_NET); /* it never became complete */
    replay_growing_release(&g);
    live_flows_free(l);
}

static void test_complete(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct live_flows *l = live_at(3);
    struct replay_growing g;

    (void)state;
    replay_growing_init(&g, l, 3, -1);
    live_flows_ready(l);
    live_flows_end(l);
    assert_int_equal(check_growing(&g), FT_ERR_NONE);
    t_ok(replay_growing_await(&g, &err), &err);
    replay_growing_release(&g);
    live_flows_free(l);
}

static void test_broken(void **state)
{
    struct ft_err first = FT_ERR_INIT;
    struct ft_err second = FT_ERR_INIT;
    struct live_flows *l = live_at(3);
    struct replay_growing g;

    (void)state;
    (void)err_set(&first, FT_ERR_LOSS, "a value");
    (void)err_set(&second, FT_ERR_NET, "another");
    replay_growing_init(&g, l, 3, -1);
    replay_growing_break(&g, &first);
    replay_growing_break(&g, &second);
    assert_int_equal(check_growing(&g), FT_ERR_LOSS);
    replay_growing_release(&g);
    live_flows_free(l);
}

static void test_cancelled(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct live_flows *l = live_at(3);
    struct replay_growing g;
    uint32_t wait_ms = 0;
    int fd;

    (void)state;
    t_ok(wake_open(&fd, &err), &err);
    assert_true(wake_set(fd));
    replay_growing_init(&g, l, 3, fd);
    assert_int_equal(replay_growing_wait(&g, &wait_ms, &err), -1);
    assert_int_equal(err.kind, FT_ERR_CANCELLED);
    replay_growing_release(&g);
    (void)close(fd);
    live_flows_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T_STORE_TEST(test_source),     T_STORE_TEST(test_not_yet),
        cmocka_unit_test(test_over),   cmocka_unit_test(test_complete),
        cmocka_unit_test(test_broken), cmocka_unit_test(test_cancelled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
