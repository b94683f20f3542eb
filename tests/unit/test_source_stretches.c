/*
 * A file read by several threads gives what one thread gives: the same items in the same order, the same error at the same
 * place, the same count of bytes. Whole, cut, damaged, and with entries of every size.
 */
#include "lib/test_store.h"

#include <xxhash.h>

#include "base/crc64.h"
#include "base/endian.h"
#include "base/item_limit.h"
#include "base/read_ahead.h"
#include "input/source_stretches.h"
#include "rdb/rdb_writer.h"

#define THREADS     3u
#define ROUNDS      60u
#define ROUNDS_FEW  8u
#define SEED        20261127u
#define PIECE_BYTES READ_AHEAD_BYTES

static struct t_dir dir;
static char path[96];

static int setup(void **state)
{
    (void)state;
    dir = t_dir_make();
    (void)snprintf(path, sizeof(path), "%s/in.rdb", dir.path);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    item_limit_set(ITEM_LIMIT_DEFAULT);
    t_dir_remove(&dir);
    return 0;
}

/*
 * Files
 */

static void put(struct buf *b, const void *p, size_t n)
{
    struct ft_err err = FT_ERR_INIT;

    t_ok(buf_append(b, p, n, &err), &err);
}

static void put_len(struct buf *b, uint64_t n)
{
    struct ft_err err = FT_ERR_INIT;

    t_ok(rdb_put_len(b, n, &err), &err);
}

static void put_string(struct buf *b, size_t n)
{
    struct ft_err err = FT_ERR_INIT;

    put_len(b, n);
    t_ok(buf_reserve(b, n, &err), &err);
    t_fill(b->p + b->n, n, b->n);
    b->n += n;
}

static void put_aux(struct buf *b, const char *name, const char *value)
{
    struct ft_err err = FT_ERR_INIT;

    t_ok(rdb_put_aux(b, name, bytes_str(value), &err), &err);
}

static void put_header(struct buf *b, unsigned version)
{
    const struct rdb_header header = {.version = version};
    struct ft_err err = FT_ERR_INIT;

    t_ok(rdb_put_header(b, header, &err), &err);
    put_aux(b, version == RDB_VERSION_DRAGONFLY ? "df-ver" : "redis-ver",
            version == RDB_VERSION_DRAGONFLY ? "df-v1.40.0" : "7.2.4");
}

static void put_key(struct buf *b, uint8_t type)
{
    char key[32];
    int n = snprintf(key, sizeof(key), "key:%zu", b->n);

    put(b, &type, 1);
    put_len(b, (uint64_t)n);
    put(b, key, (size_t)n);
}

static void put_strings(struct buf *b, uint8_t type, uint64_t count, unsigned of_each, size_t size)
{
    put_key(b, type);
    put_len(b, count);
    for (uint64_t i = 0; i < count * of_each; i++)
        put_string(b, size + i % 3);
}

static void put_expiry(struct buf *b, uint8_t opcode, size_t bytes)
{
    uint8_t p[9] = {opcode};

    store_le64(p + 1, 1900000000000u + b->n);
    put(b, p, 1 + bytes);
}

/* What stands before an entry, or between two. */
static void put_between(struct buf *b, unsigned which)
{
    struct ft_err err = FT_ERR_INIT;

    switch (which) {
    case 0:
        t_ok(rdb_put_selectdb(b, b->n % 16, &err), &err);
        t_ok(rdb_put_resizedb(b, 7, 0, &err), &err);
        break;
    case 1:
        put_aux(b, RDB_AUX_KEYDB_MEMBER, "member");
        break;
    case 2:
        put(b, "\xf5", 1); /* FUNCTION2 */
        put_string(b, b->n % 90000);
        break;
    case 3:
        put_expiry(b, RDB_OP_EXPIRETIME, 4);
        put(b, "\xf9\x07", 2); /* FREQ */
        break;
    default:
        put_expiry(b, RDB_OP_EXPIRETIME_MS, 8);
        break;
    }
}

static void put_entry(struct buf *b, unsigned which, size_t size)
{
    static const uint8_t lzf[] = {0xc3, 4, 3, 2, 'a', 'b', 'c'};

    switch (which) {
    case 0:
        put_strings(b, RDB_TYPE_HASH, 1 + size % 20, 2, size / 40);
        break;
    case 1:
        put_strings(b, RDB_TYPE_SET, 1 + size % 9, 1, size / 10);
        break;
    case 2:
        put_key(b, RDB_TYPE_HASH_LISTPACK);
        put_string(b, size);
        break;
    case 3:
        put_key(b, RDB_TYPE_STRING);
        put(b, "\xc1\x12\x34", 3);
        break;
    case 4:
        put_key(b, RDB_TYPE_STRING);
        put(b, lzf, sizeof(lzf));
        break;
    default:
        put_key(b, RDB_TYPE_STRING);
        put_string(b, size);
        break;
    }
}

static void put_entries(struct buf *b, size_t up_to, size_t size_max, bool plain, uint64_t *random)
{
    while (b->n < up_to) {
        uint64_t r = t_random(random);

        if (!plain && r % 7 == 0)
            put_between(b, (unsigned)(r >> 8) % 8);
        put_entry(b, plain ? 9 : (unsigned)(r >> 16) % 20, (size_t)(r >> 32) % size_max);
    }
}

static void put_end(struct buf *b)
{
    uint8_t end[8];

    put(b, "\xff", 1);
    store_le64(end, crc64(0, b->p, b->n));
    put(b, end, sizeof(end));
}

/*
 * Reading
 */

struct result {
    struct buf items; /* a hash for each */
    uint64_t bytes;
};

struct sum {
    struct result result;
    unsigned parts;
    int rc;
    struct ft_err err;
};

static uint64_t hash_seeded(struct bytes b, uint64_t seed)
{
    return XXH3_64bits_withSeed(b.n == 0 ? (const void *)"" : b.p, b.n, seed);
}

static uint64_t hash_of(const struct item *item)
{
    const struct rdb_entry *e = &item->rdb.entry;
    uint64_t hash = hash_seeded(e->key, item->offset ^ (uint64_t)e->expire_ms);

    if (item->kind != ITEM_ENTRY)
        return hash_seeded(item->rdb.bytes, hash + item->rdb.kind + item->rdb.number);
    hash = hash_seeded(e->value, hash ^ e->db ^ (uint64_t)e->type << 32);
    return hash_seeded(e->raw, hash ^ e->value_bytes ^ (uint64_t)e->freq << 40);
}

static int run(void *context, void *part, struct source_stream *stream, struct ft_err *err)
{
    struct result *r = part;
    struct item item;
    enum step step;

    (void)context;
    while ((step = source_stream_next(stream, &item, err)) == STEP_ITEM) {
        uint64_t hash = hash_of(&item);

        put(&r->items, &hash, sizeof(hash));
    }
    r->bytes = source_stream_bytes(stream);
    if (step != STEP_ERROR)
        return 0;
    put(&r->items, err->msg, strlen(err->msg));
    err_clear(err);
    return 1;
}

static int add(void *context, void *part, struct ft_err *err)
{
    struct sum *sum = context;
    struct result *r = part;

    (void)err;
    put(&sum->result.items, r->items.p, r->items.n);
    sum->result.bytes += r->bytes;
    sum->parts++;
    return 0;
}

static void release(void *part)
{
    buf_release(&((struct result *)part)->items);
}

static struct sum read_by(unsigned threads, bool skip_values)
{
    struct source_stream_options options = {.verify_checksum = !skip_values,
                                            .skip_values = skip_values};
    struct sum sum = {.err = FT_ERR_INIT};
    const struct stretch_work work = {.context = &sum,
                                      .part_bytes = sizeof(struct result),
                                      .run = run,
                                      .add = add,
                                      .release = release};
    struct source *s;

    t_ok(source_large_new(&options.large, &sum.err), &sum.err);
    if (source_open(&s, path, 0, &sum.err) == 0) {
        sum.rc = source_stretches_run(s, 0, &options, &work, threads, &sum.err);
        source_free(s);
    }
    source_large_free(options.large);
    return sum;
}

/* Returns the parts of several threads. */
static unsigned expect_same(bool skip_values)
{
    struct sum one = read_by(1, skip_values);
    struct sum several = read_by(THREADS, skip_values);
    unsigned parts = several.parts;

    assert_int_equal(several.rc, one.rc);
    assert_string_equal(several.err.msg, one.err.msg);
    assert_int_equal(several.result.bytes, one.result.bytes);
    assert_int_equal(several.result.items.n, one.result.items.n);
    if (one.result.items.n != 0)
        assert_memory_equal(several.result.items.p, one.result.items.p, one.result.items.n);
    buf_release(&one.result.items);
    buf_release(&several.result.items);
    return parts;
}

static void test_whole_files(void **state)
{
    static const size_t size_max[] = {100, 3000, 100000, 600000};
    uint64_t random = SEED;

    (void)state;
    for (size_t i = 0; i < sizeof(size_max) / sizeof(size_max[0]); i++) {
        struct buf b = {0};

        put_header(&b, 11);
        put_entries(&b, 6 * PIECE_BYTES, size_max[i], false, &random);
        put_end(&b);
        t_write(dir.fd, "in.rdb", b.p, b.n);
        assert_true(expect_same(false) > (i == 3 ? 2 : 5));
        assert_true(expect_same(true) > (i == 3 ? 2 : 5));
        buf_release(&b);
    }
}

/* Larger than what is held, and right at the beginning. */
static void test_large_entries(void **state)
{
    uint64_t random = SEED + 1;
    struct buf b = {0};

    (void)state;
    put_header(&b, 11);
    put_strings(&b, RDB_TYPE_HASH, 30000, 2, 60);
    for (unsigned i = 0; i < 3; i++) {
        put_entries(&b, b.n + PIECE_BYTES + 1000, 400, false, &random);
        put_key(&b, RDB_TYPE_STRING);
        put_string(&b, (5u << 20) + i);
        put_key(&b, RDB_TYPE_STRING);
        put_string(&b, 700u << 10);
    }
    put_end(&b);
    t_write(dir.fd, "in.rdb", b.p, b.n);
    assert_true(expect_same(false) > 5);
    assert_true(expect_same(true) > 5);
    item_limit_set(4u << 20);
    (void)expect_same(false);
    buf_release(&b);
}

/* More than an item may have, and less than is held of one. */
static void test_entries_above_the_limit(void **state)
{
    struct buf b = {0};

    (void)state;
    put_header(&b, 11);
    for (unsigned i = 0; i < 5; i++) {
        put_key(&b, RDB_TYPE_STRING);
        put_string(&b, 300u << 10);
    }
    put_end(&b);
    t_write(dir.fd, "in.rdb", b.p, b.n);
    for (size_t limit = 200u << 10; limit < 3u << 20; limit *= 2) {
        item_limit_set(limit);
        (void)expect_same(false);
    }
    buf_release(&b);
}

/* Pieces that end where an entry does. */
static void test_entries_that_end_with_a_piece(void **state)
{
    struct buf b = {0};

    (void)state;
    put_header(&b, 11);
    while (b.n < 5 * PIECE_BYTES) {
        size_t left = PIECE_BYTES - b.n % PIECE_BYTES;
        size_t head = b.n;

        put_key(&b, RDB_TYPE_STRING);
        head = b.n - head;
        put_string(&b, left < 1100 && left > head + 400 ? left - head - 2 : 500);
        if (b.n % PIECE_BYTES == 0)
            put_aux(&b, RDB_AUX_KEYDB_MEMBER, "member");
    }
    put_end(&b);
    t_write(dir.fd, "in.rdb", b.p, b.n);
    assert_true(expect_same(false) > 4);
    buf_release(&b);
}

/* From there on there is one parser. */
static void test_records_in_between(void **state)
{
    uint64_t random = SEED + 2;
    struct buf b = {0};

    (void)state;
    put_header(&b, RDB_VERSION_DRAGONFLY);
    put_entries(&b, 3 * PIECE_BYTES, 900, true, &random);
    put(&b, "\xd3\x05\0\0\0\0\0\0\0", 9); /* JOURNAL_OFFSET */
    put_entries(&b, 6 * PIECE_BYTES, 900, true, &random);
    put_end(&b);
    t_write(dir.fd, "in.rdb", b.p, b.n);
    assert_in_range(expect_same(false), 3, 5);
    assert_in_range(expect_same(true), 3, 5);
    buf_release(&b);
}

static void test_damage(void **state)
{
    const char *effort = getenv("FLOWTAPE_TEST_EFFORT");
    unsigned rounds = effort != NULL && strcmp(effort, "small") == 0 ? ROUNDS_FEW : ROUNDS;
    uint64_t random = SEED + 3;
    struct buf b = {0};

    (void)state;
    put_header(&b, 11);
    put_entries(&b, 4 * PIECE_BYTES, 2000, false, &random);
    put_end(&b);
    for (unsigned i = 0; i < rounds; i++) {
        size_t at = (size_t)(t_random(&random) % b.n);
        uint8_t old = b.p[at];

        if (i % 3 == 0) {
            t_write(dir.fd, "in.rdb", b.p, at);
        } else {
            b.p[at] ^= (uint8_t)(1 + t_random(&random) % 255);
            t_write(dir.fd, "in.rdb", b.p, b.n);
            b.p[at] = old;
        }
        (void)expect_same(i % 2 == 0);
    }
    buf_release(&b);
}

/* The first part that fails, by its place in the file, is the one that is reported. */
static int fail_later(void *context, void *part, struct source_stream *stream, struct ft_err *err)
{
    struct item item;

    (void)context;
    (void)part;
    while (source_stream_next(stream, &item, err) == STEP_ITEM) {
        if (item.offset > 2 * PIECE_BYTES)
            return err_at(err, FT_ERR_STATE, item.offset, "enough");
    }
    return 0;
}

static int add_nothing(void *context, void *part, struct ft_err *err)
{
    (void)context;
    (void)part;
    (void)err;
    return 0;
}

static void test_the_first_failure_is_reported(void **state)
{
    const struct source_stream_options options = {.skip_values = false};
    const struct stretch_work work = {.part_bytes = sizeof(struct result),
                                      .run = fail_later,
                                      .add = add_nothing,
                                      .release = release};
    struct ft_err one = FT_ERR_INIT;
    struct ft_err several = FT_ERR_INIT;
    uint64_t random = SEED + 4;
    struct buf b = {0};
    struct source *s;

    (void)state;
    put_header(&b, 11);
    put_entries(&b, 8 * PIECE_BYTES, 2000, false, &random);
    put_end(&b);
    t_write(dir.fd, "in.rdb", b.p, b.n);
    t_ok(source_open(&s, path, 0, &one), &one);
    assert_int_equal(source_stretches_run(s, 0, &options, &work, 1, &one), -1);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(source_stretches_run(s, 0, &options, &work, THREADS, &several), -1);
        assert_string_equal(several.msg, one.msg);
        err_clear(&several);
    }
    source_free(s);
    buf_release(&b);
}

/* Another file comes by its name when the first part is read; what was begun is read to its end. */
static int run_and_replace(void *context, void *part, struct source_stream *stream,
                           struct ft_err *err)
{
    char new_path[96];

    (void)snprintf(new_path, sizeof(new_path), "%s/new.rdb", dir.path);
    (void)rename(new_path, path); /* is there once */
    return run(context, part, stream, err);
}

static void test_a_file_that_is_replaced(void **state)
{
    const struct source_stream_options options = {.verify_checksum = true};
    struct sum before, after = {.err = FT_ERR_INIT};
    const struct stretch_work work = {.context = &after,
                                      .part_bytes = sizeof(struct result),
                                      .run = run_and_replace,
                                      .add = add,
                                      .release = release};
    uint64_t random = SEED + 5;
    struct buf b = {0};
    struct source *s;

    (void)state;
    put_header(&b, 11);
    put_entries(&b, 4 * PIECE_BYTES, 900, false, &random);
    put_key(&b, RDB_TYPE_STRING);
    put_string(&b, 3u << 20);
    put_end(&b);
    t_write(dir.fd, "in.rdb", b.p, b.n);
    before = read_by(1, false);
    t_write(dir.fd, "new.rdb", b.p, PIECE_BYTES / 2);
    t_ok(source_open(&s, path, 0, &after.err), &after.err);
    t_ok(source_stretches_run(s, 0, &options, &work, THREADS, &after.err), &after.err);
    source_free(s);
    assert_false(t_exists(dir.fd, "new.rdb"));
    assert_int_equal(after.result.bytes, before.result.bytes);
    assert_int_equal(after.result.items.n, before.result.items.n);
    assert_memory_equal(after.result.items.p, before.result.items.p, before.result.items.n);
    buf_release(&before.result.items);
    buf_release(&after.result.items);
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_whole_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_large_entries, setup, teardown),
        cmocka_unit_test_setup_teardown(test_entries_above_the_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_entries_that_end_with_a_piece, setup, teardown),
        cmocka_unit_test_setup_teardown(test_records_in_between, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_first_failure_is_reported, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_file_that_is_replaced, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
