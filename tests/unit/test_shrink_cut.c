/* What is left of a capture without some of its units, and how many it has of each kind. */
#include "lib/test_store.h"

#include "fixture/shrink_cut.h"
#include "lib/t_flows.h"

static struct t_dir dir;
static char input[96];

/* Two flows, each with the string "key-of-flow-N" in its snapshot. */
static const struct t_flow_records flows[2] = {
    {.records = {{1, 1, 0, "SET m1 value"},
                 {2, 2, 0, "MSET m1 a b1 b"},
                 {3, 3, 0, "FLUSHALL"},
                 {4, 4, 0, "HSET s3 f v g w"}}},
    {.records = {{1, 5, 0, "DEL n1"}, {3, 3, 0, "FLUSHALL"}, {4, 6, 0, "SET i1 x"}}},
};

static int setup(void **state)
{
    struct ft_err err = FT_ERR_INIT;

    (void)state;
    dir = t_dir_make();
    (void)snprintf(input, sizeof(input), "%s/in", dir.path);
    t_ok(t_flows_make(input, flows, 2, SHARDING_KEY, &err), &err);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    t_dir_remove(&dir);
    return 0;
}

/* "key; " of entries, "words; " of records. */
static int describe(void *context, struct item *item, struct ft_err *err)
{
    struct buf *text = context;

    if (item->kind == ITEM_ENTRY) {
        if (buf_append(text, item->rdb.entry.key.p, item->rdb.entry.key.n, err) != 0)
            return -1;
    } else if (item->kind == ITEM_COMMAND) {
        for (size_t i = 0; i < item->record.arg_count; i++) {
            if ((i > 0 && buf_append_str(text, " ", err) != 0) ||
                buf_append(text, item->record.args[i].p, item->record.args[i].n, err) != 0)
                return -1;
        }
    } else {
        return 0;
    }
    return buf_append_str(text, "; ", err);
}

#define ENTRY_0 "key-of-flow-0; "
#define ENTRY_1 "key-of-flow-1; "

/* Without units from..to of so many. effective: something is missing then. */
static void expect(enum shrink_stage stage, uint64_t units, uint64_t from, uint64_t to,
                   bool effective, const char *content)
{
    static unsigned number;
    struct shrink_cut c = {.cancel_fd = -1};
    struct ft_err err = FT_ERR_INIT;
    struct remake_result result;
    struct buf text = {0};
    struct remake_options look = {.cancel_fd = -1, .item = describe, .context = &text};
    char to_path[96];
    uint64_t counted;

    (void)snprintf(to_path, sizeof(to_path), "%s/out-%u", dir.path, number++);
    t_ok(shrink_cut_count(&c, stage, input, &counted, &err), &err);
    assert_int_equal(counted, units);
    t_ok(shrink_cut_make(&c, input, to_path, from, to, &result, &err), &err);
    assert_int_equal(c.effective, effective);
    look.input = to_path;
    t_ok(remake_read(&look, &err), &err);
    t_ok(buf_append(&text, "", 1, &err), &err);
    assert_string_equal((const char *)text.p, content);
    buf_release(&text);
    shrink_cut_release(&c);
}

static void test_items(void **state)
{
    (void)state;
    /* the entry, SET, MSET, FLUSHALL, HSET; the entry, DEL, SET */
    expect(SHRINK_ITEMS, 8, 0, 1, true,
           "SET m1 value; MSET m1 a b1 b; FLUSHALL; HSET s3 f v g w; " ENTRY_1
           "DEL n1; FLUSHALL; SET i1 x; ");
    expect(SHRINK_ITEMS, 8, 3, 4, true,
           ENTRY_0 "SET m1 value; MSET m1 a b1 b; HSET s3 f v g w; " ENTRY_1 "DEL n1; SET i1 x; ");
    expect(SHRINK_ITEMS, 8, 0, 8, true, "");
    expect(SHRINK_ITEMS, 8, 8, 9, false,
           ENTRY_0 "SET m1 value; MSET m1 a b1 b; FLUSHALL; HSET s3 f v g w; " ENTRY_1
                   "DEL n1; FLUSHALL; SET i1 x; ");
}

static void test_elements(void **state)
{
    (void)state;
    /* value; a, b; f, v, g, w; x */
    expect(SHRINK_ELEMENTS, 8, 5, 7, true,
           ENTRY_0 "SET m1 value; MSET m1 a b1 b; FLUSHALL; HSET s3 f v; " ENTRY_1
                   "DEL n1; FLUSHALL; SET i1 x; ");
}

static void test_bytes(void **state)
{
    (void)state;
    /* one of each entry; "value"; as above */
    expect(SHRINK_BYTES, 14, 2, 4, true,
           ENTRY_0 "SET m1 vue; MSET m1 a b1 b; FLUSHALL; HSET s3 f v g w; " ENTRY_1
                   "DEL n1; FLUSHALL; SET i1 x; ");
}

static void test_keys(void **state)
{
    (void)state;
    /* the two of the snapshot, m1, b1, s3, n1, i1 */
    expect(SHRINK_KEYS, 7, 0, 7, true, "FLUSHALL; FLUSHALL; ");
    expect(SHRINK_KEYS, 7, 0, 0, false,
           ENTRY_0 "SET m1 value; MSET m1 a b1 b; FLUSHALL; HSET s3 f v g w; " ENTRY_1
                   "DEL n1; FLUSHALL; SET i1 x; ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_items),
        cmocka_unit_test(test_elements),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_keys),
    };

    return cmocka_run_group_tests_name("shrink_cut", tests, setup, teardown) == 0 ? 0 : 1;
}
