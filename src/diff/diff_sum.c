#include "diff/diff_sum.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/endian.h"

enum salt {
    SALT_VALUE,
    SALT_TIMES,
};

/* Rows are few: databases times types. */
static struct diff_sum_row *find(struct diff_sums *s, uint32_t db, enum value_class class_,
                                 struct ft_err *err)
{
    size_t at = 0;

    while (at < s->count &&
           (s->rows[at].db < db || (s->rows[at].db == db && s->rows[at].class_ < class_)))
        at++;
    if (at < s->count && s->rows[at].db == db && s->rows[at].class_ == class_)
        return &s->rows[at];
    if (ARRAY_ADD_ROOM(&s->rows, s->count, "sums of keys", err) != 0)
        return NULL;
    memmove(&s->rows[at + 1], &s->rows[at], (s->count - at) * sizeof(*s->rows));
    s->rows[at] = (struct diff_sum_row){.db = db, .class_ = class_};
    s->count++;
    return &s->rows[at];
}

static void follow_u64(struct value_digest *d, unsigned salt, uint64_t n)
{
    uint8_t bytes[8];

    store_le64(bytes, n);
    value_digest_follow(d, salt, bytes_of(bytes, sizeof(bytes)));
}

bool diff_sum_is_apart(const struct entry_digest *d)
{
    return d->loss != 0 || (d->class_ != VALUE_STREAM && d->extra != 0);
}

int diff_sums_add(struct diff_sums *s, enum diff_of of, const struct entry_digest *d, bool apart,
                  int64_t moment_ms, struct ft_err *err)
{
    struct value_digest value = {0};
    struct value_digest times = {0};
    struct diff_sum_row *row;
    struct diff_sum *sum;

    if (d->gone || (d->expire_ms != RDB_NO_EXPIRY && d->expire_ms <= moment_ms))
        return 0;
    row = find(s, d->db, (enum value_class)d->class_, err);
    if (row == NULL)
        return -1;
    sum = &row->side[of];
    sum->keys++;
    if (apart) {
        sum->apart++;
        return 0;
    }
    value_digest_follow(&value, SALT_VALUE, bytes_of(d->key, sizeof(d->key)));
    times = value;
    follow_u64(&value, d->class_, d->value.low);
    follow_u64(&value, d->class_, d->value.high);
    follow_u64(&times, SALT_TIMES, (uint64_t)d->expire_ms);
    follow_u64(&times, SALT_TIMES, d->extra);
    value_digest_add(&sum->values, &value);
    value_digest_add(&sum->times, &times);
    return 0;
}

struct diff_sum diff_sums_total(const struct diff_sums *s, enum diff_of of, uint32_t db)
{
    struct diff_sum total = {0};

    for (size_t i = 0; i < s->count; i++) {
        const struct diff_sum *sum = &s->rows[i].side[of];

        if (db != DIFF_SUMS_ALL && s->rows[i].db != db)
            continue;
        total.keys += sum->keys;
        total.apart += sum->apart;
        value_digest_add(&total.values, &sum->values);
        value_digest_add(&total.times, &sum->times);
    }
    return total;
}

void diff_sums_release(struct diff_sums *s)
{
    free(s->rows);
    *s = (struct diff_sums){0};
}
