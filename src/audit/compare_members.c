#include "audit/compare_members.h"

#include "base/table_memory.h"
#include "rdb/digest.h"
#include "rdb/value_iter.h"
#include "rdb/value_walk.h"

#define FIRST_CAPACITY 64u

/* A member of B. Names of the same 128 bits are taken for the same. */
struct slot {
    struct value_digest name; /* both 0: free */
    uint64_t rest;            /* of what it has */
    int64_t expire_ms;
    bool seen; /* A has it too */
};

struct table {
    struct table_memory memory;
    struct slot *slots;
    size_t capacity; /* a power of two */
    size_t count;
};

struct members {
    const struct rdb_entry *a;
    const struct rdb_entry *b;
    const struct compare_rules *rules;
    enum value_class class_;
    struct table table;
    struct comparison *ret;
};

static struct bytes name_of(const struct members *m, const struct value_element *e)
{
    return m->class_ == VALUE_HASH ? e->field : e->value;
}

static struct value_digest digest_of(struct bytes part)
{
    struct value_digest d = {0};

    value_digest_follow(&d, 0, part);
    return d;
}

static struct value_digest hash_name(struct bytes name)
{
    struct value_digest d = digest_of(name);

    d.low |= 1;
    return d;
}

static uint64_t hash_rest(const struct members *m, const struct value_element *e)
{
    double score = e->score == 0 ? 0 : e->score; /* -0 is 0 */

    if (m->class_ == VALUE_HASH)
        return digest_of(e->value).low;
    return m->class_ == VALUE_ZSET ? digest_of(bytes_of(&score, sizeof(score))).low : 0;
}

static struct slot *find(const struct table *t, struct value_digest name)
{
    size_t i = (size_t)name.high & (t->capacity - 1);

    while (t->slots[i].name.low != 0 && !value_digest_eq(&t->slots[i].name, &name))
        i = (i + 1) & (t->capacity - 1);
    return &t->slots[i];
}

static int make_table(struct table *ret, size_t capacity, struct ft_err *err)
{
    struct table t = {.capacity = capacity};

    if (table_memory_init(&t.memory, capacity * sizeof(*t.slots), "members of a value", err) != 0)
        return -1;
    t.slots = t.memory.p;
    *ret = t;
    return 0;
}

static int grow_table(struct table *t, struct ft_err *err)
{
    struct table wider;

    if (make_table(&wider, t->capacity == 0 ? FIRST_CAPACITY : 2 * t->capacity, err) != 0)
        return -1;
    for (size_t i = 0; i < t->capacity; i++) {
        if (t->slots[i].name.low != 0)
            *find(&wider, t->slots[i].name) = t->slots[i];
    }
    wider.count = t->count;
    table_memory_release(&t->memory);
    *t = wider;
    return 0;
}

/* The next member that has not ended. */
static enum step next_member(const struct members *m, struct value_iter *it,
                             struct value_element *ret, struct ft_err *err)
{
    enum step step;

    do
        step = value_iter_next(it, ret, err);
    while (step == STEP_ITEM && ret->expire_ms != VALUE_NO_TTL &&
           ret->expire_ms <= m->rules->now_ms);
    return step;
}

static int fill_table(struct members *m, struct ft_err *err)
{
    struct value_element e;
    struct value_iter *it;
    enum step step;
    int rc = 0;

    if (value_iter_new(&it, m->b->type, m->b->value, err) != 0)
        return -1;
    while (rc == 0 && (step = next_member(m, it, &e, err)) != STEP_END) {
        if (step == STEP_ERROR ||
            (2 * (m->table.count + 1) > m->table.capacity && grow_table(&m->table, err) != 0)) {
            rc = -1;
        } else {
            struct value_digest name = hash_name(name_of(m, &e));

            *find(&m->table, name) = (struct slot){name, hash_rest(m, &e), e.expire_ms, false};
            m->table.count++;
        }
    }
    value_iter_free(it);
    return rc;
}

static void show_rest(const struct members *m, const struct value_element *e,
                      char out[COMPARISON_TEXT_SIZE])
{
    if (m->class_ == VALUE_HASH)
        comparison_bytes(out, e->value);
    else if (m->class_ == VALUE_ZSET)
        comparison_double(out, e->score);
    else
        comparison_text(out, "there");
}

static void set_place(const struct members *m, enum difference kind, const char *what,
                      struct bytes name)
{
    char shown[COMPARISON_NAME_SIZE];

    comparison_set(m->ret, kind, "%s%s %s", what, m->class_ == VALUE_HASH ? "field" : "member",
                   comparison_name(name, shown));
}

/* What B has for the member of A that is there with something else. */
static int show_other(struct members *m, struct bytes name, struct ft_err *err)
{
    struct value_element e;
    struct value_iter *it;
    enum step step;

    if (value_iter_new(&it, m->b->type, m->b->value, err) != 0)
        return -1;
    while ((step = next_member(m, it, &e, err)) == STEP_ITEM && !bytes_eq(name_of(m, &e), name))
        ; /* until it comes */
    if (step == STEP_ITEM)
        show_rest(m, &e, m->ret->b);
    value_iter_free(it);
    return step == STEP_ERROR ? -1 : 0;
}

/* 1: the value differs here, and nothing else matters. */
static int compare_one(struct members *m, const struct value_element *e, struct ft_err *err)
{
    struct bytes name = name_of(m, e);
    struct slot *slot = m->table.count == 0 ? NULL : find(&m->table, hash_name(name));

    if (slot == NULL || slot->name.low == 0) {
        set_place(m, DIFFERENCE_VALUE, "", name);
        show_rest(m, e, m->ret->a);
        comparison_text(m->ret->b, COMPARISON_MISSING);
        return 1;
    }
    slot->seen = true;
    if (slot->rest != hash_rest(m, e)) {
        set_place(m, DIFFERENCE_VALUE, m->class_ == VALUE_ZSET ? "score of " : "", name);
        show_rest(m, e, m->ret->a);
        return show_other(m, name, err) != 0 ? -1 : 1;
    }
    if (m->ret->kind == DIFFERENCE_NONE &&
        !times_are_near(e->expire_ms, slot->expire_ms, m->rules->slack_ms)) {
        set_place(m, DIFFERENCE_TIME, "time of ", name);
        comparison_time(m->ret->a, e->expire_ms);
        comparison_time(m->ret->b, slot->expire_ms);
    }
    return 0;
}

static int compare_all(struct members *m, struct ft_err *err)
{
    struct value_element e;
    struct value_iter *it;
    enum step step;
    int rc = 0;

    if (value_iter_new(&it, m->a->type, m->a->value, err) != 0)
        return -1;
    while (rc == 0 && (step = next_member(m, it, &e, err)) != STEP_END)
        rc = step == STEP_ERROR ? -1 : compare_one(m, &e, err);
    value_iter_free(it);
    return rc;
}

/* The first member of B that A has not. */
static int find_extra(struct members *m, struct ft_err *err)
{
    struct value_element e;
    struct value_iter *it;
    enum step step;

    if (m->table.count == 0)
        return 0;
    if (value_iter_new(&it, m->b->type, m->b->value, err) != 0)
        return -1;
    while ((step = next_member(m, it, &e, err)) == STEP_ITEM) {
        if (find(&m->table, hash_name(name_of(m, &e)))->seen)
            continue;
        set_place(m, DIFFERENCE_VALUE, "", name_of(m, &e));
        comparison_text(m->ret->a, COMPARISON_MISSING);
        show_rest(m, &e, m->ret->b);
        break;
    }
    value_iter_free(it);
    return step == STEP_ERROR ? -1 : 0;
}

int compare_members(const struct rdb_entry *a, const struct rdb_entry *b,
                    const struct compare_rules *rules, struct comparison *ret, struct ft_err *err)
{
    struct members m = {.a = a, .b = b, .rules = rules, .ret = ret};
    int rc;

    m.class_ = rdb_type_class(a->type);
    rc = fill_table(&m, err);
    if (rc == 0)
        rc = compare_all(&m, err);
    if (rc == 0)
        rc = find_extra(&m, err);
    table_memory_release(&m.table.memory);
    return rc < 0 ? -1 : 0;
}
