#include "cmd/check_report.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/fsutil.h"
#include "base/json_tree.h"

#define REPORT_MAX   ((size_t)256 << 20)
#define FLOWS_MAX    1024u
#define ID_DIGITS    32u
#define DIGEST_CHARS 32u

static int damaged(const char *what, struct ft_err *err)
{
    return err_set(err, FT_ERR_CORRUPT, "no report of --check, or a damaged one: %s", what);
}

/* A member that is a number within limits. */
static int take_number(const json_t *of, const char *name, uint64_t max, uint64_t *ret,
                       struct ft_err *err)
{
    const json_t *json = json_object_get(of, name);
    json_int_t n = json_integer_value(json);

    if (!json_is_integer(json) || n < 0 || (uint64_t)n > max)
        return damaged(name, err);
    *ret = (uint64_t)n;
    return 0;
}

static bool is_hex(const char *text, size_t digits)
{
    return text != NULL && strlen(text) == digits && strspn(text, "0123456789abcdef") == digits;
}

static int take_digest(const json_t *of, const char *name, struct value_digest *ret,
                       struct ft_err *err)
{
    const char *text = json_string_value(json_object_get(of, name));
    char half[DIGEST_CHARS / 2 + 1] = "";

    if (!is_hex(text, DIGEST_CHARS))
        return damaged(name, err);
    memcpy(half, text, DIGEST_CHARS / 2);
    ret->high = strtoull(half, NULL, 16);
    ret->low = strtoull(text + DIGEST_CHARS / 2, NULL, 16);
    return 0;
}

static int take_sum(const json_t *of, const char *name, struct diff_sum *ret, struct ft_err *err)
{
    const json_t *sum = json_object_get(of, name);

    if (take_number(sum, "keys", INT64_MAX, &ret->keys, err) != 0 ||
        take_number(sum, "keys_apart", ret->keys, &ret->apart, err) != 0 ||
        take_digest(sum, "values", &ret->values, err) != 0)
        return -1;
    return take_digest(sum, "times", &ret->times, err);
}

static int take_both(const json_t *of, struct diff_sum side[DIFF_SIDES], struct ft_err *err)
{
    return take_sum(of, "input", &side[DIFF_A], err) != 0
               ? -1
               : take_sum(of, "target", &side[DIFF_B], err);
}

static bool same_sum(const struct diff_sum *a, const struct diff_sum *b)
{
    return a->keys == b->keys && a->apart == b->apart && value_digest_eq(&a->values, &b->values) &&
           value_digest_eq(&a->times, &b->times);
}

/* What it says of a database, or of all, is what its types come to. */
static int check_total(const struct check_report *r, const json_t *of, uint32_t db,
                       struct ft_err *err)
{
    struct diff_sum said[DIFF_SIDES];

    if (take_both(of, said, err) != 0)
        return -1;
    for (int side = DIFF_A; side <= DIFF_B; side++) {
        struct diff_sum sum = diff_sums_total(&r->sums, (enum diff_of)side, db);

        if (!same_sum(&sum, &said[side]))
            return damaged("its sums do not agree with each other", err);
    }
    return 0;
}

static int find_class(const char *name, enum value_class *ret, struct ft_err *err)
{
    for (int c = 0; c < VALUE_CLASS_COUNT; c++) {
        if (strcmp(value_class_name((enum value_class)c), name) == 0) {
            *ret = (enum value_class)c;
            return 0;
        }
    }
    return damaged("a type that there is not", err);
}

static int take_database(struct check_report *r, const json_t *of, struct ft_err *err)
{
    json_t *types = json_object_get(of, "types");
    const char *name;
    json_t *type;
    uint64_t db;

    if (take_number(of, "db", UINT32_MAX - 1, &db, err) != 0)
        return -1;
    for (size_t i = 0; i < r->sums.count; i++) {
        if (r->sums.rows[i].db == db)
            return damaged("a database comes twice", err);
    }
    json_object_foreach(types, name, type)
    {
        struct diff_sum_row row = {.db = (uint32_t)db};

        if (find_class(name, &row.class_, err) != 0 || take_both(type, row.side, err) != 0 ||
            ARRAY_ADD_ROOM(&r->sums.rows, r->sums.count, "sums of keys", err) != 0)
            return -1;
        r->sums.rows[r->sums.count++] = row;
    }
    return check_total(r, of, (uint32_t)db, err);
}

static int take_sums(struct check_report *r, const json_t *check, struct ft_err *err)
{
    json_t *databases = json_object_get(check, "databases");

    if (!json_is_array(databases))
        return damaged("databases", err);
    for (size_t i = 0; i < json_array_size(databases); i++) {
        if (take_database(r, json_array_get(databases, i), err) != 0)
            return -1;
    }
    return check_total(r, json_object_get(check, "total"), DIFF_SUMS_ALL, err);
}

static int take_positions(struct check_report *r, const json_t *proof, struct ft_err *err)
{
    json_t *list = json_object_get(proof, "next_lsns");
    size_t count = json_array_size(list);

    if (!json_is_array(list) || count > FLOWS_MAX)
        return damaged("next_lsns", err);
    r->next_lsn = calloc(count + 1, sizeof(*r->next_lsn));
    if (r->next_lsn == NULL)
        return err_nomem(err, "a position");
    for (size_t i = 0; i < count; i++) {
        json_int_t n = json_integer_value(json_array_get(list, i));

        if (n <= 0) /* no integer is 0 */
            return damaged("next_lsns", err);
        r->next_lsn[i] = (uint64_t)n;
    }
    r->proof.next_lsn = r->next_lsn;
    r->proof.flow_count = (uint32_t)count;
    return 0;
}

static int take_target(struct check_report *r, const json_t *proof, struct ft_err *err)
{
    const char *kind = json_string_value(json_object_get(proof, "target_kind"));
    const struct target *target;
    uint64_t modules;

    if (kind == NULL || take_number(proof, "target_modules", TARGET_MODULES, &modules, err) != 0)
        return kind == NULL ? damaged("target_kind", err) : -1;
    if (target_parse(kind, &target, err) != 0 || !target_is_named(target, kind))
        return damaged("target_kind", err);
    r->proof.target = *target;
    r->proof.target.modules = (unsigned)modules;
    return 0;
}

static int take_proof(struct check_report *r, const json_t *proof, struct ft_err *err)
{
    const char *id = json_string_value(json_object_get(proof, "source_id"));
    const char *rules = json_string_value(json_object_get(proof, "rules"));
    uint64_t generation;
    uint64_t moment_ms;

    if (!json_is_object(proof) || !is_hex(id, ID_DIGITS) || rules == NULL)
        return damaged("proof", err);
    memcpy(r->source_id, id, ID_DIGITS);
    r->proof.source_id = r->source_id;
    if (take_number(proof, "generation", UINT32_MAX, &generation, err) != 0 ||
        take_number(proof, "ended_ms", INT64_MAX, &moment_ms, err) != 0 ||
        take_positions(r, proof, err) != 0 || take_target(r, proof, err) != 0)
        return -1;
    r->proof.generation = (uint32_t)generation;
    r->proof.moment_ms = (int64_t)moment_ms;
    r->rules = strdup(rules);
    r->proof.rules = r->rules;
    return r->rules == NULL ? err_nomem(err, "the rules of a replay") : 0;
}

/* Keys that are apart may differ. */
static int check_equal(const struct check_report *r, const json_t *check, struct ft_err *err)
{
    uint64_t apart;

    if (take_number(check, "keys_from_source", INT64_MAX, &apart, err) != 0)
        return -1;
    for (size_t i = 0; i < r->sums.count && r->equal && apart == 0; i++) {
        const struct diff_sum *side = r->sums.rows[i].side;

        if (!value_digest_eq(&side[DIFF_A].values, &side[DIFF_B].values))
            return damaged("it says \"equal\", but its digests are not", err);
    }
    return 0;
}

static int take_report(struct check_report *r, const json_t *root, struct ft_err *err)
{
    const json_t *check = json_object_get(root, "check");
    const json_t *checked;

    if (check == NULL)
        check = root;
    checked = json_object_get(check, "checked");
    if (json_is_integer(checked))
        return err_set(err, FT_ERR_UNSUPPORTED,
                       "a check of some keys cannot be computed again, only one of all");
    if (json_string_value(checked) == NULL || strcmp(json_string_value(checked), "all") != 0)
        return damaged("it holds no check of all keys", err);
    if (!json_is_boolean(json_object_get(check, "equal")))
        return damaged("equal", err);
    r->equal = json_is_true(json_object_get(check, "equal"));
    if (take_proof(r, json_object_get(check, "proof"), err) != 0 || take_sums(r, check, err) != 0)
        return -1;
    return check_equal(r, check, err);
}

int check_report_read(struct check_report *ret, const char *path, struct ft_err *err)
{
    struct buf text = {0};
    json_t *root = NULL;
    int rc;

    *ret = (struct check_report){0};
    rc = fs_read_file(AT_FDCWD, path, REPORT_MAX, &text, err);
    if (rc == 0) {
        rc = json_tree_load(&root, buf_bytes(&text), JSON_REJECT_DUPLICATES, err);
        if (rc == 0)
            rc = take_report(ret, root, err);
        json_decref(root);
        if (rc != 0)
            (void)err_wrap(err, "\"%s\"", path);
    }
    buf_release(&text);
    return rc;
}

void check_report_release(struct check_report *r)
{
    diff_sums_release(&r->sums);
    free(r->rules);
    free(r->next_lsn);
}
