/*
 * typed_value.h - a serialised value put together from elements that came one by one.
 *
 * What it is   For servers that do not give a value by DUMP: what LRANGE, HSCAN and others bring becomes a plain RDB value,
 *              which is equal to what DUMP would have brought (doc/diff.md).
 * Twice        A cursor may bring a member twice: of sets and hashes it counts once.
 * Memory       The value, and 32 to 64 bytes for each member of a set or hash.
 */
#ifndef FLOWTAPE_DIFF_TYPED_VALUE_H
#define FLOWTAPE_DIFF_TYPED_VALUE_H

#include "item/key_set.h"
#include "rdb/digest.h"
#include "rdb/value_iter.h"

struct typed_value {
    enum value_class class_;
    bool timed;      /* fields have times, or may have them */
    struct buf body; /* room for what stands in front, then the elements */
    uint64_t count;  /* of elements; a string or JSON is one */
    struct key_set seen;
    struct value_digest digest; /* of all that came: are two readings the same? */
};

/* typed_value_begin - of a zeroed struct, or once more of one that was used. */
int typed_value_begin(struct typed_value *v, enum value_class class_, bool timed,
                      struct ft_err *err);
/* typed_value_add - the next element: value; field and value; value and score. */
int typed_value_add(struct typed_value *v, const struct value_element *element, struct ft_err *err);
/* typed_value_end - valid until the next call. */
struct bytes typed_value_end(struct typed_value *v, uint8_t *ret_type);
/* typed_value_trim - lets go of what a large value took. */
void typed_value_trim(struct typed_value *v);
void typed_value_release(struct typed_value *v);

#endif
