/*
 * audit/entry_digest.h, audit/entry_compare.h: two values. Input: their types, the length of the first in 16 bits,
 * and both.
 */
#include "audit/entry_compare.h"
#include "fuzz/fuzz.h"
#include "fuzz/whole_value.h"
#include "rdb/value_check.h"

/* Of members that come twice, and what else no server loads, nobody says how it compares. */
static bool is_value(unsigned type, struct bytes value)
{
    struct value_check check = {0};
    struct ft_err err = FT_ERR_INIT;
    int rc = fuzz_whole_value(type, value) ? value_check_run(&check, type, value, &err) : -1;

    value_check_release(&check);
    return rc == 0;
}

static struct rdb_entry entry_of(unsigned type, struct bytes value)
{
    return (struct rdb_entry){.type = (uint8_t)type,
                              .key = bytes_str("key"),
                              .value = value,
                              .value_bytes = value.n,
                              .expire_ms = RDB_NO_EXPIRY,
                              .dragonfly = type >= RDB_TYPE_DF_JSON};
}

/* false: it cannot be read. */
static bool digest(struct entry_digester *d, const struct rdb_entry *entry,
                   struct entry_digest *ret)
{
    struct ft_err err = FT_ERR_INIT;
    int rc = entry_digester_run(d, entry, VALUE_DIGEST_ALL, ret, &err);

    fuzz_result(rc, &err);
    return rc == 0;
}

/* The digests know whether two values are equal, and in what they are not, unless they say otherwise. */
static void compare(const struct rdb_entry *a, const struct rdb_entry *b)
{
    static const struct compare_rules rules = {.now_ms = VALUE_DIGEST_ALL};
    struct ft_err err = FT_ERR_INIT;
    struct entry_digest da, db;
    struct entry_digester *d;
    struct comparison c;
    int rc;

    fuzz_must(entry_digester_new(&d, &err) == 0);
    rc = entry_compare(a, b, &rules, &c, &err);
    fuzz_result(rc, &err);
    if (digest(d, a, &da) && digest(d, b, &db) && rc == 0 && !da.gone && !db.gone &&
        !entry_digest_is_unsure(&da, &db)) {
        fuzz_must(c.kind == entry_digest_compare(&da, &db, 0));
        fuzz_must(memchr(c.place, '\0', sizeof(c.place)) != NULL &&
                  memchr(c.a, '\0', sizeof(c.a)) != NULL && memchr(c.b, '\0', sizeof(c.b)) != NULL);
    }
    entry_digester_free(d);
}

static void show(const struct rdb_entry *entry)
{
    struct ft_err err = FT_ERR_INIT;
    char text[COMPARISON_TEXT_SIZE];

    fuzz_result(entry_show(entry, text, &err), &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct bytes in = bytes_of(p, n), first;
    unsigned type_a = fuzz_byte(&in) % RDB_TYPE_COUNT;
    unsigned type_b = fuzz_byte(&in) % RDB_TYPE_COUNT;
    size_t length = (size_t)fuzz_byte(&in) << 8;
    struct rdb_entry a, b;

    length |= fuzz_byte(&in);
    first = bytes_of(in.p, length < in.n ? length : in.n);
    in = bytes_of(in.p + first.n, in.n - first.n);
    if (!is_value(type_a, first) || !is_value(type_b, in))
        return 0;
    a = entry_of(type_a, first);
    b = entry_of(type_b, in);
    show(&a);
    compare(&a, &a);
    compare(&a, &b);
    return 0;
}
