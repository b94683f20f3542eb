#include "rdb/value_digest.h"

#include <stdlib.h>

#include "rdb/hll.h"
#include "rdb/json_digest.h"
#include "rdb/module_value.h"
#include "rdb/rdb_string.h"
#include "rdb/value_stream.h"
#include "rdb/value_walk.h"

/* So that bytes of one kind are never taken for those of another. */
enum salt {
    SALT_VALUE,
    SALT_FIELD,
    SALT_SCORE,
    SALT_TTL,
    SALT_ENTRY,
    SALT_GROUP,
    SALT_CONSUMER,
    SALT_PENDING,
    SALT_REGISTERS,
};

struct value_digester {
    struct value_iter *it; /* NULL: not needed yet */
    struct buf text;
    uint8_t registers[HLL_REGISTERS];
};

static void follow_number(struct value_digest *d, enum salt salt, uint64_t n)
{
    value_digest_follow(d, salt, bytes_of(&n, sizeof(n)));
}

static void follow_id(struct value_digest *d, enum salt salt, struct stream_id id)
{
    follow_number(d, salt, id.ms);
    follow_number(d, salt, id.seq);
}

/* Never 0, which says that there is nothing of the kind. */
static uint64_t as_part(const struct value_digest *d)
{
    uint64_t part = d->low ^ d->high;

    return part == 0 ? 1 : part;
}

/*
 * Elements. The order matters to lists only: sets, hashes and sorted sets are written in the order of a hash
 * table, which differs from server to server.
 */

static struct value_digest digest_element(enum value_class c, const struct value_element *e)
{
    double score = e->score == 0 ? 0 : e->score; /* -0 is 0 */
    struct value_digest d = {0};

    value_digest_follow(&d, SALT_VALUE, e->value);
    if (c == VALUE_HASH)
        value_digest_follow(&d, SALT_FIELD, e->field);
    if (c == VALUE_ZSET)
        value_digest_follow(&d, SALT_SCORE, bytes_of(&score, sizeof(score)));
    return d;
}

/* A member's time, with its name. */
static struct value_digest digest_time(enum value_class c, const struct value_element *e)
{
    struct value_digest d = {0};

    value_digest_follow(&d, SALT_FIELD, c == VALUE_HASH ? e->field : e->value);
    follow_number(&d, SALT_TTL, (uint64_t)e->expire_ms);
    return d;
}

static void digest_string(struct value_digester *d, struct bytes string, struct value_digest *ret)
{
    if (hll_is(string) && hll_registers(string, d->registers))
        value_digest_follow(ret, SALT_REGISTERS, bytes_of(d->registers, HLL_REGISTERS));
    else
        value_digest_follow(ret, SALT_VALUE, string);
}

static int digest_elements(struct value_digester *d, unsigned type, struct bytes value,
                           int64_t now_ms, struct value_parts *ret, struct ft_err *err)
{
    struct value_digest times = {0};
    struct value_element element;
    enum step step;
    bool timed = false;
    int rc = d->it == NULL ? value_iter_new(&d->it, type, value, err)
                           : value_iter_reset(d->it, type, value, err);

    if (rc != 0)
        return -1;
    while ((step = value_iter_next(d->it, &element, err)) == STEP_ITEM) {
        struct value_digest one;

        if (element.expire_ms != VALUE_NO_TTL && element.expire_ms <= now_ms)
            continue;
        ret->count++;
        if (ret->class_ == VALUE_STRING) {
            digest_string(d, element.value, &ret->value);
        } else if (ret->class_ == VALUE_LIST) {
            value_digest_follow(&ret->value, SALT_VALUE, element.value);
        } else {
            one = digest_element(ret->class_, &element);
            value_digest_add(&ret->value, &one);
        }
        if (element.expire_ms != VALUE_NO_TTL) {
            one = digest_time(ret->class_, &element);
            value_digest_add(&times, &one);
            timed = true;
        }
    }
    ret->times = timed ? as_part(&times) : 0;
    return step == STEP_ERROR ? -1 : 0;
}

/*
 * Streams
 */

static int digest_entries(struct stream_iter *it, struct value_parts *ret, struct ft_err *err)
{
    struct stream_entry entry;
    enum step step;

    while ((step = stream_iter_next_entry(it, &entry, err)) == STEP_ITEM) {
        ret->count++;
        follow_id(&ret->value, SALT_ENTRY, entry.id);
        for (size_t i = 0; i < entry.arg_count; i++)
            value_digest_follow(&ret->value, SALT_VALUE, entry.args[i]);
    }
    return step == STEP_ERROR ? -1 : 0;
}

static int digest_consumer(struct stream_iter *it, const struct stream_consumer *consumer,
                           struct value_digest *group, struct ft_err *err)
{
    struct value_digest d = {0};
    struct stream_pending p;
    enum step step;

    value_digest_follow(&d, SALT_CONSUMER, consumer->name);
    while ((step = stream_iter_next_pending(it, &p, err)) == STEP_ITEM) {
        follow_id(&d, SALT_PENDING, p.id);
        follow_number(&d, SALT_PENDING, (uint64_t)p.delivery_time_ms);
        follow_number(&d, SALT_PENDING, p.delivery_count);
    }
    value_digest_add(group, &d);
    return step == STEP_ERROR ? -1 : 0;
}

static int digest_groups(struct stream_iter *it, struct value_digest *ret, struct ft_err *err)
{
    struct stream_consumer consumer;
    struct stream_group group;
    enum step step;

    while ((step = stream_iter_next_group(it, &group, err)) == STEP_ITEM) {
        struct value_digest d = {0};

        value_digest_follow(&d, SALT_GROUP, group.name);
        follow_id(&d, SALT_GROUP, group.last_id);
        follow_number(&d, SALT_GROUP, (uint64_t)group.entries_read);
        if (group.unowned.n > 0)
            value_digest_follow(&d, SALT_PENDING, group.unowned);
        while ((step = stream_iter_next_consumer(it, &consumer, err)) == STEP_ITEM) {
            if (digest_consumer(it, &consumer, &d, err) != 0)
                return -1;
        }
        if (step == STEP_ERROR)
            return -1;
        value_digest_add(ret, &d);
    }
    return step == STEP_ERROR ? -1 : 0;
}

static int digest_stream(unsigned type, struct bytes value, struct value_parts *ret,
                         struct ft_err *err)
{
    const struct stream_head *head;
    struct value_digest state = {0};
    struct stream_iter *it;
    int rc;

    if (stream_iter_new(&it, type, value, err) != 0)
        return -1;
    head = stream_iter_head(it);
    ret->has_counters = type != RDB_TYPE_STREAM_LISTPACKS;
    follow_id(&state, SALT_VALUE, head->last_id);
    if (ret->has_counters) {
        follow_id(&state, SALT_VALUE, head->max_deleted_id);
        follow_number(&state, SALT_VALUE, head->entries_added);
    }
    rc = digest_entries(it, ret, err);
    if (rc == 0)
        rc = digest_groups(it, &state, err);
    stream_iter_free(it);
    ret->state = as_part(&state);
    return rc;
}

/*
 * Values of one piece
 */

/* text: as an RDB string. What is not JSON after all counts as its text. */
static int digest_json(struct value_digester *d, struct bytes stored, struct value_parts *ret,
                       struct ft_err *err)
{
    struct bytes text;
    int is_json;

    if (rdb_string_take(&stored, &text, &d->text, err) != 0)
        return -1;
    ret->class_ = VALUE_JSON;
    is_json = json_digest_run(text, &ret->value, err);
    if (is_json < 0)
        return -1;
    if (is_json == 0)
        value_digest_follow(&ret->value, SALT_VALUE, text);
    return 0;
}

static int digest_module(struct value_digester *d, unsigned type, struct bytes value,
                         struct value_parts *ret, struct ft_err *err)
{
    struct bytes in = value;
    struct module_id id;
    struct bytes text;

    if (type == RDB_TYPE_MODULE_2) {
        if (module_id_take(&in, &id, err) != 0)
            return -1;
        if (module_is_json(&id)) {
            return module_json_take(in, &text, err) == 0 ? digest_json(d, text, ret, err) : -1;
        }
    }
    value_digest_follow(&ret->value, SALT_VALUE, value);
    return 0;
}

int value_digester_run(struct value_digester *d, unsigned type, struct bytes value, int64_t now_ms,
                       struct value_parts *ret, struct ft_err *err)
{
    struct value_parts parts = {.class_ = rdb_type_class(type)};
    int rc = 0;

    switch (parts.class_) {
    case VALUE_STRING:
    case VALUE_LIST:
    case VALUE_SET:
    case VALUE_ZSET:
    case VALUE_HASH:
        rc = digest_elements(d, type, value, now_ms, &parts, err);
        break;
    case VALUE_STREAM:
        rc = digest_stream(type, value, &parts, err);
        break;
    case VALUE_JSON:
        parts.count = 1;
        rc = digest_json(d, value, &parts, err);
        break;
    case VALUE_MODULE:
        parts.count = 1;
        rc = digest_module(d, type, value, &parts, err);
        break;
    case VALUE_PROBABILISTIC:
        parts.count = 1;
        value_digest_follow(&parts.value, SALT_VALUE, value);
        break;
    }
    if (rc == 0)
        *ret = parts;
    return rc;
}

int value_digester_new(struct value_digester **ret, struct ft_err *err)
{
    struct value_digester *d = calloc(1, sizeof(*d));

    if (d == NULL)
        return err_nomem(err, "a digest of values");
    *ret = d;
    return 0;
}

void value_digester_free(struct value_digester *d)
{
    if (d == NULL)
        return;
    value_iter_free(d->it);
    buf_release(&d->text);
    free(d);
}

int value_digest_run(unsigned type, struct bytes value, struct value_digest *ret,
                     struct ft_err *err)
{
    struct value_digester *d;
    struct value_parts parts;
    int rc;

    if (value_digester_new(&d, err) != 0)
        return -1;
    rc = value_digester_run(d, type, value, VALUE_DIGEST_ALL, &parts, err);
    value_digester_free(d);
    if (rc != 0)
        return -1;
    follow_number(&parts.value, SALT_VALUE, parts.class_);
    follow_number(&parts.value, SALT_TTL, parts.times);
    follow_number(&parts.value, SALT_GROUP, parts.state);
    *ret = parts.value;
    return 0;
}
