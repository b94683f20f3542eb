#include "audit/compare_stream.h"

#include <inttypes.h>
#include <stdio.h>

#include "rdb/value_stream.h"

#define ID_TEXT_SIZE 48

struct streams {
    const struct rdb_entry *a;
    const struct rdb_entry *b;
    const struct compare_rules *rules;
    struct comparison *ret;
};

static bool same_id(struct stream_id a, struct stream_id b)
{
    return a.ms == b.ms && a.seq == b.seq;
}

static char *id_text(struct stream_id id, char out[ID_TEXT_SIZE])
{
    (void)snprintf(out, ID_TEXT_SIZE, "%" PRIu64 "-%" PRIu64, id.ms, id.seq);
    return out;
}

static void show_ids(struct comparison *c, struct stream_id a, struct stream_id b)
{
    char text[ID_TEXT_SIZE];

    comparison_text(c->a, id_text(a, text));
    comparison_text(c->b, id_text(b, text));
}

/*
 * Entries
 */

static void show_entry(char out[COMPARISON_TEXT_SIZE], const struct stream_entry *e)
{
    size_t n = 0;

    out[0] = '\0';
    for (size_t i = 0; i < e->arg_count && n + COMPARISON_NAME_SIZE < COMPARISON_TEXT_SIZE; i++) {
        char arg[COMPARISON_NAME_SIZE];

        n += (size_t)snprintf(out + n, COMPARISON_TEXT_SIZE - n, "%s%s", i == 0 ? "" : " ",
                              comparison_name(e->args[i], arg));
    }
}

static bool same_args(const struct stream_entry *a, const struct stream_entry *b)
{
    if (a->arg_count != b->arg_count)
        return false;
    for (size_t i = 0; i < a->arg_count; i++) {
        if (!bytes_eq(a->args[i], b->args[i]))
            return false;
    }
    return true;
}

/* One entry of each, or none left on one of the sides: 1: they differ. */
static int compare_entry(const struct streams *s, const struct stream_entry *a,
                         const struct stream_entry *b)
{
    char id[ID_TEXT_SIZE];
    bool a_first =
        b == NULL ||
        (a != NULL && (a->id.ms < b->id.ms || (a->id.ms == b->id.ms && a->id.seq < b->id.seq)));

    if (a != NULL && b != NULL && same_id(a->id, b->id)) {
        if (same_args(a, b))
            return 0;
        comparison_set(s->ret, DIFFERENCE_VALUE, "entry %s", id_text(a->id, id));
        show_entry(s->ret->a, a);
        show_entry(s->ret->b, b);
        return 1;
    }
    comparison_set(s->ret, DIFFERENCE_VALUE, "entry %s", id_text(a_first ? a->id : b->id, id));
    if (a_first)
        show_entry(s->ret->a, a);
    else
        comparison_text(s->ret->a, COMPARISON_MISSING);
    if (a_first)
        comparison_text(s->ret->b, COMPARISON_MISSING);
    else
        show_entry(s->ret->b, b);
    return 1;
}

/* 1: a difference was found. */
static int compare_entries(const struct streams *s, struct stream_iter *a, struct stream_iter *b,
                           struct ft_err *err)
{
    struct stream_entry ea;
    struct stream_entry eb;

    for (;;) {
        enum step step_a = stream_iter_next_entry(a, &ea, err);
        enum step step_b = step_a == STEP_ERROR ? STEP_ERROR : stream_iter_next_entry(b, &eb, err);

        if (step_b == STEP_ERROR)
            return -1;
        if (step_a == STEP_END && step_b == STEP_END)
            return 0;
        if (compare_entry(s, step_a == STEP_ITEM ? &ea : NULL, step_b == STEP_ITEM ? &eb : NULL))
            return 1;
    }
}

/*
 * The head
 */

static bool compare_heads(const struct streams *s, const struct stream_head *a,
                          const struct stream_head *b)
{
    if (!same_id(a->last_id, b->last_id)) {
        show_ids(comparison_set(s->ret, DIFFERENCE_STREAM, "last id"), a->last_id, b->last_id);
        return true;
    }
    if (a->type == RDB_TYPE_STREAM_LISTPACKS || b->type == RDB_TYPE_STREAM_LISTPACKS)
        return false;
    if (!same_id(a->max_deleted_id, b->max_deleted_id)) {
        show_ids(comparison_set(s->ret, DIFFERENCE_STREAM, "max deleted id"), a->max_deleted_id,
                 b->max_deleted_id);
        return true;
    }
    if (a->entries_added == b->entries_added)
        return false;
    comparison_set(s->ret, DIFFERENCE_STREAM, "entries added");
    comparison_number(s->ret->a, (int64_t)a->entries_added);
    comparison_number(s->ret->b, (int64_t)b->entries_added);
    return true;
}

/*
 * Groups and consumers. Both sides write them by name as a rule, so the one that is wanted is the next one, or it is
 * looked for from the beginning.
 */

static int past_entries(struct stream_iter **ret, const struct rdb_entry *entry, struct ft_err *err)
{
    struct stream_entry ignored;
    enum step step;

    if (stream_iter_new(ret, entry->type, entry->value, err) != 0)
        return -1;
    while ((step = stream_iter_next_entry(*ret, &ignored, err)) == STEP_ITEM)
        ; /* groups come after all of them */
    if (step == STEP_END)
        return 0;
    stream_iter_free(*ret);
    return -1;
}

static enum step find_group(struct stream_iter **it, const struct rdb_entry *entry,
                            struct bytes name, struct stream_group *ret, struct ft_err *err)
{
    enum step step = stream_iter_next_group(*it, ret, err);

    if (step != STEP_ERROR && (step == STEP_END || !bytes_eq(ret->name, name))) {
        stream_iter_free(*it);
        *it = NULL;
        if (past_entries(it, entry, err) != 0)
            return STEP_ERROR;
        do
            step = stream_iter_next_group(*it, ret, err);
        while (step == STEP_ITEM && !bytes_eq(ret->name, name));
    }
    return step;
}

/* The group of `it` is the named one; after a consumer that is not the next, all of it is read again. */
static enum step find_consumer(struct stream_iter **it, const struct rdb_entry *entry,
                               struct bytes group_name, struct bytes name,
                               struct stream_consumer *ret, struct ft_err *err)
{
    enum step step = stream_iter_next_consumer(*it, ret, err);
    struct stream_group group;

    if (step != STEP_ERROR && (step == STEP_END || !bytes_eq(ret->name, name))) {
        stream_iter_free(*it);
        *it = NULL;
        if (past_entries(it, entry, err) != 0)
            return STEP_ERROR;
        step = find_group(it, entry, group_name, &group, err);
        if (step == STEP_ITEM) {
            do
                step = stream_iter_next_consumer(*it, ret, err);
            while (step == STEP_ITEM && !bytes_eq(ret->name, name));
        }
    }
    return step;
}

struct place {
    char group[COMPARISON_NAME_SIZE];
    char consumer[COMPARISON_NAME_SIZE];
};

static bool compare_pending_entry(const struct streams *s, const struct place *at,
                                  const struct stream_pending *a, const struct stream_pending *b)
{
    bool a_first =
        b == NULL ||
        (a != NULL && (a->id.ms < b->id.ms || (a->id.ms == b->id.ms && a->id.seq < b->id.seq)));
    bool same = a != NULL && b != NULL && same_id(a->id, b->id);
    bool counts = same && a->delivery_count != b->delivery_count;
    char id[ID_TEXT_SIZE];

    if (same && !counts &&
        times_are_near(a->delivery_time_ms, b->delivery_time_ms, s->rules->slack_ms))
        return false;
    comparison_set(s->ret, DIFFERENCE_STREAM, "group %s, consumer %s: pending entry %s%s",
                   at->group, at->consumer, id_text(a_first || same ? a->id : b->id, id),
                   counts ? ", deliveries"
                   : same ? ", delivery time"
                          : "");
    if (!same) {
        comparison_text(s->ret->a, a_first ? "there" : COMPARISON_MISSING);
        comparison_text(s->ret->b, a_first ? COMPARISON_MISSING : "there");
    } else if (counts) {
        comparison_number(s->ret->a, (int64_t)a->delivery_count);
        comparison_number(s->ret->b, (int64_t)b->delivery_count);
    } else {
        comparison_time(s->ret->a, a->delivery_time_ms);
        comparison_time(s->ret->b, b->delivery_time_ms);
    }
    return true;
}

static int compare_pending(const struct streams *s, const struct place *at, struct stream_iter *a,
                           struct stream_iter *b, struct ft_err *err)
{
    struct stream_pending pa;
    struct stream_pending pb;

    for (;;) {
        enum step step_a = stream_iter_next_pending(a, &pa, err);
        enum step step_b =
            step_a == STEP_ERROR ? STEP_ERROR : stream_iter_next_pending(b, &pb, err);

        if (step_b == STEP_ERROR)
            return -1;
        if (step_a == STEP_END && step_b == STEP_END)
            return 0;
        if (compare_pending_entry(s, at, step_a == STEP_ITEM ? &pa : NULL,
                                  step_b == STEP_ITEM ? &pb : NULL))
            return 1;
    }
}

static void one_side_only(const struct streams *s, bool a_has)
{
    comparison_text(s->ret->a, a_has ? "there" : COMPARISON_MISSING);
    comparison_text(s->ret->b, a_has ? COMPARISON_MISSING : "there");
}

/* Each consumer of one side on the other; `pending` as well: what it has not acknowledged. */
static int compare_consumers(const struct streams *s, struct place *at, struct bytes group_name,
                             struct stream_iter *of, struct stream_iter **other,
                             const struct rdb_entry *other_entry, bool of_a, struct ft_err *err)
{
    struct stream_consumer consumer;
    struct stream_consumer found;
    enum step step;
    int rc = 0;

    while (rc == 0 && (step = stream_iter_next_consumer(of, &consumer, err)) == STEP_ITEM) {
        step = find_consumer(other, other_entry, group_name, consumer.name, &found, err);
        if (step == STEP_ERROR)
            return -1;
        comparison_name(consumer.name, at->consumer);
        if (step == STEP_END) {
            comparison_set(s->ret, DIFFERENCE_STREAM, "group %s: consumer %s", at->group,
                           at->consumer);
            one_side_only(s, of_a);
            return 1;
        }
        if (of_a)
            rc = compare_pending(s, at, of, *other, err);
    }
    return rc != 0 ? rc : step == STEP_ERROR ? -1 : 0;
}

static bool compare_positions(const struct streams *s, const struct place *at,
                              const struct stream_group *a, const struct stream_group *b)
{
    bool counters =
        s->a->type != RDB_TYPE_STREAM_LISTPACKS && s->b->type != RDB_TYPE_STREAM_LISTPACKS;

    if (!same_id(a->last_id, b->last_id)) {
        show_ids(comparison_set(s->ret, DIFFERENCE_STREAM, "group %s: last id", at->group),
                 a->last_id, b->last_id);
        return true;
    }
    if (!counters || a->entries_read == b->entries_read)
        return false;
    comparison_set(s->ret, DIFFERENCE_STREAM, "group %s: entries read", at->group);
    comparison_number(s->ret->a, a->entries_read);
    comparison_number(s->ret->b, b->entries_read);
    return true;
}

/* The groups of one side on the other. */
static int compare_groups(const struct streams *s, const struct rdb_entry *of,
                          const struct rdb_entry *other_entry, bool of_a, struct ft_err *err)
{
    struct stream_iter *other = NULL;
    struct stream_iter *it = NULL;
    struct stream_group group;
    struct stream_group found;
    enum step step = STEP_END;
    int rc = past_entries(&it, of, err);

    if (rc == 0)
        rc = past_entries(&other, other_entry, err);
    while (rc == 0 && (step = stream_iter_next_group(it, &group, err)) == STEP_ITEM) {
        enum step there = find_group(&other, other_entry, group.name, &found, err);
        struct place at;

        comparison_name(group.name, at.group);
        if (there == STEP_ERROR) {
            rc = -1;
        } else if (there == STEP_END) {
            comparison_set(s->ret, DIFFERENCE_STREAM, "group %s", at.group);
            one_side_only(s, of_a);
            rc = 1;
        } else if (of_a && compare_positions(s, &at, &group, &found)) {
            rc = 1;
        } else {
            rc = compare_consumers(s, &at, group.name, it, &other, other_entry, of_a, err);
        }
    }
    stream_iter_free(it);
    stream_iter_free(other);
    return rc != 0 ? rc : step == STEP_ERROR ? -1 : 0;
}

int compare_stream(const struct rdb_entry *a, const struct rdb_entry *b,
                   const struct compare_rules *rules, struct comparison *ret, struct ft_err *err)
{
    const struct streams s = {a, b, rules, ret};
    struct stream_iter *ia = NULL;
    struct stream_iter *ib = NULL;
    int rc = stream_iter_new(&ia, a->type, a->value, err);

    if (rc == 0)
        rc = stream_iter_new(&ib, b->type, b->value, err);
    if (rc == 0)
        rc = compare_entries(&s, ia, ib, err);
    if (rc == 0 && compare_heads(&s, stream_iter_head(ia), stream_iter_head(ib)))
        rc = 1;
    stream_iter_free(ia);
    stream_iter_free(ib);
    if (rc == 0)
        rc = compare_groups(&s, a, b, true, err);
    if (rc == 0)
        rc = compare_groups(&s, b, a, false, err);
    return rc < 0 ? -1 : 0;
}
