#include "rdb/value_check.h"

#include "rdb/value_stream.h"
#include "rdb/value_walk.h"

static int check_elements(struct value_check *c, unsigned type, struct bytes value,
                          struct ft_err *err)
{
    struct value_element element;
    enum step step;
    int rc = c->it == NULL ? value_iter_new(&c->it, type, value, err)
                           : value_iter_reset(c->it, type, value, err);

    if (rc != 0)
        return -1;
    do
        step = value_iter_next(c->it, &element, err);
    while (step == STEP_ITEM);
    return step == STEP_END ? 0 : -1;
}

static int check_groups(struct stream_iter *it, struct ft_err *err)
{
    struct stream_consumer consumer;
    struct stream_pending pending;
    struct stream_group group;
    enum step step;

    while ((step = stream_iter_next_group(it, &group, err)) == STEP_ITEM) {
        while ((step = stream_iter_next_consumer(it, &consumer, err)) == STEP_ITEM) {
            do
                step = stream_iter_next_pending(it, &pending, err);
            while (step == STEP_ITEM);
            if (step == STEP_ERROR)
                return -1;
        }
        if (step == STEP_ERROR)
            return -1;
    }
    return step == STEP_ERROR ? -1 : 0;
}

static int check_stream(unsigned type, struct bytes value, struct ft_err *err)
{
    struct stream_iter *it;
    struct stream_entry entry;
    enum step step;
    int rc = -1;

    if (stream_iter_new(&it, type, value, err) != 0)
        return -1;
    do
        step = stream_iter_next_entry(it, &entry, err);
    while (step == STEP_ITEM);
    if (step == STEP_END)
        rc = check_groups(it, err);
    stream_iter_free(it);
    return rc;
}

int value_check_run(struct value_check *c, unsigned type, struct bytes value, struct ft_err *err)
{
    switch (rdb_type_class(type)) {
    case VALUE_STREAM:
        return check_stream(type, value, err);
    case VALUE_MODULE:
    case VALUE_PROBABILISTIC:
        return 0;
    case VALUE_JSON:
        return check_elements(c, RDB_TYPE_STRING, value, err); /* its text is one RDB string */
    default:
        return check_elements(c, type, value, err);
    }
}

void value_check_release(struct value_check *c)
{
    value_iter_free(c->it);
    c->it = NULL;
}
