/*
 * recode_impl.h - what the files of the recoder share; not for others.
 */
#ifndef FLOWTAPE_ITEM_RECODE_IMPL_H
#define FLOWTAPE_ITEM_RECODE_IMPL_H

#include "item/recode.h"
#include "rdb/value_check.h"
#include "rdb/value_iter.h"

struct recoder {
    const struct target *target;
    enum json_as json_as;
    struct value_iter *it;
    struct value_check check;
    struct buf out; /* empty when a recode function begins */
    int64_t now_ms; /* of this run */
};

struct recoded {
    uint8_t type;
    struct bytes value;
    enum loss_reason loss;
};

/* What a type becomes. *ret holds the entry's own type and value before. */
typedef enum recode_result recode_fn(struct recoder *r, const struct rdb_entry *entry,
                                     struct recoded *ret, struct ft_err *err);

#endif
