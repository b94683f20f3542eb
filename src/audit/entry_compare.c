#include "audit/entry_compare.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "audit/compare_json.h"
#include "audit/compare_members.h"
#include "audit/compare_stream.h"
#include "base/parse.h"
#include "rdb/hll.h"
#include "rdb/json_digest.h"
#include "rdb/module_value.h"
#include "rdb/rdb_string.h"
#include "rdb/value_iter.h"
#include "rdb/value_walk.h"

/* What is shown of a string before the byte that differs. */
#define BEFORE_BYTES 8u

/* Of a value that is one text: that text. */
struct whole {
    enum value_class class_;
    struct bytes text; /* strings and JSON; else the serialised value */
    struct buf scratch;
};

static int take_whole(const struct rdb_entry *entry, struct whole *ret, struct ft_err *err)
{
    struct bytes in = entry->value;
    struct module_id id;

    *ret = (struct whole){.class_ = rdb_type_class(entry->type), .text = entry->value};
    if (entry->type == RDB_TYPE_MODULE_2) {
        if (module_id_take(&in, &id, err) != 0)
            return -1;
        if (!module_is_json(&id))
            return 0;
        if (module_json_take(in, &in, err) != 0)
            return -1;
        ret->class_ = VALUE_JSON;
    }
    if (ret->class_ == VALUE_STRING || ret->class_ == VALUE_JSON)
        return rdb_string_take(&in, &ret->text, &ret->scratch, err);
    return 0;
}

/*
 * Strings and others of one piece
 */

/* The part around a byte. */
static void show_around(char out[COMPARISON_TEXT_SIZE], struct bytes b, size_t at)
{
    size_t from = at > BEFORE_BYTES ? at - BEFORE_BYTES : 0;

    if (from > b.n)
        from = b.n;
    comparison_bytes(out, bytes_of(b.p + from, b.n - from));
}

static void compare_bytes(const char *what, struct bytes a, struct bytes b, struct comparison *ret)
{
    const size_t at = bytes_common(a, b);

    if (at == a.n && at == b.n)
        return;
    comparison_set(ret, DIFFERENCE_VALUE, "%sbyte %zu of %zu", what, at + 1, a.n);
    show_around(ret->a, a, at);
    show_around(ret->b, b, at);
}

/* false: they are not both HyperLogLogs. */
static bool compare_registers(struct bytes a, struct bytes b, struct comparison *ret)
{
    static _Thread_local uint8_t of_a[HLL_REGISTERS];
    static _Thread_local uint8_t of_b[HLL_REGISTERS];

    if (!hll_registers(a, of_a) || !hll_registers(b, of_b))
        return false;
    for (unsigned i = 0; i < HLL_REGISTERS; i++) {
        if (of_a[i] == of_b[i])
            continue;
        comparison_set(ret, DIFFERENCE_VALUE, "register %u of the HyperLogLog", i);
        comparison_number(ret->a, of_a[i]);
        comparison_number(ret->b, of_b[i]);
        break;
    }
    return true;
}

static int compare_texts_of_json(struct bytes a, struct bytes b, struct comparison *ret,
                                 struct ft_err *err)
{
    struct value_digest da = {0};
    struct value_digest db = {0};
    int json_a = json_digest_run(a, &da, err);
    int json_b = json_a < 0 ? -1 : json_digest_run(b, &db, err);

    if (json_b < 0)
        return -1;
    if ((json_a > 0 && json_b > 0 && value_digest_eq(&da, &db)) || bytes_eq(a, b))
        return 0;
    return compare_json(a, b, ret, err);
}

static int compare_wholes(const struct whole *a, const struct whole *b, struct comparison *ret,
                          struct ft_err *err)
{
    if (a->class_ == VALUE_JSON)
        return compare_texts_of_json(a->text, b->text, ret, err);
    if (a->class_ != VALUE_STRING)
        compare_bytes("serialised value, ", a->text, b->text, ret);
    else if (!compare_registers(a->text, b->text, ret))
        compare_bytes("", a->text, b->text, ret);
    return 0;
}

/*
 * Lists
 */

static void set_element(struct comparison *ret, uint64_t index, uint64_t of)
{
    if (of == 0)
        comparison_set(ret, DIFFERENCE_VALUE, "element %" PRIu64, index + 1);
    else
        comparison_set(ret, DIFFERENCE_VALUE, "element %" PRIu64 " of %" PRIu64, index + 1, of);
}

static int count_elements(const struct rdb_entry *entry, uint64_t *ret, struct ft_err *err)
{
    struct value_element e;
    struct value_iter *it;
    enum step step;

    *ret = 0;
    if (value_iter_new(&it, entry->type, entry->value, err) != 0)
        return -1;
    while ((step = value_iter_next(it, &e, err)) == STEP_ITEM)
        ++*ret;
    value_iter_free(it);
    return step == STEP_ERROR ? -1 : 0;
}

static int walk_lists(struct value_iter *a, struct value_iter *b, uint64_t of,
                      struct comparison *ret, struct ft_err *err)
{
    struct value_element ea;
    struct value_element eb;

    for (uint64_t i = 0;; i++) {
        enum step step_a = value_iter_next(a, &ea, err);
        enum step step_b = step_a == STEP_ERROR ? STEP_ERROR : value_iter_next(b, &eb, err);

        if (step_b == STEP_ERROR)
            return -1;
        if (step_a == STEP_END && step_b == STEP_END)
            return 0;
        if (step_a == step_b && bytes_eq(ea.value, eb.value))
            continue;
        set_element(ret, i, of);
        if (step_a == STEP_ITEM)
            comparison_bytes(ret->a, ea.value);
        else
            comparison_text(ret->a, COMPARISON_MISSING);
        if (step_b == STEP_ITEM)
            comparison_bytes(ret->b, eb.value);
        else
            comparison_text(ret->b, COMPARISON_MISSING);
        return 0;
    }
}

static int compare_lists(const struct rdb_entry *a, const struct rdb_entry *b,
                         struct comparison *ret, struct ft_err *err)
{
    struct value_iter *ia = NULL;
    struct value_iter *ib = NULL;
    uint64_t of;
    int rc = count_elements(a, &of, err);

    if (rc == 0)
        rc = value_iter_new(&ia, a->type, a->value, err);
    if (rc == 0)
        rc = value_iter_new(&ib, b->type, b->value, err);
    if (rc == 0)
        rc = walk_lists(ia, ib, of, ret, err);
    value_iter_free(ia);
    value_iter_free(ib);
    return rc;
}

/*
 * Keys
 */

static int compare_values(const struct rdb_entry *a, const struct rdb_entry *b,
                          const struct whole *wa, const struct whole *wb,
                          const struct compare_rules *rules, struct comparison *ret,
                          struct ft_err *err)
{
    if (wa->class_ != wb->class_) {
        comparison_set(ret, DIFFERENCE_TYPE, "type");
        comparison_text(ret->a, value_class_name(wa->class_));
        comparison_text(ret->b, value_class_name(wb->class_));
        return 0;
    }
    switch (wa->class_) {
    case VALUE_LIST:
        return compare_lists(a, b, ret, err);
    case VALUE_SET:
    case VALUE_ZSET:
    case VALUE_HASH:
        return compare_members(a, b, rules, ret, err);
    case VALUE_STREAM:
        return compare_stream(a, b, rules, ret, err);
    default:
        return compare_wholes(wa, wb, ret, err);
    }
}

int entry_compare(const struct rdb_entry *a, const struct rdb_entry *b,
                  const struct compare_rules *rules, struct comparison *ret, struct ft_err *err)
{
    struct comparison found = {.kind = DIFFERENCE_NONE};
    struct whole wa = {0};
    struct whole wb = {0};
    int rc = take_whole(a, &wa, err);

    if (rc == 0)
        rc = take_whole(b, &wb, err);
    if (rc == 0)
        rc = compare_values(a, b, &wa, &wb, rules, &found, err);
    if (rc == 0 && found.kind == DIFFERENCE_NONE &&
        !times_are_near(a->expire_ms, b->expire_ms, rules->slack_ms)) {
        comparison_set(&found, DIFFERENCE_TIME, "time to live");
        comparison_time(found.a, a->expire_ms);
        comparison_time(found.b, b->expire_ms);
    }
    buf_release(&wa.scratch);
    buf_release(&wb.scratch);
    if (rc == 0)
        *ret = found;
    return rc;
}

static int show_counted(const struct rdb_entry *entry, enum value_class class_,
                        char out[COMPARISON_TEXT_SIZE], struct ft_err *err)
{
    static const char *const things[VALUE_CLASS_COUNT] = {[VALUE_LIST] = "element",
                                                          [VALUE_SET] = "member",
                                                          [VALUE_ZSET] = "member",
                                                          [VALUE_HASH] = "field"};
    uint64_t n;

    if (count_elements(entry, &n, err) != 0)
        return -1;
    (void)snprintf(out, COMPARISON_TEXT_SIZE, "%s of %" PRIu64 " %s%s", value_class_name(class_), n,
                   things[class_], plural(n));
    return 0;
}

int entry_show(const struct rdb_entry *entry, char out[COMPARISON_TEXT_SIZE], struct ft_err *err)
{
    struct whole w = {0};
    int rc = take_whole(entry, &w, err);

    if (rc == 0) {
        switch (w.class_) {
        case VALUE_STRING:
        case VALUE_JSON:
            comparison_bytes(out, w.text);
            break;
        case VALUE_LIST:
        case VALUE_SET:
        case VALUE_ZSET:
        case VALUE_HASH:
            rc = show_counted(entry, w.class_, out, err);
            break;
        default:
            (void)snprintf(out, COMPARISON_TEXT_SIZE, "%s of %zu bytes", value_class_name(w.class_),
                           w.text.n);
        }
    }
    buf_release(&w.scratch);
    return rc;
}
