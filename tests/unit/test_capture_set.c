/* Sets of captures: the description, and the journals of several nodes as one sequence. */
#include "base/fsutil.h"
#include "command/translate.h"
#include "lib/t_store.h"

#include <stdlib.h>

#include "input/cut.h"
#include "input/journal_pass.h"
#include "input/set_slots.h"
#include "input/source_nodes.h"
#include "lib/t_flows.h"
#include "store/capture_set.h"

/* Of the keys used here a is in slot 15495, b in 3300, c in 7365; the snapshots hold key-of-flow-0 (472) and
 * key-of-flow-1 (4601). */
static const char *const addresses[] = {"10.0.0.1:6379", "10.0.0.2:6379"};
/* Node 0 has the lower half. */
static const struct set_slots halves[] = {{0, 8191, 0}, {8192, 16383, 1}};

static struct capture_set *new_set(void)
{
    struct ft_err err = FT_ERR_INIT;
    struct capture_set *set;

    t_ok(capture_set_open_write(&set, t_store_path, addresses, 2, &err), &err);
    return set;
}

static void make_node(struct capture_set *set, uint32_t node, const struct t_flow_records *flows,
                      uint32_t flow_count)
{
    struct ft_err err = FT_ERR_INIT;
    char *path = capture_set_node_path(set, node);

    assert_non_null(path);
    t_ok(t_flows_make(path, flows, flow_count, SHARDING_UNKNOWN, &err), &err);
    free(path);
}

/* Two nodes, each with a flow. */
static void make_set(const struct t_flow_records *first, const struct t_flow_records *second)
{
    const uint32_t generations[] = {1, 1};
    struct ft_err err = FT_ERR_INIT;
    struct capture_set *set = new_set();

    make_node(set, 0, first, 1);
    make_node(set, 1, second, 1);
    t_ok(capture_set_add(set, generations, halves, 2, NULL, 0, &err), &err);
    capture_set_free(set);
}

/*
 * The description
 */

static void test_moments_are_read(void **state)
{
    const uint32_t nodes[] = {1, 1};
    uint64_t lsn[] = {10, 20};
    uint64_t epoch[] = {1, 2};
    uint64_t from[] = {5, INT64_MAX};
    struct set_slots row[] = {{7, 9, 1}};
    struct set_moment one = {.lsn = lsn, .epoch = epoch, .slots = row, .slots_count = 1};
    const struct set_moment *read;
    struct ft_err err = FT_ERR_INIT;
    struct capture_set *set = new_set();

    (void)state;
    t_ok(capture_set_add(set, nodes, halves, 2, &one, 1, &err), &err);
    t_ok(capture_set_know(set, 1, "abc ", &err), &err);
    one.from = from;
    t_ok(capture_set_add_moment(set, &one, &err), &err);
    t_ok(capture_set_mark_moving(set, from, &err), &err);
    t_ok(capture_set_add(set, nodes, halves, 2, &one, 1, &err), &err); /* of the same nodes */
    capture_set_free(set);
    t_ok(capture_set_open_read(&set, t_store_path, &err), &err);
    assert_int_equal(set->generation_count, 2);
    assert_null(set->nodes[0].ids);
    assert_string_equal(set->nodes[1].ids, "abc ");
    assert_int_equal(set->generations[0].moment_count, 2);
    assert_null(set->generations[0].moments[0].from);
    assert_int_equal(set->generations[0].moving[0], 5);
    assert_null(set->generations[1].moving);
    read = &set->generations[0].moments[1];
    assert_int_equal(read->lsn[1], 20);
    assert_int_equal(read->epoch[0], 1);
    assert_true(read->from[1] == INT64_MAX);
    assert_int_equal(read->slots_count, 1);
    assert_int_equal(read->slots[0].last, 9);
    capture_set_free(set);
}

/* How many times the description has this. */
static unsigned count_text(const char *what)
{
    struct ft_err err = FT_ERR_INIT;
    struct buf text = BUF_INIT(100000);
    int dirfd = open(t_store_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    unsigned count = 0;

    t_ok(fs_read_file(dirfd, CAPTURE_SET_FILE, 100000, &text, &err), &err);
    (void)close(dirfd);
    (void)buf_append(&text, "", 1, &err);
    for (const char *at = (const char *)text.p; (at = strstr(at, what)) != NULL; at++)
        count++;
    buf_release(&text);
    return count;
}

static void test_a_node_that_joins(void **state)
{
    static const char *const three[] = {"10.0.0.1:6379", "10.0.0.2:6379", "10.0.0.3:6379"};
    const uint32_t nodes[] = {1, 1};
    const uint32_t others[] = {1, 0, 4};
    uint64_t lsn[] = {10, 20, 30};
    uint64_t epoch[] = {1, 2, 3};
    struct set_slots row[] = {{7, 9, 1}};
    const struct set_slots of_new[] = {{0, 16383, 2}};
    struct set_moment one = {
        .lsn = lsn, .epoch = epoch, .from = lsn, .slots = row, .slots_count = 1};
    struct ft_err err = FT_ERR_INIT;
    struct capture_set *set = new_set();

    (void)state;
    t_ok(capture_set_add(set, nodes, halves, 2, &one, 1, &err), &err);
    assert_false(capture_set_follows_cluster(set));
    capture_set_free(set);
    t_fails(capture_set_open_write(&set, t_store_path, three, 3, &err), &err, FT_ERR_STATE,
            "has 2 nodes, not 3");
    t_ok(capture_set_open_write(&set, t_store_path, three, 2, &err), &err);
    assert_int_equal(count_text("\"major\": 2"), 1);
    t_ok(capture_set_know(set, 0, "abc ", &err), &err);
    capture_set_free(set);
    t_ok(capture_set_open_write(&set, t_store_path, three, 3, &err), &err);
    assert_int_equal(count_text("\"major\": 3"), 1);
    t_ok(capture_set_add(set, others, of_new, 1, &one, 0, &err), &err);
    capture_set_free(set);
    t_ok(capture_set_open_read(&set, t_store_path, &err), &err);
    assert_int_equal(set->node_count, 3);
    assert_string_equal(set->nodes[2].address, three[2]);
    assert_false(capture_set_has(set, capture_set_find(set, 1), 2));
    assert_true(capture_set_has(set, capture_set_find(set, 2), 2));
    assert_false(capture_set_has(set, capture_set_find(set, 2), 1));
    assert_true(capture_set_has(set, NULL, 1));
    assert_int_equal(set->generations[0].moments[0].lsn[1], 20);
    assert_int_equal(set->generations[0].moments[0].lsn[2], 0);
    assert_int_equal(set->generations[0].moments[0].from[2], 0);
    /* nobody says of it any more where slots are */
    assert_int_equal(set->generations[0].moving[1], 20);
    assert_int_equal(set->generations[0].moving[2], 0);
    assert_null(set->generations[1].moving);
    capture_set_free(set);
}

/* The first one's end is none of the cluster's if a node continues in it, while slots move in the second one. */
static void test_a_generation_that_is_over(void **state)
{
    const uint32_t nodes[] = {1, 1};
    const uint32_t one_new[] = {2, 1};
    const uint32_t all_new[] = {3, 2};
    uint64_t lsn[] = {10, 20};
    uint64_t epoch[] = {1, 2};
    struct set_slots row[] = {{0, 16383, 1}};
    struct set_moment one = {.lsn = lsn, .epoch = epoch, .slots = row, .slots_count = 1};
    struct ft_err err = FT_ERR_INIT;
    struct capture_set *set = new_set();

    (void)state;
    t_ok(capture_set_add(set, nodes, halves, 2, &one, 1, &err), &err);
    t_ok(capture_set_add(set, one_new, halves, 2, &one, 1, &err), &err);
    t_ok(capture_set_add(set, all_new, halves, 2, &one, 1, &err), &err);
    capture_set_free(set);
    t_ok(capture_set_open_read(&set, t_store_path, &err), &err);
    assert_int_equal(set->generations[0].moving[0], 10);
    assert_null(set->generations[1].moving);
    assert_null(set->generations[2].moving);
    capture_set_free(set);
}

/* The streams are those of the nodes that are in the generation. */
static void test_a_generation_without_a_node(void **state)
{
    static const struct t_flow_records first[] = {{.records = {{1, 0, 0, "SET b 1"}}}};
    static const struct t_flow_records last[] = {
        {.records = {{1, 0, 0, "SET a 1"}, {3, 0, 0, "SET a 2"}}}};
    const uint32_t nodes[] = {1, 0, 1};
    const struct set_slots slots[] = {{0, 8191, 0}, {8192, 16383, 2}};
    uint64_t lsn[] = {5, INT64_MAX, 5};
    uint64_t epoch[] = {1, 2, 3};
    struct set_moment one = {.lsn = lsn, .epoch = epoch};
    struct ft_err err = FT_ERR_INIT;
    struct capture_set *set = new_set();
    struct source *source;
    struct cut cut;

    (void)state;
    one.slots = (struct set_slots *)slots; /* only to be copied */
    one.slots_count = 2;
    t_ok(capture_set_join(set, "10.0.0.3:6379", &err), &err);
    make_node(set, 0, first, 1);
    make_node(set, 2, last, 1);
    t_ok(capture_set_add(set, nodes, slots, 2, &one, 1, &err), &err);
    t_ok(capture_set_mark_moving(set, lsn, &err), &err);
    capture_set_free(set);
    t_ok(source_open(&source, t_store_path, 0, &err), &err);
    assert_int_equal(source->stream_count, 2);
    assert_int_equal(source_node_count(source), 3);
    assert_int_equal(source_node_of(source, 0), 0);
    assert_int_equal(source_node_of(source, 1), 2);
    assert_true(source_is_foreign(source, 1, bytes_str("b")));
    assert_false(source_is_foreign(source, 1, bytes_str("a")));
    t_ok(source_resolve_cut(source, "end", &cut, &err), &err);
    t_fails(source_nodes_check_end(source, &cut, &err), &err, FT_ERR_STATE, "--at 4,4");
    cut_release(&cut);
    source_free(source);
}

static void test_what_is_added_is_read(void **state)
{
    const uint32_t first[] = {1, 3};
    const uint32_t second[] = {2, 3};
    struct ft_err err = FT_ERR_INIT;
    struct capture_set *set = new_set();
    const struct set_generation *g;

    (void)state;
    assert_null(capture_set_find(set, 0));
    t_ok(capture_set_add(set, first, halves, 2, NULL, 0, &err), &err);
    t_ok(capture_set_add(set, first, halves, 1, NULL, 0, &err), &err); /* the same: nothing new */
    t_ok(capture_set_add(set, second, NULL, 0, NULL, 0, &err), &err);
    capture_set_free(set);
    t_ok(capture_set_open_read(&set, t_store_path, &err), &err);
    assert_int_equal(set->node_count, 2);
    assert_string_equal(set->nodes[1].address, addresses[1]);
    assert_string_equal(set->nodes[1].directory, "node-0002");
    assert_int_equal(set->generation_count, 2);
    g = capture_set_find(set, 1);
    assert_int_equal(g->nodes[1], 3);
    assert_int_equal(g->slots_count, 2);
    assert_int_equal(g->slots[1].first, 8192);
    assert_int_equal(g->slots[1].node, 1);
    g = capture_set_find(set, 0);
    assert_int_equal(g->id, 2);
    assert_int_equal(g->nodes[0], 2);
    assert_null(capture_set_find(set, 3));
    capture_set_free(set);
}

static void test_a_second_writer_and_other_nodes_are_refused(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct capture_set *set = new_set();
    struct capture_set *again;

    (void)state;
    assert_int_equal(capture_set_open_write(&again, t_store_path, addresses, 2, &err), -1);
    assert_non_null(strstr(err.msg, "another process is writing"));
    capture_set_free(set);
    err_clear(&err);
    assert_int_equal(capture_set_open_write(&again, t_store_path, addresses, 1, &err), -1);
    assert_non_null(strstr(err.msg, "has 2 nodes, not 1"));
    err_clear(&err);
    t_ok(capture_set_open_write(&again, t_store_path, addresses, 2, &err), &err);
    capture_set_free(again);
}

/* Each text differs from a good one in one place. */
static void test_a_description_that_cannot_be_is_refused(void **state)
{
    static const char head[] =
        "{\"format\":\"flowtape-capture-set\",\"major\":1,\"minor\":0,\"set_id\":"
        "\"00112233445566778899aabbccddeeff\",\"created\":"
        "\"2026-08-20T12:34:56.789Z\",\"nodes\":[{\"directory\":\"node-0001\","
        "\"address\":\"a:1\"}],\"generations\":";
    static const struct {
        const char *generations;
        const char *why; /* NULL: it is good */
    } cases[] = {
        {"[{\"id\":1,\"nodes\":[1],\"slots\":[[0,5,0],[6,6,0]]}]}", NULL},
        {"[{\"id\":0,\"nodes\":[1],\"slots\":[]}]}", "\"id\""},
        {"[{\"id\":1,\"nodes\":[1],\"slots\":[]},{\"id\":1,\"nodes\":[2],\"slots\":[]}]}",
         "\"id\""},
        {"[{\"id\":1,\"nodes\":[1,1],\"slots\":[]}]}", "\"nodes\""},
        {"[{\"id\":1,\"nodes\":[0],\"slots\":[]}]}", "\"nodes\""},
        {"[{\"id\":1,\"nodes\":[1],\"slots\":[[0,16384,0]]}]}", "\"slots\""},
        {"[{\"id\":1,\"nodes\":[1],\"slots\":[[5,4,0]]}]}", "\"slots\""},
        {"[{\"id\":1,\"nodes\":[1],\"slots\":[[0,5,0],[5,6,0]]}]}", "\"slots\""},
        {"[{\"id\":1,\"nodes\":[1],\"slots\":[[0,5,1]]}]}", "\"slots\""},
        {"[{\"id\":1,\"nodes\":[1],\"slots\":[],\"moments\":[{\"lsns\":[1],\"epochs\":[1],\"slots\":[[0,5,1]]}]}]}",
         "\"slots\""},
        {"[{\"id\":1,\"nodes\":[1],\"slots\":[],\"settled\":{\"marks\":[]}}]}", NULL},
        {"[{\"id\":1,\"nodes\":[1],\"slots\":[],\"settled\":{}}]}", "\"settled\""},
        {"[{\"id\":1,\"nodes\":[1],\"slots\":[],\"settled\":{\"marks\":[{\"given_up\":[1],\"at_rest\":[1,2]}]}}]}",
         "\"settled\""},
        {"[{\"id\":1,\"nodes\":[1],\"slots\":[],\"settled\":{\"marks\":[{\"given_up\":[-1],\"at_rest\":[1]}]}}]}",
         "\"settled\""},
        {"[{\"id\":1,\"nodes\":[1],\"slots\":[],\"settled\":{\"since\":[],\"marks\":[]}}]}",
         "\"settled\""},
        {"[{\"id\":1,\"nodes\":[1],\"slots\":[[0,5,0]]", "json"},
    };

    (void)state;
    assert_int_equal(mkdir(t_store_path, 0700), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ft_err err = FT_ERR_INIT;
        struct capture_set *set;
        char text[1000];
        int dirfd = open(t_store_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        (void)snprintf(text, sizeof(text), "%s%s", head, cases[i].generations);
        t_write(dirfd, CAPTURE_SET_FILE, text, strlen(text));
        (void)close(dirfd);
        if (cases[i].why == NULL) {
            t_ok(capture_set_open_read(&set, t_store_path, &err), &err);
            capture_set_free(set);
            continue;
        }
        assert_int_equal(capture_set_open_read(&set, t_store_path, &err), -1);
        assert_int_equal(err.kind, FT_ERR_CORRUPT);
        if (strcmp(cases[i].why, "json") != 0)
            assert_non_null(strstr(err.msg, cases[i].why));
    }
}

/*
 * As an input
 */

static int take(void *context, const struct item *item, const struct translation *t,
                struct ft_err *err)
{
    struct buf *text = context;

    (void)buf_printf(text, err, "%s%u:%u", text->n == 0 ? "" : "; ", (unsigned)item->flow,
                     (unsigned)item->lsn);
    if (t->class_ != TRANSLATION_FLUSH) {
        for (size_t i = 0; i < item->record.arg_count; i++) {
            (void)buf_append_str(text, " ", err);
            (void)buf_append(text, item->record.args[i].p, item->record.args[i].n, err);
        }
        return 0;
    }
    assert_int_equal(t->flush.kind, FLUSH_SLOTS);
    for (size_t i = 0; i < t->flush.range_count; i++)
        (void)buf_printf(text, err, " -%u-%u", t->flush.ranges[i].first, t->flush.ranges[i].last);
    return 0;
}

/* What comes of the records up to a moment, from start_lsn on. */
static struct journal_pass_counts expect(const char *at, const uint64_t *start_lsn,
                                         const char *wanted)
{
    struct ft_err err = FT_ERR_INIT;
    struct journal_pass_counts counts;
    struct translator *translator;
    struct source *source;
    struct buf text = {0};
    struct cut cut;

    t_ok(source_open(&source, t_store_path, 0, &err), &err);
    t_ok(source_resolve_cut(source, at, &cut, &err), &err);
    cut.start_lsn = start_lsn;
    t_ok(journal_translator_new(&translator, source, target_default(), JSON_AS_DEFAULT, &err),
         &err);
    t_ok(journal_pass_run(source, &cut, translator, take, &text, &counts, &err), &err);
    (void)buf_append(&text, "", 1, &err);
    assert_string_equal((const char *)text.p, wanted);
    buf_release(&text);
    translator_free(translator);
    cut_release(&cut);
    source_free(source);
    return counts;
}

static void test_streams_are_those_of_the_nodes(void **state)
{
    static const struct t_flow_records two[] = {
        {.records = {{1, 0, 0, "SET b 1"}}},
        {.records = {{2, 0, 0, "SET c 1"}, {3, 0, 0, "SET c 2"}}},
    };
    static const struct t_flow_records one[] = {{.records = {{1, 0, 0, "SET a 1"}}}};
    const uint32_t generations[] = {1, 1};
    struct ft_err err = FT_ERR_INIT;
    struct capture_set *set = new_set();
    struct source *source;
    struct cut cut;

    (void)state;
    make_node(set, 0, two, 2);
    make_node(set, 1, one, 1);
    t_ok(capture_set_add(set, generations, halves, 2, NULL, 0, &err), &err);
    capture_set_free(set);
    t_ok(source_open(&source, t_store_path, 0, &err), &err);
    assert_int_equal(source->stream_count, 3);
    assert_int_equal(source->generation, 1);
    assert_int_equal(source_node_count(source), 2);
    assert_int_equal(source_node_of(source, 1), 0);
    assert_int_equal(source_node_of(source, 2), 1);
    assert_int_equal(source_lsns(source, 1).next, 12);
    assert_int_equal(source_lsns(source, 2).next, 11);
    t_ok(source_resolve_cut(source, "10,11,10", &cut, &err), &err);
    assert_int_equal(cut.stop_lsn[1], 12);
    assert_int_equal(cut.stop_lsn[2], 11);
    assert_true(cut.is_end);
    cut_release(&cut);
    t_ok(source_resolve_cut(source, "snapshot", &cut, &err), &err);
    assert_true(cut.is_snapshot);
    cut_release(&cut);
    assert_int_equal(source_resolve_cut(source, "10,11", &cut, &err), -1);
    assert_non_null(strstr(err.msg, "3 flows, LSNs given: 2"));
    source_free(source);
}

/* Slots had moved since the nodes were synced: a state is what comes after that, but it begins with the full syncs. */
static void test_a_base_need_not_be_a_state(void **state)
{
    static const struct t_flow_records first[] = {{.records = {{1, 0, 0, "SET b 1"}}}};
    static const struct t_flow_records last[] = {{.records = {{2, 0, 0, "SET a 1"}}}};
    const uint32_t generations[] = {1, 1};
    uint64_t lsn[] = {11, 11};
    uint64_t from[] = {0, 0};
    uint64_t epoch[] = {1, 2};
    struct set_moment one = {.lsn = lsn,
                             .from = from,
                             .epoch = epoch,
                             .slots = (struct set_slots *)halves,
                             .slots_count = 2};
    struct ft_err err = FT_ERR_INIT;
    struct capture_set *set = new_set();
    struct source *source;
    struct cut cut;

    (void)state;
    make_node(set, 0, first, 1);
    make_node(set, 1, last, 1);
    t_ok(capture_set_add(set, generations, halves, 2, &one, 1, &err), &err);
    capture_set_free(set);
    t_ok(source_open(&source, t_store_path, 0, &err), &err);
    t_fails(source_resolve_cut(source, "snapshot", &cut, &err), &err, FT_ERR_STATE,
            "on their way between nodes at that moment");
    t_ok(source_resolve_base(source, "snapshot", &cut, &err), &err);
    assert_true(cut.is_snapshot);
    cut_release(&cut);
    t_ok(source_resolve_cut(source, "end", &cut, &err), &err);
    cut_release(&cut);
    source_free(source);
}

/* A flush of a node deletes what is the node's, and does not hold the other one. */
static void test_a_flush_is_of_its_node(void **state)
{
    static const struct t_flow_records first[] = {
        {.records = {{1, 0, 0, "SET b 1"}, {2, 7, 0, "FLUSHALL"}, {4, 0, 0, "SET b 2"}}}};
    static const struct t_flow_records second[] = {
        {.records = {{1, 0, 0, "SET a 1"}, {3, 0, 0, "SET a 2"}}}};

    (void)state;
    make_set(first, second);
    assert_int_equal(
        expect("end", NULL, "0:10 SET b 1; 1:10 SET a 1; 0:11 -0-8191; 1:11 SET a 2; 0:12 SET b 2")
            .flushes,
        1);
}

/* Slot 3300 goes from node 0 to node 1, which has it before node 0 says so. */
static const struct t_flow_records giver[] = {
    {.records = {{1, 0, 0, "SET b 1"},
                 {3, 0, 0, "APPEND b 2"},
                 {6, 9, 0, "DFLYCLUSTER FLUSHSLOTS 3300 3300"},
                 {7, 0, 0, "SET c 1"}}}};
static const struct t_flow_records taker[] = {{.records = {{1, 0, 0, "SET a 1"},
                                                           {2, 0, 0, "SET b 1"},
                                                           {4, 0, 0, "APPEND b 2"},
                                                           {5, 0, 0, "APPEND b 3"}}}};

static void test_a_slot_that_moves_has_one_writer_at_a_time(void **state)
{
    (void)state;
    make_set(giver, taker);
    assert_int_equal(expect("end", NULL,
                            "0:10 SET b 1; 1:10 SET a 1; 0:11 APPEND b 2; 0:12 -3300-3300; "
                            "1:11 SET b 1; 1:12 APPEND b 2; 1:13 APPEND b 3; 0:13 SET c 1")
                         .foreign_slot_flows,
                     0);
}

/* As long as the giver has not given it up, what the taker brings is not a part of the state. */
static void test_a_slot_that_is_not_given_up_yet(void **state)
{
    struct journal_pass_counts counts;

    (void)state;
    make_set(giver, taker);
    counts = expect("11,13", NULL, "0:10 SET b 1; 1:10 SET a 1; 0:11 APPEND b 2");
    assert_int_equal(counts.foreign_slot_flows, 1);
    assert_int_equal(counts.after_foreign_slot, 3);
}

/* Who begins after the hand-over knows about it, and who begins before it waits for it. */
static void test_owners_are_known_from_the_middle(void **state)
{
    static const uint64_t after[] = {13, 12};
    static const uint64_t before[] = {11, 11};

    (void)state;
    make_set(giver, taker);
    expect("end", after, "1:12 APPEND b 2; 1:13 APPEND b 3; 0:13 SET c 1");
    expect("end", before,
           "0:11 APPEND b 2; 0:12 -3300-3300; 1:11 SET b 1; 1:12 APPEND b 2; 1:13 APPEND b 3; "
           "0:13 SET c 1");
}

/* The same two nodes in a set that keeps marks, with one of these LSNs; NULL: none has been written down. */
static void make_settled_set(const uint64_t *given_up, const uint64_t *at_rest)
{
    const uint32_t generations[] = {1, 1};
    struct ft_err err = FT_ERR_INIT;
    struct capture_set *set = new_set();

    make_node(set, 0, giver, 1);
    make_node(set, 1, taker, 1);
    set->keeps_marks = true;
    t_ok(capture_set_add(set, generations, halves, 2, NULL, 0, &err), &err);
    if (given_up != NULL)
        t_ok(capture_set_add_mark(set, 2, given_up, at_rest, &err), &err);
    capture_set_free(set);
}

/* A pass whose end has to be a state of the cluster: why it is not, or NULL. */
static void expect_rest(const char *at, const char *why, uint64_t given_up_nodes)
{
    struct ft_err err = FT_ERR_INIT;
    struct journal_pass_counts counts;
    struct translator *translator;
    struct source *source;
    struct buf text = {0};
    struct cut cut;

    t_ok(source_open(&source, t_store_path, 0, &err), &err);
    t_ok(source_resolve_cut(source, at, &cut, &err), &err);
    t_ok(source_nodes_check_end(source, &cut, &err), &err);
    t_ok(journal_translator_new(&translator, source, target_default(), JSON_AS_DEFAULT, &err),
         &err);
    if (why == NULL)
        t_ok(journal_pass_run(source, &cut, translator, take, &text, &counts, &err), &err);
    else
        t_fails(journal_pass_run(source, &cut, translator, take, &text, &counts, &err), &err,
                FT_ERR_STATE, why);
    assert_int_equal(counts.given_up_nodes, given_up_nodes);
    buf_release(&text);
    translator_free(translator);
    cut_release(&cut);
    source_free(source);
}

static const char all_of_it[] = "0:10 SET b 1; 1:10 SET a 1; 0:11 APPEND b 2; 0:12 -3300-3300; "
                                "1:11 SET b 1; 1:12 APPEND b 2; 1:13 APPEND b 3; 0:13 SET c 1";

/* What was given up at LSN 12, and nobody has said of that it is at rest. */
static void test_a_slot_that_was_given_up_may_be_on_its_way(void **state)
{
    (void)state;
    make_settled_set(NULL, NULL);
    expect_rest("end", "take the moment before, --at 11,13", 1);
    expect_rest(
        "13,10",
        "at that moment, which is not a state of the cluster: take a later one, or the moment before, --at 11,10",
        1);
    expect_rest("11,13", NULL, 0);
    /* who does not want a state is told */
    assert_int_equal(expect("end", NULL, all_of_it).given_up_nodes, 1);
}

static void test_a_slot_that_was_given_up_comes_to_rest(void **state)
{
    static const uint64_t given_up[] = {13, 12};
    static const uint64_t at_rest[] = {13, 13};

    (void)state;
    make_settled_set(given_up, at_rest);
    expect_rest("end", NULL, 0);
    expect_rest("12,12", NULL, 0);
    expect_rest("11,10", NULL, 0);
    expect_rest("12,11", "take a later one, or the moment before, --at 11,11", 1);
    assert_int_equal(expect("end", NULL, all_of_it).given_up_nodes, 0);
}

/* The nodes were asked before it was given up, or they had more to write than is there. */
static void test_a_mark_that_does_not_help(void **state)
{
    static const uint64_t before[] = {12, 12};
    static const uint64_t behind[] = {14, 14};
    static const uint64_t more[] = {14, 15};
    struct ft_err err = FT_ERR_INIT;
    const char *const list[] = {addresses[0], addresses[1]};
    struct capture_set *set;

    (void)state;
    make_settled_set(before, before);
    expect_rest("end", "--at 11,13", 1);
    t_ok(capture_set_open_write(&set, t_store_path, list, 2, &err), &err);
    t_ok(capture_set_add_mark(set, 2, behind, more, &err), &err);
    capture_set_free(set);
    expect_rest("end", "--at 11,13", 1);
    t_ok(capture_set_open_write(&set, t_store_path, list, 2, &err), &err);
    t_ok(capture_set_add_mark(set, 2, behind, behind, &err), &err);
    capture_set_free(set);
    expect_rest("end", NULL, 0);
}

/* Of what a set had before marks were kept nothing is known, and all is taken as it always was. */
static void test_a_set_of_before_there_were_marks(void **state)
{
    static const uint64_t at[] = {13, 12};
    struct ft_err err = FT_ERR_INIT;
    const char *const list[] = {addresses[0], addresses[1]};
    struct capture_set *set;

    (void)state;
    make_set(giver, taker);
    expect_rest("end", NULL, 0);
    expect_rest("12,10", NULL, 0);
    t_ok(capture_set_open_write(&set, t_store_path, list, 2, &err), &err);
    t_ok(capture_set_add_mark(set, 2, at, at, &err), &err);
    t_ok(capture_set_add_mark(set, 2, at, at, &err), &err); /* the same */
    assert_int_equal(capture_set_find(set, 0)->settled.mark_count, 1);
    assert_int_equal(capture_set_add_mark(set, 3, at, at, &err), -1);
    capture_set_free(set);
    expect_rest("end", NULL, 0);
    expect_rest("12,10", NULL, 0);
}

static void test_marks_are_read(void **state)
{
    static const uint64_t given_up[] = {13, 12};
    static const uint64_t at_rest[] = {13, 13};
    struct ft_err err = FT_ERR_INIT;
    const struct set_generation *g;
    struct capture_set *set;
    uint64_t before[2];

    (void)state;
    make_settled_set(given_up, at_rest);
    t_ok(capture_set_open_read(&set, t_store_path, &err), &err);
    g = capture_set_find(set, 0);
    assert_true(g->settled.kept);
    assert_null(g->settled.since);
    assert_int_equal(g->settled.flow_count, 2);
    assert_int_equal(g->settled.mark_count, 1);
    assert_int_equal(g->settled.marks[0].given_up[1], 12);
    assert_int_equal(g->settled.marks[0].at_rest[1], 13);
    set_settled_before(&g->settled, at_rest, before, 2);
    assert_int_equal(before[0], 13);
    set_settled_before(&g->settled, given_up, before, 2);
    assert_int_equal(before[0], 0);
    capture_set_free(set);
}

/* And back again, also from where it has just come. */
static void test_a_slot_goes_and_comes_back(void **state)
{
    static const struct t_flow_records first[] = {
        {.records = {{1, 0, 0, "SET b 1"},
                     {4, 9, 0, "DFLYCLUSTER FLUSHSLOTS 0 4095"},
                     {6, 0, 0, "SET b 2"},
                     {9, 0, 0, "SET b 4"}}}};
    static const struct t_flow_records second[] = {
        {.records = {{3, 0, 0, "SET b 1"},
                     {5, 0, 0, "SET b 2"},
                     {7, 0, 0, "SET b 3"},
                     {8, 3, 0, "DFLYCLUSTER FLUSHSLOTS 0 4095"}}}};

    (void)state;
    make_set(first, second);
    expect("end", NULL,
           "0:10 SET b 1; 0:11 -0-4095; 1:10 SET b 1; 1:11 SET b 2; 1:12 SET b 3; 1:13 -3300-3300; "
           "0:12 SET b 2; 0:13 SET b 4");
}

/* A slot that was to move, but stays: what the other node had got of it by then it deletes again. */
static void test_a_slot_that_does_not_move_after_all(void **state)
{
    static const struct t_flow_records first[] = {
        {.records = {{1, 0, 0, "SET b 1"}, {6, 0, 0, "SET b 2"}, {9, 0, 0, "SET b 3"}}}};
    static const struct t_flow_records second[] = {
        {.records = {{2, 0, 0, "SET b 1"},
                     {3, 0, 0, "SET a 1"},
                     {4, 3, 0, "DFLYCLUSTER FLUSHSLOTS 0 4095"},
                     {7, 0, 0, "SET a 2"},
                     {8, 0, 0, "SET b 9"}}}};
    static const uint64_t after[] = {11, 11};
    struct journal_pass_counts counts;

    (void)state;
    make_set(first, second);
    /* it is given the slot again, and does not have it yet */
    counts =
        expect("end", NULL, "0:10 SET b 1; 0:11 SET b 2; 0:12 SET b 3; 1:11 SET a 1; 1:13 SET a 2");
    assert_int_equal(counts.foreign, 1);
    assert_int_equal(counts.foreign_slot_flows, 1);
    assert_int_equal(counts.after_foreign_slot, 1);
    /* a moment at which it was on its way */
    counts = expect("12,11", NULL, "0:10 SET b 1; 0:11 SET b 2; 0:12 SET b 3");
    assert_int_equal(counts.foreign_slot_flows, 1);
    /* who begins after the records that were dropped has to know why */
    counts = expect("end", after, "1:11 SET a 1; 0:11 SET b 2; 1:13 SET a 2; 0:12 SET b 3");
    assert_int_equal(counts.foreign_slot_flows, 1);
}

/*
 * Do the full syncs fit together?
 */

static void test_keys_of_one_slot_in_two_nodes(void **state)
{
    static const struct t_flow_records nothing[] = {{{{0}}, {{0}}}};
    const uint32_t generations[] = {1, 1};
    struct ft_err err = FT_ERR_INIT;
    struct set_slots_clash clash;
    struct capture_set *set = new_set();
    struct set_slots *ranges;
    uint16_t owner[SLOT_COUNT];
    size_t count;

    (void)state;
    make_node(set, 0, nothing, 1); /* both have key-of-flow-0 */
    make_node(set, 1, nothing, 1);
    for (size_t i = 0; i < SLOT_COUNT; i++)
        owner[i] = SLOT_OWNER_NONE;
    t_ok(set_slots_read(set, generations, owner, &clash, &err), &err);
    assert_true(clash.found);
    assert_int_equal(clash.slot, slot_of(bytes_str("key-of-flow-0")));
    assert_int_equal(clash.node, 1);
    assert_int_equal(clash.other, 0);
    assert_int_equal(owner[clash.slot], 0);
    t_ok(set_slots_ranges(owner, &ranges, &count, &err), &err);
    assert_int_equal(count, 1);
    assert_int_equal(ranges[0].first, clash.slot);
    assert_int_equal(ranges[0].last, clash.slot);
    free(ranges);
    capture_set_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T_STORE_TEST(test_what_is_added_is_read),
        T_STORE_TEST(test_moments_are_read),
        T_STORE_TEST(test_a_node_that_joins),
        T_STORE_TEST(test_a_generation_that_is_over),
        T_STORE_TEST(test_a_generation_without_a_node),
        T_STORE_TEST(test_a_second_writer_and_other_nodes_are_refused),
        T_STORE_TEST(test_a_description_that_cannot_be_is_refused),
        T_STORE_TEST(test_streams_are_those_of_the_nodes),
        T_STORE_TEST(test_a_base_need_not_be_a_state),
        T_STORE_TEST(test_a_flush_is_of_its_node),
        T_STORE_TEST(test_a_slot_that_moves_has_one_writer_at_a_time),
        T_STORE_TEST(test_a_slot_that_is_not_given_up_yet),
        T_STORE_TEST(test_a_slot_that_was_given_up_may_be_on_its_way),
        T_STORE_TEST(test_a_slot_that_was_given_up_comes_to_rest),
        T_STORE_TEST(test_a_mark_that_does_not_help),
        T_STORE_TEST(test_a_set_of_before_there_were_marks),
        T_STORE_TEST(test_marks_are_read),
        T_STORE_TEST(test_owners_are_known_from_the_middle),
        T_STORE_TEST(test_a_slot_goes_and_comes_back),
        T_STORE_TEST(test_a_slot_that_does_not_move_after_all),
        T_STORE_TEST(test_keys_of_one_slot_in_two_nodes),
    };

    return T_RUN("store/capture_set", tests);
}
