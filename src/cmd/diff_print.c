#include "cmd/diff_print.h"

#include <inttypes.h>

#include "base/json_text.h"
#include "base/parse.h"
#include "cmd/json_value.h"
#include "cmd/loss_print.h"
#include "rdb/value_walk.h"

/* In the order in which they are shown. */
static const struct {
    enum difference kind;
    const char *name; /* in JSON */
    const char *title;
} kinds[] = {
    {DIFFERENCE_ONLY_A, "only_in_a", "only in A"},
    {DIFFERENCE_ONLY_B, "only_in_b", "only in B"},
    {DIFFERENCE_TYPE, "type", "another type"},
    {DIFFERENCE_VALUE, "value", "another value"},
    {DIFFERENCE_STREAM, "stream", "another state of a stream"},
    {DIFFERENCE_TIME, "time", "another time to live"},
};
#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

/*
 * For people
 */

static void print_example(const struct diff_example *e)
{
    const struct comparison *c = e->found.c;
    char key[120];

    if (e->found.function)
        printf("    library \"%s\": %s\n", bytes_escape(e->found.key, key, sizeof(key)),
               difference_name(e->found.kind));
    else
        printf("    %" PRIu32 "/ %s \"%s\"", e->found.db,
               value_class_name((enum value_class)e->found.class_),
               bytes_escape(e->found.key, key, sizeof(key)));
    if (e->found.function)
        return;
    if (c != NULL)
        printf(": %s%s%s | %s", c->place, c->place[0] == '\0' ? "" : ": ", c->a, c->b);
    putchar('\n');
}

static void print_examples(const struct diff_examples *examples, enum difference kind,
                           bool functions, uint64_t all)
{
    size_t shown = 0;

    for (size_t i = 0; i < examples->count; i++) {
        const struct diff_example *e = examples->list[i];

        if (e->found.function == functions && (functions || e->found.kind == kind)) {
            print_example(e);
            shown++;
        }
    }
    if (shown != 0 && all > shown)
        printf("    ... and %" PRIu64 " more\n", all - shown);
}

static void print_side(char letter, const struct diff_input *input, const char *kind, uint64_t keys)
{
    char name[200];

    printf("%c: %s %s: %" PRIu64 " key%s\n", letter, kind,
           bytes_escape(bytes_str(input->name), name, sizeof(name)), keys, plural(keys));
}

static uint64_t count_differences(const struct diff_result *r)
{
    uint64_t n = 0;

    for (size_t i = 0; i < KIND_COUNT; i++)
        n += r->kinds[kinds[i].kind];
    return n;
}

void diff_print(const struct diff_options *o, const struct diff_result *r,
                const struct diff_examples *examples, const struct loss_report *losses)
{
    uint64_t n = count_differences(r);
    char title[TARGET_TITLE_SIZE];

    print_side('A', &o->input[DIFF_A], r->kind_name[DIFF_A], r->keys[DIFF_A]);
    print_side('B', &o->input[DIFF_B], r->kind_name[DIFF_B], r->keys[DIFF_B]);
    for (int of = DIFF_A; of <= DIFF_B; of++) {
        if (r->by_type[of])
            printf("%c does not allow DUMP: values were read by the commands of their types\n",
                   'A' + of);
    }
    if (diff_is_equal(r))
        puts("equal");
    else if (n != 0)
        printf("%" PRIu64 " key%s differ%s\n", n, plural(n), n == 1 ? "s" : "");
    else if (r->functions == 0)
        puts("no difference is known, but not all could be compared");
    for (size_t i = 0; i < KIND_COUNT; i++) {
        uint64_t count = r->kinds[kinds[i].kind];

        if (count == 0)
            continue;
        printf("  %s: %" PRIu64 "\n", kinds[i].title, count);
        print_examples(examples, kinds[i].kind, false, count);
    }
    if (r->functions != 0) {
        printf("  libraries of functions that differ: %" PRIu64 "\n", r->functions);
        print_examples(examples, DIFFERENCE_NONE, true, r->functions);
    }
    if (r->unnamed != 0)
        printf("  of %" PRIu64 " of them the name could not be read\n", r->unnamed);
    if (r->changing != 0)
        printf("  %" PRIu64
               " key%s changed while being read, each time: nothing can be said about %s\n",
               r->changing, plural(r->changing), r->changing == 1 ? "it" : "them");
    if (r->unread != 0)
        printf("  %" PRIu64 " key%s not compared: of a type that can be read by DUMP only\n",
               r->unread, plural(r->unread));
    for (int of = DIFF_A; of <= DIFF_B; of++) {
        if (r->no_functions[of])
            printf("  libraries of functions were not compared: %c does not show them\n", 'A' + of);
    }
    if (losses->line_count != 0 && r->target[0] != '\0')
        printf("expected of %s, and not counted:\n", target_title(r->target, title));
    loss_print(stdout, losses);
}

/*
 * As JSON
 */

static json_t *example_to_json(const struct diff_example *e)
{
    const struct comparison *c = e->found.c;
    json_t *place = c == NULL ? json_null() : json_from_text(c->place);
    json_t *of_a = c == NULL ? json_null() : json_from_text(c->a);
    json_t *of_b = c == NULL ? json_null() : json_from_text(c->b);

    if (e->found.function)
        return json_pack("{s:s, s:o, s:o, s:o, s:o, s:s}", "kind", difference_name(e->found.kind),
                         "library", json_from_bytes(e->found.key), "place", place, "a", of_a, "b",
                         of_b, "type", "function");
    return json_pack("{s:s, s:I, s:o, s:s, s:o, s:o, s:o}", "kind", difference_name(e->found.kind),
                     "db", (json_int_t)e->found.db, "key", json_from_bytes(e->found.key), "type",
                     value_class_name((enum value_class)e->found.class_), "place", place, "a", of_a,
                     "b", of_b);
}

static json_t *examples_to_json(const struct diff_examples *examples)
{
    json_t *list = json_array();

    for (size_t i = 0; i < examples->count; i++) {
        if (json_array_append_new(list, example_to_json(examples->list[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *side_to_json(const struct diff_input *input, const struct diff_result *r,
                            enum diff_of of)
{
    return json_pack("{s:o, s:o, s:b, s:b, s:b, s:I}", "name", json_from_text(input->name), "kind",
                     json_from_text(r->kind_name[of]), "live", r->live[of], "by_type",
                     r->by_type[of], "functions_hidden", r->no_functions[of], "keys",
                     (json_int_t)r->keys[of]);
}

json_t *diff_to_json(const struct diff_options *o, const struct diff_result *r,
                     const struct diff_examples *examples, const struct loss_report *losses)
{
    json_t *counts = json_object();
    json_t *target = r->target[0] == '\0' ? json_null() : json_string(r->target);

    for (size_t i = 0; i < KIND_COUNT; i++)
        (void)json_object_set_new(counts, kinds[i].name,
                                  json_integer((json_int_t)r->kinds[kinds[i].kind]));
    return json_pack("{s:b, s:o, s:o, s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o}",
                     "equal", diff_is_equal(r), "a", side_to_json(&o->input[DIFF_A], r, DIFF_A),
                     "b", side_to_json(&o->input[DIFF_B], r, DIFF_B), "keys_different",
                     (json_int_t)count_differences(r), "kinds", counts, "functions_different",
                     (json_int_t)r->functions, "keys_changing", (json_int_t)r->changing,
                     "keys_unread", (json_int_t)r->unread, "keys_unnamed", (json_int_t)r->unnamed,
                     "keys_expected", (json_int_t)r->expected, "keys_read_again",
                     (json_int_t)r->suspects, "rounds", (json_int_t)r->rounds, "target", target,
                     "losses", loss_to_json(losses), "examples", examples_to_json(examples));
}

int diff_key_line(struct buf *out, const struct diff_found *found, struct ft_err *err)
{
    if (buf_printf(out, err, "{\"db\":%" PRIu32 ",\"key\":", found->db) != 0 ||
        json_put_bytes(out, found->key, err) != 0)
        return -1;
    return buf_printf(out, err, ",\"kind\":\"%s\"}\n", difference_name(found->kind));
}
