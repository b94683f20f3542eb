#include "store/set_moments.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "store/capture.h"

/*
 * Copies
 */

int set_lsns_copy(uint64_t **ret, const uint64_t *lsn, uint32_t count, struct ft_err *err)
{
    *ret = NULL;
    if (lsn == NULL)
        return 0;
    *ret = calloc(count, sizeof(**ret));
    if (*ret == NULL)
        return err_nomem(err, "the LSNs of a set");
    memcpy(*ret, lsn, count * sizeof(**ret));
    return 0;
}

int set_slots_copy(struct set_slots **ret, const struct set_slots *slots, size_t count,
                   struct ft_err *err)
{
    *ret = calloc(count + 1, sizeof(**ret));
    if (*ret == NULL)
        return err_nomem(err, "the slots of a set");
    if (count != 0)
        memcpy(*ret, slots, count * sizeof(**ret));
    return 0;
}

int set_moment_copy(struct set_moment *ret, const struct set_moment *from, uint32_t node_count,
                    struct ft_err *err)
{
    *ret = (struct set_moment){.slots_count = from->slots_count};
    if (set_lsns_copy(&ret->from, from->from, node_count, err) == 0 &&
        set_lsns_copy(&ret->lsn, from->lsn, node_count, err) == 0 &&
        set_lsns_copy(&ret->epoch, from->epoch, node_count, err) == 0 &&
        set_slots_copy(&ret->slots, from->slots, from->slots_count, err) == 0)
        return 0;
    set_moment_release(ret);
    return -1;
}

void set_moment_release(struct set_moment *s)
{
    free(s->from);
    free(s->lsn);
    free(s->epoch);
    free(s->slots);
    *s = (struct set_moment){0};
}

/*
 * Marks
 */

static void release_mark(struct set_mark *m)
{
    free(m->given_up);
    free(m->at_rest);
    *m = (struct set_mark){0};
}

void set_settled_release(struct set_settled *s)
{
    for (size_t i = 0; i < s->mark_count; i++)
        release_mark(&s->marks[i]);
    free(s->marks);
    free(s->since);
    *s = (struct set_settled){0};
}

static bool is_last(const struct set_settled *s, const uint64_t *given_up, const uint64_t *at_rest)
{
    const struct set_mark *last = s->mark_count == 0 ? NULL : &s->marks[s->mark_count - 1];
    size_t n = s->flow_count * sizeof(*given_up);

    return last != NULL && memcmp(last->given_up, given_up, n) == 0 &&
           memcmp(last->at_rest, at_rest, n) == 0;
}

int set_settled_add(struct set_settled *s, uint32_t flow_count, const uint64_t *given_up,
                    const uint64_t *at_rest, struct ft_err *err)
{
    struct set_mark *one;

    if (s->flow_count != 0 && s->flow_count != flow_count)
        return err_set(err, FT_ERR_STATE, "the set has another number of flows than before");
    if (s->flow_count != 0 && is_last(s, given_up, at_rest))
        return 1;
    if (ARRAY_ADD_ROOM(&s->marks, s->mark_count, "the slots of a set", err) != 0)
        return -1;
    one = &s->marks[s->mark_count];
    *one = (struct set_mark){0};
    if (set_lsns_copy(&one->given_up, given_up, flow_count, err) != 0 ||
        set_lsns_copy(&one->at_rest, at_rest, flow_count, err) != 0 ||
        (!s->kept && set_lsns_copy(&s->since, given_up, flow_count, err) != 0)) {
        release_mark(one);
        return -1;
    }
    s->mark_count++;
    s->flow_count = flow_count;
    s->kept = true;
    return 0;
}

static bool has_reached(const uint64_t *lsn, const uint64_t *needed, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (lsn[i] < needed[i])
            return false;
    }
    return true;
}

void set_settled_before(const struct set_settled *s, const uint64_t *stop_lsn, uint64_t *ret,
                        uint32_t flow_count)
{
    for (uint32_t i = 0; i < flow_count; i++)
        ret[i] = !s->kept ? UINT64_MAX : s->since != NULL ? s->since[i] : 0;
    for (size_t m = 0; m < s->mark_count; m++) {
        const struct set_mark *one = &s->marks[m];

        if (!has_reached(stop_lsn, one->at_rest, flow_count))
            continue;
        for (uint32_t i = 0; i < flow_count; i++)
            ret[i] = one->given_up[i] > ret[i] ? one->given_up[i] : ret[i];
    }
}

/*
 * As JSON
 */

json_t *set_lsns_json(const uint64_t *lsn, uint32_t count)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < count; i++)
        (void)json_array_append_new(list, json_integer((json_int_t)lsn[i]));
    return list;
}

json_t *set_settled_json(const struct set_settled *s)
{
    json_t *marks = json_array();
    json_t *j;

    for (size_t i = 0; i < s->mark_count; i++) {
        const struct set_mark *one = &s->marks[i];

        (void)json_array_append_new(
            marks, json_pack("{s:o, s:o}", "given_up", set_lsns_json(one->given_up, s->flow_count),
                             "at_rest", set_lsns_json(one->at_rest, s->flow_count)));
    }
    j = json_pack("{s:o}", "marks", marks);
    if (s->since != NULL)
        (void)json_object_set_new(j, "since", set_lsns_json(s->since, s->flow_count));
    return j;
}

static int wrong(struct ft_err *err)
{
    return err_set(err, FT_ERR_CORRUPT,
                   "\"settled\" has a list that is missing or not of an LSN of each flow");
}

/* All lists have as many as the first one. */
static int read_list(struct set_settled *s, uint64_t **ret, const json_t *list, struct ft_err *err)
{
    size_t count = json_array_size(list);

    if (count == 0 || count > CAPTURE_FLOWS_MAX || (s->flow_count != 0 && s->flow_count != count))
        return wrong(err);
    s->flow_count = (uint32_t)count;
    *ret = calloc(count, sizeof(**ret));
    if (*ret == NULL)
        return err_nomem(err, "the LSNs of a set");
    for (size_t i = 0; i < count; i++) {
        const json_t *lsn = json_array_get(list, i);

        if (!json_is_integer(lsn) || json_integer_value(lsn) < 0)
            return wrong(err);
        (*ret)[i] = (uint64_t)json_integer_value(lsn);
    }
    return 0;
}

int set_settled_read(struct set_settled *s, const json_t *j, struct ft_err *err)
{
    const json_t *since = json_object_get(j, "since");
    const json_t *marks = json_object_get(j, "marks");

    s->kept = j != NULL;
    if (j != NULL && !json_is_array(marks))
        return wrong(err);
    if (since != NULL && read_list(s, &s->since, since, err) != 0)
        return -1;
    for (size_t i = 0; i < json_array_size(marks); i++) {
        const json_t *mark = json_array_get(marks, i);
        struct set_mark *one;

        if (ARRAY_ADD_ROOM(&s->marks, s->mark_count, "the slots of a set", err) != 0)
            return -1;
        one = &s->marks[s->mark_count++];
        *one = (struct set_mark){0};
        if (read_list(s, &one->given_up, json_object_get(mark, "given_up"), err) != 0 ||
            read_list(s, &one->at_rest, json_object_get(mark, "at_rest"), err) != 0)
            return -1;
    }
    return 0;
}
