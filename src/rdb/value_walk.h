/*
 * value_walk.h - find the end of a serialised value without decoding it.
 *
 * What it is   One small grammar per type byte (value_walk.c has the table) and a walker that can
 *              stop at any byte and go on: the framer skips values with it, the parser finds where
 *              a lazy value ends, and tagged chunks suspend it between their pieces.
 * Memory       None beyond the struct: nested counts are at most VALUE_WALK_DEPTH deep.
 * Not its job  Looking inside listpacks, ziplists, intsets (value_*.h do that).
 */
#ifndef FLOWTAPE_RDB_VALUE_WALK_H
#define FLOWTAPE_RDB_VALUE_WALK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "rdb/rdb_types.h"

#define VALUE_WALK_DEPTH 4

struct value_walk {
    const char *pc;  /* next symbol of the grammar; NULL: complete */
    uint64_t skip;   /* payload bytes still to pass over */
    uint64_t chunks; /* bytes still to come in length-prefixed chunks */
    unsigned depth;
    struct {
        const char *body;
        uint64_t left;
    } loops[VALUE_WALK_DEPTH];
};

/* value_walk_known - is this a type byte we can walk? */
bool value_walk_known(unsigned type);
/* value_walk_begin - at the first byte after the key. The type must be known. */
void value_walk_begin(struct value_walk *w, unsigned type);
/* What follows the groups of a stream from STREAM_LISTPACKS_4 on: duration, maximum, producers with their ids, two
 * counters. */
#define VALUE_WALK_STREAM_PRODUCERS "UUN(SN(SUU))UU"
/* value_walk_begin_grammar - for what is no value but built of the same symbols (value_walk.c). */
void value_walk_begin_grammar(struct value_walk *w, const char *grammar);
/*
 * value_walk_run - go on over p[0..n). *ret_used is how many bytes were passed (also with
 * STEP_MORE, where fewer than 32 bytes can be left: a number that is not whole yet; show them again
 * with what follows). STEP_ITEM: the value is complete. STEP_ERROR: FT_ERR_CORRUPT, offset is that
 * of p plus base_offset.
 */
enum step value_walk_run(struct value_walk *w, const uint8_t *p, size_t n, uint64_t base_offset,
                         size_t *ret_used, struct ft_err *err);

/* What rdb_type_class looks up. */
extern const uint8_t rdb_type_classes[RDB_TYPE_COUNT];

/* rdb_type_class, rdb_type_name ("hash_listpack"), value_class_name ("hash"). NULL name: unknown. */
static inline enum value_class rdb_type_class(unsigned type)
{
    return type < RDB_TYPE_COUNT ? (enum value_class)rdb_type_classes[type] : VALUE_STRING;
}
const char *rdb_type_name(unsigned type);
const char *value_class_name(enum value_class c);

#endif
