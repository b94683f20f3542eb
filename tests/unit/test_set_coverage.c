/* How much of a set's description is true of a part of what its nodes hold. */
#include "archive/set_coverage.h"

#include <stdlib.h>

#include "lib/test_main.h"

#define HEAD                                                                                                           \
    "{\"format\":\"flowtape-capture-set\",\"major\":3,\"minor\":0,"                                                    \
    "\"set_id\":\"00112233445566778899aabbccddeeff\",\"created\":\"2026-01-01T00:00:00.000Z\","                        \
    "\"nodes\":[{\"directory\":\"node-0001\",\"address\":\"a:1\"},{\"directory\":\"node-0002\",\"address\":\"b:1\"}]," \
    "\"generations\":["
#define ALL_SLOTS                 "\"slots\":[[0,8191,0],[8192,16383,1]]"
#define MOMENT(lsns, from, slots) "{\"lsns\":" lsns ",\"epochs\":[1,2]," from "\"slots\":" slots "}"

/* A node's capture with the generations 1 and 2, each up to an LSN; 0: not complete. */
struct node {
    struct capture_flow flows[2];
    struct generation generations[2];
    struct capture capture;
};

static void set_node(struct node *n, uint64_t first, uint64_t second)
{
    const uint64_t next[] = {first, second};

    *n = (struct node){0};
    for (uint32_t i = 0; i < 2; i++) {
        n->flows[i].next_lsn = next[i];
        n->generations[i] =
            (struct generation){.id = i + 1,
                                .state = next[i] != 0 ? GENERATION_COMPLETE : GENERATION_SNAPSHOT,
                                .flow_count = 1,
                                .flows = &n->flows[i]};
    }
    n->capture = (struct capture){.generations = n->generations, .generation_count = 2};
}

static struct capture_set *set_of(const char *generations)
{
    struct ft_err err = FT_ERR_INIT;
    struct capture_set *s;
    char text[4096];

    (void)snprintf(text, sizeof(text), HEAD "%s]}", generations);
    t_ok(capture_set_from_text(&s, bytes_str(text), "set", &err), &err);
    return s;
}

/* The nodes have come to these LSNs of their first generation, the second node to that of its second one. */
static struct set_coverage coverage(const struct capture_set *s, uint64_t a, uint64_t b,
                                    uint64_t b_second, const struct node *all)
{
    struct node nodes[2];
    const struct capture *there[] = {&nodes[0].capture, &nodes[1].capture};
    const struct capture *everything[] = {NULL, NULL};

    set_node(&nodes[0], a, 0);
    set_node(&nodes[1], b, b_second);
    for (int i = 0; all != NULL && i < 2; i++)
        everything[i] = &all[i].capture;
    return set_coverage_of(s, there, all == NULL ? NULL : everything);
}

static void expect(struct set_coverage c, size_t generations, size_t moments, bool whole)
{
    assert_int_equal(c.generations, generations);
    assert_int_equal(c.moments, moments);
    assert_int_equal(c.whole, whole);
}

static void test_generations(void **state)
{
    struct capture_set *s = set_of("{\"id\":1,\"nodes\":[1,1]," ALL_SLOTS "},"
                                   "{\"id\":2,\"nodes\":[1,2]," ALL_SLOTS "}");
    const struct capture *nothing[] = {NULL, NULL};

    (void)state;
    expect(set_coverage_of(s, nothing, NULL), 0, 0, false);
    expect(coverage(s, 10, 0, 0, NULL), 0, 0, false);
    expect(coverage(s, 10, 10, 0, NULL), 1, 0, false);
    expect(coverage(s, 10, 0, 10, NULL), 0, 0, false); /* in order */
    expect(coverage(s, 10, 10, 10, NULL), 2, 0, true);
    capture_set_free(s);
}

/* One that was removed is named all the same. */
static void test_removed_generation(void **state)
{
    struct capture_set *s = set_of("{\"id\":1,\"nodes\":[1,1]," ALL_SLOTS "}");
    struct node nodes[2];
    const struct capture *there[] = {&nodes[0].capture, &nodes[1].capture};

    (void)state;
    set_node(&nodes[0], 10, 0);
    set_node(&nodes[1], 0, 10);
    nodes[1].generations[0].state = GENERATION_ABANDONED;
    expect(set_coverage_of(s, there, NULL), 1, 0, true);
    nodes[1].generations[0].id = 7;
    expect(set_coverage_of(s, there, NULL), 0, 0, false);
    capture_set_free(s);
}

static void test_moments(void **state)
{
    struct ft_err err = FT_ERR_INIT;
    struct capture_set *s = set_of(
        "{\"id\":1,\"nodes\":[1,1]," ALL_SLOTS
        ",\"moments\":[" MOMENT("[100,200]", "", "[[0,16000,0]]") "," MOMENT("[110,210]", "", "[[16001,16383,1]]") "," MOMENT(
            "[120,220]", "",
            "[[0,0,0]]") "," MOMENT("[130,230]", "\"from\":[125,225],",
                                    "[[5,5,1]]") "]},"
                                                 "{\"id\":2,\"nodes\":[1,2]," ALL_SLOTS
                                                 ",\"moments\":[" MOMENT(
                                                     "[140,40]", "",
                                                     "[[0,8191,0],[8192,16383,1]]") "]}");

    (void)state;
    expect(coverage(s, 109, 500, 500, NULL), 0, 0,
           false); /* whose the last slots are is not known yet */
    expect(coverage(s, 110, 210, 0, NULL), 1, 2, false);
    expect(coverage(s, 129, 500, 500, NULL), 1, 3, false);
    expect(coverage(s, 500, 229, 500, NULL), 1, 3, false);
    expect(coverage(s, 139, 500, 500, NULL), 1, 4, false);
    expect(coverage(s, 140, 500, 39, NULL), 1, 4, false);
    expect(coverage(s, 140, 500, 40, NULL), 2, 1, true);
    /* cut before slots moved, it says since when it knows nothing */
    t_ok(capture_set_cut(s, 1, 2, &err), &err);
    assert_int_equal(s->generation_count, 1);
    assert_int_equal(s->generations[0].moment_count, 2);
    assert_int_equal(s->generations[0].moving[0], 125);
    assert_int_equal(s->generations[0].moving[1], 225);
    t_ok(capture_set_cut(s, 0, 0, &err), &err);
    assert_int_equal(s->generation_count, 0);
    capture_set_free(s);
}

/* Of a node that was idle all counts that it had. */
static void test_idle_nodes(void **state)
{
    struct capture_set *s =
        set_of("{\"id\":1,\"nodes\":[1,1]," ALL_SLOTS
               ",\"moments\":[" MOMENT("[100,200]", "", "[[0,8191,0],[8192,16383,1]]") "," MOMENT(
                   "[110,9223372036854775807]", "\"from\":[101,201],", "[[8192,16383,0]]") "]}");
    struct node all[2];

    (void)state;
    set_node(&all[0], 500, 0);
    set_node(&all[1], 260, 0);
    assert_true(set_coverage_has_idle(s));
    expect(coverage(s, 500, 259, 0, all), 1, 1, false);
    expect(coverage(s, 500, 260, 0, all), 1, 2, true);
    expect(coverage(s, 109, 260, 0, all), 1, 1, false);
    expect(coverage(s, 500, 200, 0, NULL), 1, 2, true); /* nobody asks */
    capture_set_free(s);
}

/* What a description knows of slots ends where the journals did when it was archived. */
static void test_longer_journals(void **state)
{
    static const char rest[] =
        "{\"id\":1,\"nodes\":[1,1]," ALL_SLOTS
        ",\"moments\":[" MOMENT("[100,200]", "", "[[0,8191,0],[8192,16383,1]]") "]}";
    struct ft_err err = FT_ERR_INIT;
    struct node nodes[2];
    const struct capture *there[] = {&nodes[0].capture, &nodes[1].capture};

    (void)state;
    for (int longer = 0; longer < 3; longer++) {
        struct capture_set *s = set_of(rest);
        struct capture_set *fetched;
        char *text;

        assert_false(set_coverage_check(s, there));
        set_node(&nodes[0], 150, 0);
        set_node(&nodes[1], 250, 0);
        t_ok(set_coverage_note(s, there, &err), &err);
        t_ok(capture_set_text(s, 0, &text, &err), &err);
        t_ok(capture_set_from_text(&fetched, bytes_str(text), "set", &err), &err);
        free(text);
        nodes[0].flows[0].next_lsn += longer == 1;
        nodes[1].flows[0].next_lsn += longer == 2;
        assert_true(set_coverage_check(fetched, there));
        assert_null(fetched->generations[0].archived);
        if (longer == 0) {
            assert_null(fetched->generations[0].moving);
        } else {
            assert_int_equal(fetched->generations[0].moving[0], 150);
            assert_int_equal(fetched->generations[0].moving[1], 250);
        }
        capture_set_free(fetched);
        capture_set_free(s);
    }
}

/* Where slots are on their way that is said already, and a Dragonfly's journals say themselves whose they are. */
static void test_nothing_to_be_noted(void **state)
{
    static const char *const texts[] = {
        "{\"id\":1,\"nodes\":[1,1]," ALL_SLOTS "}",
        "{\"id\":1,\"nodes\":[1,1]," ALL_SLOTS
        ",\"moving\":[120,220],\"moments\":[" MOMENT("[100,200]", "", "[[0,16383,0]]") "]}"};
    struct ft_err err = FT_ERR_INIT;
    struct node nodes[2];
    const struct capture *there[] = {&nodes[0].capture, &nodes[1].capture};

    (void)state;
    set_node(&nodes[0], 150, 0);
    set_node(&nodes[1], 250, 0);
    for (int i = 0; i < 2; i++) {
        struct capture_set *s = set_of(texts[i]);

        t_ok(set_coverage_note(s, there, &err), &err);
        assert_null(s->generations[0].archived);
        capture_set_free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_generations),     cmocka_unit_test(test_removed_generation),
        cmocka_unit_test(test_moments),         cmocka_unit_test(test_idle_nodes),
        cmocka_unit_test(test_longer_journals), cmocka_unit_test(test_nothing_to_be_noted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
