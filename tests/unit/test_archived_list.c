/* The list of archived files: what counts of it, and who may add to it. */
#include "lib/test_store.h"

#include "store/archived_list.h"

#define NAME "gen-0001/flow-000-00000-snapshot.seg"

static void test_what_was_added_is_read(void **state)
{
    struct t_dir dir = t_dir_make();
    struct ft_err err = FT_ERR_INIT;
    struct archived_list l;
    struct buf text;
    bool held;

    (void)state;
    assert_false(archived_list_names(dir.fd, NAME, 1));
    t_ok(archived_list_open(&l, dir.fd, &held, &err), &err);
    assert_int_equal(l.count, 0);
    t_ok(archived_list_add(&l, NAME, UINT64_C(0xfedcba9876543210), &err), &err);
    t_ok(archived_list_add(&l, "capture.json", 7, &err), &err);
    assert_true(archived_list_has(&l, "capture.json", 7));
    archived_list_release(&l);
    text = t_read(dir.fd, ARCHIVED_LIST_NAME);
    assert_true(bytes_eq_str(buf_bytes(&text), "xxh3:fedcba9876543210  " NAME "\n"
                                               "xxh3:0000000000000007  capture.json\n"));
    buf_release(&text);
    assert_true(archived_list_names(dir.fd, NAME, UINT64_C(0xfedcba9876543210)));
    assert_false(archived_list_names(dir.fd, NAME, UINT64_C(0xfedcba9876543211)));
    assert_false(archived_list_names(dir.fd, "gen-0001", UINT64_C(0xfedcba9876543210)));
    t_dir_remove(&dir);
}

/* A line without its end does not count, and does not spoil the one that is added after it. */
static void test_a_torn_line(void **state)
{
    static const char torn[] =
        "xxh3:0000000000000001  a\n\nnonsense\nxxh3:2 \nxxh3:0000000000000002  b";
    struct t_dir dir = t_dir_make();
    struct ft_err err = FT_ERR_INIT;
    struct archived_list l;
    bool held;

    (void)state;
    t_write(dir.fd, ARCHIVED_LIST_NAME, torn, strlen(torn));
    assert_true(archived_list_names(dir.fd, "a", 1));
    assert_false(archived_list_names(dir.fd, "b", 2));
    t_ok(archived_list_open(&l, dir.fd, &held, &err), &err);
    assert_int_equal(l.count, 1);
    t_ok(archived_list_add(&l, "c", 3, &err), &err);
    archived_list_release(&l);
    assert_true(archived_list_names(dir.fd, "a", 1));
    assert_false(archived_list_names(dir.fd, "b", 2));
    assert_true(archived_list_names(dir.fd, "c", 3));
    t_dir_remove(&dir);
}

static void test_one_writer(void **state)
{
    struct t_dir dir = t_dir_make();
    struct ft_err err = FT_ERR_INIT;
    struct archived_list first;
    struct archived_list second;
    bool held = false;

    (void)state;
    t_ok(archived_list_open(&first, dir.fd, &held, &err), &err);
    assert_int_equal(archived_list_open(&second, dir.fd, &held, &err), -1);
    assert_true(held);
    t_ok(archived_list_read(&second, dir.fd, &err), &err);
    archived_list_release(&second);
    archived_list_release(&first);
    t_ok(archived_list_open(&second, dir.fd, &held, &err), &err);
    archived_list_release(&second);
    t_dir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_added_is_read),
        cmocka_unit_test(test_a_torn_line),
        cmocka_unit_test(test_one_writer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
