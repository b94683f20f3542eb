#include "cmd/check_print.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/parse.h"
#include "cmd/diff_print.h"
#include "cmd/json_value.h"
#include "config.h"

#define DIGEST_TEXT 33

void check_show(struct progress *p, const struct diff_progress *d)
{
    unsigned round = (unsigned)atomic_load(&d->round);
    uint64_t of_a = atomic_load(&d->keys[DIFF_A]);
    uint64_t of_b = atomic_load(&d->keys[DIFF_B]);

    progress_add(p, "check");
    if (round != 0) {
        progress_add_count(p, atomic_load(&d->suspects), "keys to read again");
    } else {
        progress_add_rate(p, PROGRESS_KEYS, of_a + of_b, "keys");
        progress_add_count(p, of_a, "keys of the input");
        progress_add_count(p, of_b, "of the target");
    }
    progress_draw(p);
}

/* The names of both sides, as diff_print.h wants them. */
static struct diff_options sides_of(const struct copy_checked *c, const char *input)
{
    struct diff_options o = {0};

    o.input[DIFF_A].name = input;
    o.input[DIFF_B].name = c->target_name;
    return o;
}

void check_print(const struct copy_checked *c, const char *input)
{
    struct diff_options o = sides_of(c, input);
    struct diff_sum all = diff_sums_total(&c->sums, DIFF_B, DIFF_SUMS_ALL);

    if (!c->done)
        return;
    if (c->sample != 0)
        printf("checked: %" PRIu64
               " key%s, of those that the journal touched last and random ones\n",
               c->result.suspects, plural(c->result.suspects));
    else
        printf("checked: all keys; digest of the target's values %016" PRIx64 "%016" PRIx64 "\n",
               all.values.high, all.values.low);
    diff_print(&o, &c->result, &c->examples, &c->losses);
    if (c->result.apart != 0)
        printf("  %" PRIu64 " suspect key%s, read again from the source, not compared\n",
               c->result.apart, plural(c->result.apart));
}

/*
 * As JSON
 */

static json_t *digest_to_json(const struct value_digest *d)
{
    char text[DIGEST_TEXT];

    (void)snprintf(text, sizeof(text), "%016" PRIx64 "%016" PRIx64, d->high, d->low); /* fits */
    return json_string(text);
}

static json_t *sum_to_json(const struct diff_sum *s)
{
    return json_pack("{s:I, s:I, s:o, s:o}", "keys", (json_int_t)s->keys, "keys_apart",
                     (json_int_t)s->apart, "values", digest_to_json(&s->values), "times",
                     digest_to_json(&s->times));
}

static json_t *both_to_json(const struct diff_sum side[DIFF_SIDES])
{
    return json_pack("{s:o, s:o}", "input", sum_to_json(&side[DIFF_A]), "target",
                     sum_to_json(&side[DIFF_B]));
}

static json_t *types_to_json(const struct diff_sums *s, uint32_t db)
{
    json_t *types = json_object();

    for (size_t i = 0; i < s->count; i++) {
        if (s->rows[i].db == db)
            json_object_set_new(types, value_class_name(s->rows[i].class_),
                                both_to_json(s->rows[i].side));
    }
    return types;
}

static json_t *sums_to_json(const struct diff_sums *s, uint32_t db)
{
    const struct diff_sum side[DIFF_SIDES] = {diff_sums_total(s, DIFF_A, db),
                                              diff_sums_total(s, DIFF_B, db)};

    return both_to_json(side);
}

/* Rows are sorted by database. */
static json_t *databases_to_json(const struct diff_sums *s)
{
    json_t *list = json_array();

    for (size_t i = 0; i < s->count; i++) {
        uint32_t db = s->rows[i].db;
        json_t *one;

        if (i != 0 && s->rows[i - 1].db == db)
            continue;
        one = sums_to_json(s, db);
        json_object_set_new(one, "db", json_integer((json_int_t)db));
        json_object_set_new(one, "types", types_to_json(s, db));
        json_array_append_new(list, one);
    }
    return list;
}

static json_t *proof_to_json(const struct copy_checked *c)
{
    char began[FORMAT_TIME];
    char ended[FORMAT_TIME];
    json_t *lsns = json_array();

    for (uint32_t i = 0; i < c->flow_count; i++)
        json_array_append_new(lsns, json_integer((json_int_t)c->next_lsn[i]));
    return json_pack("{s:s, s:s, s:o, s:I, s:o, s:o, s:s, s:I, s:s, s:s, s:I}", "flowtape",
                     PACKAGE_VERSION, "source_id", c->source_id, "source_version",
                     json_from_text(c->source_version), "generation", (json_int_t)c->generation,
                     "next_lsns", lsns, "rules", json_from_bytes(buf_bytes(&c->rules)),
                     "target_kind", c->target_kind, "target_modules", (json_int_t)c->target_modules,
                     "began", format_time_us((uint64_t)c->began_ms * 1000, began), "ended",
                     format_time_us((uint64_t)c->ended_ms * 1000, ended), "ended_ms",
                     (json_int_t)c->ended_ms);
}

json_t *check_to_json(const struct copy_checked *c, const char *input)
{
    struct diff_options o = sides_of(c, input);
    json_t *json;

    if (!c->done)
        return json_null();
    json = diff_to_json(&o, &c->result, &c->examples, &c->losses);
    if (json == NULL)
        return NULL;
    json_object_set_new(json, "checked",
                        c->sample == 0 ? json_string("all") : json_integer((json_int_t)c->sample));
    json_object_set_new(json, "keys_from_source", json_integer((json_int_t)c->result.apart));
    json_object_set_new(json, "proof", proof_to_json(c));
    json_object_set_new(json, "databases", databases_to_json(&c->sums));
    json_object_set_new(json, "total", sums_to_json(&c->sums, DIFF_SUMS_ALL));
    return json;
}
