/* What is in an archive of a capture, and what becomes of it when it is damaged. */
#include "lib/t_store.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include "archive/libarchive.h"
#include "archive/member_check.h"
#include "archive/pack.h"
#include "archive/packed_reader.h"
#include "archive/unpack.h"
#include "base/fsutil.h"
#include "base/temp_dir.h"
#include "lib/t_flows.h"

#define FLIPS_FULL  250
#define FLIPS_SMALL 40

static const struct t_flow_records flows[] = {
    {.records = {{1, 0, 2, "SET m1 2"}, {2, 9, 0, "FLUSHALL"}, {4, 0, 0, "SET m1 x"}}},
    {.records = {{1, 9, 0, "FLUSHALL"}, {3, 0, 0, "SET n1 v"}, {3, 0, 0, "INCR i1"}}},
};

static struct pack_progress packed;
static struct unpack_progress unpacked;

static int setup(void **state)
{
    struct ft_err err = FT_ERR_INIT;

    (void)t_store_setup(state);
    t_ok(t_flows_make(t_store_path, flows, 2, SHARDING_KEY, &err), &err);
    return 0;
}

static char *in_dir(const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];

    (void)snprintf(path, sizeof(paths[0]), "%s/%s", t_store_dir.path, name);
    return path;
}

static struct pack_result pack(const char *name, enum pack_filter filter)
{
    struct pack_options o = {.output = in_dir(name),
                             .compression = {.filter = filter},
                             .cancel_fd = -1,
                             .progress = &packed};
    struct pack_result result;
    struct ft_err err = FT_ERR_INIT;
    struct capture *c;

    t_ok(capture_open_read(&c, in_dir("cap"), &err), &err);
    t_ok(pack_run(c, &o, &result, &err), &err);
    capture_free(c);
    return result;
}

static int unpack(const char *archive, const char *name, struct ft_err *err)
{
    const struct unpack_options o = {.input = in_dir(archive),
                                     .directory = in_dir(name),
                                     .cancel_fd = -1,
                                     .progress = &unpacked};
    struct unpack_result result;

    return unpack_run(&o, &result, err);
}

static struct buf read_all(const char *path)
{
    struct ft_err err = FT_ERR_INIT;
    struct buf content = {0};

    t_ok(fs_read_file(AT_FDCWD, path, 1u << 30, &content, &err), &err);
    return content;
}

static void assert_same_file(const char *name)
{
    char a[200];
    char b[200];
    struct buf wanted;
    struct buf got;

    (void)snprintf(a, sizeof(a), "%s/cap/%s", t_store_dir.path, name);
    (void)snprintf(b, sizeof(b), "%s/out/%s", t_store_dir.path, name);
    wanted = read_all(a);
    got = read_all(b);
    assert_true(bytes_eq(buf_bytes(&wanted), buf_bytes(&got)));
    buf_release(&wanted);
    buf_release(&got);
}

/* "out" is the capture "cap", file by file. */
static void assert_same_capture(void)
{
    struct ft_err err = FT_ERR_INIT;
    struct capture *c;

    assert_same_file(CAPTURE_MANIFEST);
    t_ok(capture_open_read(&c, in_dir("cap"), &err), &err);
    for (uint32_t i = 0; i < c->generations[0].flow_count; i++) {
        for (size_t s = 0; s < c->generations[0].flows[i].segment_count; s++)
            assert_same_file(c->generations[0].flows[i].segments[s].name);
    }
    capture_free(c);
}

static unsigned count_names(void)
{
    DIR *d = opendir(t_store_dir.path);
    unsigned n = 0;

    while (readdir(d) != NULL)
        n++;
    (void)closedir(d);
    return n;
}

static void test_round(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct buf a;
    struct buf b;

    (void)state;
    for (int filter = PACK_ZSTD; filter <= PACK_NONE; filter++) {
        struct pack_result r = pack("a", (enum pack_filter)filter);

        assert_int_equal(r.generations, 1);
        assert_int_equal(r.segments, 4);
        assert_int_equal(r.sealed, 0);
        (void)pack("b", (enum pack_filter)filter);
        a = read_all(in_dir("a"));
        b = read_all(in_dir("b"));
        assert_int_equal(a.n, r.bytes_out);
        assert_true(bytes_eq(buf_bytes(&a), buf_bytes(&b)));
        buf_release(&a);
        buf_release(&b);
        t_ok(unpack("a", "out", &err), &err);
        assert_same_capture();
        temp_dir_remove_tree(in_dir("out"));
    }
    (void)unlink(in_dir("b"));
}

static void write_damaged(const struct buf *good, size_t n, size_t at, uint8_t bits)
{
    struct ft_err err = FT_ERR_INIT;
    FILE *f = fopen(in_dir("bad"), "w");

    (void)err;
    assert_non_null(f);
    good->p[at] ^= bits;
    assert_int_equal(fwrite(good->p, 1, n, f), n);
    good->p[at] ^= bits;
    assert_int_equal(fclose(f), 0);
}

/* An error of the archive, or the very same capture: never something else, and nothing beside it. */
static void assert_refused_or_same(unsigned names)
{
    struct ft_err err = FT_ERR_INIT;

    if (unpack("bad", "out", &err) == 0) {
        assert_same_capture();
        temp_dir_remove_tree(in_dir("out"));
    } else {
        assert_true(err.kind == FT_ERR_CORRUPT || err.kind == FT_ERR_USAGE ||
                    err.kind == FT_ERR_UNSUPPORTED || err.kind == FT_ERR_STATE ||
                    err.kind == FT_ERR_LIMIT);
        assert_int_not_equal(strlen(err.msg), 0);
    }
    assert_int_equal(count_names(), names);
}

static void test_damage(void **state)
{
    const char *effort = getenv("FLOWTAPE_TEST_EFFORT");
    unsigned flips = effort != NULL && strcmp(effort, "small") == 0 ? FLIPS_SMALL : FLIPS_FULL;
    unsigned names;

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct buf good;

        (void)pack("a", i == 0 ? PACK_ZSTD : PACK_NONE);
        good = read_all(in_dir("a"));
        write_damaged(&good, 0, 0, 0);
        names = count_names();
        for (unsigned f = 0; f < flips; f++) {
            size_t at = good.n * f / flips;

            write_damaged(&good, good.n, at, (uint8_t)(1u << f % 8));
            assert_refused_or_same(names);
            write_damaged(&good, at, 0, 0);
            assert_refused_or_same(names);
        }
        buf_release(&good);
    }
}

/* The same segments are said to be another capture's: the manifest alone decides nothing. */
static void test_stale_rest(void **state)
{
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    (void)pack("a", PACK_ZSTD);
    assert_int_equal(mkdir(in_dir("out.unpacking"), 0700), 0);
    assert_int_equal(mkdir(in_dir("out.unpacking/gen-0001"), 0700), 0);
    t_fails(unpack("a", "out", &err), &err, FT_ERR_STATE, "holds something else");
    assert_int_equal(access(in_dir("out.unpacking/gen-0001"), F_OK), 0);
    temp_dir_remove_tree(in_dir("out.unpacking"));
}

static void check_name(const char *name, unsigned type, const char *part)
{
    struct archive_entry *e = libarchive.archive_entry_new();
    struct ft_err err = FT_ERR_INIT;

    libarchive.archive_entry_set_pathname(e, name);
    libarchive.archive_entry_set_filetype(e, type);
    libarchive.archive_entry_set_size(e, 10);
    if (part == NULL)
        t_ok(member_check(e, "gen-0001/x", 10, &err), &err);
    else
        t_fails(member_check(e, "gen-0001/x", 10, &err), &err, FT_ERR_CORRUPT, part);
    libarchive.archive_entry_free(e);
}

static void test_names(void **state)
{
    static const char *const out[] = {"..", "../x", "gen-0001/..", "gen-0001/../../x", "./../x"};
    struct ft_err err = FT_ERR_INIT;
    struct archive_entry *e;

    (void)state;
    t_ok(libarchive_load(&err), &err);
    e = libarchive.archive_entry_new();
    check_name("gen-0001/x", AE_IFREG, NULL);
    for (size_t i = 0; i < sizeof(out) / sizeof(out[0]); i++)
        check_name(out[i], AE_IFREG, "leads out of the directory");
    check_name("/gen-0001/x", AE_IFREG, "member \"/gen-0001/x\" has an absolute name");
    check_name("gen-0001/..x", AE_IFREG, "comes where \"gen-0001/x\" should");
    check_name("./gen-0001/x", AE_IFREG, "comes where");
    check_name("", AE_IFREG, "comes where");
    check_name("gen-0001/x\n", AE_IFREG, "gen-0001/x\\n");
    check_name("gen-0001/x", AE_IFDIR, "is not a regular file");
    check_name("gen-0001/x", AE_IFCHR, "is not a regular file");
    check_name("gen-0001/x", AE_IFLNK, "is a link");
    libarchive.archive_entry_set_pathname(e, "gen-0001/x");
    libarchive.archive_entry_set_filetype(e, AE_IFREG);
    libarchive.archive_entry_set_size(e, 11);
    t_fails(member_check(e, "gen-0001/x", 10, &err), &err, FT_ERR_CORRUPT,
            "has 11 bytes, the manifest says 10");
    err_clear(&err);
    t_fails(member_check(e, NULL, 0, &err), &err, FT_ERR_CORRUPT, "the archive should end");
    libarchive.archive_entry_free(e);
}

static void test_compression(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct pack_compression c;

    (void)state;
    t_ok(pack_compression_parse("zstd:19", &c, &err), &err);
    assert_int_equal(c.filter, PACK_ZSTD);
    assert_int_equal(c.level, 19);
    t_ok(pack_compression_parse("gzip", &c, &err), &err);
    assert_int_equal(c.filter, PACK_GZIP);
    t_fails(pack_compression_parse("zstd:99", &c, &err), &err, FT_ERR_USAGE, "1 to 22");
    err_clear(&err);
    t_fails(pack_compression_parse("lz4:3", &c, &err), &err, FT_ERR_USAGE, "lz4:3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),  cmocka_unit_test(test_compression),
        cmocka_unit_test(test_round),  cmocka_unit_test(test_stale_rest),
        cmocka_unit_test(test_damage),
    };

    return cmocka_run_group_tests(tests, setup, t_store_teardown);
}
