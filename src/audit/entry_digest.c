#include "audit/entry_digest.h"

#include <assert.h>
#include <stdlib.h>

#include "item/entry_loss.h"

struct entry_digester {
    struct value_digester *values;
};

static_assert(sizeof(struct entry_digest) == 56, "one for each key is spilled as it is");

const char *difference_name(enum difference d)
{
    static const char *const names[DIFFERENCE_COUNT] = {
        [DIFFERENCE_NONE] = "equal",       [DIFFERENCE_ONLY_A] = "only-in-a",
        [DIFFERENCE_ONLY_B] = "only-in-b", [DIFFERENCE_TYPE] = "type",
        [DIFFERENCE_VALUE] = "value",      [DIFFERENCE_STREAM] = "stream",
        [DIFFERENCE_TIME] = "time",
    };

    return names[d];
}

int entry_digester_new(struct entry_digester **ret, struct ft_err *err)
{
    struct entry_digester *d = calloc(1, sizeof(*d));

    if (d == NULL)
        return err_nomem(err, "a digest of keys");
    if (value_digester_new(&d->values, err) != 0) {
        free(d);
        return -1;
    }
    *ret = d;
    return 0;
}

void entry_digester_free(struct entry_digester *d)
{
    if (d == NULL)
        return;
    value_digester_free(d->values);
    free(d);
}

/* Without its value. */
static struct entry_digest digest_key(const struct rdb_entry *entry)
{
    struct entry_digest d = {
        .expire_ms = entry->expire_ms, .db = entry->db, .class_ = rdb_type_class(entry->type)};

    key_set_hash(entry->db, entry->key, d.key);
    return d;
}

static int add_value(struct entry_digester *d, struct entry_digest *ret, unsigned type,
                     struct bytes value, int64_t now_ms, struct ft_err *err)
{
    struct value_parts parts;

    if (value_digester_run(d->values, type, value, now_ms, &parts, err) != 0)
        return -1;
    ret->class_ = (uint8_t)parts.class_;
    ret->value = parts.value;
    ret->extra = parts.class_ == VALUE_STREAM ? parts.state : parts.times;
    /* a stream may have no entries */
    ret->gone = parts.count == 0 && parts.class_ != VALUE_STREAM;
    return 0;
}

int entry_digester_run(struct entry_digester *d, const struct rdb_entry *entry, int64_t now_ms,
                       struct entry_digest *ret, struct ft_err *err)
{
    struct entry_digest digest = digest_key(entry);

    digest.gone = entry_is_over(entry, now_ms);
    if (!digest.gone && add_value(d, &digest, entry->type, entry->value, now_ms, err) != 0)
        return -1;
    *ret = digest;
    return 0;
}

int entry_for_target(struct recoder *r, const struct target *target, struct rdb_entry *entry,
                     int64_t moment_ms, enum loss_reason *ret_loss, bool *ret_lost,
                     struct ft_err *err)
{
    enum loss_reason loss = LOSS_NONE;
    enum recode_result result;
    struct bytes value;
    uint8_t type;

    *ret_loss = LOSS_NONE;
    *ret_lost = false;
    if (!recoder_may_lose(target, entry->type))
        return 0;
    result = recoder_run(r, entry, moment_ms, &type, &value, &loss, err);
    if (result == RECODE_ERROR)
        return -1;
    *ret_loss = loss;
    *ret_lost = result != RECODE_OK;
    if (!*ret_lost) {
        entry->type = type;
        entry->value = value;
    }
    return 0;
}

bool times_are_near(int64_t a_ms, int64_t b_ms, uint64_t slack_ms)
{
    uint64_t apart =
        a_ms > b_ms ? (uint64_t)a_ms - (uint64_t)b_ms : (uint64_t)b_ms - (uint64_t)a_ms;

    if (a_ms == RDB_NO_EXPIRY || b_ms == RDB_NO_EXPIRY)
        return a_ms == b_ms;
    return apart <= slack_ms;
}

enum difference entry_digest_compare(const struct entry_digest *a, const struct entry_digest *b,
                                     uint64_t slack_ms)
{
    if (a->gone || b->gone) {
        if (a->gone && b->gone)
            return DIFFERENCE_NONE;
        return a->gone ? DIFFERENCE_ONLY_B : DIFFERENCE_ONLY_A;
    }
    if (a->class_ != b->class_)
        return DIFFERENCE_TYPE;
    if (!value_digest_eq(&a->value, &b->value))
        return DIFFERENCE_VALUE;
    if (a->extra != b->extra && a->class_ == VALUE_STREAM)
        return DIFFERENCE_STREAM;
    if (a->extra != b->extra || !times_are_near(a->expire_ms, b->expire_ms, slack_ms))
        return DIFFERENCE_TIME;
    return DIFFERENCE_NONE;
}

bool entry_digest_is_unsure(const struct entry_digest *a, const struct entry_digest *b)
{
    return !a->gone && !b->gone && a->class_ == b->class_ &&
           value_digest_eq(&a->value, &b->value) && a->extra != b->extra;
}
